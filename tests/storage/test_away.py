"""A PostgreSQL that says nothing: behind a gate that lets nothing pass, and keeps the connections."""

import asyncio

import pytest

from grantway.storage import open_store
from grantway.storage.port import Unavailable, Won
from grantway.testing import Bench, passing_in_postgres
from grantway.testing.bench import issued, redeem, some_person, spend_code
from lab.gate import Gate, State

LONGER_THAN_ANYBODY_WAITS = 25.0  # seconds; a whole queue of batches would take more


@pytest.fixture
async def gate(postgres, postgres_dsn):
    async with Gate(postgres.port) as between:
        yield between


@pytest.fixture
async def store(gate, postgres, postgres_dsn):
    opened = await open_store(postgres_dsn.replace(f":{postgres.port}/", f":{gate.port}/"), auto_migrate=True)
    yield opened
    await gate.set(State.OPEN)
    await opened.close()


@pytest.fixture
def bench(store, postgres_dsn):
    return Bench((store,), passing_in_postgres(postgres_dsn))


async def test_of_many_who_wait_for_a_silent_database_nobody_waits_for_the_others(store, bench, gate):
    """RX18, N5: four thousand spends at once; those whose turn does not come are sent away unasked."""
    given = await issued(bench)
    await gate.set(State.MUTE)
    asking = [redeem(store, spend_code(given.code)) for _ in range(4000)]
    async with asyncio.timeout(LONGER_THAN_ANYBODY_WAITS):
        ends = await asyncio.gather(*asking, return_exceptions=True)
    assert {Unavailable} == set(map(type, ends))
    assert any("busy with those before" in str(end) for end in ends)
    await gate.set(State.OPEN)
    await store.ping()


async def test_a_transaction_in_a_silent_database_ends_too(store, bench, gate):
    """RX18: none is left waiting for its rollback, and the next one finds a connection that works."""
    person = await some_person(bench)
    await gate.set(State.MUTE)
    async with asyncio.timeout(LONGER_THAN_ANYBODY_WAITS):
        for asked in (store.add_person(person, []), store.load_registry(), store.ping()):
            with pytest.raises(Unavailable):
                await asked
    await gate.set(State.OPEN)
    assert (await store.load_registry()).version >= 0
    given = await issued(bench)
    assert Won() == await redeem(store, spend_code(given.code))


async def test_a_database_that_is_gone_is_used_again_when_it_is_back(store, bench, gate):
    """RX18: by the same store, without a restart."""
    given = await issued(bench)
    await gate.set(State.SHUT)
    with pytest.raises(Unavailable):
        await redeem(store, spend_code(given.code))
    await gate.set(State.OPEN)
    assert Won() == await redeem(store, spend_code(given.code))
