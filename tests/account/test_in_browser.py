"""A person at their own pages in a real browser: one story, then the keyboard, then the Back button."""

from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect

from tests.account.own_pages import at_home
from tests.clients.person import press
from tests.node import PASSWORD, Visitor, sqlite_url
from tests.threats.attacks import target_on
from tests.web.axe import assert_accessible

SCOPE = "photos:read photos:write photos:delete notes:read offline_access"
NEW = "a longer walk around the lake"


@pytest.fixture
async def node(tmp_path):
    """A node of the test's own."""
    async with target_on(sqlite_url(tmp_path)) as node:
        yield node


async def sign_in(page: Page, password: str = PASSWORD) -> None:
    await page.get_by_label("Username").fill("ada")
    await page.get_by_label("Password").fill(password)
    await press(page, "Sign in")


async def allow_printer(page: Page, node) -> None:
    """Sign in and allow everything; the app itself answers nothing."""
    await page.route("https://printer.example/**", lambda route: route.fulfill(body="<h1>Printed</h1>"))
    await page.goto(node.issuer + Visitor(node).link(scope=SCOPE))
    await sign_in(page)
    await page.get_by_label("Delete your photos for ever").check()
    await press(page, "Allow")
    await page.wait_for_url("https://printer.example/**")


@asynccontextmanager
async def nothing_refused(page: Page):
    """The browser refused nothing that a page of ours asked for (Content-Security-Policy)."""
    refused = []
    page.on("console", lambda said: refused.append(said.text) if "Security Policy" in said.text else None)
    yield
    assert refused == []


async def test_from_the_first_look_to_signing_out(node, page):
    """FN12, FS55: a scope goes, the app goes, a stranger goes, the password changes, the door is shut."""
    stranger = await at_home(node, "ada")
    async with nothing_refused(page):
        await allow_printer(page, node)
        await page.goto(f"{node.issuer}/account")
        await assert_accessible(page)
        await page.get_by_role("navigation").get_by_role("link", name="Connected apps").click()
        card = page.locator('[data-app="printer"]')
        await expect(card).to_contain_text("See your photos")
        await assert_accessible(page)

        await card.get_by_role("link", name="Remove Add photos to your albums from Photo Printer").click()
        await assert_accessible(page)
        await press(page, "Take it back")
        await expect(page.get_by_role("status")).to_contain_text("can no longer do this: Add photos")
        await expect(card).not_to_contain_text("Add photos to your albums")
        await assert_accessible(page)

        await card.get_by_role("link", name="Remove access of Photo Printer").click()
        await expect(page.locator("main")).to_contain_text("Notes: it is locked out at once.")
        await press(page, "Remove access")
        await expect(page.get_by_role("status")).to_contain_text("Photo Printer is no longer connected.")
        await expect(card).to_have_count(0)

        await page.get_by_role("link", name="Sessions").click()
        await expect(page.locator("main li").first).to_contain_text("Chrome on Linux This browser")
        await assert_accessible(page)
        await page.get_by_role("link", name="Sign out everywhere else").click()
        await press(page, "Sign out the others")
        await expect(page.get_by_role("status")).to_contain_text("Signed out 1 other browser.")
        assert 'id="login-submit"' in (await stranger.get("/account")).text

        await page.get_by_role("link", name="Profile").click()
        await assert_accessible(page)
        await page.get_by_role("link", name="Change your name").click()
        await page.get_by_label("Name", exact=True).fill("Ada King")
        await press(page, "Change name")
        await expect(page.get_by_role("navigation")).to_contain_text("Ada King")

        await page.get_by_role("navigation").get_by_role("link", name="Password").click()
        await page.get_by_label("Current password").fill("not it")
        await page.get_by_label("New password", exact=True).fill(NEW)
        await page.get_by_label("New password, once more").fill(NEW)
        await press(page, "Change password")
        await expect(page.get_by_role("alert")).to_contain_text("Your current password is not right.")
        await assert_accessible(page)
        await page.get_by_label("Current password").fill(PASSWORD)
        await page.get_by_label("New password", exact=True).fill(NEW)
        await page.get_by_label("New password, once more").fill(NEW)
        await press(page, "Change password")
        await expect(page.get_by_role("status")).to_contain_text("Your password is changed")

        await page.get_by_role("navigation").get_by_role("link", name="Sign out").click()
        await press(page, "Sign out")
        await expect(page.locator("h1")).to_have_text("You are signed out")


async def test_after_signing_out_the_back_button_shows_no_page_of_the_person(node, page):
    """P4: not even one that the browser had in its memory."""
    await allow_printer(page, node)
    await page.goto(f"{node.issuer}/account/apps")
    await page.get_by_role("link", name="Sign out").click()
    await press(page, "Sign out")
    for _ in range(2):
        await page.go_back()
        await expect(page.locator("main")).not_to_contain_text("Photo Printer")
        await expect(page.locator("body")).not_to_contain_text("Ada Lovelace")


async def test_everything_is_reached_with_the_keyboard_in_reading_order(node, page):
    """WCAG 2.2, 2.4.3: first the way past the navigation, then that, then the page, top to bottom."""
    await allow_printer(page, node)
    await page.goto(f"{node.issuer}/account/apps")
    order = []
    for _ in range(11):
        await page.keyboard.press("Tab")
        order.append(await page.evaluate("() => document.activeElement.textContent.trim()"))
    assert order[:7] == [
        "Skip to content",
        *("Overview", "Connected apps", "Sessions", "Profile", "Password", "Sign out"),
    ]
    assert order[7:10] == [
        "Remove Add photos to your albums from Photo Printer",
        "Remove Delete your photos for ever from Photo Printer",
        "Remove access of Photo Printer",
    ]
    await page.get_by_role("link", name="Remove access").focus()
    await page.keyboard.press("Enter")
    await page.locator("#not-sure").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator('[data-app="printer"]')).to_be_visible()


async def test_all_of_it_works_without_scripts(node, browser):
    """FN12: no page of the account needs one."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await allow_printer(page, node)
    await page.goto(f"{node.issuer}/account/apps")
    await page.get_by_role("link", name="Remove access").click()
    await press(page, "Remove access")
    await expect(page.locator("main")).to_contain_text("No apps are connected")
    await context.close()


async def test_no_other_site_frames_these_pages(node, page):
    """D1: a click meant for another site never lands on ours."""
    await allow_printer(page, node)
    framed = f'<iframe id="f" src="{node.issuer}/account/apps"></iframe>'
    await page.route(
        "https://evil.example/", lambda route: route.fulfill(body=framed, content_type="text/html")
    )
    await page.goto("https://evil.example/")
    frame = page.frames[-1]
    assert "Photo Printer" not in await frame.content()
