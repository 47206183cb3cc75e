"""Make the pictures of the documentation from a running server: each page, both themes, desk and phone.

python scripts/screenshots.py [folder]     default: docs/pictures
"""

import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, Page  # noqa: E402 - after the path is set

from tests.node import PASSWORD, Node, Visitor, seeded_node, sqlite_url  # noqa: E402 - as above
from tests.services.browser import chromium  # noqa: E402 - as above

SCOPE = "photos:read photos:write photos:delete offline_access"
WIDTHS = {"desk": 1280, "phone": 320}


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


PAGES = {"login": sign_in_page, "consent": consent_page, "error": error_page}


async def take(browser: Browser, node: Node, folder: Path) -> None:
    for name, reach in PAGES.items():
        for theme in ("light", "dark"):
            for device, width in WIDTHS.items():
                context = await browser.new_context(
                    viewport={"width": width, "height": 920}, color_scheme=theme, device_scale_factor=1
                )
                page = await context.new_page()
                await reach(page, node)
                suffix = "" if device == "desk" else f"-{device}"
                target = folder / f"{name}-{theme}{suffix}.png"
                await page.screenshot(path=target, full_page=device == "phone")
                print(target.name, f"{target.stat().st_size / 1000:.0f} kB")
                await context.close()


async def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        async with seeded_node(sqlite_url(Path(data))) as node, chromium() as browser:
            await take(browser, node, folder)


if __name__ == "__main__":
    asyncio.run(main())
