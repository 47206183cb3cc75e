"""The authorization endpoint: from a link to a question for the person, or to an answer for the client.

who → address → parse → what next. `start` begins a flow, `resume` looks at it again, and the pages'
answers (in `interaction_answers`) come back through `advance`: steps never lead to each other.
"""

from dataclasses import dataclass

from grantway.crypto.secrets import SecretKind, issue_secret, new_id
from grantway.flows.browser import Browser, signed_in
from grantway.flows.interaction import Interaction, NotYours, kept_parameters, open_interaction
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol.authorization import AuthorizationRequest, answer_address
from grantway.protocol.clients import Client
from grantway.protocol.consent import consent_end, consent_question, scope_to_remember
from grantway.protocol.errors import OAuthError
from grantway.protocol.grants import Code, Consent, Grant
from grantway.protocol.names import ErrorCode
from grantway.protocol.next_step import AskConsent, Login, NextStep, SelectAccount, next_step
from grantway.protocol.params import Params
from grantway.protocol.people import SignedIn
from grantway.protocol.registry import OPENID
from grantway.protocol.return_address import Redirection, ReturnAddress, return_address
from grantway.protocol.scope import Scope
from grantway.storage.port import AuditEntry, IssueOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The person must be asked something: which step, and what the page needs to know."""

    step: Login | SelectAccount | AskConsent
    interaction: Interaction
    request: AuthorizationRequest
    signed_in: SignedIn | None
    consent: Consent | None = None  # what the person allowed this client before


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The flow is over: send the browser back to the client, with a code or with a refusal."""

    to: Redirection
    client: Client
    interaction: Interaction | None  # None: the parameters were too large to carry
    refusal: OAuthError | None = None


class Refused(Exception):
    """A request refused before any address could be trusted: only the person is told (RFC 6749 §4.1.2.1)."""

    def __init__(self, error: OAuthError, client: Client | None) -> None:
        super().__init__(str(error))
        self.error, self.client = error, client


class AlreadyDone(Exception):
    """The flow has its code: the second Allow of a double click, or of the Back button."""


async def start(server: Server, params: Params, browser: Browser, *, posted: bool) -> Ask | Leave:
    """Begin a flow. Raises Refused.

    `posted`: the request came by POST, maybe from another site, whose browser left the session cookie
    at home. Then nobody's session is judged: the person is asked at an address of our own, where the
    cookie comes along.
    """
    client = await _client(server, params)
    snapshot = server.snapshots.current()
    address = _address(server, client, params)
    try:
        kept = kept_parameters(params)
    except OAuthError as refusal:
        return Leave(to=address.error(refusal), client=client, interaction=None, refusal=refusal)
    now = server.now()
    binding = issue_secret(SecretKind.FLOW, now=now)
    interaction = Interaction(
        id=binding.selector,
        binding=binding.text,
        started_at=now,
        params=kept,
        sends_fetch_metadata=browser.sends_fetch_metadata,
    )
    parsed = _parsed(server, snapshot, interaction, client)
    if isinstance(parsed, Leave):
        return parsed
    if posted:
        return Ask(step=Login(reauthenticate=False), interaction=interaction, request=parsed, signed_in=None)
    who = await signed_in(server, browser)
    return await _advance(server, interaction, parsed, who, framed=browser.framed)


async def resume(server: Server, browser: Browser, seal: str) -> Ask | Leave:
    """Look at a running flow again. Raises Refused, NotYours, TooOld, AlreadyDone."""
    return await advance(server, open_interaction(server, browser, seal), browser)


async def advance(
    server: Server, interaction: Interaction, browser: Browser, *, current: SignedIn | None = None
) -> Ask | Leave:
    """What a running flow needs next. `current` is who just signed in, if the cookie cannot tell yet."""
    parsed = reread(server, interaction)
    if isinstance(parsed, Leave):
        return parsed
    who = current or await signed_in(server, browser)
    return await _advance(server, interaction, parsed, who, framed=browser.framed)


def reread(server: Server, interaction: Interaction) -> AuthorizationRequest | Leave:
    """The sealed request, judged anew: what was registered may have changed meanwhile. Raises Refused."""
    snapshot = server.snapshots.current()
    client = snapshot.registry.clients.get(Params(interaction.params).need("client_id"))
    if client is None or not client.enabled:
        raise Refused(OAuthError(ErrorCode.INVALID_REQUEST, "the client is no longer registered"), None)
    return _parsed(server, snapshot, interaction, client)


