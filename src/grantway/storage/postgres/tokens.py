"""Access tokens in PostgreSQL: opaque ones, and JWTs revoked before their time."""

from collections.abc import Sequence

from grantway.protocol.grants import OpaqueToken
from grantway.storage.changes import AuditEntry
from grantway.storage.port import TokenFacts
from grantway.storage.postgres.batches import Gathered
from grantway.storage.postgres.connections import Database, sql
from grantway.storage.postgres.revocations import tell_sql
from grantway.storage.postgres.verbs import Verbs, audit_sql, audit_values
from grantway.storage.revocation_rows import write_audience
from grantway.storage.rows import read_opaque_token, write_opaque_token
from grantway.storage.verdicts import facts_from

_ADD_OPAQUE = sql("INSERT INTO opaque_tokens ({opaque}) VALUES ({opaque:$1})")
_OPAQUE = "SELECT {opaque} FROM opaque_tokens WHERE id = "
_FIND_OPAQUE, _FIND_OPAQUES = sql(_OPAQUE + "$1"), sql(_OPAQUE + "ANY($1::text[])")
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
), {tell} {note}""",
    tell=tell_sql(kind="'token'", audience="$3::text"),
    note=audit_sql(4, only_if="revoked"),
)
# About one token, or about one of many: the same questions, asked of a row `a`.
_FACTS = """
SELECT EXISTS (SELECT FROM revoked_jwts WHERE id = a.token_id)
        OR EXISTS (SELECT FROM opaque_tokens WHERE id = a.token_id AND revoked_at IS NOT NULL),
    {grant:g}, {person:p}
FROM ROWS AS a (token_id, grant_id NTH)
LEFT JOIN grants g ON g.id = a.grant_id LEFT JOIN people p ON p.subject = g.subject"""
_FACTS_OF_ONE = sql(_FACTS.replace("ROWS", "(VALUES ($1::text, $2::text))").replace(" NTH", ""))
_FACTS_OF_MANY = sql(
    _FACTS.replace("ROWS", "unnest($1::text[], $2::text[]) WITH ORDINALITY").replace(" NTH", ", place")
    + " ORDER BY a.place"
)
_Named = tuple[str, str | None]  # a token, its grant


class TokenVerbs(Verbs):
    """`port.Tokens`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._opaque_reads = Gathered(alone=self._find_opaque_token, together=self._find_opaque_tokens)
        self._fact_reads = Gathered(alone=self._facts_of_one, together=self._facts_of_many)

    async def add_opaque_token(self, token: OpaqueToken) -> None:
        await self._database.count(_ADD_OPAQUE, *write_opaque_token(token))

    async def find_opaque_token(self, token_id: str) -> OpaqueToken | None:
        return await self._opaque_reads.ask(token_id)

    async def _find_opaque_token(self, token_id: str) -> OpaqueToken | None:
        row = await self._database.one(_FIND_OPAQUE, token_id)
        return None if row is None else read_opaque_token(row)

    async def _find_opaque_tokens(self, ids: Sequence[str]) -> Sequence[OpaqueToken | None]:
        found = {row[0]: row for row in await self._database.all(_FIND_OPAQUES, ids)}
        return [read_opaque_token(found[one]) if one in found else None for one in ids]

    async def revoke_opaque_token(self, token_id: str, audit: Sequence[AuditEntry]) -> None:
        await self._database.count(_REVOKE_OPAQUE, token_id, *audit_values(audit))

    async def revoke_jwt(
        self, token_id: str, *, audience: Sequence[str], expires_at: float, audit: Sequence[AuditEntry]
    ) -> None:
        text = write_audience(audience)
        await self._database.count(_REVOKE_JWT, token_id, expires_at, text, *audit_values(audit))

    async def token_facts(self, *, token_id: str, grant_id: str | None) -> TokenFacts:
        return await self._fact_reads.ask((token_id, grant_id))

    async def _facts_of_one(self, named: _Named) -> TokenFacts:
        return facts_from((await self._database.all(_FACTS_OF_ONE, *named))[0], named[1])

    async def _facts_of_many(self, named: Sequence[_Named]) -> Sequence[TokenFacts]:
        rows = await self._database.all(_FACTS_OF_MANY, *zip(*named, strict=True))
        return [facts_from(row, grant_id) for row, (_, grant_id) in zip(rows, named, strict=True)]
