"""Where a person is signed in, and how they sign out of the other places."""

import re

import pytest

from grantway.protocol.user_agents import browser_in_words
from tests.account.own_pages import at_home, connect, enter, hidden, post, words
from tests.node import Visitor, answer_of
from tests.threats.attacks import with_cookies_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/19.0 Mobile/15E148 Safari/604.1"
)


async def using(node, username: str, user_agent: str) -> Visitor:
    visitor = Visitor(node)
    visitor.http.headers["user-agent"] = user_agent
    await enter(visitor, username)
    return visitor


def is_signed_in(page) -> bool:
    return 'id="login-submit"' not in page.text


def links(page) -> list[str]:
    return re.findall(r'href="(/account/sessions/end\?id=\w+)"', page.text)


async def test_this_browser_stands_first_and_each_is_told_by_kind_time_and_place(node, person):
    """FN12: so that a stranger's is noticed."""
    await using(node, person, IPHONE)
    here = await using(node, person, FIREFOX)
    page = await here.get("/account/sessions")
    said = words(page.text)
    first, second = said.index("Firefox on Linux This browser"), said.index("Safari on iPhone Signed in")
    assert first < second
    assert said.count("just now · last seen just now · from 127.0.0.1") == 2
    assert len(links(page)) == 1
    assert "2 browsers" in (await here.get("/account")).text


async def test_one_other_session_is_ended_and_no_app_loses_anything(node, person):
    """FN12, C1: a grant is an approval, not a browser."""
    there = await using(node, person, IPHONE)
    given = await connect(there, person, scope="photos:read")
    here = await using(node, person, FIREFOX)
    asked = await here.get(links(await here.get("/account/sessions"))[0])
    assert "Sign out Safari on iPhone?" in words(asked.text)
    assert "stay connected" in asked.text
    done = await here.submit(asked)
    assert "Signed out: Safari on iPhone." in words(done.text)
    assert not is_signed_in(await there.get("/account"))
    assert is_signed_in(await here.get("/account"))
    assert answer_of(await there.get(there.link(prompt="none")))["error"] == "login_required"
    assert (await node.refresh(given["refresh_token"])).status_code == 200
    assert (await here.submit(asked)).status_code == 404, "it has ended already"


async def test_all_others_are_ended_at_once(node, person):
    """FN12: and this one stays."""
    others = [await using(node, person, IPHONE) for _ in range(3)]
    here = await using(node, person, FIREFOX)
    asked = await here.get("/account/sessions/end-others")
    assert "Sign out 3 other browsers?" in words(asked.text)
    done = await here.submit(asked)
    assert "Signed out 3 other browsers." in words(done.text)
    assert 'id="end-others"' not in done.text
    assert [is_signed_in(await each.get("/account")) for each in others] == [False] * 3
    subject = f"person:{node.people[person].subject}"
    entry = next(one for one in await node.store.read_audit() if one.action == "sessions.ended")
    assert (entry.actor, entry.target) == (subject, subject)


async def test_nobody_ends_the_session_of_another_person_or_this_one_unasked(node, person):
    """D9, P2: the id of a session is looked for among one's own others."""
    victim = await using(node, person, FIREFOX)
    subject = node.people[person].subject
    (theirs,) = await node.store.list_sessions(subject)
    eve = await at_home(node, "eve")
    await at_home(node, "eve")
    address = links(await eve.get("/account/sessions"))[0]
    form = hidden(await eve.get(address))
    own = next(
        one.id
        for one in await node.store.list_sessions(node.people["eve"].subject)
        if one.id not in address and one.id in next(c.value for c in eve.http.cookies.jar if "gw_s" in c.name)
    )
    for session_id in (theirs.id, own, "0" * 16, ""):
        assert (await eve.get(f"/account/sessions/end?id={session_id or 'x'}")).status_code == 404
        reply = await post(eve, "/account/sessions/end", {**form, "id": session_id})
        assert reply.status_code in {400, 404}
    assert is_signed_in(await victim.get("/account"))
    assert is_signed_in(await eve.get("/account"))


async def test_a_session_that_has_been_idle_too_long_is_not_shown(node, person):
    """FN12: what would be refused is not called signed in."""
    await using(node, person, IPHONE)
    await node.pass_time(3601)
    here = await using(node, person, FIREFOX)
    assert links(await here.get("/account/sessions")) == []


async def test_signing_out_leads_away_and_no_copied_cookie_comes_back(node, person):
    """P4: by the link that stands on every page."""
    here = await using(node, person, FIREFOX)
    page = await here.get("/account/sessions")
    assert 'href="/logout"' in page.text
    old = with_cookies_of(here)
    await here.submit(await here.get("/logout"))
    for path in ("/account", "/account/sessions", "/account/profile", "/account/password"):
        assert not is_signed_in(await old.get(path))


async def test_what_a_browser_calls_itself_is_never_shown_as_it_stands(node, person):
    """W6: a header is the sender's to choose."""
    await using(node, person, "<script>alert(1)</script> Firefox/1 " + "x" * 3000)
    here = await using(node, person, "curl")
    page = await here.get("/account/sessions")
    assert "alert(1)" not in page.text
    assert "A browser we cannot name" in page.text


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0"
            ),
            "Edge on Windows",
        ),
        (
            (
                "Mozilla/5.0 (Linux; Android 16; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) "
                "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"
            ),
            "Samsung Internet on Android",
        ),
        (
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                "Version/19.0 Safari/605.1.15"
            ),
            "Safari on a Mac",
        ),
        ("Mozilla/5.0 (Linux; U) NetFront", "A browser on Linux"),
        ("Firefox/1", "Firefox"),
        ("curl/8.0", None),
        ("", None),
        (None, None),
    ],
)
def test_a_browser_is_named_in_words_its_owner_knows(header, said):
    """FN12"""
    assert browser_in_words(header) == said
