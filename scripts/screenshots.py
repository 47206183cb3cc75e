"""Make the pictures of the documentation from a running server: each page, both themes, desk and phone.

python scripts/screenshots.py [page …]     default: all of them, into docs/pictures
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402 - after the path is set
from playwright.async_api import Browser, Page  # noqa: E402 - after the path is set

from tests.node import PASSWORD, Node, Visitor, seeded_node, sqlite_url  # noqa: E402 - as above
from tests.services.browser import chromium  # noqa: E402 - as above

SCOPE = "photos:read photos:write photos:delete offline_access"
WIDTHS = {"desk": 1280, "phone": 320}
LEAST = 480  # pixels, the height of the smallest picture
COLOURS = 96  # of a picture: enough for text on plain ground, and a third of the size
FOLDER = ROOT / "docs" / "pictures"
Reach = Callable[[Page, Node], Awaitable[None]]


async def sign_in_page(page: Page, node: Node) -> None:
    await page.goto(node.issuer + Visitor(node).link(scope=SCOPE))


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await page.fill("input[name=username]", "ada")
    await page.fill("input[name=password]", password)
    await page.click("#login-submit")


async def wrong_password_page(page: Page, node: Node) -> None:
    await sign_in_page(page, node)
    await sign_in(page, "a long walk by the sea")
    await page.wait_for_selector("[role=alert], .problem")


async def consent_page(page: Page, node: Node) -> None:
    await sign_in_page(page, node)
    await sign_in(page)
    await page.wait_for_selector("#consent-allow")


async def select_account_page(page: Page, node: Node) -> None:
    await consent_page(page, node)
    await page.goto(node.issuer + Visitor(node).link(scope=SCOPE, prompt="select_account"))


async def error_page(page: Page, node: Node) -> None:
    await node.change_client("printer", homepage="https://printer.example/")
    await page.goto(node.issuer + Visitor(node).link(redirect_uri="https://printer.example/callback/"))
    await page.click("summary")


async def explained_page(page: Page, node: Node) -> None:
    await error_page(page, node)
    await page.click("#error-explained")
    await page.wait_for_selector("h2")


async def account_page(page: Page, node: Node) -> None:
    await connected(page, node)
    await page.goto(f"{node.issuer}/account")


async def connected(page: Page, node: Node) -> None:
    """Ada has allowed the app; it answers nothing."""
    await consent_page(page, node)
    await page.check("input[value='photos:delete']")
    await page.route("https://printer.example/**", lambda route: route.fulfill(body="Printed"))
    await page.click("#consent-allow")
    await page.wait_for_url("https://printer.example/**")


async def apps_page(page: Page, node: Node) -> None:
    await connected(page, node)
    await page.goto(f"{node.issuer}/account/apps")


async def remove_page(page: Page, node: Node) -> None:
    await apps_page(page, node)
    await page.get_by_role("link", name="Remove access").click()
    await page.wait_for_url("**/account/apps/remove?**")


async def consent_again_page(page: Page, node: Node) -> None:
    """It was allowed less before, and asks for more."""
    await consent_page(page, node)
    await page.uncheck("input[value='photos:write']")
    await page.route("https://printer.example/**", lambda route: route.fulfill(body="Printed"))
    await page.click("#consent-allow")
    await page.wait_for_url("https://printer.example/**")
    await page.goto(node.issuer + Visitor(node).link(scope=SCOPE))


async def sessions_page(page: Page, node: Node) -> None:
    phone = Visitor(node)
    phone.http.headers["user-agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Version/19.0 Safari/604.1"
    await phone.sign_in(await phone.get("/account"))
    await own_page(page, node, "/account/sessions")


async def own_page(page: Page, node: Node, path: str) -> None:
    await page.goto(node.issuer + path)
    await sign_in(page)
    await page.wait_for_url(f"**{path}")


async def profile_page(page: Page, node: Node) -> None:
    await own_page(page, node, "/account/profile")


async def name_page(page: Page, node: Node) -> None:
    await own_page(page, node, "/account/name")


async def password_page(page: Page, node: Node) -> None:
    await own_page(page, node, "/account/password")


async def sign_out_page(page: Page, node: Node) -> None:
    await own_page(page, node, "/account")
    await page.goto(f"{node.issuer}/logout")


async def home_page(page: Page, node: Node) -> None:
    await page.goto(node.issuer)


# Name of the files → what is seen, and the way there.
PAGES: dict[str, tuple[str, Reach]] = {
    "login": ("Sign in", sign_in_page),
    "login-wrong": ("A wrong password", wrong_password_page),
    "select-account": ("Choose an account", select_account_page),
    "consent": ("Consent", consent_page),
    "consent-again": ("Consent, when the app asks for more", consent_again_page),
    "error": ("A request that leads nowhere", error_page),
    "explained": ("What an error means", explained_page),
    "account": ("Your account", account_page),
    "apps": ("Connected apps", apps_page),
    "remove": ("Take everything back", remove_page),
    "sessions": ("Sessions", sessions_page),
    "profile": ("Profile", profile_page),
    "name": ("Change your name", name_page),
    "password": ("Change your password", password_page),
    "sign-out": ("Sign out", sign_out_page),
    "home": ("The front door", home_page),
}


async def take(browser: Browser, name: str) -> None:
    """One page on both devices, in both themes. What one page leaves behind is in no other picture."""
    for device, width in WIDTHS.items():
        with tempfile.TemporaryDirectory() as data:
            async with seeded_node(sqlite_url(Path(data))) as node:
                context = await browser.new_context(
                    viewport={"width": width, "height": LEAST}, device_scale_factor=1
                )
                page = await context.new_page()
                await PAGES[name][1](page, node)
                tall = await page.evaluate("document.documentElement.scrollHeight")
                await page.set_viewport_size({"width": width, "height": tall})  # what sticks, at its place
                for theme in ("light", "dark"):
                    await page.emulate_media(color_scheme=theme)
                    target = FOLDER / f"{name}-{theme}{'' if device == 'desk' else f'-{device}'}.png"
                    await page.screenshot(path=target, animations="disabled")
                    shrink(target)
                    print(target.name, f"{target.stat().st_size / 1000:.0f} kB")
                await context.close()


def shrink(picture: Path) -> None:
    """Fewer colours, the same words."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


def gallery() -> str:
    """The page that shows them all."""
    parts = ["# Every page in pictures\n\nMade by `scripts/screenshots.py` from a running server.\n"]
    for name, (title, _) in PAGES.items():
        parts.append(
            f"## {title}\n\n"
            f"| 1280 px | 320 px |\n| --- | --- |\n"
            + "".join(
                f"| ![{title}, {theme}]({name}-{theme}.png) "
                f"| ![{title}, {theme}, on a phone]({name}-{theme}-phone.png) |\n"
                for theme in ("light", "dark")
            )
        )
    return "\n".join(parts)


async def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "README.md").write_text(gallery(), "utf-8")
    async with chromium() as browser:
        for name in sys.argv[1:] or PAGES:
            await take(browser, name)


if __name__ == "__main__":
    asyncio.run(main())
