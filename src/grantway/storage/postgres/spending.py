"""Spending codes and refresh tokens in PostgreSQL, one at a time or many together.

Whoever spends locks first the grants, in share mode, then the credentials, each in the order of their ids;
whoever revokes locks only grants, in that order too. So a spend and a revocation wait for each other and
never in a circle: either the spend finds the grant revoked, or the revocation comes after it and ends what it
bought. Two members of a batch that spend the same credential are told apart by their places, not by hash.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from grantway.protocol.grants import OpaqueToken, RefreshToken
from grantway.storage.columns import OPAQUE, REFRESH
from grantway.storage.port import (
    Outcome,
    Repeated,
    SpendCode,
    SpendRefreshToken,
    Unavailable,
    Won,
)
from grantway.storage.postgres.batches import Gathered
from grantway.storage.postgres.connections import Cut, Database, sql
from grantway.storage.rows import Values, write_opaque_token, write_refresh_token
from grantway.storage.verdicts import Lost, LostRefresh, judge_code, judge_refresh, successor_of

Table = Literal["codes", "refresh_tokens"]
_REFRESH_TYPES = ("text", "bytea", "text", "text", "float8", "float8", "float8", "text")
_OPAQUE_TYPES = ("text", "bytea", *["text"] * 5, *["float8"] * 4, "text")
# What a spend writes into the row it spends, besides the time.
_MARKS = {"codes": ("spent_by",), "refresh_tokens": ("spent_by", "successor_id", "locked_successor")}
_MARK_TYPES = ("text", "text", "bytea")
_NO_REFRESH: Values = (None,) * len(REFRESH)
_NO_OPAQUE: Values = (None,) * len(OPAQUE)

# The share lock waits for a revocation under way and then sees it; a later one waits for this to commit.
_ALONE = """
WITH live AS MATERIALIZED (
    SELECT g.id FROM {table} c JOIN grants g ON g.id = c.grant_id
    WHERE c.id = $1 AND c.hash = $2 AND g.revoked_at IS NULL AND g.expires_at > {now}
    FOR SHARE OF g
), spent AS (
    UPDATE {table} SET spent_at = {now}, {marks}
    WHERE id = $1 AND hash = $2 AND spent_at IS NULL AND expires_at > {now} AND EXISTS (SELECT FROM live)
    RETURNING id
), refreshed AS (
    INSERT INTO refresh_tokens ({refresh}) SELECT {refresh_values} FROM spent
    WHERE {refresh_id}::text IS NOT NULL
), opened AS (
    INSERT INTO opaque_tokens ({opaque}) SELECT {opaque_values} FROM spent
    WHERE {opaque_id}::text IS NOT NULL
)
SELECT id FROM spent"""
_TOGETHER = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest({arrays})
    WITH ORDINALITY AS a (id, hash, {names}, {bought}, place)
), live AS MATERIALIZED (
    SELECT g.id
    FROM asked a JOIN {table} c ON c.id = a.id AND c.hash = a.hash JOIN grants g ON g.id = c.grant_id
    WHERE g.revoked_at IS NULL AND g.expires_at > {now}
    ORDER BY g.id FOR SHARE OF g
), held AS MATERIALIZED (
    SELECT c.id, c.hash FROM (SELECT DISTINCT id FROM asked) a JOIN {table} c ON c.id = a.id
    WHERE c.spent_at IS NULL AND c.expires_at > {now} AND c.grant_id IN (SELECT id FROM live)
    ORDER BY c.id FOR NO KEY UPDATE OF c
), chosen AS MATERIALIZED (
    SELECT DISTINCT ON (a.id) a.* FROM asked a JOIN held h ON h.id = a.id AND h.hash = a.hash
    ORDER BY a.id, a.place
), spent AS (
    UPDATE {table} c SET spent_at = {now}, {marks} FROM chosen a WHERE c.id = a.id AND c.spent_at IS NULL
    RETURNING a.place
), refreshed AS (
    INSERT INTO refresh_tokens ({refresh})
    SELECT {new_refresh} FROM chosen JOIN spent USING (place) WHERE new_refresh_id IS NOT NULL
){opened}
SELECT place FROM spent"""
# Most batches buy no opaque token, and then half of the arrays would hold nothing.
_OPENED = """, opened AS (
    INSERT INTO opaque_tokens ({opaque})
    SELECT {new_opaque} FROM chosen JOIN spent USING (place) WHERE new_opaque_id IS NOT NULL
)"""
# A statement of its own: the snapshot of the one that lost cannot say why.
_LOST_CODE = sql("""
SELECT {now}, c.spent_at, c.spent_by, c.expires_at, g.expires_at, g.revoked_at
FROM codes c LEFT JOIN grants g ON g.id = c.grant_id
WHERE c.id = $1 AND c.hash = $2""")
_LOST_REFRESH = sql("""
SELECT {now}, r.spent_at, r.spent_by, r.expires_at, g.expires_at, g.revoked_at,
    r.locked_successor, n.id IS NOT NULL, n.spent_at
FROM refresh_tokens r
    LEFT JOIN grants g ON g.id = r.grant_id
    LEFT JOIN refresh_tokens n ON n.id = r.successor_id
WHERE r.id = $1 AND r.hash = $2""")


