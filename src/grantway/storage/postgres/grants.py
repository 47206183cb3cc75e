"""Consents and grants in PostgreSQL: looked up, revoked, withdrawn.

How an approval is stored stands in `approvals.py`, how credentials are spent in `spending.py`.
"""

from collections.abc import Sequence

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
from grantway.protocol.scope import Scope
from grantway.storage.account_rows import read_live_grants
from grantway.storage.changes import AuditEntry
from grantway.storage.port import (
    IssueOutcome,
    Outcome,
    SpendCode,
    SpendRefreshToken,
)
from grantway.storage.postgres.approvals import Approval, Approvals
from grantway.storage.postgres.batches import Gathered
from grantway.storage.postgres.connections import SLOW, Database, sql
from grantway.storage.postgres.revocations import revoke_grants_sql
from grantway.storage.postgres.spending import Ask, Spending
from grantway.storage.postgres.verbs import Verbs, add_audit, audit_sql, audit_values
from grantway.storage.rows import read_code_evidence, read_consent, read_refresh_evidence, read_scope

_FIND_CONSENT = sql("""
SELECT {consent} FROM consents
WHERE subject = $1 AND client_id = $2 AND (expires_at IS NULL OR expires_at > {now})""")
_FIND_CONSENTS = sql("""
SELECT {consent:c} FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[])) AS a (subject, client_id)
JOIN consents c ON c.subject = a.subject AND c.client_id = a.client_id
WHERE c.expires_at IS NULL OR c.expires_at > {now}""")
_LIST_CONSENTS = sql("""
SELECT {consent} FROM consents WHERE subject = $1 AND (expires_at IS NULL OR expires_at > {now})
ORDER BY updated_at DESC, id DESC""")
_LIST_GRANTS = sql("""
SELECT client_id, scope, resources, count(*), min(created_at), max(created_at) FROM grants
WHERE subject = $1 AND revoked_at IS NULL AND expires_at > {now}
GROUP BY client_id, scope, resources ORDER BY max(created_at) DESC, client_id, scope, resources""")
_COUNT_GRANTS = sql("""
SELECT client_id, scope, count(*) FROM grants WHERE revoked_at IS NULL AND expires_at > {now}
GROUP BY client_id, scope ORDER BY client_id, scope""")
_DROP_CONSENT = "DELETE FROM consents WHERE subject = $1 AND client_id = $2"
_DROP_USES = "DELETE FROM scope_uses WHERE subject = $1 AND client_id = $2"

_CODES = """
SELECT {code:c}, {grant:g}, {person:p}
FROM codes c JOIN grants g ON g.id = c.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE c.id = """
_FIND_CODE, FIND_CODES = sql(_CODES + "$1"), sql(_CODES + "ANY($1::text[])")
_REFRESHES = """
SELECT {refresh:r}, {grant:g}, {person:p}
FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE r.id = """
_FIND_REFRESH, _FIND_REFRESHES = sql(_REFRESHES + "$1"), sql(_REFRESHES + "ANY($1::text[])")

_REVOKE_GRANT = revoke_grants_sql("id = $1", note=audit_sql(2, only_if="revoked"))
_REVOKE_PAIR = revoke_grants_sql("subject = $1 AND client_id = $2")


class GrantVerbs(Verbs):
    """`port.Grants`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._approvals = Approvals(database)
        self._consent_reads = Gathered(alone=self._find_consent, together=self._find_consents)
        self._codes = Spending(database, "codes")
        self._refresh_tokens = Spending(database, "refresh_tokens")
        self._code_reads = Gathered(alone=self._find_code, together=self._find_codes)
        self._refresh_reads = Gathered(alone=self._find_refresh_token, together=self._find_refresh_tokens)

    async def find_consent(self, subject: str, client_id: str) -> Consent | None:
        return await self._consent_reads.ask((subject, client_id))

    async def _find_consent(self, pair: tuple[str, str]) -> Consent | None:
        row = await self._database.one(_FIND_CONSENT, *pair)
        return None if row is None else read_consent(row)

    async def _find_consents(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Consent | None]:
        subjects, clients = zip(*pairs, strict=True)
        found = {row[:2]: row for row in await self._database.all(_FIND_CONSENTS, subjects, clients)}
        return [read_consent(found[pair]) if pair in found else None for pair in pairs]

    async def list_consents(self, subject: str) -> Sequence[Consent]:
        return [read_consent(row) for row in await self._database.all(_LIST_CONSENTS, subject)]

    async def list_live_grants(self, subject: str) -> Sequence[LiveGrants]:
        return [read_live_grants(row) for row in await self._database.all(_LIST_GRANTS, subject)]

    async def count_live_grants(self) -> Sequence[tuple[str, Scope, int]]:
        rows = await self._database.all(_COUNT_GRANTS)
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
        approval = Approval(code, grant, consent, tuple(audit), session_ends_at, replaces)
        return await self._approvals.store(approval)

    async def find_code(self, code_id: str) -> CodeEvidence | None:
        return await self._code_reads.ask(code_id)

    async def _find_code(self, code_id: str) -> CodeEvidence | None:
        row = await self._database.one(_FIND_CODE, code_id)
        return None if row is None else read_code_evidence(row)

    async def _find_codes(self, ids: Sequence[str]) -> Sequence[CodeEvidence | None]:
        found = {row[0]: row for row in await self._database.all(FIND_CODES, ids)}
        return [read_code_evidence(found[one]) if one in found else None for one in ids]

    async def find_refresh_token(self, token_id: str) -> RefreshEvidence | None:
        return await self._refresh_reads.ask(token_id)

    async def _find_refresh_token(self, token_id: str) -> RefreshEvidence | None:
        row = await self._database.one(_FIND_REFRESH, token_id)
        return None if row is None else read_refresh_evidence(row)

    async def _find_refresh_tokens(self, ids: Sequence[str]) -> Sequence[RefreshEvidence | None]:
        found = {row[0]: row for row in await self._database.all(_FIND_REFRESHES, ids)}
        return [read_refresh_evidence(found[one]) if one in found else None for one in ids]

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
        rows = await self._database.all(_REVOKE_GRANT, grant_id, *audit_values(audit))
        return bool(rows[0][0])

    async def revoke_consent(self, subject: str, client_id: str, audit: Sequence[AuditEntry]) -> int:
        async with self._database.transaction(patience=SLOW) as transaction:
            # The first statement waits for an approval under way; the second sees the grant it has made.
            dropped = await transaction.count(_DROP_CONSENT, subject, client_id)
            await transaction.count(_DROP_USES, subject, client_id)
            revoked: int = (await transaction.all(_REVOKE_PAIR, subject, client_id))[0][0]
            if dropped or revoked:
                await add_audit(transaction, audit)
        return revoked
