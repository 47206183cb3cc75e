"""Websockets: refused before they open, and over when their access token is (RFC 6455, RFC 6750 §3)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from grantway.sdk.answers import Answer
from grantway.sdk.verify import AccessToken

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

METHOD = "GET"
"""A handshake is one (RFC 6455 §4.1): the rule for it decides, also where HTTP/2 carries it."""

POLICY_VIOLATION = 1008  # RFC 6455 §7.4.1
OVER = "the access token has expired"
LIFETIME_KEY = "grantway.lifetime"
_log = logging.getLogger("grantway.sdk")


async def refuse_connection(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """Refuse a handshake: with the answer itself where the server can send it, else by closing.

    When it is closed the server answers 403; a browser tells the page no more than that it failed.
    """
    await receive()  # websocket.connect
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    start = {"status": answer.status, "headers": answer.asgi_headers}
    await send({"type": "websocket.http.response.start", **start})
    await send({"type": "websocket.http.response.body", "body": answer.body})


class Lifetime:
    """Ends one connection when the token ends with which it was opened.

    A handshake is judged once; whatever comes later would otherwise outlive what was approved. The
    application hears of it as of any other end: `websocket.disconnect`, and OSError when it sends. Whatever
    the caller sends afterwards, instead of closing its side, is not passed on.
    """

    def __init__(self, receive: Receive, send: Send, clock: Callable[[], float]) -> None:
        self._receive, self._send, self._clock = receive, send, clock
        self._is_closed = self._is_over = False
        self._ending: asyncio.Task[None] | None = None

    def begin(self, token: AccessToken) -> None:
        """From here on the connection lives no longer than this token, nor than an earlier one."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(token.expires_at))

    async def receive(self) -> Message:
        """For the application, in the place of the server's own."""
        message = await self._receive()
        if self._is_over and message["type"] != "websocket.disconnect":
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": OVER}
        return message

    async def send(self, message: Message) -> None:
        """For the application, in the place of the server's own."""
        if self._is_closed:
            raise OSError(OVER)
        self._is_closed = message["type"] == "websocket.close"
        await self._send(message)

    def stop(self) -> None:
        """The application has returned."""
        if self._ending is not None:
            self._ending.cancel()

    async def _end(self, expires_at: float) -> None:
        await asyncio.sleep(max(0.0, expires_at - self._clock()))
        if self._is_closed:
            return
        self._is_closed = self._is_over = True
        try:
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": OVER})
        except Exception as gone:  # noqa: BLE001 - the caller was faster, or the server says it its own way
            _log.debug("a connection was over before its token: %s", gone)


async def pass_on(
    app: App, scope: Scope, receive: Receive, send: Send, *, token: AccessToken, clock: Callable[[], float]
) -> None:
    """A request to the application that its token lets pass; a connection lives as long as that token."""
    if scope["type"] != "websocket":
        await app(scope, receive, send)
        return
    lifetime = Lifetime(receive, send, clock)
    lifetime.begin(token)
    try:
        await app(scope, lifetime.receive, lifetime.send)
    finally:
        lifetime.stop()


class Lifetimes:
    """ASGI middleware that gives each websocket a `Lifetime`, as `scope["grantway.lifetime"]`."""

    def __init__(self, app: App, clock: Callable[[], float]) -> None:
        self._app, self._clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        lifetime = Lifetime(receive, send, self._clock)
        try:
            await self._app({**scope, LIFETIME_KEY: lifetime}, lifetime.receive, lifetime.send)
        finally:
            lifetime.stop()
