"""A callback that comes more than once: from its own browser at once, from others, later, after a theft."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from grantway.crypto.seal import flow_id_of
from grantway.flows.site_login import AGAIN, _derived, _purpose
from grantway.testing.passing_time import PassTime, passing_in_postgres, passing_in_sqlite
from tests.decisions.asking import bearer
from tests.decisions.sites import CALLBACK, FLOW_COOKIE, ORIGIN, SITE_COOKIE, SiteBrowser, furnish_site
from tests.node import query_of

SCRIPT = "Accept: */*"


@pytest.fixture(scope="module")
async def site(gate):
    """The gate, with a site behind it."""
    await furnish_site(gate)
    return gate


@pytest.fixture
def pass_time(database: str) -> PassTime:
    """Let time pass in the database."""
    if database.startswith("sqlite"):
        return passing_in_sqlite(Path(database.removeprefix("sqlite:///")))
    return passing_in_postgres(database)


@pytest.fixture
async def back(site):
    """A browser that is about to come back, and where to."""
    browser = SiteBrowser(site)
    return browser, await browser.at_grantway(await browser.visit("/pages/7"))


def alike(browser: SiteBrowser) -> SiteBrowser:
    """Whoever has its cookie of the flow, and nothing else."""
    return SiteBrowser(browser.gate, cookies={FLOW_COOKIE: browser.cookies[FLOW_COOKIE]})


async def test_a_callback_that_runs_twice_is_harmless_for_its_browser(back):
    """E1: the first one counts, the second comes to the same page, and nothing is revoked."""
    browser, callback = back
    first, second = await browser.visit(callback), await browser.visit(callback)
    assert [f"{ORIGIN}/pages/7"] * 2 == [first["location"], second["location"]]
    assert 200 == (await browser.visit("/")).status


async def test_a_callback_sent_many_times_at_once_gives_one_session(back):
    """E1, DC06: a double click, a prefetch: whichever answer the browser keeps, it is signed in."""
    browser, callback = back
    answers = await asyncio.gather(*(browser.visit(callback) for _ in range(6)))
    assert {(302, f"{ORIGIN}/pages/7")} == {(one.status, one["location"]) for one in answers}
    assert 1 == len({one["set-cookie"] for one in answers})
    assert 200 == (await browser.visit("/")).status


async def test_a_reload_before_the_answer_is_there_signs_in(back):
    """E1, DC06: the answer that held the cookie is lost; the next one brings the same."""
    browser, callback = back
    lost = await alike(browser).visit(callback)
    again = await browser.visit(callback)
    assert lost["set-cookie"] == again["set-cookie"]
    assert 200 == (await browser.visit("/")).status


async def test_a_code_replayed_later_ends_what_it_bought(back, pass_time):
    """E1: the one path for replays."""
    browser, callback = back
    await browser.visit(callback)
    await pass_time(AGAIN + 1)
    assert 403 == (await alike(browser).visit(callback)).status
    assert 401 == (await browser.ask("/", SCRIPT)).status


async def test_a_callback_in_another_browser_gets_no_session_however_soon(site, back):
    """A8, E1: the address alone, out of a log or a history, is nothing; and nobody is signed out by it."""
    browser, callback = back
    await browser.visit(callback)
    stranger = SiteBrowser(site)
    await stranger.visit("/")
    assert 403 == (await stranger.visit(callback)).status
    assert SITE_COOKIE not in stranger.cookies
    assert 200 == (await browser.visit("/")).status


async def test_a_code_that_was_exchanged_elsewhere_is_a_replay_however_soon(site, back):
    """E1: what it bought there is no session of this browser, and it is taken back."""
    browser, callback = back
    told = {name: one for name, (one,) in query_of(callback).items()}
    await site.node.add_secret("album")
    tokens = await site.node.token(
        "album",
        grant_type="authorization_code",
        code=told["code"],
        redirect_uri=CALLBACK,
        code_verifier=_derived(browser.cookies[FLOW_COOKIE], flow_id_of(told["state"]) or "", "verifier"),
    )
    assert 200 == tokens.status_code
    assert 403 == (await browser.visit(callback)).status
    assert SITE_COOKIE not in browser.cookies
    token = bearer(tokens.json()["access_token"])
    assert 401 == (await SiteBrowser(site).ask("/", SCRIPT, token)).status


async def test_a_state_of_another_version_is_a_page(site, back):
    """G7: while nodes are upgraded; never a fault."""
    browser, callback = back
    told = {name: one for name, (one,) in query_of(callback).items()}
    state = site.node.server.snapshots.newest.sealer.seal(
        msgspec.msgpack.encode((site.node.server.now(), "/")),
        purpose=_purpose(ORIGIN),
        binding=browser.cookies[FLOW_COOKIE].encode(),
        flow_id=flow_id_of(told["state"]) or "",
    )
    answer = await browser.visit(f"/.grantway/callback?code={told['code']}&state={state}&iss={told['iss']}")
    assert (403, b"cannot be finished" in answer.body) == (answer.status, True)
    assert 302 == (await browser.visit(callback)).status
