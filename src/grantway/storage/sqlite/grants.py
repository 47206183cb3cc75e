"""Consents, grants, and the single-use credentials of a grant, in SQLite."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from grantway.protocol.grants import (
    Code,
    CodeEvidence,
    Consent,
    Grant,
    LiveGrants,
    OpaqueToken,
    RefreshEvidence,
    RefreshToken,
)
from grantway.protocol.revocations import RevokedKind
from grantway.protocol.scope import Scope
from grantway.storage.account_rows import read_live_grants
from grantway.storage.changes import AuditEntry
from grantway.storage.port import Conflict, IssueOutcome, Outcome, SpendCode, SpendRefreshToken, Won
from grantway.storage.rows import (
    read_code_evidence,
    read_consent,
    read_refresh_evidence,
    read_scope,
    write_code,
    write_consent,
    write_grant,
    write_opaque_token,
    write_refresh_token,
)
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.logouts import join_session
from grantway.storage.sqlite.revocations import tell
from grantway.storage.sqlite.verbs import Verbs, add_audit
from grantway.storage.verdicts import Lost, LostRefresh, judge_code, judge_refresh, successor_of

_FIND_CONSENT = sql("""
SELECT {consent} FROM consents
WHERE subject = ? AND client_id = ? AND (expires_at IS NULL OR expires_at > {now})""")
_LIST_CONSENTS = sql("""
SELECT {consent} FROM consents WHERE subject = ? AND (expires_at IS NULL OR expires_at > {now})
ORDER BY updated_at DESC, id DESC""")
_PUT_CONSENT = sql("""
INSERT INTO consents ({consent}) VALUES ({consent:?}) ON CONFLICT (subject, client_id) DO UPDATE SET
    id = CASE WHEN coalesce(consents.expires_at > {now}, TRUE) THEN consents.id ELSE excluded.id END,
    created_at = CASE WHEN coalesce(consents.expires_at > {now}, TRUE)
        THEN consents.created_at ELSE excluded.created_at END,
    scope = excluded.scope, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
    shown = excluded.shown
RETURNING id""")
_LIST_GRANTS = sql("""
SELECT client_id, scope, resources, count(*), min(created_at), max(created_at) FROM grants
WHERE subject = ? AND revoked_at IS NULL AND expires_at > {now}
GROUP BY client_id, scope, resources ORDER BY max(created_at) DESC, client_id, scope, resources""")
_COUNT_GRANTS = sql("""
SELECT client_id, scope, count(*) FROM grants WHERE revoked_at IS NULL AND expires_at > {now}
GROUP BY client_id, scope ORDER BY client_id, scope""")
_DROP_CONSENT = "DELETE FROM consents WHERE subject = ? AND client_id = ?"

_DROP_USES = "DELETE FROM scope_uses WHERE subject = ? AND client_id = ?"

_FIND_FLOW = "SELECT 1 FROM codes WHERE flow_id = ?"
_ADD_CODE = sql("INSERT INTO codes ({code}) VALUES ({code:?})")
_ADD_GRANT = sql("INSERT INTO grants ({grant}) VALUES ({grant:?})")
ADD_REFRESH = sql("INSERT INTO refresh_tokens ({refresh}) VALUES ({refresh:?})")
ADD_OPAQUE = sql("INSERT INTO opaque_tokens ({opaque}) VALUES ({opaque:?})")

_FIND_CODE = sql("""
SELECT {code:c}, {grant:g}, {person:p}
FROM codes c JOIN grants g ON g.id = c.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE c.id = ?""")
_FIND_REFRESH = sql("""
SELECT {refresh:r}, {grant:g}, {person:p}
FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE r.id = ?""")

_SPEND_CODE = sql("""
UPDATE codes SET spent_at = {now}, spent_by = ?3
WHERE id = ?1 AND hash = ?2 AND spent_at IS NULL AND expires_at > {now}
    AND EXISTS (SELECT 1 FROM grants g
        WHERE g.id = grant_id AND g.revoked_at IS NULL AND g.expires_at > {now})""")
_SPEND_REFRESH = sql("""
UPDATE refresh_tokens SET spent_at = {now}, spent_by = ?3, successor_id = ?4, locked_successor = ?5
WHERE id = ?1 AND hash = ?2 AND spent_at IS NULL AND expires_at > {now}
    AND EXISTS (SELECT 1 FROM grants g
        WHERE g.id = grant_id AND g.revoked_at IS NULL AND g.expires_at > {now})""")
_LOST_CODE = sql("""
SELECT {now}, c.spent_at, c.spent_by, c.expires_at, g.expires_at, g.revoked_at
FROM codes c LEFT JOIN grants g ON g.id = c.grant_id
WHERE c.id = ? AND c.hash = ?""")
_LOST_REFRESH = sql("""
SELECT {now}, r.spent_at, r.spent_by, r.expires_at, g.expires_at, g.revoked_at,
    r.locked_successor, n.id IS NOT NULL, n.spent_at
FROM refresh_tokens r
    LEFT JOIN grants g ON g.id = r.grant_id
    LEFT JOIN refresh_tokens n ON n.id = r.successor_id
