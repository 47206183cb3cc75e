"""Throttles, the audit log, and what leaves by itself, in SQLite."""

import sqlite3
from collections.abc import Sequence

from grantway.storage.changes import AuditEntry
from grantway.storage.columns import CODE_KEPT, PERISHABLES
from grantway.storage.port import Bucket
from grantway.storage.rows import read_audit
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.verbs import Verbs, add_audit
from grantway.storage.verdicts import fill_buckets

_NOW = sql("SELECT {now}")
_LEVEL = "SELECT empty_at FROM throttles WHERE key = ?"
_SET_LEVEL = """
INSERT INTO throttles (key, empty_at) VALUES (?, ?)
ON CONFLICT (key) DO UPDATE SET empty_at = excluded.empty_at"""
_GIVE_BACK = "UPDATE throttles SET empty_at = empty_at - ?2 WHERE key = ?1"
_READ_AUDIT = sql("SELECT {audit} FROM audit ORDER BY number DESC LIMIT ?")

# ?1 is the size of the batch, ?2 the seconds for which the rows are kept beyond their end.
_DROP = "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {end} < {now} - ?2 LIMIT ?1)"
_DROPS = tuple((sql(_DROP, table=each.table, key=each.key, end=each.end), each.kept) for each in PERISHABLES)
# Both choose the same codes. A grant whose code was never exchanged holds nothing, and leaves with it.
_GONE = "FROM codes WHERE expires_at < ?2 ORDER BY expires_at, id LIMIT ?1"
_DROP_EMPTY_GRANTS = sql(
    "DELETE FROM grants WHERE id IN "
    "(SELECT grant_id FROM (SELECT grant_id, spent_at {gone}) WHERE spent_at IS NULL)",
    gone=_GONE,
)
_DROP_CODES = sql("DELETE FROM codes WHERE id IN (SELECT id {gone})", gone=_GONE)
_WIPE = sql("""
UPDATE refresh_tokens SET locked_successor = NULL WHERE id IN (
    SELECT id FROM refresh_tokens WHERE locked_successor IS NOT NULL AND spent_at < {now} - ?2 LIMIT ?1)""")


class UpkeepVerbs(Verbs):
    """`port.Upkeep`."""

    async def take(self, buckets: Sequence[Bucket]) -> float:
        return await self._writer.run(_take, tuple(buckets))

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        await self._writer.run(_give_back, tuple(buckets))

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        await self._writer.run(add_audit, tuple(entries))

    async def read_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        return [read_audit(row) for row in self._reader.all(_READ_AUDIT, limit)]

    async def drop_expired(self, *, batch: int = 500, grace: float = 10.0) -> int:
        gone = await self._writer.run(_sweep, _WIPE, (batch, grace))
        gone += await self._writer.run(_drop_codes, batch)
        for statement, kept in _DROPS:  # a transaction each: other writers go in between
            gone += await self._writer.run(_sweep, statement, (batch, kept))
        return gone

    async def freshen_statistics(self) -> Sequence[str]:
        return ()  # without statistics SQLite prefers an index always, which is what our statements want


def _take(db: sqlite3.Connection, buckets: Sequence[Bucket]) -> float:
    now: float = db.execute(_NOW).fetchall()[0][0]
    levels = {
        bucket.key: level for bucket in buckets for (level,) in db.execute(_LEVEL, (bucket.key,)).fetchall()
    }
    wait, filled = fill_buckets(levels, buckets, now=now)
    if wait == 0.0:
        db.executemany(_SET_LEVEL, filled.items())
    return wait


def _give_back(db: sqlite3.Connection, buckets: Sequence[Bucket]) -> None:
    db.executemany(_GIVE_BACK, [(bucket.key, bucket.seconds_each) for bucket in buckets])


def _sweep(db: sqlite3.Connection, statement: str, values: tuple[int, float]) -> int:
    return db.execute(statement, values).rowcount


def _drop_codes(db: sqlite3.Connection, batch: int) -> int:
    now: float = db.execute(_NOW).fetchall()[0][0]
    values = (batch, now - CODE_KEPT)
    return db.execute(_DROP_EMPTY_GRANTS, values).rowcount + db.execute(_DROP_CODES, values).rowcount
