"""The samples against a real server: Photo Printer is allowed, refused, refreshed and cut off.

RFC 6749 §4.1, §6; RFC 7009; RFC 9207; RFC 6750 §3.
"""

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from playwright.async_api import expect

from grantway.protocol.scope import Scope
from grantway.samples.photos_api import create_photos_api, definition
from grantway.samples.printer import PrinterConfig, create_printer
from tests.node import PASSWORD, Visitor, answer_of, free_port, running_node, sqlite_url, web_client
from tests.sdk.servers import running
from tests.web.axe import assert_accessible

EVERYTHING = ("photos:read", "photos:write", "photos:delete")


@dataclass
class Demo:
    node: object
    config: PrinterConfig
    api_url: str

    @property
    def url(self):
        return self.config.base_url


@asynccontextmanager
async def demo(database):
    """Server, sample API and sample app, each on a port of its own, registered with one another."""
    ports = free_port(), free_port()
    app_url, api_url = (f"http://127.0.0.1:{port}" for port in ports)
    port = free_port()
    async with running_node(database, port=port, issuer=f"http://localhost:{port}") as node:
        await node.put_api(definition(api_url))
        scope = Scope.of([*EVERYTHING])
        await node.put_client(
            web_client(redirect_uris=(f"{app_url}/callback",), scope=scope, optional_scope=scope)
        )
        await node.add_person()
        config = PrinterConfig(
            issuer=node.issuer,
            client_id="printer",
            client_secret=node.secrets["printer"],
            base_url=app_url,
            api_url=api_url,
        )
        async with (
            running(create_photos_api(issuer=node.issuer, base_url=api_url), port=ports[1]),
            running(create_printer(config), port=ports[0]),
        ):
            yield Demo(node, config, api_url)


@pytest.fixture(scope="module")
async def stage(tmp_path_factory):
    async with demo(sqlite_url(tmp_path_factory.mktemp("demo"))) as demo_:
        yield demo_


async def connect(page, *, tick=EVERYTHING, answer="allow"):
    """Sign in and answer the consent page with these permissions ticked."""
    await page.fill("[name=username]", "ada")
    await page.fill("[name=password]", PASSWORD)
    await page.click("#login-submit")
    for box in await page.locator("[name=scope]").all():
        await box.set_checked(await box.get_attribute("value") in tick)
    await page.click(f"#consent-{answer}")


# -------------------------------------------------------------------------------------- in a browser


async def test_a_person_connects_photos_and_uses_everything(stage, page):
    """The main job, clicked from the first page to the last."""
    refused = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    await page.goto(stage.url)
    await assert_accessible(page)
    await page.click("#connect")
    await connect(page)
    await expect(page).to_have_url(f"{stage.url}/")
    await expect(page.locator("[data-granted]")).to_have_attribute(
        "data-granted", "photos:read photos:write photos:delete"
    )
    await page.click("#show-photos")
    await expect(page.locator("#photos > li")).to_have_count(3)
    await page.click("#add-photo")
    await expect(page.locator("[data-notice]")).to_contain_text("A photo was added")
    await expect(page.locator("#photos > li")).to_have_count(4)
    await page.click("#delete-photo")
    await expect(page.locator("[data-notice]")).to_contain_text("Photo 1 was deleted")
    await expect(page.locator("[data-photo='1']")).to_have_count(0)
    await page.click("#delete-photo")
    await expect(page.locator("[data-error=http_404]")).to_contain_text("It is not there")
    await page.click("#refresh")
    await expect(page.locator("[data-notice]")).to_contain_text("The old one ends at")
    await expect(page.locator("#photos > li")).to_have_count(3)
    await assert_accessible(page)
    await page.click("#signout")
    await expect(page.locator("#connect")).to_be_visible()
    assert [] == refused, "no page breaks its own Content-Security-Policy"


async def test_who_is_not_connected_comes_back_to_the_page_they_wanted(stage, page):
    await page.goto(f"{stage.url}/photos")
    await connect(page)
    await expect(page).to_have_url(f"{stage.url}/photos")
    await expect(page.locator("#photos")).to_be_visible()


