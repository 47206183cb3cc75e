"""A program on the person's own machine: the system's browser, Authlib, and a socket that hears the answer."""

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client

from tests.node import PASSWORD, native_client

ASKED = "photos:read photos:write"


@dataclass
class Listening:
    """A socket that waits for one browser (RFC 8252 §7.3)."""

    port: int
    heard: asyncio.Future[str]  # the target of the request: path and query


@asynccontextmanager
async def listening(host="127.0.0.1"):
    """Listen on a port the operating system chooses."""
    heard = asyncio.get_running_loop().create_future()

    async def answer(reader, writer):
        request_line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode()
        body = b"You can close this window."
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/plain\r\n")
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        target = request_line.split(" ")[1]
        if not heard.done() and target != "/favicon.ico":
            heard.set_result(target)

    server = await asyncio.start_server(answer, host, 0)
    async with server:
        yield Listening(server.sockets[0].getsockname()[1], heard)


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


async def sign_in(page):
    await page.get_by_label("Username").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()


async def allow(page):
    await page.get_by_role("button", name="Allow", exact=True).click()


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("[::1]", "::1")]
)
async def test_the_answer_comes_to_whatever_port_was_free(node, photos, page, host, address):
    """N3, S32, S36, S37: registered without a port (RFC 8252 §7.3); exchange and renewal without a secret."""
    app = await node.put_client(
        native_client(f"cli_{address}".replace(":", ""), redirect_uris=(f"http://{host}/cb",))
    )
    verifier = secrets.token_urlsafe(48)
    async with listening(address) as socket:
        redirect_uri = f"http://{host}:{socket.port}/cb"
        async with program(node, app.id, redirect_uri) as client:
            link, state = client.create_authorization_url(f"{node.issuer}/authorize", code_verifier=verifier)
            await page.goto(link)
            await sign_in(page)
            assert "This app runs on your own device" in await page.inner_text("main")
            await allow(page)
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


async def test_the_next_start_uses_another_port_and_asks_again(node, photos, page):
    """N3: whoever listens there could be another program, so the person is asked each time (RFC 8252 §8.6)."""
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
            await allow(page)
            heard = await asyncio.wait_for(socket.heard, 30)
            await client.fetch_token(
                authorization_response=f"http://127.0.0.1{heard}", state=state, code_verifier=verifier
            )
            ports.add(socket.port)
    assert len(ports) == 2


async def test_without_a_challenge_a_program_gets_no_code(node, photos, page):
    """N3, N15, S12, S14: Authlib lets its user forget PKCE; the server answers `invalid_request` to the socket."""
    app = await node.put_client(native_client("forgetful"))
    async with listening() as socket, program(node, app.id, f"http://127.0.0.1:{socket.port}/cb") as client:
        link, state = client.create_authorization_url(f"{node.issuer}/authorize")
        await page.goto(link)
        answer = parse_qs(urlsplit(await asyncio.wait_for(socket.heard, 30)).query)
    assert (answer["error"], answer["state"]) == (["invalid_request"], [state])
    assert "code" not in answer


@pytest.mark.parametrize("other", ["http://127.0.0.1:{port}/other", "http://localhost:{port}/cb"])
async def test_only_the_port_may_differ(node, photos, page, other):
    """N3, N8, S4, S7: another path, or the name where the literal was registered, stays on an error page."""
    app = await node.put_client(native_client(f"strict_{len(other)}"))
    async with listening() as socket, program(node, app.id, other.format(port=socket.port)) as client:
        link, _ = client.create_authorization_url(
            f"{node.issuer}/authorize", code_verifier=secrets.token_urlsafe(48)
        )
        await page.goto(link)
        assert await page.locator("[data-error]").count() == 1
        assert page.url.startswith(node.issuer)
        assert not socket.heard.done()
