"""Keys are rotated under load, by two nodes, before verifiers that keep what they have read."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from grantway.crypto.envelope import MasterKey
from grantway.flows import housekeeping, key_phases, key_rotation
from grantway.settings import KeySettings, SecretsSettings, ServerSettings
from tests.node import free_port
from tests.threats.attacks import target_on

CACHED = 1  # seconds for which others may keep /jwks
SPREAD = 2.0  # seconds until every node has a change, and one fifth of a second for each housekeeping
ROTATIONS = 4


@pytest.fixture
def hasty(monkeypatch):
    """The same waits, in seconds instead of minutes."""
    monkeypatch.setattr(key_phases, "SPREAD", SPREAD)
    monkeypatch.setattr(housekeeping, "EVERY", 0.2)


@asynccontextmanager
async def two_nodes(dsn):
    ports = free_port(), free_port()
    addresses = [f"127.0.0.1:{port}" for port in ports]
    shared = {
        "issuer": f"http://{addresses[0]}",
        "secrets": SecretsSettings(key=MasterKey.generate().to_text()),
        "server": ServerSettings(hosts=tuple(addresses)),
        "keys": KeySettings(cache_lifetime=CACHED),
    }
    async with (
        target_on(dsn, port=ports[0], **shared) as first,
        target_on(dsn, port=ports[1], seed=False, **shared) as second,
    ):
        second.issuer = f"http://{addresses[1]}"
        second.secrets, second.people = first.secrets, first.people
        yield first, second


class Verifier:
    """An API that keeps the key set for so long, reads it from either node, and knows no second try."""

    def __init__(self, nodes, keeps):
        self.nodes, self.keeps, self.read_at, self.keys, self.turns = nodes, keeps, float("-inf"), None, 0
        self.reading = asyncio.Lock()

    async def verify(self, token):
        async with self.reading:
            if time.monotonic() - self.read_at > self.keeps:
                self.turns += 1
                async with self.nodes[self.turns % 2].http() as http:
                    self.keys = KeySet.import_key_set((await http.get("/jwks")).json())
                self.read_at = time.monotonic()
        return jwt.decode(token, self.keys, algorithms=["ES256"])


async def until(what):
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.1)


async def issued(node):
    reply = await node.token("machine", grant_type="client_credentials", scope="calendar:read")
    assert 200 == reply.status_code, reply.text
    return reply.json()["access_token"]


async def test_rotation_fails_no_verification_and_one_node_does_it(postgres_dsn, hasty):
    """RX14, K13: each key is served by both nodes for a cache life before it signs on either."""
    async with two_nodes(postgres_dsn) as nodes:
        verifiers = [Verifier(nodes, keeps) for keeps in (CACHED, CACHED / 5, 0.0)]
        served: list[dict[str, float]] = [{}, {}]  # by node: kid → when it was first seen there
        signed: dict[str, float] = {}  # kid → when a token of it was first seen
        failed: list[str] = []
        verified = 0

        async def watch():
            while True:
                for node, seen in zip(nodes, served, strict=True):
                    for kid in node.server.snapshots.newest.verification_keys:
                        seen.setdefault(kid, time.monotonic())
                await asyncio.sleep(0.01)

        async def work(number):
            nonlocal verified
            while True:
                asked_at = time.monotonic()
                token = await issued(nodes[number % 2])
                for verifier in verifiers:
                    try:
                        kid = (await verifier.verify(token)).header["kid"]
                        signed.setdefault(kid, asked_at)
                        verified += 1
                    except (JoseError, ValueError) as bad:
                        failed.append(repr(bad))
                await asyncio.sleep(0.05)

        tasks = [asyncio.create_task(watch()), *(asyncio.create_task(work(number)) for number in range(4))]
        await asyncio.sleep(0.3)
        first = set(signed)
        made = []
        for _ in range(ROTATIONS):
            made.append((await key_rotation.rotate(nodes[0].server, "ES256", actor="test")).fresh.kid)
            await asyncio.sleep(1.2)
        await until(lambda: set(made) <= set(signed))
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [] == [one for one in done if not isinstance(one, asyncio.CancelledError)]

        assert [] == failed
        assert verified > 100
        assert set(made) | first == set(signed), "each of them has signed"
        for kid in made:
            shortest = min(signed[kid] - seen[kid] for seen in served)
            assert shortest >= CACHED, "published by both for a cache life before it signed"
        audit = await nodes[0].store.read_audit(limit=100)
        active = [entry.target for entry in audit if entry.action == "key.active"]
        assert sorted(f"key:{kid}" for kid in made) == sorted(active), "once each, by one of the nodes"


async def test_in_an_emergency_no_node_believes_the_old_key(postgres_dsn, hasty):
    """RX14, K13: within a second, and new tokens are good at once."""
    async with two_nodes(postgres_dsn) as nodes:
        old = await issued(nodes[1])
        assert await nodes[1].is_alive(old, "calendar_api")
        done = await key_rotation.rotate(nodes[0].server, "ES256", actor="test", emergency=True)
        assert not await nodes[0].is_alive(old, "calendar_api")
        async with asyncio.timeout(10):  # a second, where the machine has one to spare
            while await nodes[1].is_alive(old, "calendar_api"):
                await asyncio.sleep(0.1)
        for node in nodes:
            assert await nodes[0].is_alive(await issued(node), "calendar_api")
            async with node.http() as http:
                kids = {
                    key["kid"] for key in (await http.get("/jwks")).json()["keys"] if key["alg"] == "ES256"
                }
            assert {done.fresh.kid} == kids


async def test_by_time_two_nodes_make_one_next_key(postgres_dsn, hasty, monkeypatch):
    """RX14, K13: both see that it is due; the registry's version decides."""
    async with two_nodes(postgres_dsn) as nodes:
        every = nodes[0].server.policy.keys_rotated_every
        monkeypatch.setattr(housekeeping, "EVERY", 60.0)
        now = nodes[0].server.now()
        for node in nodes:
            monkeypatch.setattr(type(node.server.snapshots), "now", lambda _: now + every)
        made = await asyncio.gather(*(key_rotation.turn_keys(node.server) for node in nodes))
        for _ in range(2):
            made += [await key_rotation.turn_keys(node.server) for node in nodes]
        states = [
            key.state.value for key in await key_rotation.list_keys(nodes[0].server) if key.alg == "ES256"
        ]
        assert ["active", "next"] == sorted(states)


async def test_an_emergency_is_not_stopped_by_others_who_change_the_registry(postgres_dsn, hasty):
    """RX14, K13: ten at once, on two nodes; one key is left, and it signs."""
    async with two_nodes(postgres_dsn) as nodes:
        rotate = key_rotation.rotate
        await asyncio.gather(
            *(rotate(nodes[at % 2].server, "ES256", actor="test", emergency=True) for at in range(10))
        )
        keys = [key for key in await key_rotation.list_keys(nodes[0].server) if key.alg == "ES256"]
        assert ["active"] + ["revoked"] * 10 == sorted(key.state.value for key in keys)
