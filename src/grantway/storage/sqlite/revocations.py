"""What was revoked, in SQLite: written by the verbs that revoke, read by the feed."""

import sqlite3
from collections.abc import Sequence

from grantway.protocol.clients import Client
from grantway.protocol.revocations import Revocation, RevokedKind
from grantway.storage.registry_rows import read_clients
from grantway.storage.revocation_port import Horizon
from grantway.storage.revocation_rows import end_of, read_revocation
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.verbs import Verbs

_TAKE_NUMBERS = "UPDATE revocation_head SET number = number + ? RETURNING number"
_TELL = sql(
    "INSERT INTO revocations ({revocation}) "
    "VALUES (?1, ?2, ?3, ?4, ?5, CASE WHEN ?6 < 0 THEN CAST({now} AS INTEGER) + 1 ELSE ?6 END, {now})"
)
_PRESENT = -1  # for issued_before: everything until the end of this second
_HORIZON = """
SELECT number, coalesce((SELECT min(number) FROM revocations WHERE at > ?), number + 1) - 1
FROM revocation_head"""
_LIST = sql("SELECT {revocation} FROM revocations WHERE number > ? ORDER BY number LIMIT ?")
_OLD_CLIENT = "SELECT id, document FROM clients WHERE id = ?"
_GRANTED = sql(
    "SELECT DISTINCT resources FROM grants WHERE client_id = ? AND revoked_at IS NULL AND expires_at > {now}"
)


class RevocationVerbs(Verbs):
    """`revocation_port.Revocations`."""

    async def revocation_horizon(self, *, since: float) -> Horizon:
        return Horizon(*self._reader.all(_HORIZON, since)[0])

    async def list_revocations(self, *, after: int, limit: int) -> Sequence[Revocation]:
        return [read_revocation(row) for row in self._reader.all(_LIST, after, limit)]


def tell(
    db: sqlite3.Connection,
    kind: RevokedKind,
    revoked: Sequence[tuple[str, str]],
    *,
    scope: str = "",
    issued_before: int | None = None,
) -> None:
    """Write down, in the transaction under way, that these were revoked: each its id and its audience."""
    if revoked:
        last = db.execute(_TAKE_NUMBERS, (len(revoked),)).fetchall()[0][0]
        first = last - len(revoked) + 1
        about = (scope, issued_before)
        db.executemany(
            _TELL, [(first + place, kind.value, *one, *about) for place, one in enumerate(revoked)]
        )


def tell_client_end(db: sqlite3.Connection, client_id: str, new: Client | None) -> None:
    """Before a client is replaced or removed: write down what of its dies with that."""
    rows = read_clients(db.execute(_OLD_CLIENT, (client_id,)).fetchall(), ())
    end = end_of(rows[0] if rows else None, new)
    if end is not None:
        granted = [text for (text,) in db.execute(_GRANTED, (client_id,)).fetchall()]
        before = _PRESENT if end.issued_before is None else end.issued_before
        about = [(client_id, end.audience(granted))]
        tell(db, RevokedKind.CLIENT, about, scope=end.scope, issued_before=before)
