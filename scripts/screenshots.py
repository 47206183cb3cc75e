"""Make the pictures of the documentation from a running server: each page, both themes, desk and phone.

python scripts/screenshots.py [folder]     default: docs/pictures
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, Page  # noqa: E402 - after the path is set

from tests.node import PASSWORD, Node, Visitor, seeded_node, sqlite_url  # noqa: E402 - as above
from tests.services.browser import chromium  # noqa: E402 - as above

SCOPE = "photos:read photos:write photos:delete offline_access"
WIDTHS = {"desk": 1280, "phone": 320}
Reach = Callable[[Page, Node], Awaitable[None]]


async def sign_in_page(page: Page, node: Node) -> None:
    await page.goto(node.issuer + Visitor(node).link(scope=SCOPE))


async def consent_page(page: Page, node: Node) -> None:
    await sign_in_page(page, node)
    await page.fill("input[name=username]", "ada")
    await page.fill("input[name=password]", PASSWORD)
    await page.click("#login-submit")
    await page.wait_for_selector("#consent-allow")


async def error_page(page: Page, node: Node) -> None:
    await page.goto(node.issuer + Visitor(node).link(redirect_uri="https://printer.example/callback/"))
    await page.click("summary")


async def apps_page(page: Page, node: Node) -> None:
    await consent_page(page, node)
    await page.check("input[value='photos:delete']")
    await page.route("https://printer.example/**", lambda route: route.fulfill(body="Printed"))
    await page.click("#consent-allow")
    await page.wait_for_url("https://printer.example/**")
    await page.goto(f"{node.issuer}/account/apps")


async def sessions_page(page: Page, node: Node) -> None:
    phone = Visitor(node)
    phone.http.headers["user-agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Version/19.0 Safari/604.1"
    await phone.sign_in(await phone.get("/account"))
    await page.goto(f"{node.issuer}/account/sessions")
    await page.fill("input[name=username]", "ada")
    await page.fill("input[name=password]", PASSWORD)
    await page.click("#login-submit")
    await page.wait_for_selector("#end-others")


PAGES = {
    "login": sign_in_page,
    "consent": consent_page,
    "error": error_page,
    "apps": apps_page,
    "sessions": sessions_page,
}


async def take(browser: Browser, folder: Path) -> None:
    for name, reach in PAGES.items():
        for theme in ("light", "dark"):
            for device in WIDTHS:
                target = folder / f"{name}-{theme}{'' if device == 'desk' else f'-{device}'}.png"
                with tempfile.TemporaryDirectory() as data:  # what one picture leaves behind is in no other
                    async with seeded_node(sqlite_url(Path(data))) as node:
                        await take_one(browser, node, reach, target, theme=theme, device=device)
                print(target.name, f"{target.stat().st_size / 1000:.0f} kB")


async def take_one(
    browser: Browser, node: Node, reach: Reach, target: Path, *, theme: str, device: str
) -> None:
    context = await browser.new_context(
        viewport={"width": WIDTHS[device], "height": 920}, color_scheme=theme, device_scale_factor=1
    )
    page = await context.new_page()
    await reach(page, node)
    await page.screenshot(path=target, full_page=device == "phone")
    await context.close()


async def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    async with chromium() as browser:
        await take(browser, folder)


if __name__ == "__main__":
    asyncio.run(main())
