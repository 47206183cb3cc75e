"""People sign in at a site behind a real Caddy and a real nginx, as the how-to page prints them."""

import asyncio
import re
import ssl
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from playwright.async_api import Browser, Page, expect

from grantway.flows.registry_file import read_registry
from grantway.flows.registry_plan import apply
from grantway.storage.changes import PutApi
from tests.certificates import Authority
from tests.clients.person import press, sign_in
from tests.decisions.asking import HERE, Answer, Gate, bearer, gate_on, read
from tests.node import sqlite_url
from tests.services.browser import chromium
from tests.services.caddy import caddy_before_an_api
from tests.services.nginx import nginx_before_an_api
from tests.serving import serving
from tests.web.axe import assert_accessible

PAGE = (
    Path(__file__).parents[2] / "docs" / "howto" / "guard-with-a-gateway" / "sign-people-in.md"
).read_text()
HOST, ORIGIN = "album.example", "https://album.example"
SITE = """<!doctype html><html lang="en"><title>Album</title><main><h1>{path}</h1>
<p id="who">{who}</p><p id="may">{may}</p>
<form method="post" action="/"><button>Add</button></form>
<a href="/edit">Edit</a> <a href="/.grantway/sign-out">Sign out</a></main>"""


def block(kind: str) -> str:
    """The one block of this kind on the page."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return found


@dataclass
class Site:
    """A site that knows nothing of signing in, and remembers what reached it."""

    seen: list[dict] = field(default_factory=list)

    async def __call__(self, scope, receive, send) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        self.seen.append({"method": scope["method"], "path": scope["path"], "headers": headers})
        told = dict(headers)
        who, may = told["x-grantway-subject"], told["x-grantway-scopes"]
        body = SITE.format(path=scope["path"], who=who, may=may).encode()
        kinds = [(b"content-type", b"text/html"), (b"set-cookie", b"theme=dark; Path=/")]
        await send({"type": "http.response.start", "status": 200, "headers": kinds})
        await send({"type": "http.response.body", "body": body})

    def cookies(self) -> str:
        """All that the site was ever sent of cookies."""
        return " ".join(
            value for one in self.seen for name, value in one["headers"] if name.lower() == "cookie"
        )


@dataclass
class Front:
    """The site as the world sees it, and a browser that finds it there."""

    gate: Gate
    site: Site
    port: int
    browser: Browser

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A tab of somebody who was never here."""
        context = await self.browser.new_context(ignore_https_errors=True)
        try:
            yield await context.new_page()
        finally:
            await context.close()

    async def ask(self, method: str, target: str, *lines: str) -> Answer:
        """A request without a browser."""
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=trust, server_hostname=HOST
        )
        head = [f"{method} {target} HTTP/1.1", f"Host: {HOST}", "Connection: close", *lines]
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1"))
        raw = await reader.read()
        writer.close()
        return read(raw)


@pytest.fixture(scope="module")
async def behind(tmp_path_factory) -> AsyncIterator[tuple[Gate, Site, dict[str, int]]]:
    """Both gateways before one site, with the registry of the page."""
    folder = tmp_path_factory.mktemp("sites")
    site = Site()
    async with (
        gate_on(sqlite_url(folder), gateways=HERE) as gate,
        serving(lambda _origin: site) as origin,
    ):
        tables = tomllib.loads(block("toml"))
        wanted = read_registry(tables, folder=folder, env={}, dev=True)
        await apply(gate.node.server, wanted, actor="test")
        certificate = Authority("CN=Here").issue(f"CN={HOST}", dns=[HOST])
        where = {"server": gate.node.issuer, "api": origin, "certificate": certificate}
        with (
            nginx_before_an_api(folder / "nginx", block("nginx"), **where) as nginx,
            caddy_before_an_api(folder / "caddy", block("caddyfile"), host=HOST, **where) as caddy,
        ):
            yield gate, site, {"nginx": nginx, "caddy": caddy}


