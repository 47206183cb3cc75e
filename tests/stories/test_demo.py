"""`grantway demo`, as a newcomer meets it: started by its command, clicked through in a real browser."""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.node import free_port
from tests.web.axe import assert_accessible


@asynccontextmanager
async def demo(*options: str):
    """The three programs, on ports of their own, until the story is told."""
    ports = (free_port() for _ in range(3))
    named = zip(("--port", "--app-port", "--api-port"), map(str, ports), strict=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "grantway",
        "demo",
        "--json",
        *(word for pair in named for word in pair),
        *options,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), timeout=60)), process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), timeout=20)


async def sign_in(page: Page, person: dict[str, str]) -> None:
    await page.fill("input[name=username]", person["username"])
    await page.fill("input[name=password]", person["password"])
    await page.click("#login-submit")


@pytest.fixture(scope="module")
async def started():
    async with demo() as (addresses, _):
        yield addresses


async def test_sign_in_untick_a_scope_allow_call_be_refused_refresh(started, page):
    """FS16, FS17, FS18, FS34, FS36, FS39, FS40, FS41, FS42, FN1, FN4, FN7, FN13: the main job."""
    violations = []
    page.on("console", lambda message: violations.append(message.text) if message.type == "error" else None)
    await page.goto(started["app"])
    await page.click("#connect")
    await assert_accessible(page)
    await sign_in(page, started["people"][0])
    await expect(page.locator("h1")).to_contain_text("Photo Printer")
    await assert_accessible(page)

    await page.uncheck("input[name=scope][value='photos:write']")
    assert not await page.is_checked("input[name=scope][value='photos:delete']"), (
        "sensitive ones start unticked"
    )
    await page.click("#consent-allow")
    await expect(page.locator("[data-granted]")).to_have_attribute("data-granted", "photos:read")

    await page.click("#show-photos")
    await expect(page.locator("#photos > li").first).to_be_visible()
    await page.click("#delete-photo")
    refused = page.locator("[data-error=insufficient_scope]")
    await expect(refused).to_contain_text("photos:delete")

    await page.click("#refresh")
    await expect(page.locator("[data-notice]")).to_contain_text("The old one ends at")
    await expect(page.locator("#photos > li").first).to_be_visible()
    assert [] == violations


async def test_denying_brings_access_denied_back_to_the_app(started, page):
    """FS19, FN1: the app hears that the person said no, and tells it in words."""
    callbacks = []
    page.on("request", lambda request: callbacks.append(request.url) if "/callback" in request.url else None)
    await page.goto(started["app"])
    await page.click("#connect")
    await sign_in(page, started["people"][1])
    await page.click("#consent-deny")
    await expect(page.locator("[data-error=access_denied]")).to_be_visible()
    answer = parse_qs(urlsplit(callbacks[0]).query)
    assert ["access_denied"] == answer["error"]
    assert "code" not in answer
    assert {"state", "iss"} <= answer.keys()


async def test_cancelling_the_sign_in_is_access_denied_too(started, page):
    """`design` 9, A10: login has a way out that the app hears of."""
    await page.goto(started["app"])
    await page.click("#connect")
    await page.click("#login-cancel")
    await expect(page.locator("[data-error=access_denied]")).to_be_visible()


async def test_revoking_the_grant_ends_the_refresh_token(started, page):
    """FN12, FS55: what `grants revoke` takes back, the app cannot renew."""
    await page.goto(started["app"])
    await page.click("#connect")
    await sign_in(page, started["people"][0])
    await page.click("#consent-allow")
    await expect(page.locator("[data-granted]")).to_be_visible()
    revoke = await asyncio.create_subprocess_exec(
        sys.executable,
        *(
            "-m",
            "grantway",
            "--config",
            started["config"],
            "grants",
            "revoke",
            "ada",
            started["client_id"],
            "--yes",
        ),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert 0 == await asyncio.wait_for(revoke.wait(), 60)
    await page.click("#refresh")
    await expect(page.locator("[data-error=invalid_grant]")).to_be_visible()


async def test_one_signal_stops_all_three_programs():
    """Ctrl-C leaves nothing behind: every port is free again."""
    async with demo() as (addresses, process):
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), timeout=20)
        for name in ("issuer", "app", "api"):
            address = urlsplit(addresses[name])
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await asyncio.open_connection("127.0.0.1", address.port)
