"""The cleanup, seen from inside the database: how large its batches are, how long it holds its rows.

A trigger counts the rows of each DELETE. PostgreSQL tells by itself what takes long: in its log, and in
`pg_stat_activity`, which is looked at often. SQLite has no such thing: there the waits of others tell.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from grantway.storage.columns import PERISHABLES
from grantway.storage.urls import database_file
from lab.report import Finding
from lab.stage import Stage

_LEAVING = ("codes", *(each.table for each in PERISHABLES))
EVERY = 0.02  # seconds between looks at what is running
_SLOW = re.compile(r"duration: ([\d.]+) ms  \w+ [^:]*:\s+WITH (?:gone|stale) AS")
_RUNNING = """
SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
    AND (query LIKE '%WITH gone AS%' OR query LIKE '%WITH stale AS%')"""
_PREPARE = """
CREATE TABLE lab_batches (told text, gone bigint);
CREATE FUNCTION lab_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO lab_batches SELECT TG_TABLE_NAME, count(*) FROM gone; RETURN NULL; END $$;
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET log_min_duration_statement = 10', current_database()); END $$;
"""
_NOTE = """
CREATE TRIGGER lab_note AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION lab_note();
"""
# Within one statement SQLite's clock stands still, so that rows of one DELETE are counted together.
_NOTE_SQLITE = """
CREATE TRIGGER lab_{table} AFTER DELETE ON {table} BEGIN
    INSERT INTO lab_batches VALUES ('{table}', julianday('now'), 1)
    ON CONFLICT (told, at) DO UPDATE SET gone = gone + 1; END;
"""


@dataclass
class Watch:
    """What was seen."""

    stage: Stage
    seconds: float = 0.0
    longest: float = 0.0  # seconds of one cleanup statement with its commit, as far as looks caught it

    async def findings(self, *, most: int, longest: float) -> tuple[Finding, ...]:
        """The largest batch; on PostgreSQL also how long rows were held."""
        batches, largest = (
            await self.stage.query("SELECT count(*), max(gone) FROM lab_batches WHERE gone > 0")
        )[0]
        found = (
            Finding(what="batches", figure=batches, at_least=1),
            Finding(what="rows of the largest batch", figure=largest, at_most=most),
        )
        if self.stage.postgres is None:
            return found
        logged = _SLOW.findall((self.stage.postgres.home / "server.log").read_text(errors="replace"))
        return (
            *found,
            Finding(
                what="longest cleanup statement in PostgreSQL's log (those above 10 ms are there)",
                figure=round(max(map(float, logged), default=0.0) / 1000, 4),
                unit="s",
                at_most=longest,
            ),
            Finding(
                what=f"longest cleanup transaction seen, looking every {EVERY * 1000:g} ms",
                figure=round(self.longest, 4),
                unit="s",
                at_most=longest,
            ),
        )


async def prepare(stage: Stage) -> None:
    """Make the database tell. Before the nodes connect, since the log's setting is theirs from then on."""
    if stage.postgres is None:
        with closing(sqlite3.connect(_file(stage))) as db:
            db.execute("CREATE TABLE lab_batches (told TEXT, at REAL, gone INTEGER, PRIMARY KEY (told, at))")
            for table in _LEAVING:
                db.execute(_NOTE_SQLITE.format(table=table))
        return
    connection = await asyncpg.connect(stage.url)
    try:
        await connection.execute(_PREPARE + "".join(_NOTE.format(table=table) for table in _LEAVING))
    finally:
        await connection.close()


async def batches_so_far(stage: Stage) -> int:
    """How many there were that deleted anything."""
    return await stage.number("SELECT count(*) FROM lab_batches WHERE gone > 0")


@asynccontextmanager
async def watching(stage: Stage) -> AsyncIterator[Watch]:
    """Look at what is running, for as long as this lasts."""
    watch, began = Watch(stage), time.monotonic()
    looking = None if stage.postgres is None else asyncio.create_task(_look(watch))
    try:
        yield watch
    finally:
        watch.seconds = time.monotonic() - began
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def _look(watch: Watch) -> None:
    connection = await asyncpg.connect(watch.stage.url)
    try:
        while True:
            watch.longest = max(watch.longest, await connection.fetchval(_RUNNING))
            await asyncio.sleep(EVERY)
    finally:
        connection.terminate()


async def size(stage: Stage) -> int:
    """Bytes of all that leaves by itself, with indexes; on SQLite of the whole file."""
    if stage.postgres is None:
        return await stage.number("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    names = ", ".join(f"'{table}'" for table in _LEAVING)
    return await stage.number(
        f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ({names})"  # noqa: S608
    )


async def vacuum(stage: Stage) -> None:
    """What autovacuum does in two rounds: the second gives back the pages of indexes that the first emptied.

    SQLite needs nothing: its pages are free at once.
    """
    if stage.postgres is not None:
        await stage.query("VACUUM")
        await stage.query("VACUUM")


def _file(stage: Stage) -> Path:
    return database_file(stage.url)
