"""Apps that end their sessions in the browser that signs out, a real one (Front-Channel Logout 1.0)."""

import asyncio
import re
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.async_api import Page, expect

from grantway.protocol.scope import Scope
from tests.checks.answers import claims_of
from tests.clients.person import press
from tests.clients.relying_party import ENOUGH, RelyingParty, relying_party
from tests.node import PASSWORD, Node, Visitor, seeded_node, sqlite_url, web_client
from tests.web.axe import assert_accessible

BASE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture
async def node(tmp_path):
    """A node of the test's own."""
    async with seeded_node(sqlite_url(tmp_path)) as node:
        yield node


@asynccontextmanager
async def two_apps(node: Node):
    """The apps `club`, which is told which session it is, and `notes`, which is not."""
    async with relying_party() as club, relying_party() as notes:
        for client_id, party in (("club", club), ("notes", notes)):
            await node.put_client(
                web_client(
                    client_id,
                    name=client_id.title(),
                    redirect_uris=(f"{party.origin}/callback",),
                    post_logout_redirect_uris=(f"{party.origin}/bye",),
                    scope=Scope.of(["openid"]),
                    optional_scope=Scope(),
                    frontchannel_logout_uri=party.front,
                    frontchannel_logout_session_required=client_id == "club",
                )
            )
        yield club, notes


async def sign_in(page: Page, node: Node, client_id: str, party: RelyingParty) -> str:
    """Sign in to an app by clicking; returns its ID token."""
    link = Visitor(node)
    to = f"{party.origin}/callback"
    await page.goto(node.issuer + link.link(client_id, scope="openid", redirect_uri=to))
    if await page.get_by_label("Password").count():
        await page.get_by_label("Username").fill("ada")
        await page.get_by_label("Password").fill(PASSWORD)
        await press(page, "Sign in")
    await press(page, "Allow")  # on loopback anybody may listen: people are asked
    await page.wait_for_url(f"{to}**")
    code = parse_qs(urlsplit(page.url).query)["code"][0]
    reply = await node.token(
        client_id,
        grant_type="authorization_code",
        code=code,
        redirect_uri=to,
        code_verifier=link.verifier,
    )
    party.pages.clear()
    return reply.json()["id_token"]


def end_of(node: Node, party: RelyingParty, hint: str) -> str:
    """Where an app sends the browser to end the session."""
    bye = quote(f"{party.origin}/bye", safe="")
    return f"{node.issuer}/end-session?id_token_hint={hint}&post_logout_redirect_uri={bye}&state=s"


async def loaded(party: RelyingParty) -> str:
    """What the browser asked the app for, as soon as it has."""
    async with asyncio.timeout(ENOUGH):
        while not party.pages:
            party.came.clear()
            await party.came.wait()
    return party.pages[0]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
async def test_every_app_is_loaded_and_then_the_person_goes_on(node, browser, scripts):
    """LO10, LO01: issuer and session for the app that asked for them; then back, with state."""
    context = await browser.new_context(java_script_enabled=scripts)
    page, refused = await context.new_page(), []
    page.on("console", lambda said: refused.append(said.text) if "Security Policy" in said.text else None)
    async with two_apps(node) as (club, notes):
        await sign_in(page, node, "notes", notes)
        hint = await sign_in(page, node, "club", club)
        await page.goto(end_of(node, club, hint), wait_until="commit")
        await page.wait_for_url(f"{club.origin}/bye?state=s")
        expected = f"/front?from=grantway&iss={quote(node.issuer, safe='')}&sid={claims_of(hint)['sid']}"
        assert expected == club.pages[0]
        assert notes.pages == ["/front?from=grantway"]
    await context.close()
    assert refused == []


async def test_the_page_may_frame_these_apps_alone(node):
    """LO10, D7: its policy names each origin once; every other page frames nothing."""
    visitor = Visitor(node)
    async with two_apps(node) as (club, notes):
        for client_id, party in (("club", club), ("notes", notes)):
            await visitor.approve(client_id, scope="openid", redirect_uri=f"{party.origin}/callback")
        question = await visitor.get("/logout")
        assert "frame-src" not in question.headers["content-security-policy"]
        page = await visitor.submit(question)
        sources = " ".join(sorted((club.origin, notes.origin)))
        assert f"{BASE}; frame-src {sources}" == page.headers["content-security-policy"]
        frames = re.findall(r'<iframe src="([^"]+)"', page.text)
        assert len(frames) == 2
        assert all('sandbox="allow-scripts allow-same-origin allow-forms"' in one for one in frames_of(page))
        again = await visitor.get("/logout")
        assert "<iframe" not in again.text
        assert "frame-src" not in again.headers["content-security-policy"]


def frames_of(page) -> list[str]:
    return re.findall(r"<iframe[^>]+>", page.text)


async def test_an_app_that_does_not_answer_holds_nobody(node, page):
    """LO10, LO08: the person goes on without it."""
    async with two_apps(node) as (club, notes):
        await sign_in(page, node, "notes", notes)
        hint = await sign_in(page, node, "club", club)
        notes.silent.set()
        await page.goto(end_of(node, club, hint), wait_until="commit")
        await loaded(notes)
        await page.wait_for_url(f"{club.origin}/bye?state=s")
        notes.silent.clear()


async def test_without_scripts_a_link_goes_on(node, browser):
    """LO10: the page says what comes next, and the link is there while an app does not answer."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    async with two_apps(node) as (club, notes):
        await sign_in(page, node, "notes", notes)
        hint = await sign_in(page, node, "club", club)
        notes.silent.set()
        await page.goto(end_of(node, club, hint), wait_until="commit")
        await expect(page.get_by_role("heading")).to_have_text("You are signed out")
        await page.get_by_role("link", name="Continue to Club").click()
        await page.wait_for_url(f"{club.origin}/bye?state=s")
        notes.silent.clear()
    await context.close()


async def test_who_signs_out_here_stays_and_reads_that_apps_were_told(node, page):
    """LO10: no app asked, so there is nowhere to go."""
    async with two_apps(node) as (club, notes):
        await sign_in(page, node, "notes", notes)
        await sign_in(page, node, "club", club)
        await page.goto(f"{node.issuer}/logout")
        await expect(page.get_by_role("heading")).to_have_text("Sign out of Grantway and 2 apps?")
        await press(page, "Sign out")
        await expect(page.get_by_role("status")).to_have_text("The apps you used are signing you out too.")
        await loaded(club)
        await loaded(notes)
        await assert_accessible(page)