async def _client(server: Server, params: Params) -> Client:
    """Who asks. An unknown id is looked up once more: another node may have just registered it."""
    try:
        client_id = params.need("client_id")
    except OAuthError as refusal:
        raise Refused(refusal, None) from None
    client = server.snapshots.current().registry.clients.get(client_id)
    if client is None and await server.snapshots.look_again():
        client = server.snapshots.current().registry.clients.get(client_id)
    if client is None or not client.enabled:
        why = f"no client {client_id[:128]!r}" if client is None else f"client {client_id} is disabled"
        raise Refused(
            OAuthError(ErrorCode.INVALID_REQUEST, "the client is not registered here", tell_operator=why),
            None,
        )
    return client


def _address(server: Server, client: Client, params: Params) -> ReturnAddress:
    try:
        openid = OPENID in " ".join(params.every("scope")).split()
        return return_address(client, params.get("redirect_uri"), openid=openid, issuer=server.policy.issuer)
    except OAuthError as refusal:
        raise Refused(refusal, client) from None


def _parsed(
    server: Server, snapshot: Snapshot, interaction: Interaction, client: Client
) -> AuthorizationRequest | Leave:
    params = Params(interaction.params)
    address, refusal = answer_address(params, client, _address(server, client, params))
    try:
        if refusal is not None:
            raise refusal
        return AuthorizationRequest.parse(params, client, address, snapshot.registry)
    except OAuthError as error:
        return Leave(to=address.error(error), client=client, interaction=interaction, refusal=error)


async def _advance(
    server: Server,
    interaction: Interaction,
    request: AuthorizationRequest,
    who: SignedIn | None,
    *,
    framed: bool,
) -> Ask | Leave:
    if who is not None and interaction.subject not in (None, who.person.subject):
        raise NotYours
    consent = None if who is None else await server.store.find_consent(who.person.subject, request.client.id)
    question = consent_question(request, consent, server.snapshots.current().registry)
    try:
        step: NextStep = next_step(
            request,
            who,
            question,
            done=interaction.done,
            login_demanded=interaction.login_demanded,
            framed=framed,
            now=server.now(),
        )
    except OAuthError as refusal:
        return refuse(request, interaction, refusal)
    if isinstance(step, SelectAccount | AskConsent) and who is not None:
        interaction = interaction.bound_to(who.person.subject)
    if isinstance(step, Login | SelectAccount | AskConsent):
        return Ask(step=step, interaction=interaction, request=request, signed_in=who, consent=consent)
    if who is None:
        raise AssertionError("next_step() issues nothing to nobody")
    return await issue(server, interaction, request, who, scope=step.scope, consent=consent, answered=False)


def refuse(request: AuthorizationRequest, interaction: Interaction, refusal: OAuthError) -> Leave:
    """Send the refusal to the client."""
    return Leave(
        to=request.answer_to.error(refusal), client=request.client, interaction=interaction, refusal=refusal
    )


async def issue(
    server: Server,
    interaction: Interaction,
    request: AuthorizationRequest,
    who: SignedIn,
    *,
    scope: Scope,
    consent: Consent | None,
    answered: bool,
) -> Leave:
    """Store the approval, and send its code to the client. Raises AlreadyDone.

    `answered`: the person has just allowed this, and the consent changes with it; otherwise what
    they allowed earlier (or a first-party client) suffices.
    """
    now = server.now()
    client, subject = request.client, who.person.subject
    secret = issue_secret(SecretKind.CODE, now=now)
    if answered:
        consent = Consent(
            id=new_id(now) if consent is None else consent.id,
            subject=subject,
            client_id=client.id,
            scope=scope_to_remember(request, consent, scope),
            created_at=now if consent is None else consent.created_at,
            updated_at=now,
            expires_at=consent_end(client, now),
        )
    grant = Grant(
        id=new_id(now),
        client_id=client.id,
        subject=subject,
        consent_id=None if consent is None else consent.id,
        session_id=who.session.id,
        scope=scope,
        resources=request.resources,
        auth_time=who.session.auth_time,
        created_at=now,
        expires_at=now + server.policy.refresh_absolute_lifetime,
    )
    code = Code(
        id=secret.selector,
        hash=secret.hash,
        grant_id=grant.id,
        flow_id=interaction.id,
        client_id=client.id,
        redirect_uri=request.answer_to.redirect_uri,
        redirect_uri_sent=request.answer_to.sent,
        code_challenge=request.code_challenge,
        nonce=request.nonce,
        issued_at=now,
        expires_at=now + server.policy.code_lifetime,
    )
    audit = [_consent_entry(grant, now)] if answered else []
    outcome = await server.store.issue_code(code, grant, consent if answered else None, audit)
    if outcome is IssueOutcome.ALREADY_DONE:
        raise AlreadyDone
    return Leave(to=request.answer_to.success(secret.text), client=client, interaction=interaction)


def _consent_entry(grant: Grant, now: float) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor=f"person:{grant.subject}",
        action="consent.given",
        target=f"client:{grant.client_id}",
        details={"grant": grant.id, "scope": str(grant.scope)},
    )
