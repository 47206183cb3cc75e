"""What is particular to the store in one SQLite file."""

import asyncio
import contextlib
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from grantway.protocol.people import Person
from grantway.storage import open_store
from grantway.storage.changes import PutClient, PutSecret, RegistryRows
from grantway.storage.port import Bucket, Conflict, Unavailable, Won
from grantway.storage.sqlite import SqliteStore
from grantway.testing import Bench, passing_in_sqlite
from grantway.testing.bench import issued, redeem, refresh_token, spend_code
from grantway.testing.registry import some_client, some_secret

WRITER = """
import asyncio, sys
from grantway.protocol.people import Person
from grantway.storage import open_store

async def main(url, name, count):
    store = await open_store(url)
    for number in range(int(count)):
        subject = f"{name}-{number:06}"
        await store.add_person(Person(subject=subject, username=subject, name="x" * 500, created_at=1.0), [])
        print(subject, flush=True)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grantway.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_store(f"sqlite:///{path}", auto_migrate=True)
    assert isinstance(opened, SqliteStore)
    yield opened
    await opened.close()


@pytest.fixture
def bench(store: SqliteStore, path: Path) -> Bench:
    return Bench((store,), passing_in_sqlite(path))


def person(name: str) -> Person:
    return Person(subject=name, username=name, name=name, created_at=1.0)


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, f"sqlite:///{path}", name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def usernames(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert [("ok",)] == db.execute("PRAGMA integrity_check").fetchall()
        return {name for (name,) in db.execute("SELECT username FROM people")}


async def test_every_commit_is_flushed_before_it_is_answered(store):
    """N5, RX1: WAL with synchronous=FULL (2) keeps through a power cut what it acknowledged; 1 does not."""

    def pragmas(db):
        return [
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    assert ["wal", 2, 1] == await store._writer.run(pragmas)


async def test_the_database_belongs_to_its_owner_alone(store, path):
    """S1: the file, its log and its index."""
    await store.add_person(person("ada"), [])
    files = sorted(path.parent.iterdir())
    assert ["grantway.db", "grantway.db-shm", "grantway.db-wal"] == [file.name for file in files]
    assert {0o600} == {stat.S_IMODE(file.stat().st_mode) for file in files}


async def test_the_connection_that_reads_cannot_write(store):
    with pytest.raises(Unavailable, match="readonly"):
        store._reader.all("DELETE FROM people")


async def test_a_command_may_write_beside_the_server(store, path):
    """RX22: nothing is lost and nobody is refused, whoever writes."""
    other = start_writer(path, "theirs", 300)
    ours = 0
    while other.poll() is None:
        await store.add_person(person(f"ours-{ours}"), [])
        ours += 1
        await asyncio.sleep(0)
    assert 0 == other.returncode
    assert 300 == len(other.communicate()[0].splitlines())
    assert 300 + ours == len(usernames(path))
    assert await store.find_person("theirs-000299")


async def test_kill_9_loses_no_acknowledged_commit(store, path):
    """N5, RX1: killed in the middle of writing, again and again, beside a server that has the file open."""
    acknowledged: set[str] = set()
    for round_ in range(6):
        writer = start_writer(path, f"round{round_}", 1_000_000)
        assert writer.stdout
        for _ in range(20 + 17 * round_):
            acknowledged.add((await asyncio.to_thread(writer.stdout.readline)).strip())
        writer.send_signal(signal.SIGKILL)
        acknowledged |= {
            line for line in writer.communicate()[0].splitlines(keepends=True) if line.endswith("\n")
        }
        assert -signal.SIGKILL == writer.returncode
        await store.add_person(person(f"after-{round_}"), [])
    acknowledged = {line.strip() for line in acknowledged}
    stored = usernames(path)
    assert acknowledged <= stored
    assert len(stored) <= len(acknowledged) + 6 + 6  # at most one more for each kill was under way


async def test_a_backup_under_writes_is_whole_and_holds_what_was_acknowledged(store, path, tmp_path):
    """RX16: everything acknowledged before it began; the copy opens as a store and is current."""
    for number in range(200):
        await store.add_person(person(f"before-{number}"), [])
    writing, written = True, 0

    async def write() -> None:
        nonlocal written
        while writing:
            await store.add_person(person(f"during-{written}"), [])
            written += 1

    task = asyncio.create_task(write())
    copies = [tmp_path / f"copy-{number}.db" for number in range(5)]
    for copy in copies:
        known = 200 + written
        await store.backup(copy)
        assert known <= len(usernames(copy))
        assert 0o600 == stat.S_IMODE(copy.stat().st_mode)
    writing = False
    await task
    assert written > 0
    restored = await open_store(f"sqlite:///{copies[-1]}")
    assert await restored.find_person("before-199")
    await restored.add_person(person("afterwards"), [])
    await restored.close()
    with pytest.raises(FileExistsError):
        await store.backup(copies[0])
    assert [] == list(tmp_path.glob("*.partial"))


async def test_a_locked_database_is_unavailable_and_then_works_again(store, path):
    """N5: nothing is written, nothing is claimed; reading goes on."""
    await store.add_person(person("ada"), [])
    await store._writer.run(lambda db: db.execute("PRAGMA busy_timeout = 50"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await store.add_person(person("grace"), [])
        assert await store.find_person("ada")
        other.execute("ROLLBACK")
    assert await store.find_person("grace") is None
    await store.add_person(person("grace"), [])


async def test_a_crowd_before_a_locked_database_waits_once_not_one_after_the_other(store, path):
    """RX22: thirty requests are answered within the patience of one."""
    await store._writer.run(lambda db: db.execute("PRAGMA busy_timeout = 300"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writes = [store.add_person(person(f"p{number}"), []) for number in range(30)]
        outcomes = await asyncio.wait_for(asyncio.gather(*writes, return_exceptions=True), 2.0)
        other.execute("ROLLBACK")
    assert {Unavailable} == {type(outcome) for outcome in outcomes}


async def test_one_write_that_fails_takes_nothing_with_it(store):
    """Design 20: each member of a batch gets its own answer."""
    odd = replace(person("odd"), name="lone \ud800 surrogate")
    people = [person("ada"), person("ada"), person("grace"), odd, person("hedy")]
    half = [PutClient(some_client()), PutSecret(some_secret(some_client()))]
    writes = [store.add_person(each, []) for each in people]
    writes.insert(3, store.change_registry(half, []))
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    expected = [None, Conflict, None, Conflict, UnicodeEncodeError, None]
    assert expected == [each and type(each) for each in outcomes]
    assert RegistryRows(0, (), (), ()) == await store.load_registry()
    assert ["ada", "grace", "hedy"] == [each.username for each in await store.list_people()]


async def test_a_full_disk_is_unavailable_and_leaves_no_half_effects(bench, store):
    """N5, RX6: a code stays unspent, and is spent when there is room again."""
    given = await issued(bench)
    token = await refresh_token(bench, given.grant)
    pages = await store._writer.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store._writer.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall())

    async def fill() -> None:
        for number in range(1000):
            await store.add_person(person(f"{number}" + "x" * 2000), [])

    with pytest.raises(Unavailable, match="full"):
        await fill()
    with pytest.raises(Unavailable, match="full"):
        await store.take([Bucket("x" * 10_000, 1, 1.0)])
    evidence = await store.find_code(given.code.id)
    assert evidence
    assert evidence.code.spent_at is None
    await store._writer.run(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchall())
    assert Won() == await redeem(store, spend_code(given.code), token)


async def test_a_closing_store_finishes_what_was_asked_for_and_refuses_the_rest(store):
    tasks = [asyncio.create_task(store.add_person(person(f"p{number}"), [])) for number in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)
    with pytest.raises(Unavailable, match="closed"):
        await store.add_person(person("late"), [])
    with pytest.raises(Unavailable, match="closed"):
        await store.ping()
    await store.close()
    assert not store._writer._thread.is_alive()


async def test_a_cancelled_caller_does_not_cancel_the_transaction(store):
    """Design 20: who stops waiting stops nothing."""
    started, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(db):
        loop.call_soon_threadsafe(started.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        db.execute("INSERT INTO throttles VALUES ('kept', 1.0)")

    task = asyncio.create_task(store._writer.run(slow))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await store.add_audit([])
    assert [("kept",)] == store._reader.all("SELECT key FROM throttles")


async def test_closing_leaves_one_tidy_file(path):
    opened = await open_store(f"sqlite:///{path}", auto_migrate=True)
    await opened.add_person(person("ada"), [])
    await opened.close()
    assert [path] == list(path.parent.iterdir())
