"""Who may open a person's own pages, and whose forms count."""

import re

import pytest

from tests.account.own_pages import at_home, card, connect, enter, hidden, post
from tests.node import Visitor, free_port, sqlite_url
from tests.threats.attacks import target_on, with_cookies_of

PAGES = ["/account", "/account/apps", "/account/apps/remove?client_id=printer"]
SIGN_IN = "/account/sign-in"


@pytest.mark.parametrize("path", PAGES)
async def test_whoever_is_nobody_signs_in_first_and_comes_back(node, person, visitor, path):
    """FN12, C19: nothing is shown before, and the page asked for after."""
    await connect(Visitor(node), person)
    reply = await Visitor(node).http.get(path)
    assert reply.status_code == 303
    assert reply.headers["location"].startswith(f"{SIGN_IN}?x=")
    page = await enter(visitor, person, path)
    assert page.status_code == 200
    assert str(page.url).endswith(path)
    assert not [c for c in visitor.http.cookies.jar if "gw_tx_" in c.name], "the visit is over"


async def test_a_wrong_password_lets_nobody_in(node, person, visitor):
    """C9, C13: one message, and the same counters as at every other sign-in."""
    page = await enter(visitor, person, password="not the password")
    assert page.status_code == 422
    assert "The username or the password is not right." in page.text
    assert visitor.session is None
    for _ in range(5):
        page = await visitor.sign_in(page, person, "not the password")
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) > 0
    flow = await visitor.get(visitor.link())
    assert (await visitor.sign_in(flow, person)).status_code == 429, "the right one, elsewhere, too late"


async def test_signing_in_makes_a_new_session_and_ends_the_old_one(node, person, visitor):
    """C1: neither a planted cookie nor the session of before is adopted."""
    await enter(visitor, person)
    first, old = visitor.session, with_cookies_of(visitor)
    planted = Visitor(node)
    planted.http.cookies.set("gw_s", "gwse_" + "0" * 65, domain="127.0.0.1")
    await enter(planted, person)
    assert planted.session not in {None, first, "gwse_" + "0" * 65}
    await node.pass_time(301)
    page = await visitor.get(visitor.link(prompt="login"))
    await visitor.sign_in(page, person)
    assert visitor.session not in {None, first}
    assert 'id="login-submit"' in (await old.get("/account")).text


async def test_a_visit_belongs_to_the_browser_that_began_it(node, person, visitor):
    """A8: its address opens nowhere else, and nobody signs a stranger in with it."""
    page = await visitor.get("/account/apps")
    seal = hidden(page)["x"]
    other = Visitor(node)
    assert (await other.get(f"{SIGN_IN}?x={seal}")).status_code == 403
    fields = {"x": seal, "username": person, "password": "x"}
    assert (await post(other, SIGN_IN, fields)).status_code == 403
    assert (await visitor.sign_in(page, person)).status_code == 200


@pytest.mark.parametrize("query", ["//evil.example", "https://evil.example", "%0d%0aLocation:x", "a" * 600])
async def test_the_way_back_stays_on_this_server(node, person, visitor, query):
    """B1: whatever the query says, it is only a query."""
    await visitor.get(f"/account/apps?{query}")
    page = await enter(visitor, person, f"/account/apps?{query}")
    assert page.status_code == 200
    assert page.url.path == "/account/apps"
    assert page.url.host == "127.0.0.1"


async def test_a_seal_of_another_kind_is_no_visit(node, person, visitor):
    """A8: neither that of an authorization request, nor the other way round."""
    flow = hidden(await visitor.get(visitor.link()))["x"]
    assert (await visitor.get(f"{SIGN_IN}?x={flow}")).status_code == 403
    visit = hidden(await visitor.get("/account"))["x"]
    assert (await visitor.get(f"/login?x={visit}")).status_code == 403


async def test_signing_in_in_one_tab_opens_the_other(node, person, visitor):
    """AZ37: the second tab goes on by itself."""
    second = await visitor.get("/account/apps")
    await enter(visitor, person)
    page = await visitor.get(f"{SIGN_IN}?x={hidden(second)['x']}")
    assert page.url.path == "/account/apps"
    assert "No apps are connected" in page.text


async def test_a_form_counts_in_its_own_session_only(node, person, visitor):
    """D2: the seal of another session, of another form, or of before the last sign-in is refused."""
    given = await connect(visitor, person, scope="notes:read")
    path = "/account/apps/remove"
    form = hidden(await visitor.get(f"{path}?client_id=printer"))
    attacker = await at_home(node, "eve")
    await connect(attacker, "eve", scope="notes:read")
    foreign = hidden(await attacker.get(f"{path}?client_id=printer"))
    logout = hidden(await visitor.get("/logout"))
    for seal in (foreign["csrf"], logout["csrf"], form["csrf"][:-2]):
        reply = await post(visitor, path, {**form, "csrf": seal})
        assert reply.status_code == 403
        assert "Open the page again" in reply.text
    await visitor.sign_in(await visitor.get(visitor.link(prompt="login")), person)
    assert (await post(visitor, path, form)).status_code == 403
    assert await node.is_alive(given["access_token"])


async def test_a_form_left_open_until_the_session_ended_asks_to_sign_in_and_does_nothing(
    node, person, visitor
):
    """C15: nothing is done in the name of a session that is gone."""
    await connect(visitor, person)
    asked = await visitor.get("/account/apps/remove?client_id=printer")
    old = with_cookies_of(visitor)
    await visitor.submit(await visitor.get("/logout"))
    page = await old.submit(asked)
    assert 'id="login-submit"' in page.text
    page = await old.sign_in(page, person)
    assert card(page, "printer"), "still connected"


async def test_after_signing_out_the_back_button_shows_nothing(node, person):
    """P4: pages are kept nowhere, and the server shows them to nobody any more."""
    visitor = await at_home(node, person)
    page = await visitor.get("/account/apps")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    old = with_cookies_of(visitor)
    signed_out = await visitor.submit(await visitor.get("/logout"))
    assert "You are signed out" in signed_out.text
    for browser in (visitor, old):
        assert 'id="login-submit"' in (await browser.get("/account/apps")).text


async def test_what_was_done_is_told_to_whoever_did_it_only(node, person, visitor):
    """D2: nobody makes our pages say something by a link."""
    await connect(visitor, person)
    form = hidden(await visitor.get("/account/apps/remove?client_id=printer"))
    done = (await post(visitor, "/account/apps/remove", form)).headers["location"]
    eve = await at_home(node, "eve")
    for link in (done, "/account/apps?done=You+have+won", "/account/apps?done="):
        page = await eve.get(link)
        assert page.status_code == 200
        assert 'role="status"' not in page.text
    assert 'role="status"' in (await visitor.get(done)).text


async def test_below_the_path_of_an_issuer_every_way_leads_to_a_page(tmp_path):
    """MD02: links, forms and the way back all begin with that path."""
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    async with target_on(sqlite_url(tmp_path), port=port, issuer=f"{root}/id") as node:
        node.issuer = root
        visitor = Visitor(node)
        page = await enter(visitor, "ada", "/id/account/apps")
        assert page.url.path == "/id/account/apps"
        ways = re.findall(r'<li><a href="([^"]+)"', page.text)
        assert len(ways) == 6
        for way in ways:
            assert (await visitor.get(way)).status_code == 200
        await at_home(node, "ada", "/id/account")
        page = await visitor.submit(await visitor.get("/id/account/sessions/end-others"))
        assert page.url.path == "/id/account/sessions"
        assert 'role="status"' in page.text
