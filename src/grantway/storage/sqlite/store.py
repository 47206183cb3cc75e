"""The whole store in one SQLite file."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from grantway.storage.changes import LiveCounts
from grantway.storage.sqlite.assertions import AssertionVerbs
from grantway.storage.sqlite.connections import (
    Reader,
    Writer,
    connect_reader,
    connect_writer,
    create_file,
    sql,
    translated,
)
from grantway.storage.sqlite.grants import GrantVerbs
from grantway.storage.sqlite.logouts import LogoutVerbs
from grantway.storage.sqlite.narrowing import NarrowingVerbs
from grantway.storage.sqlite.people import PeopleVerbs
from grantway.storage.sqlite.registry import RegistryVerbs
from grantway.storage.sqlite.revocations import RevocationVerbs
from grantway.storage.sqlite.tokens import TokenVerbs
from grantway.storage.sqlite.upkeep import UpkeepVerbs

_LIVE = sql("""
SELECT (SELECT count(*) FROM grants WHERE revoked_at IS NULL AND expires_at > {now}),
    (SELECT count(*) FROM sessions WHERE expires_at > {now})""")


class SqliteStore(
    RegistryVerbs,
    PeopleVerbs,
    GrantVerbs,
    NarrowingVerbs,
    LogoutVerbs,
    TokenVerbs,
    RevocationVerbs,
    AssertionVerbs,
    UpkeepVerbs,
):
    """`port.Store` in one file. Its reading verbs belong to the thread that opened it."""

    def __init__(self, path: Path) -> None:
        create_file(path)
        writer = connect_writer(path)
        try:
            reader = connect_reader(path)
        except Exception:
            writer.close()
            raise
        super().__init__(Reader(reader), Writer(writer))
        self._path = path

    def connections(self) -> Mapping[str, int]:
        return {}

    async def live_counts(self) -> LiveCounts:
        return await asyncio.to_thread(count_live, self._path)

    async def ping(self) -> None:
        self._reader.all("SELECT version FROM registry_version")

    async def backup(self, path: Path) -> None:
        """Copy the database as it is now to a new file, while reading and writing go on.

        Everything acknowledged before the call is in the copy. The file appears whole, or not at all; an
        existing one is refused (FileExistsError).
        """
        await asyncio.to_thread(back_up, self._path, path)

    async def close(self) -> None:
        self._reader.close()  # first: as the last one it could not tidy up the -wal file
        await self._writer.close()


def open_sqlite(path: Path) -> SqliteStore:
    """The store in this file, whose schema must be current."""
    return SqliteStore(path)


def count_live(path: Path) -> LiveCounts:
    """Over a connection of its own, in a thread: the event loop reads nothing that grows."""
    with contextlib.closing(connect_reader(path)) as db:
        try:
            return LiveCounts(*db.execute(_LIVE).fetchone())
        except sqlite3.Error as error:
            raise translated(error) from error


def back_up(source: Path, target: Path) -> None:
    """Copy a database that others may be using.

    The copy is made in one step from one snapshot: in many steps, every write by another connection would
    make it start again.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists already: choose another name")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        create_file(partial)
        with (
            contextlib.closing(connect_reader(source)) as here,
            contextlib.closing(sqlite3.connect(partial)) as there,
        ):
            here.backup(there)
        os.link(partial, target)  # refuses to replace a file that has appeared meanwhile
        _flush_directory(target.parent)
    except sqlite3.Error as error:
        raise translated(error) from error
    finally:
        partial.unlink(missing_ok=True)


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
