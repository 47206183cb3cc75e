"""Redirect URIs at the authorization endpoint: the very text that was registered, or a page."""

from urllib.parse import urlencode

import pytest

from tests.checks.answers import is_code, is_consent, is_refusal, page_of, returned, tokens_of, told_on_a_page
from tests.node import CALLBACK

TENANT = "https://tenant.example/cb?tenant=7"


async def allowed(visitor, client_id: str, to: str, **parameters) -> dict[str, str]:
    """The answer once the person has allowed what is asked, if anything is asked."""
    page = await page_of(visitor, client_id, redirect_uri=to, **parameters)
    page = await visitor.submit(page, answer="allow") if is_consent(page) else page
    return returned(page, to)


VARIANTS = [
    ("RU01", "https://evil.example/callback"),
    ("RU01", "https://printer.example.evil.example/callback"),
    ("RU01", "https://evilprinter.example/callback"),
    ("RU01", "https://sub.printer.example/callback"),
    ("RU01", "https://printer.example./callback"),
    ("RU01", "https://printer.example/callback2"),
    ("RU01", "https://printer.example/callback/more"),
    ("RU01", "https://printer.example/"),
    ("RU01", "https://printer.example"),
    ("RU01", "https://printer.example@evil.example/callback"),
    ("RU01", "https://evil.example\\@printer.example/callback"),
    ("RU02", CALLBACK + "/"),
    ("RU02", "https://printer.example//callback"),
    ("RU03", "https://printer.example/Callback"),
    ("RU03", "https://Printer.example/callback"),
    ("RU03", "HTTPS://printer.example/callback"),
    ("RU04", CALLBACK + "?foo=bar"),
    ("RU04", CALLBACK + "?"),
    ("RU04", CALLBACK + "&foo=bar"),
    ("RU04", CALLBACK + ";foo=bar"),
    ("RU06", CALLBACK + "#frag"),
    ("RU06", CALLBACK + "#"),
    ("RU08", "https://printer.example/%63allback"),
    ("RU08", "https://printer.example/x/../callback"),
    ("RU08", "https://printer.example/./callback"),
    ("RU08", "https://printer.example/x/%2e%2e/callback"),
    ("RU08", CALLBACK + "%20"),
    ("RU08", CALLBACK + " "),
    ("RU08", " " + CALLBACK),
    ("RU08", CALLBACK + "\n"),
    ("RU08", CALLBACK + "\0"),
    ("RU08", CALLBACK + "%00"),
    ("RU08", "https://printer.example/c\u0430llback"),
    ("RU09", "http://printer.example/callback"),
    ("RU09", "https://printer.example:443/callback"),
    ("RU09", "https://printer.example:8443/callback"),
    ("RU09", "//printer.example/callback"),
    ("RU09", "/callback"),
    ("RU09", "callback"),
    ("RU09", "javascript:alert(1)"),
    ("RU09", "JaVaScRiPt:alert(1)//" + CALLBACK),
    ("RU09", "data:text/html,hello"),
    ("RU09", "file:///etc/passwd"),
    ("RU09", "about:blank"),
    ("RU09", "*"),
    ("RU09", "x" * 5000),
]


@pytest.mark.parametrize(("row", "redirect_uri"), VARIANTS, ids=lambda value: ascii(value[:60]))
async def test_an_address_that_only_resembles_the_registered_one_is_told_on_a_page(
    node, member, row, redirect_uri
):
    """RU01, RU02, RU03, RU04, RU06, RU08, RU09: whatever else is wrong or right with the request."""
    told_on_a_page(await page_of(member, redirect_uri=redirect_uri))
    told_on_a_page(await page_of(member, redirect_uri=redirect_uri, prompt="none"))
    told_on_a_page(await page_of(member, redirect_uri=redirect_uri, scope="nonsense", response_type="token"))


async def test_the_registered_address_is_answered(node, member):
    """RU01"""
    is_code(returned(await page_of(member)), node)
    is_refusal(returned(await page_of(member, scope="nonsense")), node, "invalid_scope")


async def test_the_address_of_another_client_is_not_ones_own(node, member):
    """RU01"""
    told_on_a_page(await page_of(member, redirect_uri="https://single.example/cb"))
    told_on_a_page(await page_of(member, "single"))


async def test_each_registered_address_is_answered(node, member):
    """RU01: not only the first."""
    for to in ("https://other.example/callback", "https://other.example/second"):
        is_code(await allowed(member, "other", to), node)


async def test_a_query_that_was_registered_is_kept(node, member):
    """RU05: the answer is added to it."""
    page = await page_of(member, "tenant", redirect_uri=TENANT)
    page = await member.submit(page, answer="allow")
    code = is_code(returned(page, TENANT), node)
    tokens_of(await node.redeem(code, member.verifier, "tenant", redirect_uri=TENANT))
    is_refusal(
        returned(await page_of(member, "tenant", redirect_uri=TENANT, scope="x"), TENANT),
        node,
        "invalid_scope",
    )


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://tenant.example/cb?tenant=8",
        "https://tenant.example/cb?Tenant=7",
        "https://tenant.example/cb",
        "https://tenant.example/cb?",
        "https://tenant.example/cb?tenant=7&x=1",
        "https://tenant.example/cb?x=1&tenant=7",
        "https://tenant.example/cb?tenant=%37",
        "https://tenant.example/cb?tenant=7#",
    ],
)
async def test_a_query_that_was_registered_is_part_of_the_address(node, member, redirect_uri):
    """RU05"""
    told_on_a_page(await page_of(member, "tenant", redirect_uri=redirect_uri))


