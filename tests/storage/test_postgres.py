"""What is particular to the store in PostgreSQL."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from grantway.storage import open_store
from grantway.storage.port import Dead, Replayed, Unavailable, Won
from grantway.storage.postgres import PostgresStore
from grantway.storage.postgres.connections import Cut
from grantway.storage.postgres.grants import FIND_CODES
from grantway.storage.problems import StorageProblem
from grantway.testing import Bench, passing_in_postgres
from grantway.testing.bench import (
    approval,
    family,
    issued,
    redeem,
    refresh_token,
    some_person,
    spend_code,
    spend_refresh,
)
from tests.services.postgres import Postgres


@pytest.fixture
async def store(postgres_dsn: str) -> AsyncIterator[PostgresStore]:
    opened = await open_store(postgres_dsn, auto_migrate=True)
    assert isinstance(opened, PostgresStore)
    yield opened
    await opened.close()


@pytest.fixture
def bench(store: PostgresStore, postgres_dsn: str) -> Bench:
    return Bench((store,), passing_in_postgres(postgres_dsn))


@pytest.fixture
async def other(store: PostgresStore, postgres_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else at the same database."""
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


async def waiting(other: asyncpg.Connection) -> int:
    """Wait until another connection waits for a lock; answer its process."""
    for _ in range(500):
        pid = await other.fetchval(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        if pid:
            return pid
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("synchronous_commit = off", "synchronous_commit is off, so an acknowledged write could be lost"),
        ("synchronous_commit = local", "synchronous_commit is local"),
        ("default_transaction_isolation = serializable", "the default isolation is serializable"),
    ],
)
async def test_a_database_that_would_break_a_promise_is_refused_in_one_line(
    store, other, postgres_dsn, setting, words
):
    """N5: no start on a database that may forget what it acknowledged."""
    name = postgres_dsn.rpartition("/")[2]
    await other.execute(f"ALTER DATABASE {name} SET {setting}")
    with pytest.raises(StorageProblem, match=words) as refusal:
        await open_store(postgres_dsn)
    assert "\n" not in str(refusal.value)


async def test_a_cluster_that_does_not_flush_is_refused():
    """N5: whatever is acknowledged, a power cut would take it."""
    with Postgres(fsync="off") as careless:
        with pytest.raises(StorageProblem, match="fsync is off") as refusal:
            await open_store(await careless.fresh_database(), auto_migrate=True)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("change", ["/nowhere", "?unknown_port=x&sslmode=odd", "?statement_cache_size=x"])
async def test_a_database_that_does_not_exist_is_refused_in_one_line(postgres_dsn, change):
    url = postgres_dsn.rpartition("/")[0] + change if change.startswith("/") else postgres_dsn + change
    with pytest.raises(StorageProblem, match="correct the database URL") as refusal:
        await open_store(url)
    assert "\n" not in str(refusal.value)