@pytest.fixture(scope="module", params=["caddy", "nginx"])
async def front(request, behind) -> AsyncIterator[Front]:
    gate, site, ports = behind
    port = ports[request.param]
    async with chromium(f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{port}") as browser:
        yield Front(gate, site, port, browser)


@pytest.fixture(autouse=True)
async def nothing_allowed_before(behind) -> None:
    """Each test starts with nobody having allowed anything."""
    gate, site, _ = behind
    await gate.node.store.revoke_consent(gate.node.people["ada"].subject, "album", [])
    site.seen.clear()


async def test_from_a_deep_link_to_signing_out_in_a_browser(front):
    """DC06, W3: sign in, read, post a form, sign out; and the site never sees a cookie of ours."""
    ada = front.gate.node.people["ada"].subject
    async with front.page() as page:
        await page.goto(f"{ORIGIN}/pages/7?size=9")
        assert page.url.startswith(front.gate.node.issuer)
        await sign_in(page)
        await press(page, "Allow")
        await page.wait_for_url(f"{ORIGIN}/pages/7?size=9")
        await expect(page.locator("#who")).to_have_text(ada)
        await expect(page.locator("#may")).to_have_text("album:see album:change")
        cookies = {one["name"]: one for one in await page.context.cookies(ORIGIN)}
        mine = cookies["__Host-gw_site"]
        assert (True, True, "Lax", "/") == (mine["httpOnly"], mine["secure"], mine["sameSite"], mine["path"])
        assert HOST == mine["domain"]

        await page.goto(f"{ORIGIN}/")
        await press(page, "Add")
        assert ("POST", "/") in [(one["method"], one["path"]) for one in front.site.seen]
        assert "gw_site" not in front.site.cookies()
        assert "theme=dark" in front.site.cookies()

        await page.get_by_role("link", name="Sign out").click()
        await page.wait_for_url(f"{front.gate.node.issuer}/end-session?client_id=album")
        assert "__Host-gw_site" not in {one["name"] for one in await page.context.cookies(ORIGIN)}
        await press(page, "Sign out")
        await page.goto(f"{ORIGIN}/")
        await expect(page.get_by_label("Username")).to_be_visible()


async def test_a_second_visit_while_signed_in_takes_no_click(front):
    """DC06: the session of the site is over, the one at Grantway is not."""
    async with front.page() as page:
        await page.goto(f"{ORIGIN}/")
        await sign_in(page)
        await press(page, "Allow")
        await page.wait_for_url(f"{ORIGIN}/")
        await page.context.clear_cookies(name="__Host-gw_site")
        await page.goto(f"{ORIGIN}/pages/8")
        assert f"{ORIGIN}/pages/8" == page.url


async def test_a_form_and_a_script_of_another_site_do_nothing(front):
    """W5, D2: the browser sends no Lax cookie with a POST, and a page of a sibling would not count either."""
    async with front.page() as page:
        await page.goto(f"{ORIGIN}/")
        await sign_in(page)
        await press(page, "Allow")
        await page.wait_for_url(f"{ORIGIN}/")
        front.site.seen.clear()
        await page.route(
            "https://evil.example/**", lambda route: route.fulfill(body=_EVIL, content_type="text/html")
        )
        await page.goto("https://evil.example/")
        await press(page, "Win")
        await page.wait_for_url(f"{ORIGIN}/**")
        assert [] == [one for one in front.site.seen if one["method"] == "POST"]
        jar = "; ".join(f"{one['name']}={one['value']}" for one in await page.context.cookies(ORIGIN))
        forged = (f"Cookie: {jar}", "Content-Length: 0")
        for site in ("cross-site", "same-site"):
            answer = await front.ask("POST", "/", *forged, f"Sec-Fetch-Site: {site}")
            assert 403 == answer.status
        socket = (
            "Upgrade: websocket",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Origin: https://evil.example",
        )
        assert 403 == (await front.ask("GET", "/", f"Cookie: {jar}", *socket)).status
        assert [] == front.site.seen
        assert 200 == (await front.ask("GET", "/", f"Cookie: {jar}")).status


_EVIL = f'<form method="post" action="{ORIGIN}/"><button>Win</button></form>'


async def test_programs_are_challenged_and_tokens_pass(front):
    """DC06, DC02, O2, O7: the same addresses, without a browser; no header names the site another path."""
    none = await front.ask("GET", "/", "Accept: application/json")
    assert (401, []) == (none.status, none.every("location"))
    assert none["www-authenticate"].startswith('Bearer realm="Album"')
    assert none["grantway-flow"]
    node = front.gate.node
    await node.change_client("other", scope=node.server.snapshots.current().registry.clients["album"].scope)
    token = await front.gate.token("album:see", client_id="other", resource=ORIGIN)
    assert 200 == (await front.ask("GET", "/", bearer(token))).status
    assert 403 == (await front.ask("POST", "/", bearer(token), "Content-Length: 0")).status
    others = [f"{name}: /admin" for name in ("X-Original-URL", "X-Original-URI", "X-Rewrite-URL")]
    assert 200 == (await front.ask("GET", "/", bearer(token), *others)).status
    assert "/admin" not in [value for _, value in front.site.seen[-1]["headers"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
async def test_a_missing_permission_is_a_page_that_can_be_read(behind, tmp_path, theme, width):
    """DC06: what is missing, and the way to it; behind Caddy, which hands pages on."""
    gate, site, ports = behind
    api = gate.node.server.snapshots.current().registry.apis[ORIGIN]
    rules = [rule for rule in api.rules if rule.method != "POST"]
    edit = replace(next(rule for rule in api.rules if rule.method == "POST"), method="GET", path="/edit")
    await gate.node.server.snapshots.change([PutApi(replace(api, rules=(*rules, edit)))], [])
    mapped = f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{ports['caddy']}"
    try:
        async with chromium(mapped) as browser, Front(gate, site, ports["caddy"], browser).page() as page:
            await page.emulate_media(color_scheme=theme)
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(f"{ORIGIN}/")
            await sign_in(page)
            await page.get_by_label("Change your albums").uncheck()
            await press(page, "Allow")
            await page.wait_for_url(f"{ORIGIN}/")
            await page.get_by_role("link", name="Edit").click()
            await expect(page.get_by_role("heading")).to_have_text("You have not allowed this")
            await assert_accessible(page)
            await page.screenshot(path=tmp_path / f"lacking-{theme}-{width}.png")
            await page.get_by_role("link", name="Allow it").click()
            await press(page, "Allow")
            await page.wait_for_url(f"{ORIGIN}/edit")
            await expect(page.locator("#may")).to_have_text("album:see album:change")
    finally:
        await gate.node.server.snapshots.change([PutApi(api)], [])


def test_traefik_takes_our_cookies_out():
    """DC06: what it strips from the caller's request and copies from the answer, on the page."""
    forward = yaml.safe_load(block("yaml"))["http"]["middlewares"]["grantway"]["forwardAuth"]
    pattern = re.compile(forward["authResponseHeadersRegex"])
    for name in ("Cookie", "cookie", "X-Grantway-Subject", "x_grantway_subject"):
        assert pattern.search(name)
    assert not pattern.search("Set-Cookie")
    assert not pattern.search("Authorization")
    assert urlsplit(forward["address"]).query.endswith("&login=1")
    assert forward["trustForwardHeader"] is False