@dataclass(frozen=True, slots=True)
class Ask:
    """A credential to spend, and what it buys."""

    spend: SpendCode | SpendRefreshToken
    refresh_token: RefreshToken | None
    opaque_token: OpaqueToken | None

    def values(self) -> Values:
        """In the order of the placeholders and arrays below."""
        spend = self.spend
        if isinstance(spend, SpendCode):
            own: Values = (spend.code_id, spend.hash, spend.attempt)
        else:
            successor = successor_of(spend, self.refresh_token)
            own = (spend.token_id, spend.hash, spend.attempt, successor, spend.locked_successor)
        return (
            *own,
            *(_NO_REFRESH if self.refresh_token is None else write_refresh_token(self.refresh_token)),
            *(_NO_OPAQUE if self.opaque_token is None else write_opaque_token(self.opaque_token)),
        )


# With its values: what cannot be asked is refused before it travels with others.
_Ready = tuple[Ask, Values]


def _alone_sql(table: Table) -> str:
    marks = _MARKS[table]
    first = 3 + len(marks)
    second = first + len(REFRESH)
    return sql(
        _ALONE,
        table=table,
        marks=", ".join(f"{name} = ${3 + offset}" for offset, name in enumerate(marks)),
        refresh_values=format(REFRESH, f"${first}"),
        refresh_id=f"${first}",
        opaque_values=format(OPAQUE, f"${second}"),
        opaque_id=f"${second}",
    )


def _together_sql(table: Table, *, with_opaque: bool) -> str:
    marks = _MARKS[table]
    types = ("text", "bytea", *_MARK_TYPES[: len(marks)], *_REFRESH_TYPES)
    new_refresh = ", ".join(f"new_refresh_{name}" for name in REFRESH.names)
    new_opaque = ", ".join(f"new_opaque_{name}" for name in OPAQUE.names)
    return sql(
        _TOGETHER,
        table=table,
        arrays=", ".join(
            f"${place}::{kind}[]"
            for place, kind in enumerate((*types, *_OPAQUE_TYPES) if with_opaque else types, 1)
        ),
        names=", ".join(f"new_{name}" for name in marks),
        marks=", ".join(f"{name} = a.new_{name}" for name in marks),
        bought=f"{new_refresh}, {new_opaque}" if with_opaque else new_refresh,
        new_refresh=new_refresh,
        opened=sql(_OPENED, new_opaque=new_opaque) if with_opaque else "",
    )


class Spending:
    """Spends the credentials of one table; those asked for at the same time travel together."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._alone = _alone_sql(table)
        self._together = _together_sql(table, with_opaque=False)
        self._together_with_opaque = _together_sql(table, with_opaque=True)
        self._gathered = Gathered(alone=self._spend_alone, together=self._spend_together)

    async def spend(self, ask: Ask) -> Outcome:
        """See `port.Grants.spend_and_issue`."""
        return await self._gathered.ask((ask, ask.values()))

    async def _spend_alone(self, ready: _Ready) -> Outcome:
        try:
            return await self._try(ready)
        except Cut as unknown:
            return await self._try_again(ready, unknown)

    async def _spend_together(self, batch: Sequence[_Ready]) -> Sequence[Outcome | BaseException]:
        columns = list(zip(*(values for _, values in batch), strict=True))
        statement = self._together_with_opaque
        if all(ask.opaque_token is None for ask, _ in batch):
            statement, columns = self._together, columns[: -len(OPAQUE)]
        try:
            won = {place - 1 for (place,) in await self._database.all(statement, *columns)}
        except Cut as unknown:
            again = (self._try_again(ready, unknown) for ready in batch)
            return await asyncio.gather(*again, return_exceptions=True)
        if len(won) == len(batch):
            return [Won()] * len(batch)
        lost = (self._why_lost(ask) for place, (ask, _) in enumerate(batch) if place not in won)
        reasons = iter(await asyncio.gather(*lost, return_exceptions=True))
        return [Won() if place in won else next(reasons) for place in range(len(batch))]

    async def _try(self, ready: _Ready) -> Outcome:
        ask, values = ready
        if await self._database.one(self._alone, *values):
            return Won()
        return await self._why_lost(ask)

    async def _try_again(self, ready: _Ready, unknown: Cut) -> Outcome:
        """After an unknown outcome only a win of this attempt counts: any other answer may be an echo."""
        outcome = await self._try(ready)
        if isinstance(outcome, Won | Repeated):
            return outcome
        raise Unavailable(str(unknown)) from unknown

    async def _why_lost(self, ask: Ask) -> Outcome:
        spend = ask.spend
        if isinstance(spend, SpendCode):
            row = await self._database.one(_LOST_CODE, spend.code_id, spend.hash)
            return judge_code(None if row is None else Lost(*row), attempt=spend.attempt)
        row = await self._database.one(_LOST_REFRESH, spend.token_id, spend.hash)
        found = None if row is None else LostRefresh(*row)
        return judge_refresh(found, attempt=spend.attempt, grace=spend.grace)
