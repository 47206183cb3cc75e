"""Callers that send or read slowly, over raw sockets (threat U3)."""

import asyncio
import re
import socket
import time
from contextlib import asynccontextmanager

import pytest

from tests.node import sqlite_url
from tests.running.callers import Tally, call_until_refused, get, read_answer
from tests.services.fleet import NodeProcess

SHORT = {"HEAD_TIMEOUT": "1", "BODY_TIMEOUT": "1.2", "WRITE_TIMEOUT": "1", "LINGER": "0.2"}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A node of little patience."""
    folder = tmp_path_factory.mktemp("impatient")
    settings = {f"GRANTWAY_SERVER__{name}": value for name, value in SHORT.items()}
    with NodeProcess(sqlite_url(folder), folder, settings=settings) as process:
        yield process


@asynccontextmanager
async def connected(node):
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def drip(writer, octets, *, every=0.1):
    """One byte at a time, for as long as anybody takes them."""
    for octet in octets:
        writer.write(bytes([octet]))
        await asyncio.sleep(every)


async def ended_after(reader):
    """What came until the other side closed, and after how long."""
    began = time.monotonic()
    said = await asyncio.wait_for(reader.read(), 30)
    return said, time.monotonic() - began


FORM = "POST /token HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"GET /jw", b"ks HTTP/1.1 and on and on and on"),
        (b"GET /jwks HTTP/1.1\r\nHost", b": not-a-word-in-time.example"),
    ],
)
async def test_a_head_that_does_not_arrive_is_answered_408(node, first, then):
    """RX11, U3: its time begins with the connection; each byte buys no more of it."""
    async with connected(node) as (reader, writer):
        writer.write(first)
        dripping = asyncio.create_task(drip(writer, then))
        said, seconds = await ended_after(reader)
        dripping.cancel()
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in said
    assert 0.5 < seconds < 15  # as RX11 asks; usually one


@pytest.mark.parametrize(
    "framing", ["Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nff\r\n"]
)
async def test_a_body_that_does_not_arrive_is_answered_408(node, framing):
    """RX11, U3: and the flow that waited for it ends too."""
    async with connected(node) as (reader, writer):
        writer.write((FORM.format(node.host) + framing).encode())
        dripping = asyncio.create_task(drip(writer, b"grant_type=client_credentials"))
        said, seconds = await ended_after(reader)
        dripping.cancel()
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert 1 == said.count(b"HTTP/1.1")
    assert 0.8 < seconds < 30


async def test_who_says_nothing_is_dropped_without_a_word(node):
    """RX11, U3: so are empty lines in place of a request, before the first and after it."""
    async with connected(node) as (reader, _):
        assert b"" == (await ended_after(reader))[0]
    for before in (b"", get(node.host, "/livez")):
        async with connected(node) as (reader, writer):
            if before:
                writer.write(before)
                assert 200 == (await read_answer(reader))[0]
            dripping = asyncio.create_task(drip(writer, b"\r\n" * 200))
            said, seconds = await ended_after(reader)
            dripping.cancel()
        assert b"" == said
        assert seconds < 15


async def test_a_connection_at_rest_between_requests_is_left_alone(node):
    """RX11: deadlines are for what has begun; an idle connection is kept as uvicorn keeps it."""
    async with connected(node) as (reader, writer):
        for _ in range(2):
            writer.write(get(node.host, "/livez"))
            assert 200 == (await read_answer(reader))[0]
            await asyncio.sleep(1.5)


def test_who_does_not_read_is_dropped(node):
    """RX11, U3: answers are not piled up for somebody who only asks."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as deaf:
        deaf.sendall(get(node.host, "/"))
        page = ""
        while (sheet := re.search(r'href="(/static/[^"]+css)"', page)) is None:
            page += deaf.recv(10_000).decode()
        asking = get(node.host, sheet[1])

        def ask():
            while True:
                deaf.sendall(asking)
                time.sleep(0.002)  # one by one: whoever sends many at once is refused for that

        with pytest.raises(ConnectionError):
            ask()


async def test_requests_sent_ahead_are_only_so_many(node):
    """RX11, U3: a few in one piece are answered in turn; a flood is refused, not queued."""
    async with connected(node) as (reader, writer):
        writer.write(get(node.host, "/livez") * 8)
        for _ in range(8):
            assert 200 == (await read_answer(reader))[0]
    async with connected(node) as (reader, writer):
        writer.write(get(node.host, "/livez") * 100)  # in one piece: of two, the reset may outrun the answer
        said, seconds = await ended_after(reader)
        assert said.startswith(b"HTTP/1.1 400")
        assert seconds < 15