async def test_without_the_driver_the_message_says_how_to_get_it():
    script = (
        "import sys, asyncio; sys.modules['asyncpg'] = None\n"
        "from grantway.storage import open_store\n"
        "from grantway.storage.problems import StorageProblem\n"
        "try: asyncio.run(open_store('postgresql://nowhere/x'))\n"
        "except StorageProblem as problem: print(problem)\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'grantway[postgres]'" in told.stdout


async def test_ids_are_compared_byte_by_byte_whatever_the_locale(store, other):
    """Design 13: selectors are ordered by time only in ASCII order."""
    columns = await other.fetch(
        "SELECT a.attrelid::regclass::text AS table, a.attname AS name, c.collname AS collation "
        "FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) "
        "JOIN pg_collation c ON c.oid = a.attcollation WHERE i.indrelid::regclass::text = ANY ($1)",
        [
            "clients",
            "apis",
            "people",
            "sessions",
            "consents",
            "grants",
            "codes",
            "refresh_tokens",
            "throttles",
        ],
    )
    assert len(columns) > 15
    assert {"C"} == {column["collation"] for column in columns}


async def test_a_spend_waits_for_a_revocation_under_way_and_then_fails(bench, other):
    """J1, D13: the grant is looked at under a lock, not in an old snapshot."""
    given, token = await family(bench)
    successor = await refresh_token(bench, given.grant)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE grants SET revoked_at = 1 WHERE id = $1", given.grant.id)
    spending = asyncio.create_task(redeem(bench.store, spend_refresh(token), successor))
    await asyncio.sleep(0.1)
    assert not spending.done()
    await transaction.commit()
    assert isinstance(await spending, Dead)
    assert await bench.store.find_refresh_token(successor.id) is None


async def test_a_revocation_waits_for_a_spend_under_way_and_ends_what_it_bought(bench, other):
    """J1, N6: whichever comes first, nothing stays alive."""
    given, token = await family(bench)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT FROM refresh_tokens WHERE id = $1 FOR UPDATE", token.id)
    successor = await refresh_token(bench, given.grant)
    spending = asyncio.create_task(redeem(bench.store, spend_refresh(token), successor))
    await waiting(other)
    revoking = asyncio.create_task(bench.store.revoke_grant(given.grant.id, []))
    await asyncio.sleep(0.1)
    assert not revoking.done()
    await transaction.rollback()
    assert Won() == await spending
    assert await revoking
    assert isinstance(await redeem(bench.store, spend_refresh(successor), token), Dead)


async def test_a_withdrawal_waits_for_an_approval_under_way_and_revokes_its_grant(bench, other):
    """D13: the grants are looked for after the consent is gone, in a statement of their own."""
    first = await issued(bench)
    subject, client_id = first.grant.subject, first.grant.client_id
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE consents SET scope = 'x' WHERE subject = $1", subject)
    await other.execute(
        "INSERT INTO grants "
        "(id, client_id, subject, session_id, scope, resources, auth_time, created_at, expires_at) "
        "VALUES ('beside', $1, $2, 's', '', '[]', 1, 1, 9e9)",
        client_id,
        subject,
    )
    withdrawing = asyncio.create_task(bench.store.revoke_consent(subject, client_id, []))
    await waiting(other)
    await transaction.commit()
    assert 2 == await withdrawing
    assert await other.fetchval("SELECT revoked_at FROM grants WHERE id = 'beside'")


async def test_a_spend_that_is_cut_off_before_its_commit_is_carried_out_again(bench, other):
    """RX4: the server process dies in the middle; the same call still wins, once."""
    given = await issued(bench)
    token = await refresh_token(bench, given.grant)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT FROM codes WHERE id = $1 FOR UPDATE", given.code.id)
    spending = asyncio.create_task(redeem(bench.store, spend_code(given.code), token))
    assert await other.fetchval("SELECT pg_terminate_backend($1)", await waiting(other))
    await transaction.rollback()
    assert Won() == await spending
    assert await bench.store.find_refresh_token(token.id)


def cutting(store, monkeypatch, *, before: bool) -> None:
    """The next statement loses its connection, before it is carried out or after."""
    one, calls = store._database.one, []

    async def cut(statement, *values):
        calls.append(statement)
        if len(calls) == 1 and before:
            raise Cut("cut off")
        row = await one(statement, *values)
        if len(calls) == 1:
            raise Cut("cut off")
        return row

    monkeypatch.setattr(store._database, "one", cut)


async def test_a_spend_that_is_cut_off_after_its_commit_recognises_its_own_attempt(bench, store, monkeypatch):
    """N5, design 20: committed, the answer lost; asked again it has won and is not taken for a replay."""
    given, token = await family(bench)
    successor = await refresh_token(bench, given.grant)
    cutting(store, monkeypatch, before=False)
    assert Won() == await redeem(store, spend_refresh(token), successor)
    evidence = await store.find_refresh_token(token.id)
    assert evidence
    assert evidence.grant.revoked_at is None


async def test_an_unknown_outcome_never_becomes_a_punishment(bench, store, monkeypatch):
    """N5, design 20: cut off, and somebody else has spent it: 503, and the next request tells."""
    given = await issued(bench)
    assert Won() == await redeem(store, spend_code(given.code))
    cutting(store, monkeypatch, before=True)
    with pytest.raises(Unavailable):
        await redeem(store, spend_code(given.code))
    assert Replayed() == await redeem(store, spend_code(given.code))


async def test_a_lock_that_is_held_too_long_is_unavailable(bench, store, other):
    """N5: within the patience of a verb, and nothing is written."""
    given = await issued(bench)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT FROM codes WHERE id = $1 FOR UPDATE", given.code.id)
    with pytest.raises(Unavailable, match="did not answer in time"):
        await redeem(store, spend_code(given.code))
    await transaction.rollback()
    assert Won() == await redeem(store, spend_code(given.code))


async def test_the_sweep_passes_over_rows_that_are_in_use(bench, store, other):
    """U5, design 20: it waits for nobody, and takes them the next time."""
    given = await issued(bench)
    await bench.pass_time(10_000)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT FROM codes WHERE id = $1 FOR UPDATE", given.code.id)
    assert 0 == await asyncio.wait_for(store.drop_expired(), 1.0)
    await transaction.rollback()
    assert 2 == await store.drop_expired()  # and its grant, which holds nothing


async def test_the_hot_verbs_are_one_statement_each(bench, store):
    """Design 28: two round trips for a token request, one to read and one to spend."""
    given, token = await family(bench)
    code = (await issued(bench)).code
    successor, next_one = await refresh_token(bench, given.grant), await approval(bench)
    silent = await approval(
        bench, subject=given.grant.subject, client_id=given.grant.client_id, consent=False
    )
    silent = replace(silent, grant=replace(silent.grant, consent_id=given.grant.consent_id))
    statements: list[str] = []
    pool = store._database._pool
    loggers = []
    for holder in pool._holders:
        if holder._con is not None:
            holder._con.add_query_logger(log := lambda record: statements.append(record.query))
            loggers.append((holder._con, log))

    async def cost(verb) -> int:
        statements.clear()
        await verb
        await asyncio.sleep(0.01)
        return len(statements)

    assert 1 == await cost(store.find_code(code.id))
    assert 1 == await cost(redeem(store, spend_code(code), None))
    assert 1 == await cost(store.find_refresh_token(token.id))
    assert 1 == await cost(redeem(store, spend_refresh(token), successor))
    assert 1 == await cost(store.issue_code(next_one.code, next_one.grant, next_one.consent, []))
    assert 1 == await cost(store.issue_code(silent.code, silent.grant, None, []))
    assert 1 == await cost(store.token_facts(token_id="x", grant_id=given.grant.id))
    assert 1 == await cost(store.revoke_grant(given.grant.id, []))
    for connection, log in loggers:
        connection.remove_query_logger(log)


async def test_a_store_lives_through_a_restart_of_its_server():
    """RX4: Unavailable while it is down, and the first verb after it is up succeeds; no commit is lost."""
    with Postgres() as server:
        url = await server.fresh_database()
        store = await open_store(url, auto_migrate=True)
        bench = Bench((store,), passing_in_postgres(url))
        people = [await some_person(bench) for _ in range(5)]
        server.stop("immediate")
        with pytest.raises(Unavailable):
            await store.ping()
        with pytest.raises(Unavailable):
            await store.change_person(people[0], people[0], [], end_sessions=True, revoke_grants=True)
        with pytest.raises(Unavailable):
            await open_store(url)
        server.start()
        for person in people:
            assert person == await store.find_person(person.username)
        await store.close()
        with pytest.raises(Unavailable):
            await store.ping()


async def test_a_plan_made_for_a_small_table_goes_when_it_has_grown(store, other, bench):
    """U7: else every request reads the whole table, until PostgreSQL looks by itself, once a minute."""
    await other.execute(
        "SET plan_cache_mode = force_generic_plan"
    )  # as it chooses by itself, if in its own time
    statement = await other.prepare(FIND_CODES)

    async def plan():
        return str(await other.fetch(f"EXPLAIN EXECUTE {statement.get_name()}(ARRAY['a', 'b'])"))

    assert "Seq Scan on codes" in await plan()
    for _ in range(30):
        await asyncio.gather(*[issued(bench) for _ in range(50)])
    assert "Seq Scan on codes" in await plan()
    async with asyncio.timeout(30):
        while "codes" not in await store.freshen_statistics():
            await asyncio.sleep(0.05)  # the count of changes arrives within a second
    assert "Seq Scan on codes" not in await plan()
    async with asyncio.timeout(30):
        while await store.freshen_statistics():
            await asyncio.sleep(0.05)
