"""Apps are told that a session has ended, by the server itself and away from every request (Back-Channel)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from grantway.flows.logout_delivery import AT_ONCE, EACH, FIRST_WAIT, REFUSALS, TRY_FOR
from grantway.flows.people import disable, end_sessions, set_password
from grantway.flows.registry import change_client
from grantway.protocol.names import SubjectType
from grantway.protocol.scope import Scope
from grantway.testing.bench import Bench
from grantway.testing.logouts import signed_in
from tests.checks.answers import (
    bought,
    claims_of,
    fresh_code,
    is_code,
    is_login,
    page_of,
    returned,
    signed_in_visitor,
)
from tests.checks.conftest import SIGN_IN, SSO_CALLBACK
from tests.clients.relying_party import RelyingParty, accepted, relying_party
from tests.node import PASSWORD, Visitor, forms, web_client

BYE = "https://sso.example/bye"
ELSEWHERE = "https://club.example/callback"
OTHER_PASSWORD = "another walk by the sea"


@pytest.fixture
async def party(node) -> AsyncIterator[RelyingParty]:
    """The web server of the app `sso`, which wants to be told."""
    async with relying_party() as party:
        await node.change_client(
            "sso",
            backchannel_logout_uri=party.back,
            backchannel_logout_session_required=True,
            post_logout_redirect_uris=(BYE,),
        )
        yield party
        await node.change_client(
            "sso", backchannel_logout_uri=None, backchannel_logout_session_required=False
        )


@pytest.fixture
async def person(node) -> str:
    """Somebody who has just come."""
    username = f"guest{len(node.people)}"
    await node.add_person(username, username.title())
    return username


async def sign_in(visitor: Visitor, **parameters: str) -> dict:
    """What the ID token of a sign-in at `sso` says, and the token itself."""
    tokens = await bought(visitor, "sso", SSO_CALLBACK, **{"scope": "openid", **parameters})
    return claims_of(tokens["id_token"]) | {"id_token": tokens["id_token"]}


async def known_by(node, client_id: str, subject_type: SubjectType) -> None:
    """Its owner chooses by which subjects it knows people; the first pairwise one makes the salt."""
    await change_client(
        node.server, client_id, lambda old: replace(old, subject_type=subject_type), actor="test"
    )


async def told(node, party: RelyingParty, count: int = 1) -> list[dict]:
    """What the app has been told so far, each validated."""
    async with node.http() as http:
        return [await accepted(token, http, "sso") for token in await party.tokens(count)]


async def nothing_waits(node) -> None:
    """Every message has been taken."""
    async with asyncio.timeout(20):
        while await node.store.list_logouts():
            await asyncio.sleep(0.02)


async def test_an_app_is_told_when_another_signs_the_person_out(node, party, person):
    """LO06, LO09: the token names person and session as the ID token did; the browser goes back at once."""
    visitor = await signed_in_visitor(node, person)
    known = await sign_in(visitor)
    hint = {"id_token_hint": known["id_token"], "post_logout_redirect_uri": BYE, "state": "s"}
    request = visitor.http.build_request("GET", "/end-session", params=hint)
    page = await visitor.get(str(request.url.raw_path, "ascii"))
    assert f"{BYE}?state=s" == page.headers["location"]
    (claims,) = await told(node, party)
    assert (known["sub"], known["sid"]) == (claims["sub"], claims["sid"])
    assert is_login(await page_of(visitor, "sso", redirect_uri=SSO_CALLBACK, scope="openid"))
    await nothing_waits(node)
    assert len(party.posts) == 1


async def test_an_app_is_told_when_the_person_signs_out_here(node, party, person):
    """LO06: and the page said how many apps there are."""
    visitor = await signed_in_visitor(node, person)
    known = await sign_in(visitor)
    page = await visitor.get("/logout")
    assert "Sign out of Grantway and 1 app?" in page.text
    await visitor.submit(page)
    assert [known["sid"]] == [claims["sid"] for claims in await told(node, party)]


async def test_a_session_ended_from_another_browser_is_told(node, party, person):
    """LO06: by the person on their own page of sessions; the one at hand goes on."""
    here, there = await signed_in_visitor(node, person), await signed_in_visitor(node, person)
    own, other = await sign_in(here), await sign_in(there)
    assert own["sid"] != other["sid"]
    page = await here.get("/account/sessions/end-others")
    await here.submit(page)
    assert [other["sid"]] == [claims["sid"] for claims in await told(node, party)]
    await nothing_waits(node)
    assert len(party.posts) == 1


async def test_a_changed_password_is_told(node, party, person):
    """LO06: every session ends with it, that at hand too."""
    here, there = await signed_in_visitor(node, person), await signed_in_visitor(node, person)
    sids = {(await sign_in(here))["sid"], (await sign_in(there))["sid"]}
    page = await here.get("/account/password")
    page = await here.submit(page, current=PASSWORD, new=OTHER_PASSWORD, again=OTHER_PASSWORD)
    assert sids == {claims["sid"] for claims in await told(node, party, 2)}


@pytest.mark.parametrize(
    "end",
    [
        lambda node, person: disable(node.server, person, actor="test"),
        lambda node, person: set_password(node.server, person, OTHER_PASSWORD, actor="test"),
        lambda node, person: end_sessions(node.server, person, None, actor="test"),
    ],
    ids=["disabled", "password set", "sessions ended"],
)
async def test_what_an_operator_ends_is_told(node, party, person, end):
    """LO06: whichever process did it."""
    visitor = await signed_in_visitor(node, person)
    known = await sign_in(visitor)
    await end(node, node.people[person])
    assert [known["sid"]] == [claims["sid"] for claims in await told(node, party)]


async def test_an_operator_ends_one_session(node, party, person):
    """LO06: of this person, and nobody else's."""
    visitor = await signed_in_visitor(node, person)
    known = await sign_in(visitor)
    (session,) = await node.store.list_sessions(node.people[person].subject)
    assert await end_sessions(node.server, node.people["ada"], session.id, actor="test") == 0
    assert await end_sessions(node.server, node.people[person], "nonsense", actor="test") == 0
    assert await end_sessions(node.server, node.people[person], session.id, actor="test") == 1
    assert [known["sid"]] == [claims["sid"] for claims in await told(node, party)]


