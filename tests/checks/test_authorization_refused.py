"""The authorization endpoint: requests that are refused, and where that is said."""

import pytest

from tests.checks.answers import is_code, is_refusal, page_of, returned, told_on_a_page
from tests.node import CALLBACK

RELAXED = {"redirect_uri": "https://relaxed.example/cb"}


@pytest.mark.parametrize("client_id", [None, "", "nobody", "Printer", "printer ", "x" * 5000, "a\x00b", "ü"])
async def test_without_a_known_client_only_the_person_is_told(node, member, client_id):
    """AZ07, FS3"""
    page = await member.get(member.link(client_id=client_id) if client_id is None else member.link(client_id))
    told_on_a_page(page)


async def test_a_doubled_client_id_is_no_client(node, member):
    """AZ07"""
    told_on_a_page(await member.get(member.link() + "&client_id=printer"))
    told_on_a_page(await member.get(member.link() + "&client_id=other"))


async def test_a_disabled_client_is_no_client(node, member):
    """AZ07"""
    await node.change_client("filled_in", enabled=False)
    told_on_a_page(await page_of(member, "filled_in", redirect_uri="https://filled.example/cb"))
    await node.change_client("filled_in", enabled=True)


@pytest.mark.parametrize(
    "doubled",
    [
        "scope=photos:read",
        "scope=photos:write",
        "response_type=code",
        "response_type=token",
        "code_challenge_method=S256",
        "code_challenge=" + "x" * 43,
        "nonce=1&nonce=2",
        "nonce=1&nonce=1",
        "prompt=login&prompt=login",
        "max_age=1&max_age=2",
        "response_mode=query&response_mode=fragment",
        "login_hint=a&login_hint=b",
        "ui_locales=de&ui_locales=en",
    ],
)
async def test_a_doubled_parameter_is_refused(node, member, doubled):
    """AZ10: also where both say the same."""
    is_refusal(returned(await member.get(f"{member.link()}&{doubled}")), node, "invalid_request")


@pytest.mark.parametrize("second", ["xyz", "abc"])
async def test_a_doubled_state_is_not_sent_back(node, member, second):
    """AZ10: which of the two would it be?"""
    page = await member.get(f"{member.link()}&state={second}")
    is_refusal(returned(page), node, "invalid_request", state=None)


async def test_a_doubled_redirect_uri_is_none(node, member):
    """AZ10"""
    for second in (CALLBACK, "https://evil.example/"):
        told_on_a_page(await member.get(f"{member.link()}&redirect_uri={second}"))


@pytest.mark.parametrize("response_type", [None, ""])
async def test_a_request_needs_a_response_type(node, member, response_type):
    """AZ11"""
    is_refusal(returned(await page_of(member, response_type=response_type)), node, "invalid_request")


@pytest.mark.parametrize(
    "response_type",
    [
        "token",
        "id_token",
        "id_token token",
        "code token",
        "code id_token",
        "none",
        "foo",
        "CODE",
        "code code",
    ],
)
async def test_no_other_response_type_than_code_is_known(node, member, response_type):
    """AZ12: no token ever travels through the browser."""
    page = await page_of(member, response_type=response_type, nonce="n")
    is_refusal(returned(page), node, "unsupported_response_type")


@pytest.mark.parametrize("mode", ["nonsense", "QUERY", "web_message", "form_post.jwt", "query fragment"])
async def test_an_unknown_response_mode_is_refused(node, member, mode):
    """AZ13"""
    is_refusal(returned(await page_of(member, response_mode=mode)), node, "invalid_request")


async def test_a_response_mode_the_client_is_not_registered_for_is_refused(node, member):
    """AZ13"""
    await node.change_client("filled_in", response_modes=frozenset({"query"}))
    to = "https://filled.example/cb"
    page = await page_of(member, "filled_in", redirect_uri=to, response_mode="fragment")
    is_refusal(returned(page, to), node, "invalid_request")


@pytest.mark.parametrize(
    "scope",
    [
        "nonsense",
        "photos:read nonsense",
        "PHOTOS:READ",
        "photos:read,photos:write",
        "calendar:read",
        "photos:read calendar:read",
        "openid",
        "x" * 3000,
    ],
)
async def test_a_scope_the_client_may_not_have_is_refused(node, member, scope):
    """AZ16: unknown ones, those of other clients, and none at all is quietly dropped."""
    is_refusal(returned(await page_of(member, scope=scope)), node, "invalid_scope")


async def test_a_request_without_scope_gets_the_default(node, member):
    """AZ16"""
    for scope in (None, "", " "):
        is_code(returned(await page_of(member, scope=scope)), node)


@pytest.mark.parametrize(
    "scope", ['photos:"read"', "photos\\read", "photos:réad", "фото", "photos:read\u2028photos:write", "🐟"]
)
async def test_a_scope_is_made_of_visible_ascii(node, member, scope):
    """AZ17"""
    is_refusal(returned(await page_of(member, scope=scope)), node, "invalid_scope")


