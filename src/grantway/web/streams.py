"""Answers that go on: Server-Sent Events (HTML standard, §9.2), each sent when its reader has room for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from grantway.web.replies import NO_STORE, Header, Reply
from grantway.web.requests import Receive, Send

_EVENTS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream"),
    NO_STORE,
    (b"x-content-type-options", b"nosniff"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
)


class StreamReply(Reply, frozen=True, kw_only=True):
    """A response whose parts are made while it is sent. `close` is called at its end, whatever that is."""

    parts: AsyncIterator[bytes]
    close: Callable[[], None]


def event_stream(parts: AsyncIterator[bytes], close: Callable[[], None]) -> StreamReply:
    """A response of events."""
    return StreamReply(200, _EVENTS, parts=parts, close=close)


def event(key: str, text: bytes) -> bytes:
    """One event, its data line by line."""
    lines = b"".join(b"data: " + line + b"\n" for line in text.split(b"\n"))
    return b"id: " + key.encode("ascii") + b"\n" + lines + b"\n"


async def send_stream(reply: StreamReply, receive: Receive, send: Send) -> None:
    """Write it out until it ends or whoever reads is gone."""
    tasks = [asyncio.create_task(_write(reply, send)), asyncio.create_task(_gone(receive))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        reply.close()


async def _write(reply: StreamReply, send: Send) -> None:
    await send({"type": "http.response.start", "status": int(reply.status), "headers": list(reply.headers)})
    async for part in reply.parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    with suppress(ConnectionError):
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
