"""FastAPI's documentation page as the client: its "Authorize" button, pressed in a real browser."""

import sys

from playwright.async_api import expect

from grantway.samples.photos_api import definition
from tests.clients.person import press
from tests.clients.web_apps import printed_app, sign_in_and_allow
from tests.node import free_port
from tests.printed import program
from tests.services.node import FOLDER as NPM

PAGE = "docs/howto/swagger-ui.md"
COMMAND = (sys.executable, "-m", "uvicorn", "served:app", "--port", "{port}")
# Without the internet: the same files from npm. Not by intercepting requests, as the browser then asks
# no server whether one origin may call another.
SERVED = f"""
import fastapi.openapi.docs
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

defaults = fastapi.openapi.docs.get_swagger_ui_html.__kwdefaults__
for name in ("swagger_js_url", "swagger_css_url"):
    defaults[name] = "/assets/" + defaults[name].rpartition("/")[2]

from documentation import app as printed

assets = StaticFiles(directory={str(NPM / "node_modules/swagger-ui-dist")!r})
app = Starlette(routes=[Mount("/assets", assets), Mount("/", printed)])
"""
CODE = ".live-responses-table tbody .response-col_status"
DEFINITION = """
[[apis]]
name = "Photos"
audience = "{audience}"
scopes = [
    {{ name = "photos:read", description = "See your photos" }},
    {{ name = "photos:write", description = "Add photos to your albums" }},
]
rules = [{{ path = "/photos", GET = ["photos:read"] }}]
"""


async def test_a_person_tries_an_api_from_its_documentation(node, database, page, context, tmp_path):
    """FN2, FN13, FS12, FS32, MD11: Swagger UI builds the link, exchanges with PKCE, and calls the API."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    await node.put_api(definition(origin))
    (tmp_path / "photos.toml").write_text(DEFINITION.format(audience=origin))
    (tmp_path / "documentation.py").write_text(program(PAGE))
    (tmp_path / "served.py").write_text(SERVED)
    async with printed_app(
        node, tmp_path, "", COMMAND, page=PAGE, database=database, port=port, PYTHONPATH=":".join(sys.path)
    ):
        await page.goto(f"{origin}/docs")
        await try_it_out(page)
        await expect(page.locator(CODE)).to_contain_text("401")

        await page.locator(".auth-wrapper .authorize").click()
        dialog = page.locator(".auth-container").first
        await dialog.get_by_label("photos:read").check()
        async with context.expect_page() as opened:
            await dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
        tab = await opened.value
        await sign_in_and_allow(tab)
        await expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
        await press(page, "Close")

        await page.get_by_role("button", name="Execute").click()
        await expect(page.locator(CODE)).to_contain_text("200")
        await expect(page.locator(".live-responses-table")).to_contain_text(node.people["ada"].subject)


async def try_it_out(page):
    await page.locator("#operations-default-photos_photos_get .opblock-summary-control").click()
    await page.get_by_role("button", name="Try it out").click()
    await page.get_by_role("button", name="Execute").click()
