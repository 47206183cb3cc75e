"""The numbered list of migrations, and the one way to apply it.

One file of SQL serves both databases. The few words in which they differ stand in braces and are replaced
from the table `_WORDS` here: twin files were refused, because every change would have to be made twice and
nothing would show a forgotten half. A brace is not SQL, so a misspelt word fails on both.

Each migration is applied with its record (number, name, SHA-256 of the file as shipped, time) in one
transaction of its own, under a lock against a second runner. A file is never edited after its release.
"""

import asyncio
import contextlib
import hashlib
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from grantway.storage.problems import SchemaProblem
from grantway.storage.urls import database_file, is_postgres

if TYPE_CHECKING:
    from asyncpg import Connection

_WORDS = {
    #              SQLite                      PostgreSQL
    "{key}": ("TEXT", 'TEXT COLLATE "C"'),  # compared byte by byte, as ids are made to be
    "{text}": ("TEXT", "TEXT"),
    "{bytes}": ("BLOB", "BYTEA"),
    "{time}": ("REAL", "DOUBLE PRECISION"),  # Unix seconds
    "{flag}": ("INTEGER", "BOOLEAN"),
    "{number}": ("INTEGER", "BIGINT GENERATED ALWAYS AS IDENTITY"),  # counts up by itself
    "{keyed}": ("STRICT, WITHOUT ROWID", ""),  # a table that lies in the order of its primary key
    "{listed}": ("STRICT", ""),  # a table that lies in the order of its numbers
}
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LOCK = 0x6772616E74776179  # "grantway"; the key of PostgreSQL's advisory lock
_LOCK_PATIENCE = 30.0  # seconds to wait for another runner
_LOCK_PAUSE = 0.25
_HOW_TO_APPLY = "`grantway db upgrade`"

_RECORDS = """
CREATE TABLE IF NOT EXISTS grantway_migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    applied_at DOUBLE PRECISION NOT NULL
)"""
_READ = "SELECT number, name, sha256, applied_at FROM grantway_migrations ORDER BY number"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the list."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """The checksum of the file as shipped."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def sql(self, *, postgres: bool) -> str:
        """Its SQL for one of the databases."""
        text = self.text
        for word, (sqlite, postgresql) in _WORDS.items():
            text = text.replace(word, postgresql if postgres else sqlite)
        return text

    def __str__(self) -> str:
        return f"{self.number:04}_{self.name}"


@dataclass(frozen=True, slots=True)
class Applied:
    """One record of a migration in a database."""

    number: int
    name: str
    sha256: str
    applied_at: float


class SchemaState(StrEnum):
    """How the tables of a database stand to this program."""

    CURRENT = "current"
    PENDING = "pending"  # migrations of this program are not applied yet
    NEWER = "newer"  # a newer program has been here
    HALF = "half-migrated"  # what is recorded is not what this program would have done


@dataclass(frozen=True, slots=True)
class Schema:
    """What `check` found. `problem` says what to do next; it is empty when the schema is current."""

    state: SchemaState
    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]
    problem: str = ""

    def require(self, *states: SchemaState) -> None:
        """Raises SchemaProblem unless it is in one of these states."""
        if self.state not in states:
            raise SchemaProblem(self.problem)


@cache
def shipped() -> tuple[Migration, ...]:
    """All migrations of this program, in order."""
    found = sorted(
        (
            Migration(int(match[1]), match[2], file.read_text(encoding="utf-8"))
            for file in (resources.files("grantway") / "migrations").iterdir()
            if (match := _FILE_NAME.fullmatch(file.name))
        ),
        key=lambda migration: migration.number,
    )
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise SchemaProblem("the migrations of this installation are incomplete: install grantway again")
    return tuple(found)


def _lacking(records: Sequence[Applied], pending: Sequence[Migration]) -> str:
    return f"lacks {', '.join(map(str, pending))}" if records else "is empty"


def judge(applied: Sequence[Applied], known: Sequence[Migration], *, other_tables: bool = False) -> Schema:
    """How do these records stand to the migrations this program knows?"""
    records, by_number = tuple(applied), {migration.number: migration for migration in known}

    def found(state: SchemaState, problem: str) -> Schema:
        return Schema(state, records, (), problem)

    if not records and other_tables:
        return found(
            SchemaState.HALF,
            "the database has tables of ours but no record of migrations: "
            "restore a backup, or use an empty database",
        )
    for expected, record in enumerate(records, start=1):
        if record.number != expected:
            return found(
                SchemaState.HALF,
                f"migration {expected:04} is missing, {record.number:04} is recorded: restore a backup",
            )
        mine = by_number.get(record.number)
        if mine is not None and mine.sha256 != record.sha256:
            return found(
                SchemaState.HALF,
                f"migration {mine} was applied from a file that differs from the one shipped here: "
                "run the release that applied it, or restore a backup",
            )
    if len(records) > len(known):
        return found(
            SchemaState.NEWER,
            f"the database is at migration {len(records):04}, this program knows only up to {len(known):04}: "
            "run the newer grantway, or restore the backup made before its upgrade",
        )
    if pending := tuple(known[len(records) :]):
        return Schema(
            SchemaState.PENDING,
            records,
            pending,
            f"the database {_lacking(records, pending)}: run {_HOW_TO_APPLY}",
        )
    return Schema(SchemaState.CURRENT, records, ())


