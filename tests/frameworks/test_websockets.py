"""Websockets behind the guard: real servers, a real client, tokens from a real flow."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Security, WebSocket, WebSocketDisconnect
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from grantway.protocol.apis import Access, Rule
from grantway.sdk import AccessToken, Guard, Protection
from grantway.sdk.connections import LIFETIME_KEY, Lifetimes, pass_on
from grantway.sdk.fastapi import Auth
from grantway.sdk.starlette import RouteGuard
from grantway.sdk.verify import read_claims
from tests.frameworks.definition import ADMIN, API, IDENTIFIER, READ
from tests.sdk.servers import running
from tests.sdk.servers import token as forged_token
from tests.serving import PATIENCE

LIVE = replace(
    API,
    rules=(
        *API.rules,
        Rule("GET", "/live/{room}", frozenset({READ})),
        Rule("GET", "/inner/live", frozenset({READ})),
        Rule("GET", "/secret", frozenset({ADMIN})),
        Rule("GET", "/open", access=Access.PUBLIC),
        Rule("POST", "/posted", frozenset({READ})),
    ),
)


ENDS: asyncio.Queue[int] = asyncio.Queue()  # how connections ended, as the application heard it


async def echo(websocket: WebSocket) -> None:
    """Says where it is and whose connection, then what it hears; and at the end how it ended."""
    token = websocket.scope.get("grantway.token")
    await websocket.accept()
    await websocket.send_text(websocket.scope["path"] + " " + (token.subject if token else "nobody"))
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect as end:
        ENDS.put_nowait(end.code)


def plain(protection):
    async def application(scope, receive, send):
        await echo(WebSocket(scope, receive, send))

    return Guard(application, protection)


PATHS = ("/live/{room}", "/secret", "/open", "/posted", "/unlisted", "/rest/{path:path}")


def of_starlette(protection):
    routes = [WebSocketRoute(path, echo) for path in PATHS]
    mounted = Mount("/inner", routes=[WebSocketRoute("/live", echo)])
    return Starlette(
        routes=[Route("/live/{room}", lambda _request: None, methods=["POST"]), *routes, mounted],
        middleware=[Middleware(RouteGuard, protection=protection)],
    )


def of_fastapi(protection):
    auth = Auth(protection)
    app = FastAPI(dependencies=[Security(auth)])
    auth.install(app)

    async def own(websocket: WebSocket, token: Annotated[AccessToken | None, Security(auth)]) -> None:
        assert token is websocket.scope.get("grantway.token")
        await echo(websocket)

    for path in PATHS:
        app.add_api_websocket_route(path, own)
    inner = APIRouter(prefix="/inner")
    inner.add_api_websocket_route("/live", own)
    app.include_router(inner)
    return app


APPLICATIONS = {"asgi": plain, "starlette": of_starlette, "fastapi": of_fastapi}


@pytest.fixture(scope="module", params=APPLICATIONS)
async def at(request, node):
    """The address of the application in this framework."""
    protection = Protection(api=LIVE, issuer=node.issuer)
    async with running(APPLICATIONS[request.param](protection)) as port:
        yield f"ws://127.0.0.1:{port}"


@asynccontextmanager
async def opened(address, *headers):
    async with (
        asyncio.timeout(PATIENCE),
        connect(address, additional_headers=headers, proxy=None) as connection,
    ):
        yield connection


def bearer(text):
    return ("Authorization", f"Bearer {text}")


async def refusal(address, *headers):
    """The answer to a handshake that must not succeed."""
    with pytest.raises(InvalidStatus) as refused:
        async with opened(address, *headers):
            pass
    return refused.value.response


@pytest.mark.parametrize("path", ["/live/kitchen", "/inner/live"])
async def test_a_connection_opens_with_the_scope_of_its_route(at, node, tokens, path):
    """FN13, O2: the handshake is a GET on the matched route; the endpoint knows whose it is."""
    async with opened(at + path, bearer(tokens["read"])) as connection:
        assert f"{path} {node.people['ada'].subject}" == await connection.recv()
        await connection.send("hello")
        assert "hello" == await connection.recv()


async def test_a_public_row_opens_without_a_token(at):
    """FS44"""
    async with opened(at + "/open") as connection:
        assert "/open nobody" == await connection.recv()


async def test_without_a_token_the_handshake_is_answered_with_the_challenge(at):
    """FN13, RFC 6750 §3: an HTTP answer, before anything is accepted."""
    answer = await refusal(at + "/live/kitchen")
    assert (401, 'Bearer realm="Photos", scope="photos:read"') == (
        answer.status_code,
        answer.headers["www-authenticate"],
    )
    assert "no-store" == answer.headers["cache-control"]
    assert b'"missing_token"' in answer.body


@pytest.mark.parametrize("path", ["/secret", "/posted", "/unlisted", "/rest/a/b", "/live/a/b", "/nowhere"])
async def test_o7_what_no_rule_allows_is_refused(at, tokens, path):
    """O7: too little scope, a rule for another method, no rule, a route that may hold slashes."""
    answer = await refusal(at + path, bearer(tokens["read"]))
    assert 403 == answer.status_code


async def test_o1_no_token_but_the_one_in_the_header(at, tokens):
    """O1, RFC 6750 §2.3, OAuth 2.1 §5.1: neither in the address nor as a subprotocol, nor twice."""
    text = tokens["read"]
    answer = await refusal(f"{at}/live/kitchen?access_token={text}")
    assert (401, True) == (answer.status_code, b"in the URL is not accepted" in answer.body)
    assert 400 == (await refusal(f"{at}/live/kitchen?access_token=x", bearer(text))).status_code
    assert 401 == (await refusal(f"{at}/live/kitchen", ("Sec-WebSocket-Protocol", text))).status_code
    assert 400 == (await refusal(f"{at}/live/kitchen", bearer(text), bearer(text))).status_code
    assert 401 == (await refusal(f"{at}/live/kitchen", bearer("a.b.c"))).status_code


@pytest.mark.parametrize(
    "path", ["/open/../secret", "/live/..%2fsecret", "/live;/secret", "//secret", "/%73ecret"]
)
async def test_o2_no_spelling_opens_what_the_plain_path_does_not(at, tokens, path):
    """O2"""
    assert (await refusal(at + path, bearer(tokens["read"]))).status_code in {400, 403, 404}
    assert (await refusal(at + path)).status_code in {400, 401, 403, 404}


async def test_a_connection_ends_with_its_token(at, node):
    """FN13: what was approved until then goes on no longer; both sides hear it."""
    while not ENDS.empty():
        ENDS.get_nowait()
    signing = next(iter(node.server.snapshots.newest.signing_keys.values()))
    text = forged_token(signing, iss=node.issuer, aud=IDENTIFIER, exp=int(time.time()) + 1)
    async with asyncio.timeout(30), opened(at + "/live/kitchen", bearer(text)) as connection:
        await connection.recv()
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
        assert (1008, "the access token has expired") == (closed.value.rcvd.code, closed.value.rcvd.reason)
        assert 1008 == await ENDS.get()


async def through_pass_on(app, receive, send, token, clock):
    await pass_on(app, {"type": "websocket"}, receive, send, token=token, clock=clock)


async def through_lifetimes(app, receive, send, token, clock):
    async def inner(scope, receive, send):
        scope[LIFETIME_KEY].begin(token)
        await app(scope, receive, send)

    await Lifetimes(inner, clock)({"type": "websocket"}, receive, send)


@pytest.mark.parametrize("through", [through_pass_on, through_lifetimes])
async def test_c6_a_caller_who_does_not_close_is_not_heard_any_more(through):
    """FN13: some servers hand on what comes after their close frame, for as long as it is not answered."""
    sent, heard = [], []

    async def receive():
        await asyncio.sleep(0)
        return {"type": "websocket.receive", "text": "delete it"}

    async def send(message):
        sent.append(message["type"])

    async def obeys(_scope, receive, send):
        await send({"type": "websocket.accept"})
        while len(heard) < 100 and heard[-1:] != ["websocket.disconnect"]:
            heard.append((await receive())["type"])

    claims = {"sub": "ada", "client_id": "printer", "aud": IDENTIFIER, "exp": 1, "iat": 0, "jti": "j"}
    await through(obeys, receive, send, read_claims({"scope": READ, **claims}), lambda: 1.0)
    assert (["websocket.accept", "websocket.close"], "websocket.disconnect") == (sent, heard[-1])


async def test_o8_without_keys_no_connection_opens(tokens):
    """O8"""
    away = Protection(api=LIVE, issuer="http://127.0.0.1:9")
    for make in APPLICATIONS.values():
        async with running(make(away)) as port:
            answer = await refusal(f"ws://127.0.0.1:{port}/live/kitchen", bearer(tokens["read"]))
            assert (503, "5") == (answer.status_code, answer.headers["retry-after"])


@pytest.mark.parametrize("make", APPLICATIONS.values(), ids=APPLICATIONS)
async def test_a_server_that_can_only_close_closes(make):
    """Without the extension `websocket.http.response`: 1008 before anything was accepted."""
    sent, told = [], [{"type": "websocket.connect"}]

    async def receive():
        return told.pop()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/secret",
        "raw_path": b"/secret",
        "query_string": b"",
        "headers": [],
    }
    await make(Protection(api=LIVE, issuer="https://id.example"))(scope, receive, send)
    assert [{"type": "websocket.close", "code": 1008}] == [
        {name: value for name, value in message.items() if name != "reason"} for message in sent
    ]


async def test_o2_a_rule_that_a_wider_websocket_hides_stops_everything(node, tokens):
    """O2, O8: /live/secret would be judged by the rule for /live/{room}, which needs less."""
    hidden = replace(LIVE, rules=(*LIVE.rules, Rule("GET", "/live/secret", frozenset({ADMIN}))))
    for make in (of_starlette, of_fastapi):
        app = make(Protection(api=hidden, issuer=node.issuer))
        async with running(app) as port:
            answer = await refusal(f"ws://127.0.0.1:{port}/open", bearer(tokens["read"]))
            assert 503 == answer.status_code
