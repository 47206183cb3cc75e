"""The feed of revocations over HTTP: all that still matters in one answer, and a stream that goes on."""

import logging
from collections.abc import AsyncIterator

from grantway.flows.api_definition import calling_api
from grantway.flows.client_authentication import Call
from grantway.flows.revocation_feed import Listener
from grantway.storage.port import Unavailable
from grantway.web.door import Door
from grantway.web.machine import answered
from grantway.web.metrics import Metrics
from grantway.web.replies import NO_STORE, Reply
from grantway.web.requests import Request
from grantway.web.streams import event, event_stream

_TYPE = b"application/vnd.grantway.revocations"
_ACT = "read what was revoked"
_MOST_ID = 200  # characters of what is to be continued; ours have 71
_log = logging.getLogger("grantway.revocations")


async def complete(door: Door, request: Request) -> Reply:
    """GET /revocations: two lines, a signed head and the list. POST for proofs in a form."""

    async def answer(call: Call) -> Reply:
        _, api, _ = await calling_api(door.server, call, _ACT)
        message = await door.server.revocations.complete(api)
        door.metrics.revocations_told("complete", message.entries)
        own = ((b"content-type", _TYPE), NO_STORE, (b"x-content-type-options", b"nosniff"))
        return Reply(200, own, message.text)

    return await answered(door, request, answer)


async def stream(door: Door, request: Request) -> Reply:
    """GET /revocations/stream: events that continue the one named by Last-Event-ID, or begin with all."""

    async def answer(call: Call) -> Reply:
        client, api, _ = await calling_api(door.server, call, _ACT)
        listener = door.server.revocations.open(client, api)
        door.metrics.revocation_streams(+1)
        after = request.header(b"last-event-id")
        if after is not None and (len(after) > _MOST_ID or not after.isascii()):
            after = None

        def close() -> None:
            listener.close()
            door.metrics.revocation_streams(-1)

        return event_stream(_events(listener, after, door.metrics), close)

    return await answered(door, request, answer)


async def _events(listener: Listener, after: str | None, metrics: Metrics) -> AsyncIterator[bytes]:
    """A stream ends early where the database is away: whoever listens comes again, maybe to another node."""
    yield b"retry: 1000\n\n"
    try:
        async for message in listener.messages(after):
            if message is None:
                yield b": nothing can be vouched for\n\n"
            else:
                metrics.revocations_told("stream", message.entries)
                yield event(message.id, message.text)
    except Unavailable as away:
        _log.warning("a stream of revocations ends: %s", away)
