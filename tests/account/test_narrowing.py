"""One thing an app may do is taken back, and the app stays connected."""

from urllib.parse import urlsplit

import pytest

from grantway.flows.authorize import leave_with_code, start
from grantway.flows.browser import Browser
from grantway.flows.housekeeping import write_scope_uses
from grantway.protocol.params import Params
from grantway.storage.port import Conflict
from tests.account.own_pages import card, connect, hidden, post, words
from tests.checks.answers import claims_of
from tests.node import answer_of
from tests.threats.attacks import consent_page

EVERYTHING = "photos:read photos:write photos:delete offline_access"
WRITE = "/account/apps/narrow?client_id=printer&scope=photos:write"
SENTENCE = "Add photos to your albums"


async def take_back(visitor, scope="photos:write", client_id="printer"):
    page = await visitor.get(f"/account/apps/narrow?client_id={client_id}&scope={scope}")
    return await visitor.submit(page)


async def test_the_next_refresh_gives_less_and_the_app_stays_connected(node, person, visitor):
    """FN12, D7: the token says so (RFC 6749 §5.1), and the app goes on."""
    given = await connect(visitor, person, scope=EVERYTHING)
    page = await take_back(visitor)
    assert f"Photo Printer can no longer do this: {SENTENCE}." in words(page.text)
    assert SENTENCE not in card(page, "printer")
    assert "See your photos" in card(page, "printer")
    reply = await node.refresh(given["refresh_token"])
    assert set(reply.json()["scope"].split()) == {"photos:read", "photos:delete", "offline_access"}
    assert "photos:write" not in claims_of(reply.json()["access_token"])["scope"].split()
    again = await node.refresh(reply.json()["refresh_token"], scope="photos:read photos:write")
    assert again.json()["error"] == "invalid_scope"
    assert (await node.refresh(reply.json()["refresh_token"], scope="photos:read")).status_code == 200


async def test_whoever_asks_about_a_token_learns_at_once_what_it_has_lost(node, person, visitor):
    """FN12, FN16, D13: opaque and signed tokens alike lose it where they are looked up."""
    given = await connect(visitor, person, scope=EVERYTHING)
    before = await node.introspect(given["access_token"], "photos_api")
    assert "photos:write" in before["scope"].split()
    await take_back(visitor)
    after = await node.introspect(given["access_token"], "photos_api")
    assert set(before["scope"].split()) - set(after["scope"].split()) == {"photos:write"}
    assert after["active"] is True


async def test_an_opaque_token_with_nothing_left_is_dead_at_once(node, person, visitor):
    """FN12, D13: decided by what the grant has now, so that no token has to be found."""
    await node.change_client("printer", optional_scope=await _optional(node, "notes:read"))
    notes = await connect(
        visitor, person, scope="notes:read offline_access", resource="https://api.example/notes"
    )
    photos = await connect(visitor, person, scope="photos:read")
    alone = (await node.refresh(notes["refresh_token"], scope="notes:read")).json()
    assert await node.is_alive(alone["access_token"], "notes_api")
    page = await visitor.get("/account/apps/narrow?client_id=printer&scope=notes:read")
    assert "Notes: it is locked out at once." in words(page.text)
    await visitor.submit(page)
    assert not await node.is_alive(alone["access_token"], "notes_api")
    left = await node.introspect(notes["access_token"], "notes_api")
    assert left["scope"] == "offline_access", "it keeps what nobody took back"
    assert await node.is_alive(photos["access_token"]), "another API is none of its business"


async def _optional(node, *names):
    from grantway.protocol.scope import Scope

    optional = node.server.snapshots.current().registry.clients["printer"].optional_scope
    return optional | Scope.of(names)


async def test_it_is_said_how_long_signed_tokens_may_still_do_it(node, person, visitor):
    """FN12: in minutes, and only for the API it is about."""
    await connect(visitor, person, scope=f"{EVERYTHING} notes:read")
    said = words((await visitor.get(WRITE)).text)
    assert f"Take “{SENTENCE}” back from Photo Printer?" in said
    assert "Photos: what it holds already may work for up to 10 minutes more." in said
    assert "Notes" not in said


async def test_the_app_can_ask_for_it_again_and_only_for_it(node, person, visitor):
    """D7: what was taken back is new again; nothing is given silently."""
    await connect(visitor, person, scope=EVERYTHING)
    await take_back(visitor)
    assert answer_of(await visitor.get(visitor.link(prompt="none")))["code"]
    link = visitor.link(scope=EVERYTHING, prompt="none")
    assert answer_of(await visitor.get(link))["error"] == "consent_required"
    page = await visitor.get(visitor.link(scope=EVERYTHING))
    asked = page.text.partition("Allowed before")[0]
    assert SENTENCE in asked
    assert "See your photos" not in asked
    await visitor.submit(page, answer="allow", scope=["photos:write"])
    assert SENTENCE in card(await visitor.get("/account/apps"), "printer")


