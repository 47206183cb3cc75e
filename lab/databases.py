"""Databases as a power cut needs them: in a folder of our choice, opened again from a copy, with care or not.

A careless one acknowledges what is not on disk. It shows that the experiment can see a loss.
"""

import itertools
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.node import free_port, sqlite_url
from tests.services.postgres import SETTINGS, Postgres, as_postgres, program

CARELESS_SQLITE = '''"""Python reads this at its start: SQLite is opened without waiting for the disk."""
import sqlite3

_connect = sqlite3.connect


class Careless(sqlite3.Connection):
    def execute(self, statement, *values):
        return super().execute(statement.replace("synchronous = FULL", "synchronous = {level}"), *values)


sqlite3.connect = lambda *args, **options: _connect(*args, factory=Careless, **options)
'''
CARELESS_POSTGRES = (
    "ALTER DATABASE test_1 SET synchronous_commit = off",
    "ALTER SYSTEM SET wal_writer_delay = '10s'",
    "SELECT pg_reload_conf()",
    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = 'test_1' AND pid <> pg_backend_pid()""",
)
CAREFUL_POSTGRES = ("ALTER DATABASE test_1 RESET synchronous_commit",)


class PostgresAt(Postgres):
    """A cluster in a folder that is there already, with data or without."""

    def __init__(self, home: Path) -> None:
        self.port, self.home, self._settings = free_port(), home, SETTINGS
        self._process, self._numbers = None, itertools.count(1)
        lock = home / "data" / "postmaster.pid"
        if (home / "data").exists():
            lock.unlink(missing_ok=True)  # its process died with the power, whoever has that number now
            return
        home.mkdir()
        shutil.chown(home, "postgres", "postgres")
        initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"]
        command = [*as_postgres(), program("initdb"), *initdb, f"--pgdata={home}/data"]
        subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL)


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that is there to be used, and what a node needs to use it that way."""

    url: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of database; `careless` names how it is kept from being careful, if it is."""

    database: str  # "SQLite" or "PostgreSQL"
    careless: str = ""

    @asynccontextmanager
    async def open(self, root: Path, scratch: Path, *, again: bool = False) -> AsyncIterator[Opened]:
        """In this folder of a disk; `again` finds what was there, and opens it with care."""
        if self.database == "SQLite":
            settings = {"PYTHONPATH": str(careless_python(scratch, self.careless))} if self.careless else {}
            yield Opened(sqlite_url(root), {} if again else settings)
            return
        with _cluster(root / "postgres") as cluster:
            if again:
                await _execute(cluster.dsn(), CAREFUL_POSTGRES)
                yield Opened(cluster.dsn("test_1"), {})
                return
            yield Opened(await cluster.fresh_database(), {})

    async def neglect(self, opened: Opened) -> None:
        """Make PostgreSQL careless behind the back of a node that has started; it refuses to start on one."""
        if self.careless and self.database == "PostgreSQL":
            await _execute(opened.url, CARELESS_POSTGRES)


async def _execute(url: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@contextmanager
def _cluster(home: Path) -> Iterator[Postgres]:
    with PostgresAt(home) as cluster:
        yield cluster


def careless_python(scratch: Path, level: str) -> Path:
    """A folder for PYTHONPATH: SQLite is opened with this level of `synchronous` instead of FULL."""
    folder = scratch / "careless"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(CARELESS_SQLITE.replace("{level}", level))
    return folder
