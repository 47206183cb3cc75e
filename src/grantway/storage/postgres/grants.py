"""Consents and grants in PostgreSQL; how credentials are spent stands in `spending.py`."""

from collections.abc import Sequence

from grantway.protocol.grants import (
    Code,
    CodeEvidence,
    Consent,
    Grant,
    OpaqueToken,
    RefreshEvidence,
    RefreshToken,
)
from grantway.storage.changes import AuditEntry
from grantway.storage.columns import CODE, GRANT, REFRESH
from grantway.storage.port import (
    Conflict,
    IssueOutcome,
    Outcome,
    SpendCode,
    SpendRefreshToken,
    Unavailable,
)
from grantway.storage.postgres.batches import Gathered
from grantway.storage.postgres.connections import Database, sql
from grantway.storage.postgres.spending import Ask, Spending
from grantway.storage.postgres.verbs import Verbs, add_audit, audit_sql, audit_values
from grantway.storage.rows import (
    Row,
    read_code,
    read_consent,
    read_grant,
    read_person_if_any,
    read_refresh_token,
    write_code,
    write_consent,
    write_grant,
)

_FIND_CONSENT = sql("""
SELECT {consent} FROM consents
WHERE subject = $1 AND client_id = $2 AND (expires_at IS NULL OR expires_at > {now})""")
_LIST_CONSENTS = sql("""
SELECT {consent} FROM consents WHERE subject = $1 AND (expires_at IS NULL OR expires_at > {now})
ORDER BY updated_at DESC, id DESC""")
_DROP_CONSENT = "DELETE FROM consents WHERE subject = $1 AND client_id = $2"

# $1–$12 are the code, $13–$23 the grant ($16 its consent), then the consent, if any, and the audit.
_ISSUE_WITH_CONSENT = sql(
    """
WITH done AS (
    INSERT INTO codes ({code}) VALUES ({code:$1}) ON CONFLICT (flow_id) DO NOTHING RETURNING id
), kept AS (
    INSERT INTO consents ({consent}) SELECT {consent:$24} FROM done
    ON CONFLICT (subject, client_id) DO UPDATE SET
        id = CASE WHEN coalesce(consents.expires_at > {now}, TRUE) THEN consents.id ELSE excluded.id END,
        created_at = CASE WHEN coalesce(consents.expires_at > {now}, TRUE)
            THEN consents.created_at ELSE excluded.created_at END,
        scope = excluded.scope, updated_at = excluded.updated_at, expires_at = excluded.expires_at
    RETURNING id
), granted AS (
    INSERT INTO grants ({grant})
    SELECT $13, $14, $15, coalesce((SELECT id FROM kept), $16), $17, $18, $19, $20, $21, $22, $23 FROM done
), noted AS ({note})
SELECT id FROM done""",
    note=audit_sql(31, only_if="done"),
)
# A consent that is named and not given must be in force, and stay so until this commits.
_ISSUE = sql(
    """
WITH in_force AS MATERIALIZED (
    SELECT id FROM consents
    WHERE subject = $15 AND client_id = $14 AND id = $16 AND (expires_at IS NULL OR expires_at > {now})
    FOR SHARE
), done AS (
    INSERT INTO codes ({code}) SELECT {code:$1} WHERE $16 IS NULL OR EXISTS (SELECT FROM in_force)
    ON CONFLICT (flow_id) DO NOTHING RETURNING id
), granted AS (
    INSERT INTO grants ({grant}) SELECT {grant:$13} FROM done
), noted AS ({note})
SELECT id FROM done""",
    note=audit_sql(24, only_if="done"),
)
_FIND_FLOW = "SELECT id FROM codes WHERE flow_id = $1"

_CODES = """
SELECT {code:c}, {grant:g}, {person:p}
FROM codes c JOIN grants g ON g.id = c.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE c.id = """
_FIND_CODE, _FIND_CODES = sql(_CODES + "$1"), sql(_CODES + "ANY($1::text[])")
_REFRESHES = """
SELECT {refresh:r}, {grant:g}, {person:p}
FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE r.id = """
_FIND_REFRESH, _FIND_REFRESHES = sql(_REFRESHES + "$1"), sql(_REFRESHES + "ANY($1::text[])")

_REVOKE_GRANT = sql(
    """
WITH revoked AS (
    UPDATE grants SET revoked_at = {now} WHERE id = $1 AND revoked_at IS NULL RETURNING id
), noted AS ({note})
SELECT id FROM revoked""",
    note=audit_sql(2, only_if="revoked"),
)
_REVOKE_PAIR = sql("""
WITH held AS (
    SELECT id FROM grants WHERE subject = $1 AND client_id = $2 AND revoked_at IS NULL
    ORDER BY id FOR NO KEY UPDATE)
UPDATE grants g SET revoked_at = {now} FROM held WHERE g.id = held.id""")


