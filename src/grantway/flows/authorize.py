"""The authorization endpoint: from a link to a question for the person, or to an answer for the client.

who → address → parse → what next. `start` begins a flow, `resume` looks at it again, and the pages'
answers (in `interaction_answers`) come back through `advance`: steps never lead to each other.
"""

from dataclasses import dataclass

from grantway.crypto.secrets import SecretKind, issue_secret, new_reference
from grantway.flows.approve import approve
from grantway.flows.browser import Browser, signed_in
from grantway.flows.id_token_hints import hinted_subject
from grantway.flows.interaction import Interaction, NotYours, kept_parameters, open_interaction
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol.authorization import AuthorizationRequest, answer_address
from grantway.protocol.client_auth import unknown_client
from grantway.protocol.clients import Client
from grantway.protocol.consent import consent_question, what_is_read
from grantway.protocol.errors import OAuthError, error_uri
from grantway.protocol.grants import Consent
from grantway.protocol.names import ErrorCode
from grantway.protocol.next_step import AskConsent, Login, NextStep, SelectAccount, next_step
from grantway.protocol.params import Params
from grantway.protocol.people import SignedIn
from grantway.protocol.registry import OPENID
from grantway.protocol.return_address import Redirection, ReturnAddress, return_address
from grantway.protocol.scope import Scope
from grantway.storage.port import Conflict


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
    reference: str = ""  # of the refusal: the client was told it in `error_uri`
    narrowed: bool = False  # the person has just allowed less than was asked


class Refused(Exception):
    """A request refused before any address could be trusted: only the person is told (RFC 6749 §4.1.2.1)."""

    def __init__(self, error: OAuthError, client: Client | None) -> None:
        super().__init__(str(error))
        self.error, self.client = error, client


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
        return _leave_refused(server, address, refusal, client=client, interaction=None)
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
    return await _ask_or_leave(server, interaction, parsed, who, framed=browser.framed)


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
    return await _ask_or_leave(server, interaction, parsed, who, framed=browser.framed)


def reread(server: Server, interaction: Interaction) -> AuthorizationRequest | Leave:
    """The sealed request, judged anew: what was registered may have changed meanwhile. Raises Refused."""
    snapshot = server.snapshots.current()
    client_id = Params(interaction.params).need("client_id")
    client = snapshot.registry.clients.get(client_id)
    if client is None or not client.enabled:
        found = unknown_client(client_id, client)
        raise Refused(
            OAuthError(ErrorCode.INVALID_REQUEST, "the client is no longer registered", found), None
        )
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
        found = unknown_client(client_id, client)
        raise Refused(OAuthError(ErrorCode.INVALID_REQUEST, "the client is not registered here", found), None)
    return client


def _address(server: Server, client: Client, params: Params) -> ReturnAddress:
    try:
        openid = OPENID in " ".join(params.values.get("scope", ())).split()  # judged with the rest, later
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
        hint = params.get("id_token_hint")
        return AuthorizationRequest.parse(
            params,
            client,
            address,
            snapshot.registry,
            hinted_subject=None if hint is None else hinted_subject(server, snapshot, client, hint),
        )
    except OAuthError as error:
        return _leave_refused(server, address, error, client=client, interaction=interaction)


async def _ask_or_leave(
    server: Server,
    interaction: Interaction,
    request: AuthorizationRequest,
    who: SignedIn | None,
    *,
    framed: bool,
) -> Ask | Leave:
    """What `next_step` says for this person: a question, or a code, or the refusal. Raises NotYours."""
    if who is not None and interaction.subject not in (None, who.person.subject):
        raise NotYours
    consent = None if who is None else await server.store.find_consent(who.person.subject, request.client.id)
    registry = server.snapshots.current().registry
    question = consent_question(request, consent, registry)
    try:
        step: NextStep = next_step(
            request,
            who,
            question,
            done=interaction.done,
            login_demanded=interaction.login_demanded,
            framed=framed,
            now=server.now(),
            wrong_person=_is_wrong_person(server, request, who),
        )
    except OAuthError as refusal:
        return refuse(server, request, interaction, refusal)
    if isinstance(step, SelectAccount | AskConsent) and who is not None:
        interaction = interaction.bound_to(who.person.subject)
    if isinstance(step, AskConsent):
        interaction = interaction.with_question(what_is_read(request, step.question, registry))
    if isinstance(step, Login | SelectAccount | AskConsent):
        return Ask(step=step, interaction=interaction, request=request, signed_in=who, consent=consent)
    if who is None:
        raise AssertionError("next_step() issues nothing to nobody")
    try:
        return await leave_with_code(
            server, interaction, request, who, scope=step.scope, consent=consent, answered=False
        )
    except Conflict:  # the consent was withdrawn since it was read: ask again
        return await _ask_or_leave(server, interaction, request, who, framed=framed)


def _is_wrong_person(server: Server, request: AuthorizationRequest, who: SignedIn | None) -> bool:
    """Does the request name one person (by id_token_hint or claims), and is another one signed in?"""
    if who is None or request.wanted_subject is None:
        return False
    return request.wanted_subject != server.snapshots.subject_of(request.client, who.person.subject)


def refuse(
    server: Server, request: AuthorizationRequest, interaction: Interaction, refusal: OAuthError
) -> Leave:
    """Send the refusal to the client."""
    address, client = request.answer_to, request.client
    return _leave_refused(server, address, refusal, client=client, interaction=interaction)


def _leave_refused(
    server: Server,
    address: ReturnAddress,
    refusal: OAuthError,
    *,
    client: Client,
    interaction: Interaction | None,
) -> Leave:
    reference = new_reference()
    told = address.error(refusal, error_uri(server.policy.issuer, refusal, reference))
    return Leave(to=told, client=client, interaction=interaction, refusal=refusal, reference=reference)


async def leave_with_code(
    server: Server,
    interaction: Interaction,
    request: AuthorizationRequest,
    who: SignedIn,
    *,
    scope: Scope,
    consent: Consent | None,
    answered: bool,
) -> Leave:
    """Approve, and send the code to the client. Raises AlreadyDone, or Conflict as `approve` does."""
    code = await approve(server, interaction, request, who, scope=scope, consent=consent, answered=answered)
    return Leave(to=request.answer_to.success(code), client=request.client, interaction=interaction)
