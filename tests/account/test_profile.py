"""The person's name and password."""

import pytest

from tests.account.own_pages import at_home, card, connect, enter, hidden, post, words
from tests.node import PASSWORD, Visitor
from tests.threats.attacks import with_cookies_of

NEW = "a longer walk around the lake"


async def change(visitor, **typed):
    page = await visitor.get("/account/password")
    return await visitor.submit(page, **{"current": PASSWORD, "new": NEW, "again": NEW, **typed})


# --- profile ---------------------------------------------------------------


async def test_a_profile_says_who_one_is_and_what_is_kept(node, person):
    """FN12: in words, and without the hash."""
    visitor = await at_home(node, person)
    page = await visitor.get("/account/profile")
    said = words(page.text)
    assert f"Username {person}" in said
    assert "What is kept about you" in said
    assert "$argon2id" not in page.text


async def test_the_name_is_changed_and_nothing_else_whatever_the_form_says(node, person):
    """C8: no field of a form reaches a column that it was not made for."""
    visitor = await at_home(node, person)
    before = await node.store.find_person(person)
    extra = {
        "username": "eve",
        "email": "x@evil.example",
        "email_verified": "1",
        "subject": "u_x",
        "password_hash": "x",
        "disabled_at": "",
        "tokens_valid_from": "0",
        "is_admin": "1",
    }
    page = await visitor.submit(await visitor.get("/account/name"), name=" Ada  King ", **extra)
    assert "Your name is changed." in words(page.text)
    after = await node.store.find_person(person)
    assert after.name == "Ada  King"
    same = ("subject", "username", "email", "email_verified", "password_hash", "tokens_valid_from")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\nb", "a\u202eb"])
async def test_a_name_that_is_none_is_refused_in_words(node, person, name):
    """C8, W6: the old one stays."""
    visitor = await at_home(node, person)
    before = await node.store.find_person(person)
    page = await visitor.submit(await visitor.get("/account/name"), name=name)
    assert page.status_code == 422
    assert "A name has 1 to 200 printable characters." in page.text
    assert await node.store.find_person(person) == before


async def test_the_name_asks_for_the_password_again_after_five_minutes(node, person):
    """A10: a passer-by at an open browser does not get past it; the form alone does not either."""
    visitor = await at_home(node, person)
    form = hidden(await visitor.get("/account/name"))
    await node.pass_time(301)
    page = await visitor.get("/account/name")
    assert "Confirm it’s you" in page.text
    assert f'value="{person}"' in page.text
    reply = await post(visitor, "/account/name", {**form, "name": "Mallory"})
    assert reply.headers["location"].startswith("/account/sign-in?x=")
    again = hidden(page)["x"]
    shown = await visitor.get(f"/account/sign-in?x={again}")
    assert 'id="login-submit"' in shown.text, "being signed in is not enough"
    old = visitor.session
    page = await visitor.sign_in(page, person)
    assert page.url.path == "/account/name"
    assert visitor.session != old
    assert (await node.store.find_person(person)).name != "Mallory"
    assert 'id="name-submit"' in page.text


# --- password --------------------------------------------------------------


async def test_a_new_password_ends_every_other_session_and_renews_this_one(node, person):
    """C1, C6: the old cookie of this browser is dead, too; the old password as well."""
    other, here = await at_home(node, person), await at_home(node, person)
    before, old = here.session, with_cookies_of(here)
    page = await change(here)
    assert page.url.path == "/account/sessions"
    assert "Your password is changed, and every other browser is signed out." in words(page.text)
    assert here.session not in {None, before}
    for ended in (other, old):
        assert 'id="login-submit"' in (await ended.get("/account")).text
    assert (await enter(Visitor(node), person)).status_code == 422
    assert (await enter(Visitor(node), person, password=NEW)).status_code == 200
    subject = f"person:{node.people[person].subject}"
    entry = next(one for one in await node.store.read_audit() if one.action == "person.password_changed")
    assert (entry.actor, entry.target, entry.details) == (subject, subject, {"disconnected": False})


