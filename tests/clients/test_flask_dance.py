"""Flask-Dance as the client: the Flask app of the how-to page, served by Flask, with a real browser."""

import asyncio
import sys
from dataclasses import replace

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.async_api import expect

from grantway.samples.photos_api import definition
from tests.clients.person import press, sign_in
from tests.clients.web_apps import COOKIE_KEY, PAGE, printed_app, sign_in_and_allow
from tests.printed import program

HEADING = "## Flask: Flask-Dance"
COMMAND = (sys.executable, "-m", "flask", "--app", "wall", "run", "--port", "{port}")
LIFETIME = 3  # seconds; of an access token, so that the library has to renew it
OVER_HTTP = {"OAUTHLIB_INSECURE_TRANSPORT": "1"}


def wall(node, photos, database, folder):
    (folder / "wall.py").write_text(program(PAGE, HEADING))
    return printed_app(node, folder, HEADING, COMMAND, database=database, API=photos, **OVER_HTTP)


async def test_a_flask_app_connects_renews_and_disconnects(node, photos, database, page, tmp_path):
    """FS28, FS29, FS34, FS36, FS55, FN4, FN17: oauthlib checks state and scope, and renews in time."""
    await node.put_api(replace(definition(photos), token_lifetime=LIFETIME))
    async with wall(node, photos, database, tmp_path) as app:
        await page.goto(app.origin)
        await page.get_by_role("link", name="Connect").click()
        await sign_in_and_allow(page)
        await expect(page.locator("body")).to_contain_text("The cat, offended")
        assert page.url == f"{app.origin}/photos"

        before = await kept(page)
        await asyncio.sleep(LIFETIME + 0.5)
        await page.goto(f"{app.origin}/photos")
        await expect(page.locator("body")).to_contain_text("The cat, offended")
        assert (await kept(page))["refresh_token"] != before["refresh_token"]

        await page.request.post(f"{app.origin}/disconnect")
        assert "refresh_token.revoked" in {entry.action for entry in await node.store.read_audit(limit=3)}
        await page.goto(f"{app.origin}/photos")
        assert page.url.startswith(node.issuer), "it has to ask again"


async def test_a_flask_app_hears_no(node, photos, database, page, tmp_path):
    """FS19, FN1: its own page says so, with the word of the RFC."""
    async with wall(node, photos, database, tmp_path) as app:
        await page.goto(f"{app.origin}/photos")
        await sign_in(page)
        await press(page, "Don’t allow")
        await expect(page.locator("body")).to_have_text("Not connected: access_denied")


async def kept(page) -> dict:
    """The token in the app's own cookie, which Flask signs."""
    app = Flask("reader")
    app.secret_key = COOKIE_KEY
    cookies = {one["name"]: one["value"] for one in await page.context.cookies()}
    session = SecureCookieSessionInterface().get_signing_serializer(app).loads(cookies["session"])
    return session["grantway_oauth_token"]
