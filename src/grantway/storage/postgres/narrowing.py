"""A consent made smaller, and what is remembered of the use of its scopes, in PostgreSQL.

The locks are those of a withdrawal, in the same order: the consent, then its grants by their ids.
"""

from collections.abc import Sequence

from grantway.protocol.grants import ScopeUse
from grantway.storage.account_rows import read_use, write_use
from grantway.storage.changes import AuditEntry
from grantway.storage.postgres.connections import SLOW, sql
from grantway.storage.postgres.revocations import tell_sql
from grantway.storage.postgres.verbs import Verbs, add_audit

# A scope is stored as its tokens with one space between them: $3 is the token that goes.
_LESS = "trim(replace(' ' || scope || ' ', ' ' || $3::text || ' ', ' '))"
_HAS_IT = "replace(' ' || scope || ' ', ' ' || $3::text || ' ', ' ') <> ' ' || scope || ' '"
_NARROW_CONSENT = sql(
    "UPDATE consents SET scope = {less}, id = $4, updated_at = {now} "
    "WHERE subject = $1 AND client_id = $2 AND {has_it}",
    less=_LESS,
    has_it=_HAS_IT,
)
_DROP_EMPTY_CONSENT = "DELETE FROM consents WHERE subject = $1 AND client_id = $2 AND scope = ''"
_HELD = """
WITH held AS (
    SELECT id FROM grants WHERE subject = $1 AND client_id = $2 AND revoked_at IS NULL
    ORDER BY id FOR NO KEY UPDATE)"""
_NARROW_GRANTS = sql(
    "{held}, revoked AS ("
    "UPDATE grants SET scope = {less}, revoked_at = CASE WHEN {less} = '' THEN {now} END "
    "WHERE id IN (SELECT id FROM held) AND {has_it} RETURNING id, resources, scope AS left_over"
    "), {tell} SELECT count(*) FROM revoked",
    held=_HELD,
    less=_LESS,
    has_it=_HAS_IT,
    tell=tell_sql(
        kind="CASE WHEN left_over = '' THEN 'grant' ELSE 'scope' END",
        audience="resources",
        scope="CASE WHEN left_over = '' THEN '' ELSE $3::text END",
    ),
)
_MOVE_GRANTS = sql(
    "{held} UPDATE grants SET consent_id = $3 WHERE id IN (SELECT id FROM held) AND consent_id IS NOT NULL",
    held=_HELD,
)
_NOTE_USES = sql("""
INSERT INTO scope_uses ({use})
SELECT {use} FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[]) AS u ({use})
ORDER BY subject COLLATE "C", client_id COLLATE "C", scope COLLATE "C"
ON CONFLICT (subject, client_id, scope) DO UPDATE SET
    used_at = greatest(scope_uses.used_at, excluded.used_at),
    expires_at = greatest(scope_uses.expires_at, excluded.expires_at)""")
_LIST_USES = sql("SELECT {use} FROM scope_uses WHERE subject = $1 AND expires_at > {now}")


class NarrowingVerbs(Verbs):
    """A part of `port.Grants`."""

    async def narrow_consent(
        self, subject: str, client_id: str, scope: str, *, consent_id: str, audit: Sequence[AuditEntry]
    ) -> bool:
        async with self._database.transaction(patience=SLOW) as transaction:
            # As in a withdrawal, the first statement waits for an approval under way.
            agreed = await transaction.count(_NARROW_CONSENT, subject, client_id, scope, consent_id)
            if agreed:
                await transaction.count(_MOVE_GRANTS, subject, client_id, consent_id)
                await transaction.count(_DROP_EMPTY_CONSENT, subject, client_id)
            granted: int = (await transaction.all(_NARROW_GRANTS, subject, client_id, scope))[0][0]
            if agreed or granted:
                await add_audit(transaction, audit)
        return bool(agreed or granted)

    async def note_uses(self, uses: Sequence[ScopeUse]) -> None:
        if uses:
            columns = zip(*map(write_use, uses), strict=True)
            await self._database.count(_NOTE_USES, *(list(column) for column in columns))

    async def list_uses(self, subject: str) -> Sequence[ScopeUse]:
        return [read_use(row) for row in await self._database.all(_LIST_USES, subject)]