@pytest.mark.parametrize("target", ["/livez#", "/decision/envoy/v1/photos#/../admin", "/jwks?a#b"])
async def test_a_fragment_in_the_target_is_refused(node, target):
    """O2: what comes after it would be judged by nobody, and a gateway passes it on."""
    async with connected(node) as (reader, writer):
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {node.host}\r\n\r\n".encode())
        said, _ = await ended_after(reader)
    assert said.startswith(b"HTTP/1.1 400")


async def test_a_head_without_end_is_refused(node):
    """U2, U4: by its length, long before its time is up."""
    async with connected(node) as (reader, writer):
        writer.write(get(node.host, "/jwks")[:-2])
        await asyncio.sleep(0.1)
        for _ in range(2):
            writer.write(b"X-Long: " + b"x" * 40_000 + b"\r\n")
            await asyncio.sleep(0.05)
        assert 431 == (await read_answer(reader))[0]


async def test_one_network_has_only_so_many_connections(tmp_path):
    """RX11, U3: one too many hears 503; when others end, there is room again. Proxies are not counted."""
    limit = {"GRANTWAY_SERVER__CONNECTIONS_PER_NETWORK": "3", "GRANTWAY_SERVER__LINGER": "0"}
    with NodeProcess(sqlite_url(tmp_path), tmp_path, settings=limit) as process:
        held = []
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
            writer.write(get(process.host, "/livez"))
            status, _, _ = await read_answer(reader)
            if status != 200:
                writer.close()
                break
            held.append(writer)
        assert (503, 3) == (status, len(held))
        held.pop().close()
        await asyncio.sleep(0.1)
        async with connected(process) as (reader, writer):
            writer.write(get(process.host, "/livez"))
            assert 200 == (await read_answer(reader))[0]
        for writer in held:
            writer.close()
    proxies = {**limit, "GRANTWAY_SERVER__TRUSTED_PROXIES": "127.0.0.0/8"}
    with NodeProcess(sqlite_url(tmp_path), tmp_path, settings=proxies) as process:
        async with connected(process), connected(process), connected(process), connected(process) as last:
            last[1].write(get(process.host, "/livez"))
            assert 200 == (await read_answer(last[0]))[0]


async def test_slow_callers_do_not_hold_up_the_others(node):
    """RX11: half heads, slow bodies and silent ones, while others are served as always."""
    kinds = (b"GET /jw", (FORM.format(node.host) + "Content-Length: 100\r\n\r\n").encode(), b"")
    slow = [await asyncio.open_connection("127.0.0.1", node.port) for _ in range(150)]
    for number, (_, writer) in enumerate(slow):
        writer.write(kinds[number % 3])
    tally = Tally()
    callers = [
        asyncio.create_task(call_until_refused(node.port, get(node.host, "/jwks"), tally)) for _ in range(4)
    ]
    began = time.monotonic()
    ends = await asyncio.gather(*(ended_after(reader) for reader, _ in slow))
    seconds = time.monotonic() - began
    for caller in callers:
        caller.cancel()
    for _, writer in slow:
        writer.close()
    assert [] == tally.cut
    assert ({200}, True) == (tally.statuses, tally.answered > 20)
    assert {b"HTTP/1.1 408", b""} == {said[:12] for said, _ in ends}
    assert seconds < 30


async def test_what_is_no_request_fills_no_log(tmp_path):
    """T1, U3: uvicorn has a line for each, and two for each upgrade that nobody offers."""
    with NodeProcess(sqlite_url(tmp_path), tmp_path) as process:
        upgrade = get(process.host, "/livez").replace(
            b"\r\n\r\n", b"\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
        )
        for sent, status in [(b"garbage\r\n\r\n", 400)] * 60 + [(upgrade, 200)] * 10:
            async with connected(process) as (reader, writer):
                writer.write(sent)
                assert status == (await read_answer(reader))[0]
        lines = process.log.read_text().splitlines()
    assert 1 <= sum("Invalid HTTP request" in line for line in lines) <= 25  # twenty, and one in five seconds
    assert not any("pgrade" in line for line in lines)
