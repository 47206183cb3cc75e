"""The feed of servers as operators run them: killed, stopped, asked too much, read too slowly."""

import asyncio
import socket
import time

import httpx2
import pytest

from grantway.flows import revocation_feed
from grantway.sdk import ClientSecret, Protection, RevocationFeed
from grantway.settings import ServerSettings
from tests.node import CALENDAR, PHOTOS, seeded_node, sqlite_url
from tests.revocations.conftest import PATIENCE, becomes, listening, seed, status
from tests.services.fleet import NodeProcess
from tests.services.seeds import seeding


async def machine_tokens(node, http, *names):
    return [
        (await http.post("/token", data={"grant_type": "client_credentials"}, headers=node.basic(name)))
        .raise_for_status()
        .json()["access_token"]
        for name in names
    ]


@pytest.fixture
async def seeded(postgres_dsn, tmp_path):
    """A fleet of one, not started, on a database that is filled; its secrets."""
    process = NodeProcess(postgres_dsn, tmp_path, settings={"GRANTWAY_SERVER__LINGER": "5s"})
    async with seeding(postgres_dsn, tmp_path, process.issuer) as node:
        await node.put_api(PHOTOS)
        await node.put_api(CALENDAR)
        await seed(node)
    return process, node


async def test_nothing_is_lost_with_a_server_that_is_killed(seeded):
    """N6: what was acknowledged before `kill -9` is told after the next start; the API need do nothing."""
    process, node = seeded
    secret = ClientSecret("photos_api", node.secrets["photos_api"])
    feed = RevocationFeed(process.issuer, PHOTOS.identifier, secret)
    protection = Protection(api=PHOTOS, issuer=process.issuer, revocations=feed)
    with process:
        async with httpx2.AsyncClient(base_url=process.issuer, trust_env=False) as http:
            first, second, third = await machine_tokens(node, http, *["robot"] * 3)
            assert 200 == await status(protection, first)
            await give_back(http, node, first)
            await becomes(401, lambda: status(protection, first))
            await give_back(http, node, second)
            process.kill()
        assert 200 == await status(protection, third)  # by its signature: the server is away
        process.start()
        await becomes(401, lambda: status(protection, second))
        assert (401, 200) == (await status(protection, first), await status(protection, third))
        feed.close()


async def give_back(http, node, text):
    reply = await http.post("/revoke", data={"token": text}, headers=node.basic("robot"))
    assert 200 == reply.status_code


async def test_a_stop_ends_the_streams_at_once(seeded):
    """RX20: nobody waits for a stream that would never end by itself."""
    process, node = seeded
    with process:
        streams = [await open_stream(process.port, node.basic("photos_api")) for _ in range(3)]
        began = time.monotonic()
        assert 0 == await asyncio.to_thread(process.terminate)
        assert time.monotonic() - began < PATIENCE
        for reader, writer in streams:
            assert (await reader.read()).endswith(b"0\r\n\r\n")  # whole, not cut
            writer.close()


async def open_stream(port, headers):
    """A stream, read to its first event."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_of(headers, f"127.0.0.1:{port}"))
    await reader.readuntil(b"data: ")
    return reader, writer


def request_of(headers, host):
    lines = [f"GET /revocations/stream HTTP/1.1\r\nHost: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_one_stream_too_many_is_refused_and_a_place_left_is_given(tmp_path):
    """U1: with 429 and when to come again; others' streams go on."""
    own = ServerSettings(revocation_streams=2)
    async with seeded_node(sqlite_url(tmp_path), server=own) as node:
        await seed(node)
        port = int(node.issuer.rpartition(":")[2])
        open_ones = [await open_stream(port, node.basic("photos_api")) for _ in range(2)]
        async with node.http() as http:
            refused = await http.get("/revocations/stream", headers=node.basic("photos_api"))
            assert (429, "30") == (refused.status_code, refused.headers["retry-after"])
        other = await open_stream(port, node.basic("calendar_api"))
        open_ones.pop()[1].close()
        began = time.monotonic()
        while node.server.revocations.streams[PHOTOS.identifier] > 1:
            assert time.monotonic() - began < PATIENCE
            await asyncio.sleep(0.02)
        open_ones.append(await open_stream(port, node.basic("photos_api")))
        for _, writer in (*open_ones, other):
            writer.close()
        while node.server.revocations.streams:
            assert time.monotonic() - began < PATIENCE
            await asyncio.sleep(0.02)


async def test_a_reader_that_does_not_read_holds_a_number_and_nothing_else(node):
    """U3: whatever happens meanwhile is not queued for it; then it is told all of it at once."""
    host = node.issuer.rpartition("/")[2]
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", int(host.rpartition(":")[2])))
        slow.sendall(request_of(node.basic("photos_api"), host))
        for number in range(300):
            await node.store.revoke_jwt(
                f"jti-{number}", audience=[PHOTOS.identifier], expires_at=9e9, audit=[]
            )
        await asyncio.sleep(1.5)
        assert len(node.server.revocations.reader._recent) <= 300
    with listening(node) as protection:
        token = (await node.token("robot", grant_type="client_credentials")).json()["access_token"]
        assert 200 == await status(protection, token)
        assert 300 == protection.feed.health.entries


async def test_a_stream_ends_when_its_client_is_no_longer_the_apis(node):
    """N1: within a second or two, not when it is closed."""
    port = int(node.issuer.rpartition(":")[2])
    reader, writer = await open_stream(port, node.basic("photos_api"))
    await node.change_client("photos_api", enabled=False)
    async with asyncio.timeout(PATIENCE):
        assert (await reader.read()).endswith(b"0\r\n\r\n")
    writer.close()


async def test_who_has_missed_much_is_told_all_that_matters_instead(node, monkeypatch):
    """U3: no stream reads the whole of a long list on."""
    monkeypatch.setattr(revocation_feed, "FAR_BEHIND", 3)
    with listening(node) as protection:
        token = (await node.token("robot", grant_type="client_credentials")).json()["access_token"]
        assert 200 == await status(protection, token)
        for number in range(10):
            await node.store.revoke_jwt(
                f"jti-{number}", audience=[PHOTOS.identifier], expires_at=9e9, audit=[]
            )
        began = time.monotonic()
        while protection.feed.health.entries < 10:
            assert time.monotonic() - began < PATIENCE
            await asyncio.sleep(0.02)
