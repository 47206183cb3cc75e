"""The single-page app of the how-to page, on oidc-client-ts, in a real browser at an origin of its own."""

from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tests.clients.person import press, sign_in
from tests.clients.web_apps import register, sign_in_and_allow
from tests.printed import blocks, program
from tests.services.node import FOLDER as NPM
from tests.serving import serving

PAGE = "docs/howto/single-page-app.md"
HEADING = "## With oidc-client-ts"
LIBRARY = NPM / "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"


def photo_wall(settings):
    """The files of the page, the library, and where the server is."""
    (html,), script = blocks(PAGE, "html", HEADING), program(PAGE, HEADING, "javascript")
    return Starlette(
        routes=[
            Route("/", lambda _request: HTMLResponse(html)),
            Route("/app.js", lambda _request: Response(script, media_type="text/javascript")),
            Route("/oidc-client-ts.min.js", lambda _request: FileResponse(LIBRARY)),
            Route("/settings.json", lambda _request: JSONResponse(settings)),
        ]
    )


async def says(page, text):
    await expect(page.locator("output")).to_contain_text(text, timeout=15_000)


async def test_a_page_signs_somebody_in_renews_and_signs_out(node, photos, database, page, tmp_path):
    """FN2, FN17, FS32, FS36, FS37, MD09, MD11, LO01: discovery, exchange, userinfo, renewal, revocation.

    All of it across origins: what the library reads, the browser let it read.
    """
    posts, refused = [], []
    page.on("request", lambda one: posts.append(one.post_data) if one.url.endswith("/token") else None)
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    settings = {"issuer": node.issuer, "api": photos}
    async with serving(lambda _origin: photo_wall(settings)) as origin:
        saved = await register(node, database, tmp_path, origin, page=PAGE)
        assert "CLIENT_SECRET" not in saved
        settings["client_id"] = saved["CLIENT_ID"]
        await page.goto(origin)
        await says(page, "ready")
        await press(page, "Connect")
        await sign_in_and_allow(page)
        await says(page, "Hello Ada Lovelace")
        await press(page, "Show photos")
        await says(page, "The cat, offended")
        await press(page, "Renew")
        await says(page, "renewed: openid profile offline_access photos:read")
        assert page.frames == [page.main_frame], "by refresh token, in no hidden frame"
        await press(page, "Show photos")
        await says(page, "The cat, offended")
        await press(page, "Sign out")
        await page.wait_for_url(f"{origin}/")
        await says(page, "ready")
        assert "refresh_token.revoked" in {entry.action for entry in await node.store.read_audit(limit=5)}

        await press(page, "Connect")
        await sign_in(page)
        await press(page, "Don’t allow")
        await says(page, "refused: access_denied")
    kinds = [post for post in posts if post and "grant_type" in post]
    assert ["authorization_code" in kinds[0], "refresh_token" in kinds[1], len(kinds)] == [True, True, 2]
    assert [text for text in refused if "favicon" not in text and "404" not in text] == []
