"""Consents, grants, and the single-use credentials of a grant, in PostgreSQL.

Whoever spends locks first the grant, in share mode, then the credential; whoever revokes locks only grants,
in the order of their ids. So a spend and a revocation wait for each other and never in a circle: either the
spend finds the grant revoked, or the revocation comes after it and ends what it bought.
"""

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
from grantway.storage.columns import CODE, GRANT, OPAQUE, REFRESH
from grantway.storage.port import (
    Conflict,
    IssueOutcome,
    Outcome,
    Repeated,
    SpendCode,
    SpendRefreshToken,
    Unavailable,
    Won,
)
from grantway.storage.postgres.connections import Cut, sql
from grantway.storage.postgres.verbs import Verbs, add_audit, audit_sql, audit_values
from grantway.storage.rows import (
    Values,
    read_code,
    read_consent,
    read_grant,
    read_person_if_any,
    read_refresh_token,
    write_code,
    write_consent,
    write_grant,
    write_opaque_token,
    write_refresh_token,
)
from grantway.storage.verdicts import Lost, LostRefresh, judge_code, judge_refresh, successor_of

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

_FIND_CODE = sql("""
SELECT {code:c}, {grant:g}, {person:p}
FROM codes c JOIN grants g ON g.id = c.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE c.id = $1""")
_FIND_REFRESH = sql("""
SELECT {refresh:r}, {grant:g}, {person:p}
FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id LEFT JOIN people p ON p.subject = g.subject
WHERE r.id = $1""")

# The share lock waits for a revocation under way and then sees it; a later one waits for this to commit.
_LIVE = """
WITH live AS MATERIALIZED (
    SELECT g.id FROM {table} c JOIN grants g ON g.id = c.grant_id
    WHERE c.id = $1 AND c.hash = $2 AND g.revoked_at IS NULL AND g.expires_at > {now}
    FOR SHARE OF g
)"""
_BOUGHT = """refreshed AS (
    INSERT INTO refresh_tokens ({refresh}) SELECT {refresh_values} FROM spent
    WHERE {refresh_id}::text IS NOT NULL
), opened AS (
    INSERT INTO opaque_tokens ({opaque}) SELECT {opaque_values} FROM spent
    WHERE {opaque_id}::text IS NOT NULL
)"""


def _bought(first: int) -> str:
    """Store a refresh token and an opaque token, if given, whose values begin at placeholder `first`."""
    second = first + len(REFRESH)
    return sql(
        _BOUGHT,
        refresh_values=format(REFRESH, f"${first}"),
        refresh_id=f"${first}",
        opaque_values=format(OPAQUE, f"${second}"),
        opaque_id=f"${second}",
    )


_SPEND_CODE = sql(
    """{live}, spent AS (
    UPDATE codes SET spent_at = {now}, spent_by = $3
    WHERE id = $1 AND hash = $2 AND spent_at IS NULL AND expires_at > {now} AND EXISTS (SELECT FROM live)
    RETURNING id
), {bought}
SELECT id FROM spent""",
    live=sql(_LIVE, table="codes"),
    bought=_bought(4),
)
_SPEND_REFRESH = sql(
    """{live}, spent AS (
    UPDATE refresh_tokens SET spent_at = {now}, spent_by = $3, successor_id = $4, locked_successor = $5
    WHERE id = $1 AND hash = $2 AND spent_at IS NULL AND expires_at > {now} AND EXISTS (SELECT FROM live)
    RETURNING id
), {bought}
SELECT id FROM spent""",
    live=sql(_LIVE, table="refresh_tokens"),
    bought=_bought(6),
)
_LOST_CODE = sql("""
SELECT {now}, c.spent_at, c.spent_by, c.expires_at, g.expires_at, g.revoked_at
FROM codes c LEFT JOIN grants g ON g.id = c.grant_id
WHERE c.id = $1 AND c.hash = $2""")
_LOST_REFRESH = sql("""
SELECT {now}, r.spent_at, r.spent_by, r.expires_at, g.expires_at, g.revoked_at,
    r.locked_successor, n.id IS NOT NULL, n.spent_at
FROM refresh_tokens r
    LEFT JOIN grants g ON g.id = r.grant_id
    LEFT JOIN refresh_tokens n ON n.id = r.successor_id
WHERE r.id = $1 AND r.hash = $2""")
_NO_REFRESH: Values = (None,) * len(REFRESH)
_NO_OPAQUE: Values = (None,) * len(OPAQUE)

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
        row = await self._database.one(_FIND_CODE, code_id)
        if row is None:
            return None
        end = len(CODE) + len(GRANT)
        return CodeEvidence(
            code=read_code(row[: len(CODE)]),
            grant=read_grant(row[len(CODE) : end]),
            person=read_person_if_any(row[end:]),
        )

    async def find_refresh_token(self, token_id: str) -> RefreshEvidence | None:
        row = await self._database.one(_FIND_REFRESH, token_id)
        if row is None:
            return None
        end = len(REFRESH) + len(GRANT)
        return RefreshEvidence(
            token=read_refresh_token(row[: len(REFRESH)]),
            grant=read_grant(row[len(REFRESH) : end]),
            person=read_person_if_any(row[end:]),
        )

    async def spend_and_issue(
        self,
        spend: SpendCode | SpendRefreshToken,
        *,
        refresh_token: RefreshToken | None,
        opaque_token: OpaqueToken | None,
    ) -> Outcome:
        bought = (
            *(_NO_REFRESH if refresh_token is None else write_refresh_token(refresh_token)),
            *(_NO_OPAQUE if opaque_token is None else write_opaque_token(opaque_token)),
        )
        if isinstance(spend, SpendCode):
            statement, values = _SPEND_CODE, (spend.code_id, spend.hash, spend.attempt, *bought)
        else:
            successor_id = successor_of(spend, refresh_token)
            statement = _SPEND_REFRESH
            values = (
                spend.token_id,
                spend.hash,
                spend.attempt,
                successor_id,
                spend.locked_successor,
                *bought,
            )
        try:
            return await self._spend(statement, values, spend)
        except Cut as unknown:
            # Ask once more: a win of this attempt is recognised. Any other answer may be an echo of the cut.
            outcome = await self._spend(statement, values, spend)
            if isinstance(outcome, Won | Repeated):
                return outcome
            raise Unavailable(str(unknown)) from unknown

    async def _spend(self, statement: str, values: Values, spend: SpendCode | SpendRefreshToken) -> Outcome:
        if await self._database.one(statement, *values):
            return Won()
        # A statement of its own: the snapshot of the one before cannot say why it lost.
        if isinstance(spend, SpendCode):
            row = await self._database.one(_LOST_CODE, spend.code_id, spend.hash)
            return judge_code(None if row is None else Lost(*row), attempt=spend.attempt)
        row = await self._database.one(_LOST_REFRESH, spend.token_id, spend.hash)
        return judge_refresh(
            None if row is None else LostRefresh(*row), attempt=spend.attempt, grace=spend.grace
        )

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