class GrantVerbs(Verbs):
    """`port.Grants`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._codes = Spending(database, "codes")
        self._refresh_tokens = Spending(database, "refresh_tokens")
        self._code_reads = Gathered(alone=self._find_code, together=self._find_codes)
        self._refresh_reads = Gathered(alone=self._find_refresh_token, together=self._find_refresh_tokens)

    async def find_consent(self, subject: str, client_id: str) -> Consent | None:
        row = await self._database.one(_FIND_CONSENT, subject, client_id)
        return None if row is None else read_consent(row)

    async def list_consents(self, subject: str) -> Sequence[Consent]:
        return [read_consent(row) for row in await self._database.all(_LIST_CONSENTS, subject)]

    async def issue_code(
        self, code: Code, grant: Grant, consent: Consent | None, audit: Sequence[AuditEntry]
    ) -> IssueOutcome:
        values = (*write_code(code), *write_grant(grant))
        if consent is None:
            done = await self._database.one(_ISSUE, *values, *audit_values(audit))
        else:
            values += write_consent(consent)
            done = await self._database.one(_ISSUE_WITH_CONSENT, *values, *audit_values(audit))
        if done:
            return IssueOutcome.ISSUED
        if await self._database.one(_FIND_FLOW, code.flow_id):
            return IssueOutcome.ALREADY_DONE
        if consent is None:
            raise Conflict(f"consent {grant.consent_id} is no longer in force")
        raise Unavailable(f"flow {code.flow_id} had a code, which has just left")

    async def find_code(self, code_id: str) -> CodeEvidence | None:
        return await self._code_reads.ask(code_id)

    async def _find_code(self, code_id: str) -> CodeEvidence | None:
        row = await self._database.one(_FIND_CODE, code_id)
        return None if row is None else _read_code_evidence(row)

    async def _find_codes(self, ids: Sequence[str]) -> Sequence[CodeEvidence | None]:
        found = {row[0]: row for row in await self._database.all(_FIND_CODES, ids)}
        return [_read_code_evidence(found[one]) if one in found else None for one in ids]

    async def find_refresh_token(self, token_id: str) -> RefreshEvidence | None:
        return await self._refresh_reads.ask(token_id)

    async def _find_refresh_token(self, token_id: str) -> RefreshEvidence | None:
        row = await self._database.one(_FIND_REFRESH, token_id)
        return None if row is None else _read_refresh_evidence(row)

    async def _find_refresh_tokens(self, ids: Sequence[str]) -> Sequence[RefreshEvidence | None]:
        found = {row[0]: row for row in await self._database.all(_FIND_REFRESHES, ids)}
        return [_read_refresh_evidence(found[one]) if one in found else None for one in ids]

    async def spend_and_issue(
        self,
        spend: SpendCode | SpendRefreshToken,
        *,
        refresh_token: RefreshToken | None,
        opaque_token: OpaqueToken | None,
    ) -> Outcome:
        kind = self._codes if isinstance(spend, SpendCode) else self._refresh_tokens
        return await kind.spend(Ask(spend, refresh_token, opaque_token))

    async def revoke_grant(self, grant_id: str, audit: Sequence[AuditEntry]) -> bool:
        return await self._database.one(_REVOKE_GRANT, grant_id, *audit_values(audit)) is not None

    async def revoke_consent(self, subject: str, client_id: str, audit: Sequence[AuditEntry]) -> int:
        async with self._database.transaction() as transaction:
            # The first statement waits for an approval under way; the second sees the grant it has made.
            dropped = await transaction.count(_DROP_CONSENT, subject, client_id)
            revoked = await transaction.count(_REVOKE_PAIR, subject, client_id)
            if dropped or revoked:
                await add_audit(transaction, audit)
        return revoked


def _read_code_evidence(row: Row) -> CodeEvidence:
    end = len(CODE) + len(GRANT)
    return CodeEvidence(
        code=read_code(row[: len(CODE)]),
        grant=read_grant(row[len(CODE) : end]),
        person=read_person_if_any(row[end:]),
    )


def _read_refresh_evidence(row: Row) -> RefreshEvidence:
    end = len(REFRESH) + len(GRANT)
    return RefreshEvidence(
        token=read_refresh_token(row[: len(REFRESH)]),
        grant=read_grant(row[len(REFRESH) : end]),
        person=read_person_if_any(row[end:]),
    )
