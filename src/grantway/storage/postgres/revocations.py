"""What was revoked, in PostgreSQL: written by the verbs that revoke, read by the feed.

The row of revocation_head is the last thing that a revocation locks, after everything that it revokes, so no
two wait for each other in a circle; and it stays locked until the commit, so numbers are committed in their
order.
"""

from collections.abc import Iterable, Sequence

from grantway.protocol.clients import Client
from grantway.protocol.revocations import Revocation
from grantway.storage.postgres.connections import Transaction, sql
from grantway.storage.postgres.verbs import Verbs
from grantway.storage.registry_rows import read_clients
from grantway.storage.revocation_port import Horizon
from grantway.storage.revocation_rows import end_of, read_revocation
from grantway.storage.rows import Values

_HORIZON = """
SELECT number, coalesce((SELECT min(number) FROM revocations WHERE at > $1), number + 1) - 1
FROM revocation_head"""
_LIST = sql("SELECT {revocation} FROM revocations WHERE number > $1 ORDER BY number LIMIT $2")
_OLD_CLIENT = "SELECT id, document FROM clients WHERE id = $1"
_GRANTED = sql(
    "SELECT DISTINCT resources FROM grants WHERE client_id = $1 AND revoked_at IS NULL AND expires_at > {now}"
)
_TELL_END = sql("""
WITH next AS (UPDATE revocation_head SET number = number + 1 RETURNING number)
INSERT INTO revocations ({revocation})
SELECT number, 'client', $1, $2, $3, coalesce($4::bigint, floor({now})::bigint + 1), {now} FROM next""")


class RevocationVerbs(Verbs):
    """`revocation_port.Revocations`."""

    async def revocation_horizon(self, *, since: float) -> Horizon:
        return Horizon(*(await self._database.all(_HORIZON, since))[0])

    async def list_revocations(self, *, after: int, limit: int) -> Sequence[Revocation]:
        return [read_revocation(row) for row in await self._database.all(_LIST, after, limit)]


def tell_sql(*, kind: str, key: str = "id", audience: str, scope: str = "''") -> str:
    """Common table expressions that write down what `revoked`, one before them, has revoked.

    The arguments are SQL about a row of `revoked`.
    """
    return sql(
        """
next AS (
    UPDATE revocation_head SET number = number + (SELECT count(*) FROM revoked)
    WHERE EXISTS (SELECT FROM revoked) RETURNING number
), told AS (
    INSERT INTO revocations ({revocation})
    SELECT number + 1 - row_number() OVER (ORDER BY {key}), {kind}, {key}, {audience}, {scope}, NULL, {now}
    FROM revoked, next
)""",
        kind=kind,
        key=key,
        audience=audience,
        scope=scope,
    )


def revoke_grants_sql(which: str, *, note: str = "SELECT") -> str:
    """Revoke the live grants of this condition; answers how many. `note` is a statement to go with it."""
    return sql(
        """
WITH held AS (
    SELECT id FROM grants WHERE {which} AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE
), revoked AS (
    UPDATE grants g SET revoked_at = {now} FROM held WHERE g.id = held.id RETURNING g.id, g.resources
), {tell}, noted AS ({note})
SELECT count(*) FROM revoked""",
        which=which,
        tell=tell_sql(kind="'grant'", audience="resources"),
        note=note,
    )


async def client_end(transaction: Transaction, client_id: str, new: Client | None) -> Values | None:
    """What is to be told when this client is replaced or removed, if anything; asked before that is done."""
    rows = read_clients(await transaction.all(_OLD_CLIENT, client_id), ())
    end = end_of(rows[0] if rows else None, new)
    if end is None:
        return None
    granted = [text for (text,) in await transaction.all(_GRANTED, client_id)]
    return (client_id, end.audience(granted), end.scope, end.issued_before)


async def tell_client_ends(transaction: Transaction, ends: Iterable[Values | None]) -> None:
    """Write these down, after all else that the transaction locks."""
    for end in ends:
        if end is not None:
            await transaction.count(_TELL_END, *end)