@pytest.mark.parametrize("scope", ["photos:read\tphotos:write", "photos:read\nphotos:write", "photos:read\0"])
async def test_a_control_character_in_a_scope_is_told_to_the_client(node, member, scope):
    """AZ17: client and address are valid, so the client hears of it."""
    is_refusal(returned(await page_of(member, scope=scope)), node, "invalid_scope", "invalid_request")


PUBLIC = ("spa", {"redirect_uri": "https://spa.example/cb"})
CONFIDENTIAL = ("printer", {"redirect_uri": CALLBACK})
EACH_KIND = pytest.mark.parametrize(("client_id", "where"), [CONFIDENTIAL, PUBLIC], ids=["web", "spa"])


@EACH_KIND
@pytest.mark.parametrize("challenge", [None, ""])
async def test_pkce_is_for_everyone(node, member, client_id, where, challenge):
    """AZ19"""
    for method in (None, "S256"):
        page = await page_of(
            member, client_id, code_challenge=challenge, code_challenge_method=method, **where
        )
        is_refusal(returned(page, where["redirect_uri"]), node, "invalid_request")


async def test_the_owner_of_a_confidential_client_may_relax_pkce(node, visitor):
    """AZ19: that client alone; what it sends is still checked."""
    page = await page_of(visitor, "relaxed", code_challenge=None, code_challenge_method=None, **RELAXED)
    page = await visitor.sign_in(page)
    answer = returned(await visitor.submit(page, answer="allow"), RELAXED["redirect_uri"])
    is_code(answer, node)


@EACH_KIND
async def test_plain_is_refused_whether_named_or_by_default(node, member, client_id, where):
    """AZ20"""
    for method in ("plain", None, ""):
        page = await page_of(member, client_id, code_challenge_method=method, **where)
        is_refusal(returned(page, where["redirect_uri"]), node, "invalid_request")


GOOD = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B


@pytest.mark.parametrize(
    "challenge",
    [
        GOOD[:42],
        GOOD + "A",
        GOOD * 3,
        GOOD[:42] + "!",
        GOOD[:42] + "=",
        GOOD + "=",
        GOOD[:42] + " ",
        " " + GOOD,
        GOOD[:42] + "é",
        GOOD[:42] + "\n",
        GOOD[:42] + "+",
        GOOD[:42] + "/",
        " ",
    ],
)
@pytest.mark.parametrize("client_id", ["printer", "relaxed"])
async def test_a_challenge_has_the_form_that_s256_gives_it(node, member, client_id, challenge):
    """AZ22: for the client with relaxed PKCE as well."""
    to = CALLBACK if client_id == "printer" else RELAXED["redirect_uri"]
    page = await page_of(member, client_id, redirect_uri=to, code_challenge=challenge)
    is_refusal(returned(page, to), node, "invalid_request")


@pytest.mark.parametrize("method", ["S512", "s256", "S256 ", "SHA256", "none", "plain"])
@pytest.mark.parametrize("client_id", ["printer", "relaxed"])
async def test_the_method_is_exactly_s256(node, member, client_id, method):
    """AZ23"""
    to = CALLBACK if client_id == "printer" else RELAXED["redirect_uri"]
    page = await page_of(member, client_id, redirect_uri=to, code_challenge_method=method)
    is_refusal(returned(page, to), node, "invalid_request")


async def test_a_method_without_a_challenge_is_refused_even_where_pkce_is_relaxed(node, member):
    """AZ23: somebody may have taken the challenge away."""
    page = await page_of(member, "relaxed", code_challenge=None, **RELAXED)
    is_refusal(returned(page, RELAXED["redirect_uri"]), node, "invalid_request")


@pytest.mark.parametrize(
    "prompt", ["none login", "login none", "none consent", "bogus", "login bogus", "LOGIN"]
)
async def test_prompts_that_contradict_or_are_unknown_are_refused(node, member, visitor, prompt):
    """AZ26: whether somebody is signed in or not."""
    for browser in (member, visitor):
        is_refusal(returned(await page_of(browser, prompt=prompt)), node, "invalid_request")


@pytest.mark.parametrize(
    ("parameter", "error"),
    [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")],
)
@pytest.mark.parametrize(
    "value", ["e30.e30.", "https://printer.example/r.jwt", "urn:ietf:params:oauth:request_uri:x", "junk"]
)
async def test_a_request_object_is_refused_and_not_ignored(node, member, parameter, error, value):
    """AZ31"""
    is_refusal(returned(await page_of(member, **{parameter: value})), node, error)


@pytest.mark.parametrize("broken", ["&state=%", "&x=%zz", "&state=%ff", "&%C3%28=1", "&a=1" * 101])
async def test_a_query_that_cannot_be_read_is_told_to_the_person(node, member, broken):
    """AZ10: nothing in it can be trusted, the client's name included."""
    told_on_a_page(await member.get(member.link(state=None) + broken))
