"""Storing approvals in PostgreSQL: a grant with its code, and the consent that changes with it.

Those that rest on an earlier consent, or need none, are made without a person's click: they travel together.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from grantway.protocol.grants import Code, Consent, Grant
from grantway.storage.changes import AuditEntry
from grantway.storage.columns import CODE, CONSENT, GRANT
from grantway.storage.port import Conflict, IssueOutcome, Unavailable
from grantway.storage.postgres.batches import Gathered
from grantway.storage.postgres.connections import Database, sql
from grantway.storage.postgres.verbs import audit_sql, audit_values
from grantway.storage.rows import write_code, write_consent, write_grant

# $1–$12 are the code, $13–$25 the grant ($16 its consent), then the end of the session in which the client
# takes part, if it does, the consent, if any, with the id of the one it replaces ($35), and the audit.
_JOIN = """
    INSERT INTO session_clients (sso_id, client_id, subject, joined_at, expires_at)
    SELECT $17, $14, $15, $21, $26::float8 FROM done WHERE $26::float8 IS NOT NULL
    ON CONFLICT (sso_id, client_id) DO NOTHING"""
_WITH_CONSENT = sql(
    """
WITH in_force AS MATERIALIZED (
    SELECT id FROM consents
    WHERE subject = $27 AND client_id = $28 AND id = $35 AND (expires_at IS NULL OR expires_at > {now})
    FOR NO KEY UPDATE
), done AS (
    INSERT INTO codes ({code}) SELECT {code:$1} WHERE $35::text IS NULL OR EXISTS (SELECT FROM in_force)
    ON CONFLICT (flow_id) DO NOTHING RETURNING id
), kept AS (
    INSERT INTO consents ({consent}) SELECT {consent:$27} FROM done
    ON CONFLICT (subject, client_id) DO UPDATE SET
        id = CASE WHEN coalesce(consents.expires_at > {now}, TRUE) THEN consents.id ELSE excluded.id END,
        created_at = CASE WHEN coalesce(consents.expires_at > {now}, TRUE)
            THEN consents.created_at ELSE excluded.created_at END,
        scope = excluded.scope, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
        shown = excluded.shown
    RETURNING id
), granted AS (
    INSERT INTO grants ({grant})
    SELECT $13, $14, $15, coalesce((SELECT id FROM kept), $16), $17, $18, $19, $20, $21, $22, $23, $24, $25
    FROM done
), joined AS ({join}), noted AS ({note})
SELECT id FROM done""",
    join=_JOIN,
    note=audit_sql(3 + len(CODE) + len(GRANT) + len(CONSENT), only_if="done"),
)
# A consent that is named and not given must be in force, and stay so until this commits.
_ALONE = sql(
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
), joined AS ({join}), noted AS ({note})
SELECT id FROM done""",
    join=_JOIN,
    note=audit_sql(2 + len(CODE) + len(GRANT), only_if="done"),
)
_FIND_FLOW = "SELECT id FROM codes WHERE flow_id = $1"
_TYPES = (
    *("text", "bytea", *["text"] * 4, "bool", "text", "text", *["float8"] * 3),  # the code
    *(*["text"] * 7, *["float8"] * 4, "text", "text"),  # the grant
    "float8",  # the end of the session
)
_NAMES = ", ".join(
    (*(f"code_{name}" for name in CODE.names), *(f"grant_{name}" for name in GRANT.names), "session_ends_at")
)
# Consents are locked, and codes inserted, in one order everywhere, so that no two batches wait in a circle.
_TOGETHER = sql(
    """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest({arrays}) AS a ({names})
), in_force AS MATERIALIZED (
    SELECT c.id FROM asked a
    JOIN consents c ON c.subject = grant_subject AND c.client_id = grant_client_id AND c.id = grant_consent_id
    WHERE c.expires_at IS NULL OR c.expires_at > {now}
    ORDER BY c.subject, c.client_id FOR SHARE OF c
), done AS (
    INSERT INTO codes ({code}) SELECT {asked_code} FROM asked
    WHERE grant_consent_id IS NULL OR grant_consent_id IN (SELECT id FROM in_force)
    ORDER BY code_flow_id
    ON CONFLICT (flow_id) DO NOTHING RETURNING id
), granted AS (
    INSERT INTO grants ({grant}) SELECT {asked_grant} FROM asked JOIN done ON done.id = code_id
), joined AS (
    INSERT INTO session_clients (sso_id, client_id, subject, joined_at, expires_at)
    SELECT grant_session_id, grant_client_id, grant_subject, grant_created_at, session_ends_at
    FROM asked JOIN done ON done.id = code_id WHERE session_ends_at IS NOT NULL
    ORDER BY grant_session_id COLLATE "C", grant_client_id COLLATE "C"
    ON CONFLICT (sso_id, client_id) DO NOTHING
)
SELECT id FROM done""",
    arrays=", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_TYPES, 1)),
    names=_NAMES,
    asked_code=", ".join(f"code_{name}" for name in CODE.names),
    asked_grant=", ".join(f"grant_{name}" for name in GRANT.names),
)


@dataclass(frozen=True, slots=True)
class Approval:
    """What `port.Grants.issue_code` is given."""

    code: Code
    grant: Grant
    consent: Consent | None
    audit: tuple[AuditEntry, ...]
    session_ends_at: float | None
    replaces: str | None

    @property
    def is_silent(self) -> bool:
        """Nothing but the grant and its code is to be written."""
        return self.consent is None and not self.audit


class Approvals:
    """Stores approvals."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._silent = Gathered(alone=self._store_alone, together=self._store_together)

    async def store(self, approval: Approval) -> IssueOutcome:
        """See `port.Grants.issue_code`."""
        return await (self._silent.ask(approval) if approval.is_silent else self._store_alone(approval))

    async def _store_alone(self, approval: Approval) -> IssueOutcome:
        values = (*write_code(approval.code), *write_grant(approval.grant), approval.session_ends_at)
        if approval.consent is None:
            done = await self._database.one(_ALONE, *values, *audit_values(approval.audit))
        else:
            values += (*write_consent(approval.consent), approval.replaces)
            done = await self._database.one(_WITH_CONSENT, *values, *audit_values(approval.audit))
        return IssueOutcome.ISSUED if done else await self._why_not(approval)

    async def _store_together(self, approvals: Sequence[Approval]) -> Sequence[IssueOutcome | BaseException]:
        rows = ((*write_code(one.code), *write_grant(one.grant), one.session_ends_at) for one in approvals)
        columns = [list(column) for column in zip(*rows, strict=True)]
        done = {code_id for (code_id,) in await self._database.all(_TOGETHER, *columns)}
        # Those that could not be stored are tried alone, and each hears its own reason.
        left = [one for one in approvals if one.code.id not in done]
        reasons = iter(await asyncio.gather(*map(self._store_alone, left), return_exceptions=True))
        return [IssueOutcome.ISSUED if one.code.id in done else next(reasons) for one in approvals]

    async def _why_not(self, approval: Approval) -> IssueOutcome:
        if await self._database.one(_FIND_FLOW, approval.code.flow_id):
            return IssueOutcome.ALREADY_DONE
        if approval.consent is None or approval.replaces is not None:
            raise Conflict(f"consent {approval.replaces or approval.grant.consent_id} is no longer in force")
        raise Unavailable(f"flow {approval.code.flow_id} had a code, which has just left")