async def test_a_code_on_its_way_gives_less_too(node, person, visitor):
    """D7: an approval of a moment ago is not exchanged for what was taken back meanwhile."""
    page = await consent_page(visitor, username=person, scope=EVERYTHING)
    page = await visitor.submit(page, answer="allow", scope=["photos:write", "photos:delete"])
    code, verifier = answer_of(page)["code"], visitor.verifier
    await take_back(visitor)
    reply = await node.redeem(code, verifier)
    assert "photos:write" not in reply.json()["scope"].split()


@pytest.mark.parametrize("scope", ["photos:read", "offline_access", "notes:read", "nothing", "photos"])
async def test_only_what_is_optional_and_there_goes_alone(node, person, visitor, scope):
    """FN12: whatever address or form somebody makes up."""
    given = await connect(visitor, person, scope="photos:read photos:write offline_access")
    assert (await visitor.get(f"/account/apps/narrow?client_id=printer&scope={scope}")).status_code == 404
    form = hidden(await visitor.get(WRITE))
    reply = await post(visitor, "/account/apps/narrow", {**form, "scope": scope})
    assert reply.status_code == 404
    refreshed = await node.refresh(given["refresh_token"])
    assert refreshed.json()["scope"] == given["scope"]


async def test_nobody_narrows_what_another_person_allowed(node, person, visitor):
    """D9: the app is looked for among one's own."""
    from tests.account.own_pages import at_home

    given = await connect(visitor, person, scope=EVERYTHING)
    eve = await at_home(node, "eve")
    assert (await eve.get(WRITE)).status_code == 404
    other = "https://other.example/callback"
    await connect(eve, "eve", "other", redirect_uri=other, scope="photos:read photos:write")
    form = hidden(await eve.get(WRITE.replace("printer", "other")))
    assert (await post(eve, "/account/apps/narrow", {**form, "client_id": "printer"})).status_code == 404
    assert (await node.refresh(given["refresh_token"])).json()["scope"] == given["scope"]


async def test_it_stands_in_the_audit_log(node, person, visitor):
    """FN12: who, whose, which app, which scope."""
    await connect(visitor, person, scope=EVERYTHING)
    await take_back(visitor)
    subject = f"person:{node.people[person].subject}"
    entry = next(one for one in await node.store.read_audit() if one.action == "consent.narrowed")
    assert (entry.actor, entry.target) == (subject, subject)
    assert entry.details == {"client_id": "printer", "scope": "photos:write"}


async def test_each_scope_says_when_it_was_used_last(node, person, visitor):
    """FN12: the approval counts for an hour; after that a refresh does, for the scopes it asked for."""
    given = await connect(visitor, person, scope=EVERYTHING)
    await node.pass_time(3 * 86_400)
    page = await visitor.sign_in(await visitor.get("/account/apps"), person)
    assert card(page, "printer").count("Last used 3 days ago") == 4
    reply = await node.refresh(given["refresh_token"], scope="photos:read photos:write")
    assert reply.status_code == 200
    await write_scope_uses(node.server)
    said = card(await visitor.get("/account/apps"), "printer")
    assert "See your photos Can see Last used just now" in said
    assert f"{SENTENCE} Can change Last used just now" in said
    assert "Delete your photos for ever Sensitive Last used 3 days ago" in said
    assert "Connected 3 days ago Last used just now" in said


async def test_what_is_taken_back_does_not_come_back_with_an_answer_of_the_same_moment(node, person, visitor):
    """FN12, D7, D13: Allow in another tab was about to be stored, made from what had been allowed before."""
    await connect(visitor, person, scope="photos:read photos:write")
    cookies = {one.name: one.value for one in visitor.http.cookies.jar}
    browser = Browser(
        session_cookie=cookies["gw_s"],
        flow_cookies={},
        device_cookie=None,
        network="127.0.0.1",
        user_agent=None,
        sends_fetch_metadata=True,
        framed=False,
    )
    link = urlsplit(visitor.link(scope="photos:read photos:delete")).query
    ask = await start(node.server, Params.parse(link.encode()), browser, posted=False)
    assert "photos:write" in ask.consent.scope
    await take_back(visitor)
    scope = ask.request.scope
    with pytest.raises(Conflict):
        await leave_with_code(
            node.server,
            ask.interaction,
            ask.request,
            ask.signed_in,
            scope=scope,
            consent=ask.consent,
            answered=True,
        )
    answered = await visitor.submit(await visitor.get(f"/authorize?{link}"), answer="allow")
    assert "code" in answer_of(answered)
    consent = await node.store.find_consent(ask.signed_in.person.subject, "printer")
    assert "photos:write" not in consent.scope
