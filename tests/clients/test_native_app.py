"""A program on the person's own machine: a real browser, Authlib, and a socket that hears the answer."""

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client

from tests.clients.person import press, sign_in
from tests.node import free_port, native_client
from tests.serving import listening as up

ASKED = "photos:read photos:write"


@dataclass
class Listening:
    """A socket that waits for one browser (RFC 8252 §7.3)."""

    port: int
    heard: asyncio.Future[str]  # the target of the request: path and query


@asynccontextmanager
async def listening():
    """Listen on a port the operating system chooses."""
    heard = asyncio.get_running_loop().create_future()

    async def answer(scope, _receive, send):
        if not heard.done() and scope["path"] != "/favicon.ico":
            heard.set_result(f"{scope['path']}?{scope['query_string'].decode()}")
        head = [(b"content-type", b"text/plain"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"You can close this window."})

    async with up(answer) as port:
        yield Listening(port, heard)


@asynccontextmanager
async def program(node, client_id, redirect_uri):
    """The program's side of it: no secret, a fresh verifier."""
    async with AsyncOAuth2Client(
        client_id,
        scope=ASKED,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        token_endpoint=f"{node.issuer}/token",
        trust_env=False,
    ) as client:
        yield client


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_answer_comes_to_whatever_port_was_free(node, photos, page, host):
    """FN3, FS32, FS36, FS37: registered without a port (RFC 8252 §7.3); no secret anywhere."""
    app = await node.put_client(native_client(f"cli_{host}", redirect_uris=(f"http://{host}/cb",)))
    verifier = secrets.token_urlsafe(48)
    async with listening() as socket:
        redirect_uri = f"http://{host}:{socket.port}/cb"
        async with program(node, app.id, redirect_uri) as client:
            link, state = client.create_authorization_url(f"{node.issuer}/authorize", code_verifier=verifier)
            await page.goto(link)
            await sign_in(page)
            assert "This app runs on your own device" in await page.inner_text("main")
            await press(page, "Allow")
            heard = await asyncio.wait_for(socket.heard, 30)
            answer = parse_qs(urlsplit(heard).query)
            assert answer["iss"] == [node.issuer], "Authlib leaves this check to the program (RFC 9207 §2.4)"

            token = await client.fetch_token(
                authorization_response=f"http://{host}:{socket.port}{heard}",
                state=state,
                code_verifier=verifier,
            )
            assert token["scope"] == ASKED
            assert (await client.get(f"{photos}/photos")).status_code == 200
            assert (await client.refresh_token())["refresh_token"] != token["refresh_token"]
            assert (await client.get(f"{photos}/photos")).status_code == 200


async def test_the_answer_of_a_person_without_ipv4(node, photos, person):
    """FN3: `[::1]` with any port; the browser is scripted, for machines without IPv6 to run this too."""
    app = await node.put_client(native_client("cli_six", redirect_uris=("http://[::1]/cb",)))
    verifier, redirect_uri = secrets.token_urlsafe(48), f"http://[::1]:{free_port()}/cb"
    async with program(node, app.id, redirect_uri) as client:
        link, state = client.create_authorization_url(f"{node.issuer}/authorize", code_verifier=verifier)
        callback = await person.allow(link)
        assert callback.startswith(f"{redirect_uri}?")
        await client.fetch_token(authorization_response=callback, state=state, code_verifier=verifier)
        assert (await client.get(f"{photos}/photos")).status_code == 200


async def test_the_next_start_uses_another_port_and_asks_again(node, photos, page):
    """FN3: another program could listen there, so the person is asked each time (RFC 8252 §8.6)."""
    app = await node.put_client(native_client("restarted"))
    ports = set()
    for start in ("first", "second"):
        async with (
            listening() as socket,
            program(node, app.id, f"http://127.0.0.1:{socket.port}/cb") as client,
        ):
            verifier = secrets.token_urlsafe(48)
            link, state = client.create_authorization_url(f"{node.issuer}/authorize", code_verifier=verifier)
            await page.goto(link)
            if start == "first":
                await sign_in(page)
            await press(page, "Allow")
            heard = await asyncio.wait_for(socket.heard, 30)
            await client.fetch_token(
                authorization_response=f"http://127.0.0.1{heard}", state=state, code_verifier=verifier
            )
            ports.add(socket.port)
    assert len(ports) == 2


async def test_without_a_challenge_a_program_gets_no_code(node, photos, page):
    """FN3, FN15, FS12, FS14: Authlib lets its user forget PKCE; the socket hears `invalid_request`."""
    app = await node.put_client(native_client("forgetful"))
    async with listening() as socket, program(node, app.id, f"http://127.0.0.1:{socket.port}/cb") as client:
        link, state = client.create_authorization_url(f"{node.issuer}/authorize")
        await page.goto(link)
        answer = parse_qs(urlsplit(await asyncio.wait_for(socket.heard, 30)).query)
    assert (answer["error"], answer["state"]) == (["invalid_request"], [state])
    assert "code" not in answer


@pytest.mark.parametrize("other", ["http://127.0.0.1:{port}/other", "http://localhost:{port}/cb"])
async def test_only_the_port_may_differ(node, photos, page, other):
    """FN3, FN8, FS4, FS7: another path, or the name for the literal, stays on an error page."""
    app = await node.put_client(native_client(f"strict_{len(other)}"))
    async with listening() as socket, program(node, app.id, other.format(port=socket.port)) as client:
        link, _ = client.create_authorization_url(
            f"{node.issuer}/authorize", code_verifier=secrets.token_urlsafe(48)
        )
        await page.goto(link)
        assert await page.locator("[data-error]").count() == 1
        assert page.url.startswith(node.issuer)
        assert not socket.heard.done()
