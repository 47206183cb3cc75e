"""What apps may do for a person, told in words, and taken back."""

import pytest

from grantway.protocol.apis import Api, ApiScope
from grantway.protocol.scope import Scope
from tests.account.own_pages import at_home, card, connect, enter, hidden, post, words
from tests.node import Visitor, answer_of, web_client

REMOVE = "/account/apps/remove?client_id=printer"
EVERYTHING = "photos:read photos:write photos:delete notes:read offline_access"


async def test_a_card_says_what_the_app_may_do_with_which_api_and_since_when(node, person, visitor):
    """FN12: everything in the words the person read when they allowed it."""
    await connect(visitor, person, scope=EVERYTHING)
    page = await visitor.get("/account/apps")
    said = card(page, "printer")
    assert said is not None
    for expected in (
        *("Photo Printer printer.example", "Connected just now", "Last used just now"),
        *("Photos See your photos Can see", "Add photos to your albums Can change"),
        *("Delete your photos for ever Sensitive",),
        *("Notes Read your notes", "Keep this access while you are not using the app"),
    ):
        assert expected in said
    assert card(page, "other") is None


async def test_an_api_that_is_named_for_commands_is_read_as_words(node, person, visitor):
    """FN12: at consent, on the card, and where it is taken back."""
    scopes = (ApiScope(name="albums:read", description="See your albums"),)
    await node.put_api(Api(identifier="https://api.example/albums", name="photo_albums", scopes=scopes))
    callback, scope = "https://binder.example/cb", Scope.of(["albums:read"])
    await node.put_client(web_client("binder", name="Binder", redirect_uris=(callback,), scope=scope))
    asked = visitor.link("binder", redirect_uri=callback, scope="albums:read")
    page = await visitor.sign_in(await visitor.get(asked), person)
    assert "Photo albums" in page.text
    await visitor.submit(page, answer="allow")
    for path in ("/account/apps", "/account/apps/remove?client_id=binder"):
        shown = (await visitor.get(path)).text
        assert "Photo albums" in shown
        assert "photo_albums" not in shown


async def test_nothing_connected_says_what_will_stand_here(node, person):
    """FN12: and an app that was only looked at, or denied, is not there."""
    visitor = await at_home(node, person)
    page = await visitor.get(visitor.link())
    await visitor.submit(page, answer="deny")
    assert "No apps are connected" in (await visitor.get("/account/apps")).text


async def test_an_app_that_needs_no_consent_is_shown_by_its_grants(node, person, visitor):
    """FN12: a first-party app holds access like any other."""
    callback = "https://mail.example/cb"
    await node.put_client(web_client("mail", name="Mail", redirect_uris=(callback,), first_party=True))
    page = await visitor.sign_in(await visitor.get(visitor.link("mail", redirect_uri=callback)), person)
    assert answer_of(page)["code"]
    assert "See your photos" in card(await visitor.get("/account/apps"), "mail")
    page = await visitor.submit(await visitor.get("/account/apps/remove?client_id=mail"))
    assert card(page, "mail") is None


async def test_removing_an_app_takes_refresh_and_opaque_tokens_at_once(node, person, visitor):
    """FN12, FS55, D13: and consent is asked for again."""
    photos = await connect(visitor, person, scope="photos:read offline_access")
    notes = await connect(visitor, person, scope="notes:read")
    assert await node.is_alive(notes["access_token"])
    page = await visitor.submit(await visitor.get(REMOVE))
    assert "Photo Printer is no longer connected." in words(page.text)
    assert card(page, "printer") is None
    for given in (photos, notes):
        assert not await node.is_alive(given["access_token"])
        assert (await node.refresh(given["refresh_token"])).json()["error"] == "invalid_grant"
    assert answer_of(await visitor.get(visitor.link(prompt="none")))["error"] == "consent_required"
    subject = node.people[person].subject
    entry = next(one for one in await node.store.read_audit() if one.action == "consent.withdrawn")
    assert (entry.actor, entry.target) == (f"person:{subject}", f"person:{subject}")


async def test_before_and_after_it_is_said_how_long_what_the_app_holds_may_still_work(node, person, visitor):
    """FN12: signed tokens end by themselves, opaque ones at once; API by API (`design` 14)."""
    await connect(visitor, person, scope=EVERYTHING)
    asked = await visitor.get(REMOVE)
    done = await visitor.submit(asked)
    for page in (asked, done):
        said = words(page.text)
        assert "Photos: what it holds already may work for up to 10 minutes more." in said
        assert "Notes: it is locked out at once." in said
    assert "no longer connected" not in (await visitor.get("/account/apps")).text, "it is said once"


async def test_a_person_sees_and_removes_only_what_is_theirs(node, person, visitor):
    """D9: the id of an app that somebody else connected opens nothing and ends nothing."""
    given = await connect(visitor, person, scope="notes:read")
    stranger = await at_home(node, "eve")
    assert card(await stranger.get("/account/apps"), "printer") is None
    for client_id in ("printer", "nobody", "x" * 300):
        page = await stranger.get(f"/account/apps/remove?client_id={client_id}")
        assert page.status_code == 404
        assert 'data-error="not_found"' in page.text
    own = await at_home(node, "eve")
    await connect(own, "eve", "other", redirect_uri="https://other.example/callback", scope="photos:read")
    form = hidden(await own.get("/account/apps/remove?client_id=other"))
    reply = await post(own, "/account/apps/remove", {**form, "client_id": "printer"})
    assert reply.status_code == 404
    assert await node.is_alive(given["access_token"])


async def test_removing_twice_says_that_it_is_done(node, person, visitor):
    """FN12: the second tab, or the Back button."""
    await connect(visitor, person)
    asked = await visitor.get(REMOVE)
    await visitor.submit(asked)
    again = await visitor.submit(asked)
    assert again.status_code == 404
    assert "has been removed already" in again.text


async def test_an_app_cut_off_by_its_owner_holds_nothing(node, person, visitor):
    """FN12: grants of before a cut-off are dead, whatever their rows say."""
    callback = "https://cut.example/cb"
    await node.put_client(
        web_client("cut", redirect_uris=(callback,), first_party=True, scope=Scope.of(["photos:read"]))
    )
    await visitor.sign_in(await visitor.get(visitor.link("cut", redirect_uri=callback)), person)
    assert card(await visitor.get("/account/apps"), "cut")
    await node.change_client("cut", tokens_valid_from=node.server.now() + 1)
    assert card(await visitor.get("/account/apps"), "cut") is None


@pytest.mark.parametrize("missing", ["client_id", "csrf"])
async def test_a_damaged_form_changes_nothing(node, person, visitor, missing):
    """D2: what is missing is not guessed."""
    await connect(visitor, person)
    form = hidden(await visitor.get(REMOVE))
    del form[missing]
    assert (await post(visitor, "/account/apps/remove", form)).status_code == 400
    assert card(await visitor.get("/account/apps"), "printer")


async def test_the_consent_page_names_the_place_where_it_is_taken_back(node, person):
    """FN12: and whoever follows the link gets there."""
    visitor = Visitor(node)
    page = await visitor.sign_in(await visitor.get(visitor.link(prompt="consent")), person)
    assert 'href="/account/apps"' in page.text
    assert (await visitor.get("/account/apps")).status_code == 200
    assert (await enter(Visitor(node), person, "/account/apps")).status_code == 200
