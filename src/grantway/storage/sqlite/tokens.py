"""Access tokens in SQLite: opaque ones, and JWTs revoked before their time."""

import sqlite3
from collections.abc import Sequence

from grantway.protocol.grants import OpaqueToken
from grantway.protocol.revocations import RevokedKind
from grantway.storage.changes import AuditEntry
from grantway.storage.port import TokenFacts
from grantway.storage.revocation_rows import write_audience
from grantway.storage.rows import read_opaque_token, write_opaque_token
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.grants import ADD_OPAQUE
from grantway.storage.sqlite.revocations import tell
from grantway.storage.sqlite.verbs import Verbs, add_audit
from grantway.storage.verdicts import facts_from

_FIND_OPAQUE = sql("SELECT {opaque} FROM opaque_tokens WHERE id = ?")
_REVOKE_OPAQUE = sql("UPDATE opaque_tokens SET revoked_at = {now} WHERE id = ? AND revoked_at IS NULL")
_REVOKE_JWT = "INSERT INTO revoked_jwts (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
_FACTS = sql("""
SELECT EXISTS (SELECT 1 FROM revoked_jwts WHERE id = ?1)
        OR EXISTS (SELECT 1 FROM opaque_tokens WHERE id = ?1 AND revoked_at IS NOT NULL),
    {grant:g}, {person:p}
FROM (SELECT 1) LEFT JOIN grants g ON g.id = ?2 LEFT JOIN people p ON p.subject = g.subject""")


class TokenVerbs(Verbs):
    """`port.Tokens`."""

    async def add_opaque_token(self, token: OpaqueToken) -> None:
        await self._writer.run(_add_opaque_token, token)

    async def find_opaque_token(self, token_id: str) -> OpaqueToken | None:
        row = self._reader.one(_FIND_OPAQUE, token_id)
        return None if row is None else read_opaque_token(row)

    async def revoke_opaque_token(self, token_id: str, audit: Sequence[AuditEntry]) -> None:
        await self._writer.run(_revoke, _REVOKE_OPAQUE, (token_id,), tuple(audit))

    async def revoke_jwt(
        self, token_id: str, *, audience: Sequence[str], expires_at: float, audit: Sequence[AuditEntry]
    ) -> None:
        text = write_audience(audience)
        await self._writer.run(_revoke, _REVOKE_JWT, (token_id, expires_at), tuple(audit), audience=text)

    async def token_facts(self, *, token_id: str, grant_id: str | None) -> TokenFacts:
        return facts_from(self._reader.all(_FACTS, token_id, grant_id)[0], grant_id)


def _add_opaque_token(db: sqlite3.Connection, token: OpaqueToken) -> None:
    db.execute(ADD_OPAQUE, write_opaque_token(token))


def _revoke(
    db: sqlite3.Connection,
    statement: str,
    values: tuple[object, ...],
    audit: Sequence[AuditEntry],
    *,
    audience: str | None = None,
) -> None:
    """`audience` of a JWT: it is known to whoever verifies it without asking."""
    if db.execute(statement, values).rowcount:
        if audience is not None:
            tell(db, RevokedKind.TOKEN, [(str(values[0]), audience)])
        add_audit(db, audit)