async def test_signing_in_again_is_no_end(node, party, person):
    """LO05: the cookie changes, what apps know the session by does not."""
    visitor = await signed_in_visitor(node, person)
    first = await sign_in(visitor)
    cookie = visitor.http.cookies["gw_s"]
    page = await page_of(visitor, "sso", redirect_uri=SSO_CALLBACK, scope="openid", prompt="login")
    page = await visitor.sign_in(page, person)
    is_code(returned(page, SSO_CALLBACK), node)
    assert cookie != visitor.http.cookies["gw_s"]
    assert first["sid"] == (await sign_in(visitor))["sid"]
    assert party.posts == []
    await visitor.submit(await visitor.get("/logout"))
    assert [first["sid"]] == [claims["sid"] for claims in await told(node, party)]


async def test_somebody_else_in_the_same_browser_ends_the_session_before(node, party, person):
    """LO05: their apps must not take the next person for them."""
    visitor = await signed_in_visitor(node, person)
    known = await sign_in(visitor)
    page = await page_of(visitor, "sso", redirect_uri=SSO_CALLBACK, scope="openid", prompt="login")
    page = await visitor.sign_in(page, "eve")
    page = await visitor.submit(page, answer="allow") if 'id="consent-allow"' in page.text else page
    is_code(returned(page, SSO_CALLBACK), node)
    (claims,) = await told(node, party)
    assert (known["sub"], known["sid"]) == (claims["sub"], claims["sid"])


