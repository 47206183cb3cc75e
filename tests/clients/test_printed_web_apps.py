"""The other web apps of the how-to page, served, with a real browser: Authlib, idpyoidc and openid-client."""

import re
import sys

from playwright.async_api import expect

from tests.clients.person import press, sign_in
from tests.clients.web_apps import PAGE, printed_app, sign_in_and_allow
from tests.printed import program
from tests.services.node import FOLDER as NPM
from tests.services.node import NODE


async def says(page, text):
    await expect(page.locator("body")).to_contain_text(text, timeout=15_000)


async def signed_out(page, node, app):
    """They are back at the app, and the server knows nobody at this browser."""
    await page.wait_for_url(re.compile(rf"{re.escape(app.origin)}/(\?state=[\w-]+)?"))
    await page.goto(f"{node.issuer}/account")
    await expect(page.get_by_label("Password")).to_be_visible()


async def test_a_starlette_app_on_authlib(node, photos, database, page, tmp_path):
    """FS28, FN4, FN17, ID02, ID03, LO01: addresses and keys from the metadata, the API, and out again."""
    heading = "## Starlette and FastAPI: Authlib"
    (tmp_path / "room.py").write_text(program(PAGE, heading))
    command = (sys.executable, "-m", "uvicorn", "room:app", "--port", "{port}")
    async with printed_app(node, tmp_path, heading, command, database=database, API=photos) as app:
        await page.goto(app.origin)
        await page.get_by_role("link", name="Sign in").click()
        await sign_in_and_allow(page)
        await says(page, "Ada Lovelace: Sunrise over the lake, The cat, offended")
        await page.get_by_role("link", name="Sign out").click()
        await signed_out(page, node, app)

        await page.goto(f"{app.origin}/login")
        await sign_in(page)
        await press(page, "Don’t allow")
        await says(page, "Not signed in: access_denied")


async def test_a_flask_app_on_idpyoidc(node, database, page, tmp_path):
    """FS28, FS36, FN17, ID01, ID02, ID03, UI01, LO01: the strictest reader of answers and tokens."""
    heading = "## Any Python: idpyoidc"
    (tmp_path / "workshop.py").write_text(program(PAGE, heading))
    command = (sys.executable, "-m", "flask", "--app", "workshop", "run", "--port", "{port}")
    async with printed_app(node, tmp_path, heading, command, database=database) as app:
        await page.goto(app.origin)
        await page.get_by_role("link", name="Sign in").click()
        await sign_in_and_allow(page)
        await says(page, f"Hello Ada Lovelace, known as {node.people['ada'].subject}")
        await page.goto(f"{app.origin}/renew")
        await says(page, "openid")
        await page.goto(f"{app.origin}/logout")
        await signed_out(page, node, app)

        await page.goto(f"{app.origin}/login")
        await sign_in(page)
        await press(page, "Don’t allow")
        await says(page, "Not signed in: access_denied")


async def test_a_node_app_on_openid_client(node, photos, database, page, tmp_path):
    """FS28, FS36, FS55, FN4, FN17, ID01, ID03, UI01, LO01: `iss`, state, nonce, signature and `sub`."""
    heading = "## Node.js: openid-client"
    (tmp_path / "shop.mjs").write_text(program(PAGE, heading, "javascript"))
    (tmp_path / "node_modules").symlink_to(NPM / "node_modules")
    command = (str(NODE), "shop.mjs")
    async with printed_app(node, tmp_path, heading, command, database=database, API=photos) as app:
        await page.goto(f"{app.origin}/login")
        await sign_in_and_allow(page)
        await says(page, "Hello Ada Lovelace")
        await page.goto(f"{app.origin}/photos")
        await says(page, "The cat, offended")
        await page.goto(f"{app.origin}/renew")
        await says(page, "renewed: openid profile photos:read offline_access")
        await page.goto(f"{app.origin}/photos")
        await says(page, "The cat, offended")
        await page.goto(f"{app.origin}/logout")
        await signed_out(page, node, app)
        assert "refresh_token.revoked" in {entry.action for entry in await node.store.read_audit(limit=5)}

        await page.goto(f"{app.origin}/login")
        await sign_in(page)
        await press(page, "Don’t allow")
        await says(page, "refused: access_denied")