async def check(url: str, *, known: Sequence[Migration] | None = None) -> Schema:
    """How does the database at `url` stand to this program? Writes nothing."""
    known = shipped() if known is None else known
    if is_postgres(url):
        async with _connection(url) as connection:
            return await _check_postgres(connection, known)
    path = database_file(url)
    if not path.exists():
        return judge((), known)
    try:
        with contextlib.closing(_open_file(path)) as db:
            return _check_sqlite(db, known)
    except sqlite3.Error as error:
        raise SchemaProblem(f"{path} cannot be read as a database: {error}") from error


async def migrate(url: str, *, known: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """Apply what is pending at `url`; returns what was applied. Raises SchemaProblem where it may not be.

    A second runner waits for the first one and then finds nothing to do.
    """
    known = shipped() if known is None else known
    if is_postgres(url):
        async with _connection(url) as connection:
            return await _migrate_postgres(connection, known)
    from grantway.storage.sqlite.connections import create_file

    path = database_file(url)
    create_file(path)
    with contextlib.closing(_open_file(path)) as db:
        return _migrate_sqlite(db, known)


# --- SQLite -----------------------------------------------------------------------------------------


def _open_file(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_LOCK_PATIENCE, isolation_level=None)


def _check_sqlite(db: sqlite3.Connection, known: Sequence[Migration]) -> Schema:
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    records = [Applied(*row) for row in db.execute(_READ)] if "grantway_migrations" in tables else []
    return judge(records, known, other_tables="registry_version" in tables)


def _migrate_sqlite(db: sqlite3.Connection, known: Sequence[Migration]) -> tuple[Migration, ...]:
    done: list[Migration] = []
    while True:
        try:
            db.execute("BEGIN IMMEDIATE")
            migration = _next(_check_sqlite(db, known))
            if migration is None:
                return tuple(done)
            db.execute(_RECORDS)
            for statement in _statements(migration.sql(postgres=False)):
                db.execute(statement)
            db.execute(
                "INSERT INTO grantway_migrations (number, name, sha256, applied_at) "
                "VALUES (?, ?, ?, (julianday('now') - 2440587.5) * 86400.0)",
                (migration.number, migration.name, migration.sha256),
            )
            db.execute("COMMIT")
            done.append(migration)
        except sqlite3.Error as error:
            raise SchemaProblem(
                f"the database could not be migrated, and nothing was kept: {error}"
            ) from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script: sqlite3 runs one at a time inside a transaction of ours."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


# --- PostgreSQL -------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _connection(url: str) -> AsyncIterator["Connection"]:
    from grantway.storage.postgres.connections import connect

    connection = await connect(url)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def _check_postgres(connection: "Connection", known: Sequence[Migration]) -> Schema:
    exists = "SELECT to_regclass($1) IS NOT NULL"
    recorded = await connection.fetchval(exists, "grantway_migrations")
    records = [Applied(*row) for row in await connection.fetch(_READ)] if recorded else []
    return judge(records, known, other_tables=await connection.fetchval(exists, "registry_version"))


async def _migrate_postgres(connection: "Connection", known: Sequence[Migration]) -> tuple[Migration, ...]:
    import asyncpg

    done: list[Migration] = []
    waited = 0.0
    while True:
        try:
            async with connection.transaction():
                is_ours = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK)
                migration = _next(await _check_postgres(connection, known)) if is_ours else None
                if migration is not None:
                    await _apply_postgres(connection, migration)
        except asyncpg.PostgresError as error:
            raise SchemaProblem(
                f"the database could not be migrated, and nothing was kept: {error}"
            ) from error
        if migration is not None:
            done.append(migration)
        elif is_ours:
            return tuple(done)
        elif waited >= _LOCK_PATIENCE:
            raise SchemaProblem(
                f"another program has been migrating for {waited:.0f} s: try again when it is done"
            )
        else:
            await asyncio.sleep(_LOCK_PAUSE)
            waited += _LOCK_PAUSE


async def _apply_postgres(connection: "Connection", migration: Migration) -> None:
    """Carry it out and record it, in the transaction under way."""
    await connection.execute(_RECORDS)
    await connection.execute(migration.sql(postgres=True))
    await connection.execute(
        "INSERT INTO grantway_migrations (number, name, sha256, applied_at) "
        "VALUES ($1, $2, $3, extract(epoch FROM clock_timestamp()))",
        migration.number,
        migration.name,
        migration.sha256,
    )


def _next(schema: Schema) -> Migration | None:
    schema.require(SchemaState.CURRENT, SchemaState.PENDING)
    return schema.pending[0] if schema.pending else None