async def test_no_two_apps_are_told_the_same_session(node, person):
    """LO04: nor by a refresh; sid must not tell what pairwise subjects hide (OpenID Connect Core §8.1)."""
    await node.put_client(
        web_client(
            "club",
            redirect_uris=(ELSEWHERE,),
            scope=SIGN_IN,
            optional_scope=Scope(),
        )
    )
    await known_by(node, "club", SubjectType.PAIRWISE)
    visitor = await signed_in_visitor(node, person)
    here = await sign_in(visitor)
    tokens = await bought(visitor, "club", ELSEWHERE, scope="openid offline_access")
    there = claims_of(tokens["id_token"])
    assert here["sid"] != there["sid"]
    reply = await node.refresh(tokens["refresh_token"], "club")
    assert there["sid"] == claims_of(reply.json()["id_token"])["sid"]


async def test_an_app_with_pairwise_subjects_is_told_its_own(node, party, person):
    """LO09: the logout token says no more than its ID tokens did."""
    await known_by(node, "sso", SubjectType.PAIRWISE)
    try:
        visitor = await signed_in_visitor(node, person)
        known = await sign_in(visitor)
        assert known["sub"].startswith("p_")
        await visitor.submit(await visitor.get("/logout"))
        assert [known["sub"]] == [claims["sub"] for claims in await told(node, party)]
    finally:
        await known_by(node, "sso", SubjectType.PUBLIC)


async def test_an_app_that_only_calls_an_api_takes_no_part(node, party, person):
    """LO04: without openid there is no session of its to end."""
    visitor = await signed_in_visitor(node, person)
    await node.change_client("printer", backchannel_logout_uri=f"{party.origin}/printer")
    await fresh_code(visitor)
    page = await visitor.get("/logout")
    assert "Sign out of Grantway?" in page.text
    await visitor.submit(page)
    await nothing_waits(node)
    await node.change_client("printer", backchannel_logout_uri=None)
    assert party.posts == []


async def test_a_logout_token_passes_for_nothing_else(node, party, person):
    """K8: neither as access token nor as ID token."""
    visitor = await signed_in_visitor(node, person)
    await sign_in(visitor)
    await visitor.submit(await visitor.get("/logout"))
    (token,) = await party.tokens()
    reply = await node.send("GET", "/userinfo", headers={"authorization": f"Bearer {token}"})
    assert reply.status_code == 401
    assert not await node.lives(token, "sso")
    page = await visitor.get(f"/end-session?id_token_hint={token}&post_logout_redirect_uri={BYE}")
    assert "location" not in page.headers


async def test_an_id_token_of_another_session_signs_nobody_out_unasked(node, person):
    """P2: of the same person at the same app, but not of this browser."""
    here, there = await signed_in_visitor(node, person), await signed_in_visitor(node, person)
    hint = (await sign_in(there))["id_token"]
    await sign_in(here)
    page = await here.get(f"/end-session?id_token_hint={hint}")
    assert forms(page)
    assert "Sign out" in page.text
    assert await node.store.list_session_clients(await sso_id(node, here))


async def sso_id(node, visitor: Visitor) -> str:
    """By which the server knows the session of this browser."""
    cookie = visitor.http.cookies["gw_s"]
    sessions = [
        session
        for person in node.people.values()
        for session in await node.store.list_sessions(person.subject)
    ]
    return next(session.sso_id for session in sessions if session.id in cookie)


async def test_an_app_that_does_not_answer_delays_nobody(node, party, person):
    """LO08: neither the person nor another app; it is asked again, and the operator sees why."""
    party.silent.set()
    visitor = await signed_in_visitor(node, person)
    await sign_in(visitor)
    page = await visitor.submit(await visitor.get("/logout"))
    assert "You are signed out" in page.text
    assert [None] == [one.problem for one in await node.store.list_logouts()], "the call is under way"
    await party.tokens()
    async with asyncio.timeout(20):
        while not (waiting := [one for one in await node.store.list_logouts() if one.problem]):
            await asyncio.sleep(0.05)
    (one,) = waiting
    assert (one.client_id, one.tries, one.problem) == ("sso", 1, "no answer within 5 s")
    assert one.due_at is not None
    party.silent.clear()
    await node.pass_time(FIRST_WAIT)
    first, second = await told(node, party, 2)
    assert first["jti"] != second["jti"], "a new token for each try"
    await nothing_waits(node)


