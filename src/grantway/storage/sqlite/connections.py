"""Connections to the file: one that writes, in a thread of its own, and one that reads, on the event loop.

Reading a row from cached pages takes 10 µs, less than handing it to a thread. Writing waits for the disk,
so it happens in the thread, and what waits meanwhile is written together.
"""

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from grantway.storage.columns import sql as fill_in
from grantway.storage.port import Conflict, Unavailable
from grantway.storage.problems import StorageProblem
from grantway.storage.rows import Row

_NOW = "((julianday('now') - 2440587.5) * 86400.0)"  # Unix seconds, to the millisecond
_OLDEST = (3, 37, 0)  # STRICT tables
_WRITE_PATIENCE = 5.0  # seconds a write waits for another process that is writing
MOST_TOGETHER = 64  # writes in one transaction: bounds how long the last of them waits
_READ_PATIENCE = 0.25  # a read waits only while another process opens or closes the file
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
_CONFLICT = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
}
_P = ParamSpec("_P")
_R = TypeVar("_R")


def sql(text: str, **words: str) -> str:
    """SQL for SQLite with its column lists and clock filled in."""
    return fill_in(text, now=_NOW, **words)


def create_file(path: Path) -> None:
    """Make an empty database file that only its owner may read; SQLite gives its -wal and -shm the same mode.

    An existing file is not touched, not even opened: closing it here would drop the locks that a connection
    of this process holds on it.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StorageProblem(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed")
    with contextlib.suppress(FileExistsError):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileNotFoundError:
            raise StorageProblem(f"the directory of {path} does not exist: create it first") from None
        except PermissionError:
            raise StorageProblem(f"{path} may not be created by this user") from None


# KiB, when negative. With the usual 2 MB a look-up among 500,000 rows took 18 µs, now 14.
_CACHE = "PRAGMA cache_size = -65536"


def connect_writer(path: Path) -> sqlite3.Connection:
    """The connection of the writer thread."""
    db = sqlite3.connect(path, timeout=_WRITE_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA journal_size_limit = 67108864")
        db.execute(_CACHE)
    except sqlite3.Error as error:
        db.close()
        raise translated(error) from error
    if mode != "wal":
        db.close()
        raise StorageProblem(f"{path} cannot be used in WAL mode (a network file system?): use a local disk")
    return db


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    try:
        db = sqlite3.connect(
            f"{path.as_uri()}?mode=ro", uri=True, timeout=_READ_PATIENCE, isolation_level=None
        )
        db.execute(_CACHE)
        return db
    except sqlite3.Error as error:
        raise translated(error) from error


def translated(error: Exception) -> Exception:
    """The same in the words of the port."""
    if isinstance(error, OverflowError | sqlite3.DataError):
        return ValueError(f"no database keeps this value: {error}")
    if not isinstance(error, sqlite3.Error):
        return error
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in _CONFLICT:
        return Conflict(str(error))
    if code & 0xFF == sqlite3.SQLITE_CONSTRAINT:
        return ValueError(str(error))
    if code & 0xFF in _UNAVAILABLE:
        return Unavailable(f"SQLite: {error}")
    return error


class Reader:
    """Reads on the event loop. Every statement sees all that was committed before it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db: sqlite3.Connection | None = db

    def one(self, statement: str, *values: object) -> Row | None:
        """The first row, or None."""
        rows = self.all(statement, *values)
        return rows[0] if rows else None

    def all(self, statement: str, *values: object) -> list[Row]:
        """All rows."""
        if self._db is None:
            raise Unavailable("the store is closed")
        try:
            return self._db.execute(statement, values).fetchall()
        except (sqlite3.Error, OverflowError) as error:
            raise translated(error) from error

    def together(self, *statements: str) -> list[list[Row]]:
        """The rows of several statements, all from one snapshot."""
        self.all("BEGIN")
        try:
            return [self.all(statement) for statement in statements]
        finally:
            self.all("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A transaction to run, and where its answer goes."""

    work: Callable[[sqlite3.Connection], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Done:
    """A job carried out, or not."""

    job: _Job
    result: Any
    error: Exception | None


class Writer:
    """Writes in one thread, in the order of asking.

    What was asked for while the disk was busy is written together: one transaction, one flush, a
    savepoint for each member, so that one that fails takes nothing with it. A caller who is cancelled
    stops waiting; the write is carried out whole or not at all.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="grantway-sqlite-writer", daemon=True)
        self._open = True
        self._thread.start()

    async def run(
        self, work: Callable[Concatenate[sqlite3.Connection, _P], _R], *args: _P.args, **kwargs: _P.kwargs
    ) -> _R:
        """Run `work(db, …)` in a transaction; returns what it returns once that is on disk."""
        if not self._open:
            raise Unavailable("the store is closed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_R] = loop.create_future()
        self._jobs.put(_Job(partial(_call, work, args, kwargs), loop, answer))
        return await answer

    async def close(self) -> None:
        """Carry out what was asked for, then let go of the file."""
        if self._open:
            self._open = False
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        more = True
        while more:
            batch, more = self._gathered()
            if batch:
                _answer(self._together(batch) if len(batch) > 1 else [self._alone(batch[0])])
        self._db.close()

    def _gathered(self) -> tuple[list[_Job], bool]:
        """Waits for a job; takes along those that wait already. False with the last batch."""
        batch: list[_Job] = []
        with contextlib.suppress(Empty):
            while len(batch) < MOST_TOGETHER:
                job = self._jobs.get(block=not batch)
                if job is None:
                    return batch, False
                batch.append(job)
        return batch, True

    def _together(self, batch: list[_Job]) -> list[_Done]:
        """All of the batch in one transaction; each alone when that fails as a whole."""
        self._roll_back()
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # locked: each alone would wait as long again, one after the other
            return [_Done(job, None, translated(error)) for job in batch]
        try:
            done = [self._member(job) for job in batch]
            self._db.execute("COMMIT")
        except Exception:  # noqa: BLE001 - a member that fails alone gets its own answer then
            return [self._alone(job) for job in batch]
        return done

    def _member(self, job: _Job) -> _Done:
        self._db.execute("SAVEPOINT member")
        try:
            result = job.work(self._db)
        except Exception as error:
            if not self._db.in_transaction:  # SQLite gave up the whole transaction: so must the batch
                raise
            self._db.execute("ROLLBACK TO member")
            self._db.execute("RELEASE member")
            return _Done(job, None, translated(error))
        self._db.execute("RELEASE member")
        return _Done(job, result, None)

    def _alone(self, job: _Job) -> _Done:
        """One job in a transaction of its own."""
        self._roll_back()  # what a failing disk may have left open
        try:
            self._db.execute("BEGIN IMMEDIATE")
            result = job.work(self._db)
            self._db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller, and the thread goes on
            self._roll_back()
            return _Done(job, None, translated(error))
        return _Done(job, result, None)

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._db.execute("ROLLBACK")


def _call(work: Callable[..., _R], args: Any, kwargs: Any, db: sqlite3.Connection) -> _R:
    return work(db, *args, **kwargs)


def _answer(done: list[_Done]) -> None:
    """Wake the callers, all of one event loop at once."""
    for loop, members in groupby(done, key=lambda member: member.job.loop):
        with contextlib.suppress(RuntimeError):  # its event loop is gone: nobody waits any more
            loop.call_soon_threadsafe(_settle, list(members))


def _settle(done: list[_Done]) -> None:
    for member in done:
        answer = member.job.answer
        if answer.done():
            continue  # the caller was cancelled
        if member.error is None:
            answer.set_result(member.result)
        else:
            answer.set_exception(member.error)