@pytest.mark.parametrize(
    ("client_id", "redirect_uri"),
    [
        *(("on_device", f"http://127.0.0.1{port}/cb") for port in ("", ":1", ":80", ":5123", ":65535")),
        *(("on_device", f"http://[::1]{port}/cb") for port in ("", ":5123")),
        ("on_device", "http://127.0.0.1:7000/q?a=b"),
        ("on_device", "http://127.0.0.1:7001/q?a=b"),
        ("by_name", "http://localhost/cb"),
        ("by_name", "http://localhost:5123/cb"),
    ],
)
async def test_a_native_app_is_answered_at_the_port_it_listens_on(node, member, client_id, redirect_uri):
    """RU10: and its code is good with that very port."""
    code = is_code(await allowed(member, client_id, redirect_uri), node)
    tokens_of(await node.redeem(code, member.verifier, client_id, redirect_uri=redirect_uri))


async def test_a_code_sent_to_one_port_is_not_redeemed_with_another(node, member):
    """RU10"""
    code = is_code(await allowed(member, "on_device", "http://127.0.0.1:5123/cb"), node)
    other = await node.redeem(code, member.verifier, "on_device", redirect_uri="http://127.0.0.1:5124/cb")
    assert other.status_code == 400


@pytest.mark.parametrize(
    ("client_id", "redirect_uri"),
    [
        *(
            ("on_device", uri)
            for uri in (
                "http://127.0.0.1:5123/evil",
                "http://127.0.0.1:5123/cb/",
                "http://127.0.0.1:5123/",
                "http://127.0.0.1:5123/cb?x=1",
                "http://127.0.0.1:5123/cb?",
                "http://127.0.0.1:5123/cb#x",
                "http://127.0.0.1:5123/q",
                "http://127.0.0.1:5123/q?a=c",
                "https://127.0.0.1:5123/cb",
                "http://127.0.0.2:5123/cb",
                "http://127.1:5123/cb",
                "http://0x7f.0.0.1:5123/cb",
                "http://2130706433:5123/cb",
                "http://0.0.0.0:5123/cb",
                "http://[::]:5123/cb",
                "http://[::ffff:127.0.0.1]:5123/cb",
                "http://[0:0:0:0:0:0:0:1]:5123/cb",
                "http://localhost:5123/cb",
                "http://127.0.0.1:99999/cb",
                "http://127.0.0.1:65536/cb",
                "http://127.0.0.1:0/cb",
                "http://127.0.0.1:/cb",
                "http://127.0.0.1:08080/cb",
                "http://127.0.0.1:80x/cb",
                "http://127.0.0.1:+80/cb",
                "http://127.0.0.1:5123@evil.example/cb",
                "http://evil.example@127.0.0.1:5123/cb",
                "http://127.0.0.1.evil.example:5123/cb",
                "HTTP://127.0.0.1:5123/cb",
            )
        ),
        ("by_name", "http://127.0.0.1:5123/cb"),
        ("by_name", "http://LOCALHOST:5123/cb"),
        ("by_name", "http://localhost.evil.example:5123/cb"),
    ],
)
async def test_nothing_but_the_port_of_a_loopback_address_may_differ(node, member, client_id, redirect_uri):
    """RU11"""
    told_on_a_page(await page_of(member, client_id, redirect_uri=redirect_uri))


@pytest.mark.parametrize("port", ["", ":443", ":8443"])
async def test_only_native_apps_have_ports_of_their_own(node, member, port):
    """RU11: for everyone else loopback is an address like any other."""
    await node.change_client("filled_in", redirect_uris=("http://127.0.0.1:3000/cb",))
    told_on_a_page(await page_of(member, "filled_in", redirect_uri=f"http://127.0.0.1{port}/cb"))
    is_code(await allowed(member, "filled_in", "http://127.0.0.1:3000/cb"), node)
    await node.change_client("filled_in", redirect_uris=("https://filled.example/cb",))


@pytest.mark.parametrize("client_id", ["other", "single", "printer", "cli"])
@pytest.mark.parametrize("redirect_uri", [None, ""])
async def test_a_request_without_an_address_is_told_on_a_page(node, member, client_id, redirect_uri):
    """RU12, FS5: with one registered or several, unless the owner has switched it on."""
    told_on_a_page(await page_of(member, client_id, redirect_uri=redirect_uri))


async def test_the_owner_of_a_client_with_one_address_may_let_it_be_left_out(node, member):
    """RU12, FS6: then it may be left out at the token endpoint as well."""
    to = "https://filled.example/cb"
    page = await page_of(member, "filled_in", redirect_uri=None, prompt="consent")
    code = is_code(returned(await member.submit(page, answer="allow"), to), node)
    tokens_of(await node.redeem(code, member.verifier, "filled_in", redirect_uri=None))


async def test_with_a_second_address_it_may_not_be_left_out_any_more(node, member):
    """RU12: the switch is for one."""
    two = ("https://filled.example/cb", "https://filled.example/other")
    await node.change_client("filled_in", redirect_uris=two)
    told_on_a_page(await page_of(member, "filled_in", redirect_uri=None))
    await node.change_client("filled_in", redirect_uris=two[:1])


async def test_with_openid_the_address_must_be_sent(node, member):
    """RU12: OpenID Connect Core §3.1.2.1."""
    told_on_a_page(await page_of(member, "filled_in", redirect_uri=None, scope="openid photos:read"))


async def test_an_address_is_taken_as_it_stands_and_decoded_once(node, member):
    """RU08: what is encoded twice is another text."""
    twice = urlencode({"redirect_uri": CALLBACK}).removeprefix("redirect_uri=")
    told_on_a_page(await page_of(member, redirect_uri=twice))
