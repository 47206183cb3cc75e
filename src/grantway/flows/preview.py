"""What a token would say: every step of issuing, in its order, with nothing stored and nothing signed."""

from dataclasses import dataclass, replace

from grantway.flows.approve import grant_of
from grantway.flows.issue import Planned
from grantway.flows.people import find_person
from grantway.flows.registry import find_client
from grantway.flows.rejections import NotFound
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.flows.token import as_known, require_grant_type
from grantway.protocol import client_credentials
from grantway.protocol.authorization import AuthorizationRequest, answer_address
from grantway.protocol.client_auth import unknown_client
from grantway.protocol.clients import Client
from grantway.protocol.consent import consent_question
from grantway.protocol.errors import OAuthError
from grantway.protocol.id_tokens import id_token_claims, wants_id_token
from grantway.protocol.issuing import Granted, granted_by
from grantway.protocol.names import GRANT_CLAIM, ErrorCode, GrantType
from grantway.protocol.params import Params
from grantway.protocol.people import Person, Session
from grantway.protocol.preview import Steps, Verdict, verdicts
from grantway.protocol.registry import OPENID
from grantway.protocol.return_address import return_address
from grantway.protocol.scope import Scope
from grantway.protocol.token_request import ClientCredentialsRequest
from grantway.protocol.tokens import Claims

MADE_LATER = "(made when it is issued)"
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B; nobody will ever redeem it


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A token that was not issued."""

    client: Client
    refusal: OAuthError | None  # why there would be none
    scopes: tuple[Verdict, ...]
    planned: Planned | None = None
    claims: Claims | None = None
    id_token_claims: Claims | None = None
    with_refresh_token: bool = False
    asks: bool = False  # would the person be asked?


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which token is looked at. `ticked` and `unticked` are what the person changes on the consent page."""

    client_id: str
    username: str | None = None  # None: the app by itself
    scope: str = ""  # as in a request; empty: the default
    resource: str | None = None
    ticked: Scope = Scope()
    unticked: Scope = Scope()

    @property
    def parameters(self) -> dict[str, str]:
        """What the app sends."""
        given = (("scope", self.scope), ("resource", self.resource))
        return {name: value for name, value in given if value}


async def preview(server: Server, wish: Wish) -> Preview:
    """The token that would be issued.

    The person is taken to be signed in now, and to press Allow on the consent page as it is shown, but for
    what the wish says. Raises NotFound; a refusal of the protocol is part of the answer.
    """
    await server.snapshots.refresh()
    snapshot = server.snapshots.current()
    client = find_client(snapshot.registry, wish.client_id)
    person = None if wish.username is None else await find_person(server, wish.username)
    if wish.username is not None and person is None:
        raise NotFound(f"there is nobody named {wish.username!r}")
    steps, refusal = Steps(asked=Scope()), None
    try:
        steps = Steps(asked=Scope.parse(wish.scope))
        if person is None:
            steps = _by_itself(client, snapshot, wish, steps)
        else:
            steps = await _with(server, client, person, wish, steps)
    except OAuthError as refused:
        refusal = refused
    named = None if person is None else person.username
    scopes = verdicts(client, snapshot.registry, steps, person=named)
    if steps.granted is None:
        return Preview(client=client, refusal=refusal, scopes=scopes)
    return _as_issued(server, client, as_known(server, steps.granted), steps, scopes)


def _as_issued(
    server: Server, client: Client, granted: Granted, steps: Steps, scopes: tuple[Verdict, ...]
) -> Preview:
    now = server.now()
    planned = Planned.of(granted, server.policy)
    claims = planned.claims(granted, server.policy, token_id=MADE_LATER, now=now)
    id_token = None
    if granted.grant is not None and wants_id_token(granted):
        issuer = server.policy.issuer
        id_token = id_token_claims(
            granted, granted.grant, issuer=issuer, access_token_hash=MADE_LATER, now=now
        )
    # What hangs on a grant that was never made is no more than a name for it here.
    claims |= dict.fromkeys(claims.keys() & {GRANT_CLAIM}, MADE_LATER)
    if id_token is not None:
        id_token |= dict.fromkeys(id_token.keys() & {"sid"}, MADE_LATER)
    return Preview(
        client=client,
        refusal=None,
        scopes=scopes,
        planned=planned,
        claims=claims,
        id_token_claims=id_token,
        with_refresh_token=granted.with_refresh_token,
        asks=steps.question is not None,
    )


def _require(client: Client, grant_type: GrantType) -> None:
    if not client.enabled:
        raise OAuthError(
            ErrorCode.INVALID_CLIENT, "the client is disabled", unknown_client(client.id, client)
        )
    require_grant_type(client, grant_type)


def _by_itself(client: Client, snapshot: Snapshot, wish: Wish, steps: Steps) -> Steps:
    """RFC 6749 §4.4."""
    _require(client, GrantType.CLIENT_CREDENTIALS)
    request = ClientCredentialsRequest.parse(Params.of(**wish.parameters))
    return replace(steps, granted=client_credentials.decide(request, client, snapshot.registry))


async def _with(server: Server, client: Client, person: Person, wish: Wish, steps: Steps) -> Steps:
    """RFC 6749 §4.1: the request, the answer of the person, the grant, the token."""
    _require(client, GrantType.AUTHORIZATION_CODE)
    snapshot, now = server.snapshots.current(), server.now()
    request = _request(server, snapshot, client, wish)
    consent = await server.store.find_consent(person.subject, client.id)
    question = consent_question(request, consent, snapshot.registry)
    approved = request.scope
    if question is not None:
        approved = question.granted((question.ticked | wish.ticked) - wish.unticked)
    session = Session(
        id=MADE_LATER,
        sso_id=MADE_LATER,
        hash=b"",
        subject=person.subject,
        auth_time=now,
        created_at=now,
        seen_at=now,
        expires_at=now + server.policy.session_lifetime,
    )
    grant = grant_of(server, request, session, scope=approved, consent=consent, now=now)
    granted = granted_by(grant, person, client, snapshot.registry, scope=Scope(), resource=wish.resource)
    return replace(steps, request=request, question=question, approved=approved, granted=granted)


def _request(server: Server, snapshot: Snapshot, client: Client, wish: Wish) -> AuthorizationRequest:
    uri = next(iter(client.redirect_uris), None)
    params = Params.of(
        response_type="code",
        client_id=client.id,
        code_challenge=_CHALLENGE,
        code_challenge_method="S256",
        **({} if uri is None else {"redirect_uri": uri}),
        **wish.parameters,
    )
    openid = OPENID in wish.scope.split()
    address = return_address(client, uri, openid=openid, issuer=server.policy.issuer)
    address, refusal = answer_address(params, client, address)
    if refusal is not None:
        raise refusal
    return AuthorizationRequest.parse(params, client, address, snapshot.registry)