@pytest.mark.parametrize("disconnect", [False, True])
async def test_apps_stay_connected_unless_the_person_says_otherwise(node, person, visitor, disconnect):
    """C6: whoever fears a stranger ends what a stranger may have allowed."""
    given = await connect(visitor, person, scope="photos:read")
    page = await change(visitor, disconnect="yes" if disconnect else None)
    assert ("No app is connected any more." in words(page.text)) == disconnect
    refreshed = await node.refresh(given["refresh_token"])
    assert (refreshed.status_code == 200) == (not disconnect)
    assert await node.is_alive(given["access_token"]) == (not disconnect)
    assert (await visitor.get("/account")).status_code == 200


async def test_a_wrong_current_password_changes_nothing_and_counts_as_a_guess(node, person):
    """C13: an open browser is no way around the throttle of signing in."""
    visitor = await at_home(node, person)
    statuses = []
    for _ in range(11):
        page = await change(visitor, current="a guess")
        statuses.append(page.status_code)
    assert statuses[0] == 422
    assert statuses[-1] == 429
    assert "Too many tries." in page.text
    assert "retry-after" in page.headers
    assert (await change(visitor)).status_code == 429, "the right one comes too late"
    assert (await visitor.get("/account")).url.path == "/account", "and the session goes on"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"current": "not it"}, "Your current password is not right."),
        ({"new": "short", "again": "short"}, "A password needs at least"),
        ({"new": "password", "again": "password"}, "one of the first that others would try"),
        ({"again": NEW + " "}, "was not typed the same way twice"),
        ({"new": "", "again": ""}, "A password needs at least"),
    ],
)
async def test_what_is_wrong_with_a_password_is_said_beside_the_field(node, person, typed, said):
    """C16: and the title says that there is an error."""
    visitor = await at_home(node, person)
    page = await change(visitor, **typed)
    assert page.status_code == 422
    assert said in page.text
    assert "<title>Error: " in page.text
    assert 'aria-invalid="true"' in page.text
    for secret in (PASSWORD, NEW):
        assert secret not in page.text
    assert (await enter(Visitor(node), person)).status_code == 200


async def test_a_password_is_not_changed_from_another_session_or_site(node, person):
    """D2, C2: neither by a form of somebody else's, nor by one from elsewhere."""
    visitor, eve = await at_home(node, person), await at_home(node, "eve")
    typed = {"current": PASSWORD, "new": NEW, "again": NEW}
    foreign = hidden(await eve.get("/account/password"))
    assert (await post(visitor, "/account/password", {**foreign, **typed})).status_code == 403
    own = hidden(await visitor.get("/account/password"))
    sent = {**own, **typed}
    reply = await post(visitor, "/account/password", sent, **{"sec-fetch-site": "cross-site"})
    assert reply.status_code == 403
    assert (await enter(Visitor(node), person)).status_code == 200


async def test_an_account_disabled_meanwhile_is_not_brought_back_by_its_own_forms(node, person):
    """C15: neither by a name nor by a password."""
    from grantway.flows.people import disable

    visitor = await at_home(node, person)
    page = await visitor.get("/account/password")
    await disable(node.server, await node.store.find_person(person), actor="test")
    reply = await visitor.submit(page, current=PASSWORD, new=NEW, again=NEW)
    assert 'id="login-submit"' in reply.text
    assert (await node.store.find_person(person)).disabled_at is not None


async def test_other_people_and_their_apps_notice_nothing(node, person, visitor):
    """C6: a change of password is one person's."""
    eve = await at_home(node, "eve")
    await connect(eve, "eve", scope="photos:read")
    await at_home(node, person)
    await change(await at_home(node, person), disconnect="yes")
    assert card(await eve.get("/account/apps"), "printer")