async def test_a_permission_that_was_not_given_is_refused_and_explained(stage, page):
    """RFC 6750 §3.1: the challenge of the API, in words, and a way to mend it."""
    await page.goto(f"{stage.url}/photos")
    await connect(page, tick=["photos:read"])
    await expect(page.locator("[data-granted]")).to_have_attribute("data-granted", "photos:read")
    await page.click("#delete-photo")
    told = page.locator("[data-error=insufficient_scope]")
    await expect(told).to_contain_text("Deleting photo 1 was refused")
    await expect(told).to_contain_text("the token lacks photos:delete")
    await expect(told.locator("code")).to_have_text("photos:delete")
    await page.set_viewport_size({"width": 320, "height": 640})
    await assert_accessible(page)
    await page.click("#connect-again")
    for box in await page.locator("[name=scope]").all():
        await box.check()
    await page.click("#consent-allow")
    await expect(page).to_have_url(f"{stage.url}/photos")
    await expect(page.locator("[data-granted]")).to_have_attribute(
        "data-granted", "photos:read photos:write photos:delete"
    )


async def test_a_refusal_by_the_person_is_explained(stage, page):
    """RFC 6749 §4.1.2.1."""
    await page.goto(stage.url)
    await page.click("#connect")
    await connect(page, answer="deny")
    await expect(page.locator("[data-error=access_denied]")).to_have_text("You did not allow it")
    await assert_accessible(page)
    await page.goto(f"{stage.url}/photos")
    assert urlsplit(stage.node.issuer).port == urlsplit(page.url).port, "still not connected"


# ------------------------------------------------------------------------------- answers that lie


class Browser:
    """A person's browser, followed step by step."""

    def __init__(self, stage):
        self.stage = stage
        self.http = httpx2.AsyncClient(base_url=stage.url, trust_env=False)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.http.aclose()

    async def start(self):
        """Begin a login; what the app asked the server for."""
        reply = await self.http.get("/login")
        assert 302 == reply.status_code
        assert reply.headers["location"].startswith(f"{self.stage.node.issuer}/authorize?")
        return dict(httpx2.QueryParams(urlsplit(reply.headers["location"]).query))

    async def answer(self, **parameters):
        return await self.http.get(f"/callback?{urlencode(parameters)}")


async def test_the_request_has_what_the_server_wants_and_no_more(stage):
    """RFC 6749 §4.1.1, RFC 7636 §4.3: a fresh state and challenge each time."""
    async with Browser(stage) as browser:
        first, second = await browser.start(), await browser.start()
    assert {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "code_challenge_method",
    } == first.keys()
    assert ("code", "S256", " ".join(EVERYTHING), stage.config.redirect_uri) == (
        first["response_type"],
        first["code_challenge_method"],
        first["scope"],
        first["redirect_uri"],
    )
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


@pytest.mark.parametrize("state", ["", "invented", "OTHER"])
async def test_an_answer_nobody_here_waits_for(stage, state):
    """RFC 6749 §10.12: state belongs to one browser; another one's is refused, and its text is not shown."""
    async with Browser(stage) as browser, Browser(stage) as attacker:
        await browser.start()
        other = (await attacker.start())["state"]
        reply = await browser.answer(
            state=other if state == "OTHER" else state,
            iss=stage.node.issuer,
            error="x",
            error_description="call me",
            code="x",
        )
    assert 400 == reply.status_code
    assert 'data-error="unknown_state"' in reply.text
    assert "call me" not in reply.text


@pytest.mark.parametrize("iss", [None, "https://evil.example", "ISSUER/"])
async def test_an_answer_from_another_server(stage, iss):
    """RFC 9207 §2.4: the code goes nowhere, and the state is spent."""
    async with Browser(stage) as browser:
        state = (await browser.start())["state"]
        members = {} if iss is None else {"iss": iss.replace("ISSUER", stage.node.issuer)}
        reply = await browser.answer(state=state, code="x", **members)
        assert (400, True) == (reply.status_code, 'data-error="wrong_issuer"' in reply.text)
        again = await browser.answer(state=state, code="x", iss=stage.node.issuer)
        assert 'data-error="unknown_state"' in again.text


async def test_a_code_that_the_server_refuses(stage):
    """RFC 6749 §5.2."""
    async with Browser(stage) as browser:
        state = (await browser.start())["state"]
        reply = await browser.answer(state=state, code="invented", iss=stage.node.issuer)
        assert (400, True) == (reply.status_code, 'data-error="invalid_grant"' in reply.text)