async def test_an_app_with_much_to_be_told_slowly_delays_no_other(node, party, person):
    """LO08: it has a few of the calls under way, whatever waits for it; the rest is for the others."""
    bench = Bench((node.store,), node.pass_time)
    async with relying_party() as quick:
        await node.put_client(web_client("quick", backchannel_logout_uri=quick.back))
        party.silent.set()
        for _ in range(AT_ONCE + 4):
            await signed_in(bench, node.people[person], "sso")
        await signed_in(bench, node.people[person], "quick")
        await end_sessions(node.server, node.people[person], None, actor="test")
        await quick.tokens()
        await party.tokens(EACH)
        await signed_in(bench, node.people[person], "quick")
        await end_sessions(node.server, node.people[person], None, actor="test")
        await quick.tokens(2)  # so the node has looked again
        assert len(party.posts) == EACH, "none of these has been answered"
    party.silent.clear()
    await told(node, party, EACH)
    while await node.store.list_logouts():
        await node.pass_time(FIRST_WAIT)
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("status", [500, 503, 302, 404, 400])
async def test_what_an_app_answers_is_no_yes_unless_it_is_one(node, party, person, status, caplog):
    """LO08, L2: tried again; a redirect is not followed."""
    party.status, party.headers = status, [(b"location", party.back.encode())]
    visitor = await signed_in_visitor(node, person)
    await sign_in(visitor)
    await visitor.submit(await visitor.get("/logout"))
    async with asyncio.timeout(20):
        while not any(one.problem for one in await node.store.list_logouts()):
            await asyncio.sleep(0.02)
    assert len(party.posts) == 1
    assert f"sso not told that a session has ended: it answered {status}" in caplog.text
    party.status, party.headers = 204, []
    await node.pass_time(FIRST_WAIT)
    await told(node, party, 2)
    await nothing_waits(node)


async def test_an_app_that_says_no_is_given_up_on(node, party, person, caplog):
    """LO08: after a few tries; what it was not told is kept for the operator."""
    party.status = 400
    visitor = await signed_in_visitor(node, person)
    await sign_in(visitor)
    await visitor.submit(await visitor.get("/logout"))
    for number in range(1, REFUSALS + 1):
        await party.tokens(number)
        async with asyncio.timeout(20):
            while caplog.text.count("it answered 400") < number:
                await asyncio.sleep(0.02)
        await node.pass_time(FIRST_WAIT * 2**number)
    (one,) = await node.store.list_logouts()
    assert (one.due_at, one.problem, one.tries) == (None, "it answered 400", REFUSALS)
    await node.store.logout_told(one)
    assert len(party.posts) == REFUSALS


async def test_an_app_that_is_away_for_a_day_is_given_up_on(node, party, person, caplog):
    """LO08: tries are bounded in time, too."""
    party.status = 503
    visitor = await signed_in_visitor(node, person)
    await sign_in(visitor)
    await visitor.submit(await visitor.get("/logout"))
    await party.tokens()
    async with asyncio.timeout(20):
        while not any(one.problem for one in await node.store.list_logouts()):
            await asyncio.sleep(0.02)
    await node.pass_time(TRY_FOR)
    async with asyncio.timeout(20):
        while "given up" not in caplog.text:
            await asyncio.sleep(0.02)
    (one,) = await node.store.list_logouts()
    await node.store.logout_told(one)
    assert one.due_at is None


@pytest.mark.parametrize("changes", [{"backchannel_logout_uri": None}, {"enabled": False}])
async def test_an_app_that_is_no_longer_registered_for_it_is_not_told(node, party, person, changes):
    """LO06: what counts is what is registered when it would be told."""
    visitor = await signed_in_visitor(node, person)
    await sign_in(visitor)
    await node.change_client("sso", **{"backchannel_logout_session_required": False, **changes})
    await visitor.submit(await visitor.get("/logout"))
    await nothing_waits(node)
    await node.change_client("sso", enabled=True, backchannel_logout_uri=party.back)
    assert party.posts == []
