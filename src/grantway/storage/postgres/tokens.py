"""Access tokens in PostgreSQL: opaque ones, and JWTs revoked before their time."""

from collections.abc import Sequence

from grantway.protocol.grants import OpaqueToken
from grantway.storage.changes import AuditEntry
from grantway.storage.port import TokenFacts
from grantway.storage.postgres.connections import sql
from grantway.storage.postgres.verbs import Verbs, audit_sql, audit_values
from grantway.storage.rows import read_opaque_token, read_person_if_any, write_opaque_token

_ADD_OPAQUE = sql("INSERT INTO opaque_tokens ({opaque}) VALUES ({opaque:$1})")
_FIND_OPAQUE = sql("SELECT {opaque} FROM opaque_tokens WHERE id = $1")
_REVOKE_OPAQUE = sql(
    """
WITH revoked AS (
    UPDATE opaque_tokens SET revoked_at = {now} WHERE id = $1 AND revoked_at IS NULL RETURNING id
) {note}""",
    note=audit_sql(2, only_if="revoked"),
)
_REVOKE_JWT = sql(
    """
WITH revoked AS (
    INSERT INTO revoked_jwts (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id
) {note}""",
    note=audit_sql(3, only_if="revoked"),
)
_FACTS = sql("""
SELECT EXISTS (SELECT FROM revoked_jwts WHERE id = $1)
        OR EXISTS (SELECT FROM opaque_tokens WHERE id = $1 AND revoked_at IS NOT NULL),
    $2::text IS NULL OR EXISTS (SELECT FROM grants WHERE id = $2 AND revoked_at IS NULL),
    {person:p}
FROM (VALUES (1)) AS always LEFT JOIN people p ON p.subject = $3""")


class TokenVerbs(Verbs):
    """`port.Tokens`."""

    async def add_opaque_token(self, token: OpaqueToken) -> None:
        await self._database.count(_ADD_OPAQUE, *write_opaque_token(token))

    async def find_opaque_token(self, token_id: str) -> OpaqueToken | None:
        row = await self._database.one(_FIND_OPAQUE, token_id)
        return None if row is None else read_opaque_token(row)

    async def revoke_opaque_token(self, token_id: str, audit: Sequence[AuditEntry]) -> None:
        await self._database.count(_REVOKE_OPAQUE, token_id, *audit_values(audit))

    async def revoke_jwt(self, token_id: str, *, expires_at: float, audit: Sequence[AuditEntry]) -> None:
        await self._database.count(_REVOKE_JWT, token_id, expires_at, *audit_values(audit))

    async def token_facts(self, *, token_id: str, grant_id: str | None, subject: str | None) -> TokenFacts:
        row = (await self._database.all(_FACTS, token_id, grant_id, subject))[0]
        return TokenFacts(token_revoked=row[0], grant_live=row[1], person=read_person_if_any(row[2:]))