async def test_what_the_server_says_is_quoted_and_escaped(stage):
    async with Browser(stage) as browser:
        state = (await browser.start())["state"]
        reply = await browser.answer(
            state=state, error="<b>odd</b>", error_description="<script>", iss=stage.node.issuer
        )
    assert 400 == reply.status_code
    assert "The server said: &lt;script&gt;" in reply.text
    assert "<b>" not in reply.text


async def test_no_button_works_without_a_form_of_ours(stage):
    """Another site cannot press one."""
    async with Browser(stage) as browser:
        for path in ("/refresh", "/signout", "/delete-photo", "/add-photo"):
            reply = await browser.http.post(path)
            assert (303, "/") == (reply.status_code, reply.headers["location"])


async def test_the_server_is_away(stage):
    config = replace(stage.config, issuer="http://127.0.0.1:9", base_url="http://127.0.0.1:8601")
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=create_printer(config)), base_url=config.base_url
    )
    async with http:
        reply = await http.get("/login")
    assert (502, True) == (reply.status_code, 'data-error="unreachable"' in reply.text)


async def test_no_page_may_be_framed_or_kept(stage):
    async with Browser(stage) as browser:
        for path in ("/", "/login", "/callback"):
            reply = await browser.http.get(path)
            assert "no-store" == reply.headers["cache-control"]
            assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert 200 == (await browser.http.get("/files/printer.css")).status_code
        assert 200 == (await browser.http.get("/files/grantway.css")).status_code
        assert 404 == (await browser.http.get("/files/printer.py")).status_code


# ------------------------------------------------------------------------------------- the photos API


async def test_the_api_says_at_its_door_what_it_is(stage):
    async with httpx2.AsyncClient(base_url=stage.api_url, trust_env=False) as http:
        door = await http.get("/")
        assert {
            "GET /photos": ["photos:read"],
            "POST /photos": ["photos:write"],
            "GET /photos/{id}": ["photos:read"],
            "DELETE /photos/{id}": ["photos:delete"],
        } == door.json()["needs"]
        closed = await http.get("/photos")
        assert 401 == closed.status_code
        assert 'Bearer realm="Photos", scope="photos:read"' == closed.headers["www-authenticate"]


async def test_everybody_has_photos_of_their_own(stage):
    """A person's token shows and deletes that person's photos only."""
    await stage.node.add_person("grace", "Grace Hopper")
    tokens = {}
    for username in ("grace", "ada"):
        visitor = Visitor(stage.node)
        callback = stage.config.redirect_uri
        page = await visitor.get(visitor.link(redirect_uri=callback, scope=" ".join(EVERYTHING)))
        page = await visitor.sign_in(page, username)
        if 'id="consent-allow"' in page.text:
            page = await visitor.submit(page, answer="allow", scope=list(EVERYTHING))
        reply = await stage.node.token(
            "printer",
            grant_type="authorization_code",
            code=answer_of(page)["code"],
            redirect_uri=callback,
            code_verifier=visitor.verifier,
        )
        tokens[username] = {"authorization": f"Bearer {reply.json()['access_token']}"}
    async with httpx2.AsyncClient(base_url=stage.api_url, trust_env=False) as http:
        hers = (await http.get("/photos", headers=tokens["grace"])).json()["photos"]
        assert 3 == len(hers)
        made = await http.post("/photos", headers=tokens["grace"], json={"title": "Mark II"})
        assert 201 == made.status_code
        path = urlsplit(made.headers["location"]).path
        assert "Mark II" == (await http.get(path, headers=tokens["grace"])).json()["title"]
        assert 404 == (await http.get("/photos/99", headers=tokens["grace"])).status_code
        others = (await http.get("/photos", headers=tokens["ada"])).json()["photos"]
        assert "Mark II" not in {photo["title"] for photo in others}
        assert 204 == (await http.delete(path, headers=tokens["grace"])).status_code
        for body in (b"", b"[]", b'{"title": ""}', b'{"title": "x", "owner": "ada"}', b"x" * 5000):
            assert 422 == (await http.post("/photos", headers=tokens["grace"], content=body)).status_code