WHERE r.id = ? AND r.hash = ?""")

_REVOKE_GRANT = sql("""
UPDATE grants SET revoked_at = {now} WHERE id = ? AND revoked_at IS NULL RETURNING id, resources""")
_REVOKE_PAIR = sql("""
UPDATE grants SET revoked_at = {now} WHERE subject = ? AND client_id = ? AND revoked_at IS NULL
RETURNING id, resources""")


class GrantVerbs(Verbs):
    """`port.Grants`."""

    async def find_consent(self, subject: str, client_id: str) -> Consent | None:
        row = self._reader.one(_FIND_CONSENT, subject, client_id)
        return None if row is None else read_consent(row)

    async def list_consents(self, subject: str) -> Sequence[Consent]:
        return [read_consent(row) for row in self._reader.all(_LIST_CONSENTS, subject)]

    async def list_live_grants(self, subject: str) -> Sequence[LiveGrants]:
        return [read_live_grants(row) for row in self._reader.all(_LIST_GRANTS, subject)]

    async def count_live_grants(self) -> Sequence[tuple[str, Scope, int]]:
        rows = self._reader.all(_COUNT_GRANTS)
        return [(client_id, read_scope(scope), count) for client_id, scope, count in rows]

    async def issue_code(
        self,
        code: Code,
        grant: Grant,
        consent: Consent | None,
        audit: Sequence[AuditEntry],
        *,
        session_ends_at: float | None = None,
        replaces: str | None = None,
    ) -> IssueOutcome:
        return await self._writer.run(
            _issue_code,
            code,
            grant,
            consent,
            tuple(audit),
            session_ends_at=session_ends_at,
            replaces=replaces,
        )

    async def find_code(self, code_id: str) -> CodeEvidence | None:
        row = self._reader.one(_FIND_CODE, code_id)
        return None if row is None else read_code_evidence(row)

    async def find_refresh_token(self, token_id: str) -> RefreshEvidence | None:
        row = self._reader.one(_FIND_REFRESH, token_id)
        return None if row is None else read_refresh_evidence(row)

    async def spend_and_issue(
        self,
        spend: SpendCode | SpendRefreshToken,
        *,
        refresh_token: RefreshToken | None,
        opaque_token: OpaqueToken | None,
    ) -> Outcome:
        return await self._writer.run(_spend_and_issue, spend, refresh_token, opaque_token)

    async def revoke_grant(self, grant_id: str, audit: Sequence[AuditEntry]) -> bool:
        return await self._writer.run(_revoke_grant, grant_id, tuple(audit))

    async def revoke_consent(self, subject: str, client_id: str, audit: Sequence[AuditEntry]) -> int:
        return await self._writer.run(_revoke_consent, subject, client_id, tuple(audit))


def _issue_code(
    db: sqlite3.Connection,
    code: Code,
    grant: Grant,
    consent: Consent | None,
    audit: Sequence[AuditEntry],
    *,
    session_ends_at: float | None,
    replaces: str | None,
) -> IssueOutcome:
    if db.execute(_FIND_FLOW, (code.flow_id,)).fetchall():
        return IssueOutcome.ALREADY_DONE
    consent_id = grant.consent_id
    needed = replaces if consent is not None else consent_id
    if needed is not None:
        found = db.execute(_FIND_CONSENT, (grant.subject, grant.client_id)).fetchall()
        if not found or read_consent(found[0]).id != needed:
            raise Conflict(f"consent {needed} is no longer in force")
    if consent is not None:
        consent_id = db.execute(_PUT_CONSENT, write_consent(consent)).fetchall()[0][0]
    db.execute(_ADD_GRANT, write_grant(replace(grant, consent_id=consent_id)))
    db.execute(_ADD_CODE, write_code(code))
    if session_ends_at is not None:
        about = (grant.session_id, grant.client_id, grant.subject)
        join_session(db, *about, at=grant.created_at, until=session_ends_at)
    add_audit(db, audit)
    return IssueOutcome.ISSUED


def _spend_and_issue(
    db: sqlite3.Connection,
    spend: SpendCode | SpendRefreshToken,
    refresh_token: RefreshToken | None,
    opaque_token: OpaqueToken | None,
) -> Outcome:
    if isinstance(spend, SpendCode):
        spent = db.execute(_SPEND_CODE, (spend.code_id, spend.hash, spend.attempt))
    else:
        successor_id = successor_of(spend, refresh_token)
        spent = db.execute(
            _SPEND_REFRESH,
            (spend.token_id, spend.hash, spend.attempt, successor_id, spend.locked_successor),
        )
    if spent.rowcount == 0:
        return _why_lost(db, spend)
    if refresh_token is not None:
        db.execute(ADD_REFRESH, write_refresh_token(refresh_token))
    if opaque_token is not None:
        db.execute(ADD_OPAQUE, write_opaque_token(opaque_token))
    return Won()


def _why_lost(db: sqlite3.Connection, spend: SpendCode | SpendRefreshToken) -> Outcome:
    if isinstance(spend, SpendCode):
        rows = db.execute(_LOST_CODE, (spend.code_id, spend.hash)).fetchall()
        return judge_code(Lost(*rows[0]) if rows else None, attempt=spend.attempt)
    rows = db.execute(_LOST_REFRESH, (spend.token_id, spend.hash)).fetchall()
    return judge_refresh(LostRefresh(*rows[0]) if rows else None, attempt=spend.attempt, grace=spend.grace)


def _revoke_grant(db: sqlite3.Connection, grant_id: str, audit: Sequence[AuditEntry]) -> bool:
    revoked = db.execute(_REVOKE_GRANT, (grant_id,)).fetchall()
    if not revoked:
        return False
    tell(db, RevokedKind.GRANT, revoked)
    add_audit(db, audit)
    return True


def _revoke_consent(db: sqlite3.Connection, subject: str, client_id: str, audit: Sequence[AuditEntry]) -> int:
    dropped = db.execute(_DROP_CONSENT, (subject, client_id)).rowcount
    db.execute(_DROP_USES, (subject, client_id))
    revoked = db.execute(_REVOKE_PAIR, (subject, client_id)).fetchall()
    tell(db, RevokedKind.GRANT, revoked)
    if dropped or revoked:
        add_audit(db, audit)
    return len(revoked)
