"""A single-page app in a real browser, at an origin of its own, with oauth4webapi as its only library."""

import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.responses import FileResponse, JSONResponse
from starlette.routing import Route

from grantway.protocol.clients import ClientType
from grantway.protocol.names import AuthMethod
from tests.clients.person import press, sign_in
from tests.node import web_client
from tests.services.node import FOLDER as NPM
from tests.serving import serving

SPA = Path(__file__).parent / "spa"
LIBRARY = NPM / "node_modules/oauth4webapi/build/index.js"
ASKED = "photos:read photos:write"
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.")  # the seal of a flow may begin so by chance, but has one dot


def photo_wall(settings):
    """Files, and where the server is."""

    def file(path):
        return lambda _request: FileResponse(path)

    return Starlette(
        routes=[
            Route("/", file(SPA / "index.html")),
            Route("/app.js", file(SPA / "app.js")),
            Route("/oauth4webapi.js", file(LIBRARY)),
            Route("/settings.json", lambda _request: JSONResponse(settings)),
        ]
    )


@asynccontextmanager
async def photo_wall_at_its_origin(node, photos, client_id):
    """The app, served; registered with its redirect URI, and as yet with no origin."""
    settings = {"issuer": node.issuer, "client_id": client_id, "api": photos, "scope": ASKED}
    async with serving(lambda _origin: photo_wall(settings)) as origin:
        await node.put_client(
            web_client(
                client_id,
                name="Photo Wall",
                type=ClientType.SPA,
                auth_method=AuthMethod.NONE,
                redirect_uris=(f"{origin}/",),
            )
        )
        yield origin


async def says(page, text):
    """Wait for the app to say so. A busy machine may take its time."""
    await expect(page.locator("output")).to_contain_text(text, timeout=30_000)


async def test_a_page_without_a_server_is_a_whole_client(node, photos, page):
    """FN2, FS22, FS32, FS36, FS37: a public client across origins: exchange, API, renewal, revocation.

    The library checked `iss`, `state` and every reply it was allowed to read; that it was allowed is the
    work of the CORS headers of /token and /revoke, on 200 and on 400 alike.
    """
    addresses, replies = [], []
    page.on("framenavigated", lambda frame: addresses.append(frame.url))
    page.on("response", lambda reply: replies.append(reply) if reply.url.endswith("/token") else None)
    async with photo_wall_at_its_origin(node, photos, "wall") as wall:
        await node.change_client("wall", origins=(wall,))
        await page.goto(wall)
        await says(page, "ready")
        await press(page, "Connect")
        await sign_in(page)
        await press(page, "Allow")
        await says(page, f"connected: {ASKED}")
        await press(page, "Show photos")
        await says(page, "The cat, offended")
        await press(page, "Renew")
        await says(page, f"renewed: {ASKED}")
        await press(page, "Show photos")
        await says(page, "The cat, offended")
        await press(page, "Disconnect")
        await says(page, "disconnected")
        await press(page, "Renew")
        await says(page, "refused: invalid_grant")

        assert [reply.status for reply in replies] == [200, 200, 400]
        for reply in replies:
            headers = await reply.all_headers()
            assert headers["access-control-allow-origin"] == wall
            assert "access-control-allow-credentials" not in headers
            assert headers["cache-control"] == "no-store"
    assert not any("access_token" in address or _JWT.search(address) for address in addresses)


async def test_an_origin_that_was_forgotten_reads_nothing_until_it_is_registered(node, photos, page):
    """FN2: the redirect URI alone is not enough; the browser withholds the reply from any other origin."""
    async with photo_wall_at_its_origin(node, photos, "staging") as staging:
        await node.change_client("staging", origins=("https://wall.example",))
        await page.goto(staging)
        await says(page, "ready")
        await press(page, "Connect")
        await sign_in(page)
        async with page.expect_console_message(lambda one: "blocked by CORS policy" in one.text) as blocked:
            await press(page, "Allow")
        assert f"{node.issuer}/token" in (await blocked.value).text
        await says(page, "refused: TypeError")

        await node.change_client("staging", origins=("https://wall.example", staging))
        await press(page, "Connect")
        await press(page, "Allow")
        await says(page, f"connected: {ASKED}")


@pytest.mark.parametrize("response_type", ["token", "code token"])
async def test_there_is_no_implicit_grant(node, photos, page, response_type):
    """FN2: whoever edits the link is answered `unsupported_response_type`, and the library reads it."""
    async with photo_wall_at_its_origin(node, photos, f"old_{len(response_type)}") as wall:
        await page.goto(wall)
        await says(page, "ready")

        async def edited(route):
            await route.continue_(
                url=route.request.url.replace("response_type=code", f"response_type={response_type}")
            )

        await page.route(f"{node.issuer}/authorize?*", edited)
        await press(page, "Connect")
        await says(page, "refused: unsupported_response_type")
