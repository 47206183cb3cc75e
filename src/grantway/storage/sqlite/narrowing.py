"""A consent made smaller, and what is remembered of the use of its scopes, in SQLite."""

import sqlite3
from collections.abc import Sequence

from grantway.protocol.grants import ScopeUse
from grantway.protocol.revocations import RevokedKind
from grantway.storage.account_rows import read_use, write_use
from grantway.storage.changes import AuditEntry
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.revocations import tell
from grantway.storage.sqlite.verbs import Verbs, add_audit

# A scope is stored as its tokens with one space between them: ?3 is the token that goes.
_LESS = "trim(replace(' ' || scope || ' ', ' ' || ?3 || ' ', ' '))"
_HAS_IT = "replace(' ' || scope || ' ', ' ' || ?3 || ' ', ' ') <> ' ' || scope || ' '"
_NARROW_CONSENT = sql(
    "UPDATE consents SET scope = {less}, id = ?4, updated_at = {now} "
    "WHERE subject = ?1 AND client_id = ?2 AND {has_it}",
    less=_LESS,
    has_it=_HAS_IT,
)
_DROP_EMPTY_CONSENT = "DELETE FROM consents WHERE subject = ?1 AND client_id = ?2 AND scope = ''"
_NARROW_GRANTS = sql(
    "UPDATE grants SET scope = {less}, revoked_at = CASE WHEN {less} = '' THEN {now} END "
    "WHERE subject = ?1 AND client_id = ?2 AND revoked_at IS NULL AND {has_it} "
    "RETURNING id, resources, scope",
    less=_LESS,
    has_it=_HAS_IT,
)
_MOVE_GRANTS = """
UPDATE grants SET consent_id = ?3
WHERE subject = ?1 AND client_id = ?2 AND revoked_at IS NULL AND consent_id IS NOT NULL"""
_NOTE_USE = sql("""
INSERT INTO scope_uses ({use}) VALUES ({use:?}) ON CONFLICT (subject, client_id, scope) DO UPDATE SET
    used_at = max(scope_uses.used_at, excluded.used_at),
    expires_at = max(scope_uses.expires_at, excluded.expires_at)""")
_LIST_USES = sql("SELECT {use} FROM scope_uses WHERE subject = ? AND expires_at > {now}")


class NarrowingVerbs(Verbs):
    """A part of `port.Grants`."""

    async def narrow_consent(
        self, subject: str, client_id: str, scope: str, *, consent_id: str, audit: Sequence[AuditEntry]
    ) -> bool:
        values = (subject, client_id, scope)
        return await self._writer.run(_narrow_consent, values, consent_id, tuple(audit))

    async def note_uses(self, uses: Sequence[ScopeUse]) -> None:
        await self._writer.run(_note_uses, tuple(uses))

    async def list_uses(self, subject: str) -> Sequence[ScopeUse]:
        return [read_use(row) for row in self._reader.all(_LIST_USES, subject)]


def _narrow_consent(
    db: sqlite3.Connection, values: tuple[str, str, str], consent_id: str, audit: Sequence[AuditEntry]
) -> bool:
    subject, client_id, scope = values
    agreed = db.execute(_NARROW_CONSENT, (*values, consent_id)).rowcount
    granted = db.execute(_NARROW_GRANTS, values).fetchall()
    tell(db, RevokedKind.GRANT, [(key, audience) for key, audience, left in granted if not left])
    less = [(key, audience) for key, audience, left in granted if left]
    tell(db, RevokedKind.SCOPE, less, scope=scope)
    if agreed:
        db.execute(_MOVE_GRANTS, (subject, client_id, consent_id))
        db.execute(_DROP_EMPTY_CONSENT, (subject, client_id))
    if agreed or granted:
        add_audit(db, audit)
    return bool(agreed or granted)


def _note_uses(db: sqlite3.Connection, uses: Sequence[ScopeUse]) -> None:
    db.executemany(_NOTE_USE, [write_use(use) for use in uses])
