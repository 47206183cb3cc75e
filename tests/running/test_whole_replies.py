"""Replies that leave in one piece are, byte for byte, those that uvicorn would have written."""

import asyncio
import re
from http import HTTPStatus

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from grantway.cli.whole_replies import WholeReplies
from grantway.web.replies import WHOLE_REPLY, Reply, json_reply, send_reply
from tests.serving import listening

LARGE = b"x" * 8_000_000  # more than the kernel takes while nobody reads
REPLIES = {
    "/json": json_reply({"a": 1}),
    "/unchanged": Reply(HTTPStatus.NOT_MODIFIED, ((b"etag", b'"1"'),)),
    "/empty": Reply(HTTPStatus.NO_CONTENT),
    "/last": Reply(HTTPStatus.OK, ((b"connection", b"close"),), b"bye"),
    "/tab": Reply(HTTPStatus.OK, ((b"x-words", b"a\tb"),)),
    "/large": Reply(HTTPStatus.OK, (), LARGE),
    "/split": Reply(HTTPStatus.OK, ((b"location", b"/a\r\nset-cookie: b=c"),)),
    "/nul": Reply(HTTPStatus.OK, ((b"x-words", b"a\x00b"),)),
}
NO_HEADERS = {"/split", "/nul"}
NO_CONTENT = {"/unchanged", "/empty"}


class Application:
    """Answers with the reply of the path, and notes which were taken whole."""

    def __init__(self):
        self.whole = []

    async def __call__(self, scope, _receive, send):
        if (write := scope.get("extensions", {}).get(WHOLE_REPLY)) is not None:

            def noted(*reply, together):
                self.whole.append(write(*reply, together=together))
                return self.whole[-1]

            scope = {**scope, "extensions": {WHOLE_REPLY: noted}}
        await send_reply(REPLIES[scope["path"]], scope, send)


async def answers(protocol, sent, app=None):
    """Everything that comes back on one connection for these bytes."""
    async with listening(app or Application(), http=protocol, log_level="critical", access_log=False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        said = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return re.sub(rb"date: [^\r]+\r\n", b"", said)


def request(path, method="GET", version="1.1", *more):
    lines = (f"{method} {path} HTTP/{version}", "host: a", *more)
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


@pytest.mark.parametrize("path", REPLIES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_the_bytes_are_the_same(path, method, version):
    """B10, T2: also where a header would make two, which is refused whole with nothing of it sent."""
    sent = request(path, method, version, "connection: close")
    as_ever = await answers(HttpToolsProtocol, sent)
    app = Application()
    assert as_ever == await answers(WholeReplies, sent, app)
    assert [path not in NO_HEADERS] == app.whole
    assert b"set-cookie" not in as_ever
    assert (b"content-length" in as_ever) == (path not in NO_HEADERS | NO_CONTENT)  # RFC 9110 §8.6
    assert (not as_ever) == (path in NO_HEADERS)


async def test_requests_sent_ahead_are_answered_in_order():
    """G1: each with its own reply, until one says that it is the last."""
    sent = request("/json") + request("/tab") + request("/json", "HEAD") + request("/last") + request("/json")
    app = Application()
    said = await answers(WholeReplies, sent, app)
    assert said == await answers(HttpToolsProtocol, sent)
    assert [True] * 4 == app.whole
    assert said.endswith(b"bye")


async def test_a_caller_who_does_not_read_is_waited_for():
    """U3: what the caller has not taken is not heaped up: the next reply goes uvicorn's way, and waits."""
    app = Application()
    async with listening(app, http=WholeReplies, access_log=False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/large") + request("/json"))
        async with asyncio.timeout(60):
            while len(app.whole) < 2:
                await asyncio.sleep(0.01)
            for body in (LARGE, REPLIES["/json"].body):
                await reader.readuntil(b"\r\n\r\n")
                assert body == await reader.readexactly(len(body))
        writer.close()
    assert [True, False] == app.whole


async def test_a_caller_who_has_gone_costs_nothing():
    """U3: the reply is dropped, and nothing raises."""
    gone, done = asyncio.Event(), asyncio.Event()
    outcome = []

    async def app(scope, receive, send):
        await receive()
        while (await receive())["type"] != "http.disconnect":
            continue
        gone.set()
        await send_reply(REPLIES["/json"], scope, send)
        outcome.append(scope["extensions"][WHOLE_REPLY](200, (), b"", together=True))
        done.set()

    async with listening(app, http=WholeReplies, access_log=False) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/json"))
        await writer.drain()
        writer.close()
        async with asyncio.timeout(60):
            await gone.wait()
            await done.wait()
    assert [True] == outcome


async def test_a_stream_hears_that_its_caller_has_gone_whatever_was_sent_ahead():
    """U3, RX20: uvicorn tells the last request that came, and the stream before it went on unheard."""
    ended = asyncio.Event()

    async def app(_scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

        async def write():
            while True:
                await send({"type": "http.response.body", "body": b"more", "more_body": True})
                await asyncio.sleep(0.02)

        writing = asyncio.create_task(write())
        while (await receive())["type"] != "http.disconnect":
            pass
        writing.cancel()
        ended.set()

    async with listening(app, http=WholeReplies, access_log=False) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/stream") + request("/json") * 3)
        await reader.readuntil(b"more")
        writer.close()
        async with asyncio.timeout(10):
            await ended.wait()
