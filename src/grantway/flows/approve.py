"""An approval becomes a grant with one authorization code, and what was allowed is remembered."""

from grantway.crypto.secrets import SecretKind, issue_secret, new_id
from grantway.flows.interaction import Interaction
from grantway.flows.server import Server
from grantway.protocol.authorization import AuthorizationRequest
from grantway.protocol.changes_since import shown_now
from grantway.protocol.consent import consent_end, resources_of, scope_to_remember
from grantway.protocol.grants import Code, Consent, Grant
from grantway.protocol.people import Session, SignedIn
from grantway.protocol.registry import OPENID
from grantway.protocol.scope import Scope
from grantway.storage.changes import AuditEntry
from grantway.storage.port import IssueOutcome


class AlreadyDone(Exception):
    """The flow has its code: the second Allow of a double click, or of the Back button."""


async def approve(
    server: Server,
    interaction: Interaction,
    request: AuthorizationRequest,
    who: SignedIn,
    *,
    scope: Scope,
    consent: Consent | None,
    answered: bool,
) -> str:
    """Store an approval and its code; returns the code. Raises AlreadyDone.

    `answered`: the person has just allowed this, and the consent changes with it; otherwise what
    they allowed earlier (or a first-party client) suffices. Conflict when `consent`, as it was read, has been
    withdrawn or made smaller just now: the answer, too, was made from it.
    """
    now = server.now()
    secret = issue_secret(SecretKind.CODE, now=now)
    replaces = None if consent is None else consent.id
    if answered:
        consent = _renewed(server, request, who.person.subject, consent, scope=scope, now=now)
    grant = grant_of(server, request, who.session, scope=scope, consent=consent, now=now)
    code = Code(
        id=secret.selector,
        hash=secret.hash,
        grant_id=grant.id,
        flow_id=interaction.id,
        client_id=request.client.id,
        redirect_uri=request.answer_to.redirect_uri,
        redirect_uri_sent=request.answer_to.sent,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        issued_at=now,
        expires_at=now + server.policy.code_lifetime,
    )
    audit = [_consent_entry(grant, now)] if answered else []
    outcome = await server.store.issue_code(
        code,
        grant,
        consent if answered else None,
        audit,
        session_ends_at=who.session.expires_at if OPENID in scope else None,
        replaces=replaces,
    )
    if outcome is IssueOutcome.ALREADY_DONE:
        raise AlreadyDone
    server.sent_codes.sent(code)
    return secret.text


def _renewed(
    server: Server,
    request: AuthorizationRequest,
    subject: str,
    consent: Consent | None,
    *,
    scope: Scope,
    now: float,
) -> Consent:
    """The consent once the person has allowed this scope of the request; `consent` is that of before."""
    client, registry = request.client, server.snapshots.current().registry
    remembered = scope_to_remember(request, consent, scope)
    shown_before = None if consent is None else consent.shown
    return Consent(
        id=new_id(now) if consent is None else consent.id,
        subject=subject,
        client_id=client.id,
        scope=remembered,
        created_at=now if consent is None else consent.created_at,
        updated_at=now,
        expires_at=consent_end(client, now),
        shown=shown_now(client, scope, registry, shown_before, remembered),
    )


def grant_of(
    server: Server,
    request: AuthorizationRequest,
    session: Session,
    *,
    scope: Scope,
    consent: Consent | None,
    now: float,
) -> Grant:
    """The grant that this approval gives."""
    return Grant(
        id=new_id(now),
        client_id=request.client.id,
        subject=session.subject,
        consent_id=None if consent is None else consent.id,
        session_id=session.sso_id,
        scope=scope,
        resources=resources_of(request, scope, server.snapshots.current().registry),
        auth_time=session.auth_time,
        created_at=now,
        expires_at=now + server.policy.refresh_absolute_lifetime,
        amr=session.amr,
        claims=request.claims,
    )


def _consent_entry(grant: Grant, now: float) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor=f"person:{grant.subject}",
        action="consent.given",
        target=f"client:{grant.client_id}",
        details={"grant": grant.id, "scope": str(grant.scope)},
    )
