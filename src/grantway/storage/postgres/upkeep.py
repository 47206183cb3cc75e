"""Throttles, the audit log, and what leaves by itself, in PostgreSQL."""

from collections.abc import Sequence

from grantway.storage.changes import AuditEntry, LiveCounts
from grantway.storage.columns import CODE_KEPT, PERISHABLES
from grantway.storage.port import Bucket
from grantway.storage.postgres.connections import SLOW, sql
from grantway.storage.postgres.verbs import Verbs, add_audit
from grantway.storage.rows import read_audit
from grantway.storage.verdicts import fill_buckets

# Makes the missing buckets and locks all, in the order of their keys. The clock is read under the locks.
_HOLD = """
INSERT INTO throttles (key, empty_at)
SELECT key, 0 FROM unnest($1::text[]) AS asked (key) ORDER BY key COLLATE "C"
ON CONFLICT (key) DO UPDATE SET empty_at = throttles.empty_at
RETURNING key, empty_at, extract(epoch FROM clock_timestamp())::float8"""
_SET_LEVELS = """
UPDATE throttles t SET empty_at = filled.empty_at
FROM unnest($1::text[], $2::float8[]) AS filled (key, empty_at) WHERE t.key = filled.key"""
_GIVE_BACK = """
WITH taken AS (
    SELECT key, sum(seconds) AS seconds FROM unnest($1::text[], $2::float8[]) AS u (key, seconds) GROUP BY key
), held AS (
    SELECT t.key, taken.seconds FROM throttles t JOIN taken USING (key) ORDER BY t.key FOR NO KEY UPDATE OF t
)
UPDATE throttles t SET empty_at = t.empty_at - held.seconds FROM held WHERE t.key = held.key"""
_READ_AUDIT = sql("SELECT {audit} FROM audit ORDER BY number DESC LIMIT $1")

# $1 is the size of the batch, $2 the seconds for which the rows are kept beyond their end. Where much has
# expired, only the order keeps PostgreSQL from reading the whole table for every batch.
_DROP = """
WITH gone AS MATERIALIZED (
    SELECT {key} FROM {table} WHERE {end} < {now} - $2::float8
    ORDER BY {end} LIMIT $1 FOR UPDATE SKIP LOCKED)
DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM gone)"""
_DROPS = tuple((sql(_DROP, table=each.table, key=each.key, end=each.end), each.kept) for each in PERISHABLES)
# A grant whose code was never exchanged holds nothing, and leaves with it, unless it is just being revoked.
_DROP_CODES = sql("""
WITH gone AS MATERIALIZED (
    SELECT id, grant_id, spent_at FROM codes WHERE expires_at < {now} - $2::float8
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
), empty AS MATERIALIZED (
    SELECT id FROM grants WHERE id IN (SELECT grant_id FROM gone WHERE spent_at IS NULL)
    FOR UPDATE SKIP LOCKED
), ended AS (
    DELETE FROM grants WHERE id IN (SELECT id FROM empty) RETURNING id
), dropped AS (
    DELETE FROM codes WHERE id IN (SELECT id FROM gone) RETURNING id
)
SELECT id FROM ended UNION ALL SELECT id FROM dropped""")
_WIPE = sql("""
WITH stale AS MATERIALIZED (
    SELECT id FROM refresh_tokens WHERE locked_successor IS NOT NULL AND spent_at < {now} - $2::float8
    ORDER BY spent_at LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE refresh_tokens SET locked_successor = NULL WHERE id IN (SELECT id FROM stale)""")
# PostgreSQL does so by itself, but looks only once a minute: time for 200,000 codes.
_CHANGED = """
SELECT quote_ident(relname) FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND n_mod_since_analyze > 500 + n_live_tup / 5 ORDER BY relname"""
_LIVE = sql("""
SELECT (SELECT count(*) FROM grants WHERE revoked_at IS NULL AND expires_at > {now}),
    (SELECT count(*) FROM sessions WHERE expires_at > {now})""")
_COUNTING = 5.0  # seconds: whoever gathers metrics waits no longer
_ANALYZE = "ANALYZE (SKIP_LOCKED) {table}"


class _Full(Exception):
    """Undoes a transaction that may take nothing."""

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.wait = wait


def _filled(levels: dict[str, float], buckets: Sequence[Bucket], *, now: float) -> dict[str, float]:
    wait, filled = fill_buckets(levels, buckets, now=now)
    if wait > 0.0:
        raise _Full(wait)
    return filled


class UpkeepVerbs(Verbs):
    """`port.Upkeep`."""

    async def take(self, buckets: Sequence[Bucket]) -> float:
        keys = sorted({bucket.key for bucket in buckets})
        try:
            async with self._database.transaction() as transaction:
                held = await transaction.all(_HOLD, keys)
                now = max((now for _, _, now in held), default=0.0)
                filled = _filled({key: level for key, level, _ in held}, buckets, now=now)
                await transaction.count(_SET_LEVELS, list(filled), list(filled.values()))
        except _Full as full:
            return full.wait
        return 0.0

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        keys, seconds = [bucket.key for bucket in buckets], [bucket.seconds_each for bucket in buckets]
        await self._database.count(_GIVE_BACK, keys, seconds)

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        await add_audit(self._database, entries)

    async def read_audit(self, *, limit: int = 100) -> Sequence[AuditEntry]:
        return [read_audit(row) for row in await self._database.all(_READ_AUDIT, limit)]

    async def drop_expired(self, *, batch: int = 500, grace: float = 10.0) -> int:
        gone = await self._database.count(_WIPE, batch, grace, patience=SLOW)
        gone += await self._database.count(_DROP_CODES, batch, CODE_KEPT, patience=SLOW)
        for statement, kept in _DROPS:
            gone += await self._database.count(statement, batch, kept, patience=SLOW)
        return gone

    async def live_counts(self) -> LiveCounts:
        rows = await self._database.all(_LIVE, patience=_COUNTING)
        return LiveCounts(*rows[0])

    async def freshen_statistics(self) -> Sequence[str]:
        tables = [table for (table,) in await self._database.all(_CHANGED)]
        for table in tables:
            await self._database.all(_ANALYZE.format(table=table), patience=SLOW)
        return tables
