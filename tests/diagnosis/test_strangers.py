"""What anybody may learn of a refusal: the words of the RFC, a reference, and a page for everybody."""

import re

import httpx2
import pytest

from grantway.protocol.catalogue import CATALOGUE, CODE_PAGES
from tests.diagnosis.looked_up import kept, looked_up, told_in
from tests.diagnosis.provoked import CASES
from tests.node import CALLBACK, FETCH, answer_of

NAMES = (*(gw.value for gw in CATALOGUE), *CODE_PAGES)
HIDDEN = {
    "invalid_grant": ("GW-111", "GW-120", "GW-121", "GW-122", "GW-124", "GW-125", "GW-170", "GW-171"),
    "invalid_client": ("GW-101", "GW-130", "GW-131", "GW-132", "GW-133", "GW-134"),
}
_VARIES = ("date", "grantway-flow", "content-length", "vary")  # only some endpoints are for browsers


def without_reference(reply: httpx2.Response) -> tuple[int, str, dict[str, str]]:
    reference = reply.headers["grantway-flow"]
    headers = {name: value for name, value in reply.headers.items() if name not in _VARIES}
    return reply.status_code, reply.text.replace(reference, "REF"), headers


@pytest.mark.parametrize("error", HIDDEN)
async def test_no_answer_tells_one_cause_from_another(scene, error):
    """FU1, E3, H1: status, headers, body and error_uri are the same for all causes but the reference."""
    answers = {}
    for gw in HIDDEN[error]:
        for at, case in enumerate(CASES[gw]):
            reply = await case.act(scene)
            if told_in(reply).get("error") == error:
                assert (await looked_up(scene.node, reply))["diagnosis"] == gw
                answers[f"{gw}-{at}"] = without_reference(reply)
    assert len(answers) >= len(HIDDEN[error])
    assert len({repr(answer) for answer in answers.values()}) == 1, answers


@pytest.mark.parametrize("mode", [None, "query", "fragment"])
async def test_a_redirected_error_names_its_page(scene, mode):
    """FU1, AZ13: RFC 6749 §4.1.2.1; the reference of the redirect is the one in the header and the log."""
    reply = await scene.authorize(scope="nothing", response_mode=mode)
    told = answer_of(reply)
    reference = reply.headers["grantway-flow"]
    assert told["error_uri"] == f"{scene.node.issuer}/errors/GW-140?ref={reference}"
    assert (await looked_up(scene.node, reply))["client_id"] == "printer"
    # %x21 / %x23-5B / %x5D-7E
    assert re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+", told["error_uri"])


async def test_a_code_comes_without_a_reference(scene):
    """FU1: nothing was refused, so there is nothing to look up."""
    reply = await scene.authorize()
    assert "code" in answer_of(reply)
    assert "grantway-flow" not in reply.headers
    tokens = await scene.redeem()
    assert tokens.status_code == 200
    assert "grantway-flow" not in tokens.headers


async def test_what_is_registered_stays_with_the_operator(scene):
    """FU2: the page shows what was sent, the log what was expected."""
    wrong = CALLBACK.replace("callback", "call")
    page = await scene.authorize(redirect_uri=wrong)
    assert page.status_code == 400
    assert wrong in page.text
    assert CALLBACK not in page.text
    assert "--add-redirect-uri" not in page.text
    assert (await looked_up(scene.node, page))["expected"] == CALLBACK


async def test_the_page_leads_back_to_the_registered_home_and_nowhere_else(scene):
    """FS7: never to an address that was sent."""
    page = await scene.authorize("home", redirect_uri="https://evil.example/")
    assert re.findall(r'<a[^>]*href="(https?:[^"]*)"', page.text) == ["https://printer.example/"]
    assert ">Back to Photo House</a>" in page.text
    homeless = await scene.authorize(redirect_uri="https://evil.example/")
    assert re.findall(r'<a[^>]*href="(https?:[^"]*)"', homeless.text) == []
    assert 'href="/errors/GW-102?ref=' in homeless.text


@pytest.mark.parametrize("name", NAMES)
async def test_every_page_about_an_error_is_there_for_everybody(scene, name):
    """FU1: without cookies, kept by caches, the same bytes each time."""
    async with scene.node.http() as http:
        page = await http.get(f"/errors/{name}")
        again = await http.get(f"/errors/{name}", headers={"cookie": "x=y", **FETCH})
        head = await http.head(f"/errors/{name}")
    assert (page.status_code, head.status_code, page.content) == (200, 200, again.content)
    assert page.headers["cache-control"] == "public, max-age=300"
    assert "set-cookie" not in page.headers
    assert f'<p class="kicker">{name}</p>' in page.text


async def test_a_page_about_an_error_repeats_the_reference_and_nothing_else(scene):
    """FU1: what is no reference is not shown, however it came."""
    async with scene.node.http() as http:
        plain = await http.get("/errors/GW-110")
        named = await http.get("/errors/GW-110?ref=7F3A-91")
        assert "grantway logs show 7F3A-91" in named.text
        for bad in (
            "ref=<svg>",
            "ref=7f3a-91",
            "ref=7F3A-91&x=1",
            "ref=7F3A-91%22",
            "x=<svg onload=1>",
            "%00",
        ):
            assert (await http.get(f"/errors/GW-110?{bad}")).content == plain.content
        for nowhere in (
            "/errors/",
            "/errors/GW-999",
            "/errors/GW-199",
            "/errors/access_denied",
            "/errors/gw-110",
        ):
            assert (await http.get(nowhere)).status_code == 404


async def test_reading_about_errors_leaves_no_trace(scene):
    """FU1: nothing is recorded for whoever follows an error_uri."""
    before = len(kept(scene.node.refusals))
    async with scene.node.http() as http:
        for name in NAMES:
            await http.get(f"/errors/{name}?ref=0000-00")
    assert len(kept(scene.node.refusals)) == before


async def test_a_command_in_a_fix_is_safe_to_paste(scene):
    """FU2, T2: what a stranger sent is quoted as one word of the shell."""
    import shlex

    for evil in (
        "https://printer.example/$(reboot)",
        "https://printer.example/a';reboot;'",
        "https://x.example/`id`",
    ):
        reply = await scene.authorize(redirect_uri=evil)
        fix = (await looked_up(scene.node, reply))["fix"]
        command = fix[fix.index("grantway app edit") : fix.rindex("`")]
        words = shlex.split(command)
        assert words == ["grantway", "app", "edit", "printer", "--add-redirect-uri", evil]
