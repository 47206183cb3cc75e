"""What a grant, once accepted, gives: shared by every grant type."""

from msgspec import Struct

from grantway.protocol.apis import Api
from grantway.protocol.authorization import named_api
from grantway.protocol.clients import Client, RefreshPolicy
from grantway.protocol.confirmation import Confirmation
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.grants import Grant
from grantway.protocol.names import ErrorCode, GrantType
from grantway.protocol.people import Person, may_authenticate
from grantway.protocol.registry import OFFLINE_ACCESS, OPENID, Registry
from grantway.protocol.scope import Scope

# RFC 6749 §5.2: the client cannot tell a wrong code or token from a stolen one.
UNUSABLE = "the grant is invalid, expired, revoked, or was issued to another client"


def unusable(diagnosis: Diagnosis) -> OAuthError:
    """The refusal of every code and refresh token that buys nothing: same words for every cause."""
    return OAuthError(ErrorCode.INVALID_GRANT, UNUSABLE, diagnosis)


def ended(why: str) -> OAuthError:
    """The refusal of a code or refresh token whose grant is over."""
    found = Diagnosis(Gw.GRANT_ENDED, why, "a credential of a grant that is over", "a living grant", why)
    return unusable(found)


class Granted(Struct, frozen=True, kw_only=True):
    """The tokens to make: for whom, for which API, with which scope."""

    client: Client
    subject: str  # of the person, or the client's own id for client credentials (RFC 9068 §2.2)
    grant: Grant | None  # None for client credentials
    api: Api | None  # None: for nothing but userinfo
    scope: Scope
    with_refresh_token: bool
    confirmation: Confirmation | None = None  # to which key the tokens are bound
    person: Person | None = None  # of the grant
    nonce: str | None = None  # for the ID token of a code


def wants_refresh_token(client: Client, scope: Scope) -> bool:
    """Does this grant come with a refresh token? (`design` 10; OIDC Core §11)."""
    if not client.may_use(GrantType.REFRESH_TOKEN) or client.refresh is RefreshPolicy.NEVER:
        return False
    if client.refresh is RefreshPolicy.ALWAYS:
        return True
    asked_for_it = OFFLINE_ACCESS in scope
    return asked_for_it or (client.refresh is RefreshPolicy.AUTOMATIC and OPENID not in scope)


def granted_by(
    grant: Grant,
    person: Person | None,
    client: Client,
    registry: Registry,
    *,
    scope: Scope,
    resource: str | None,
    nonce: str | None = None,
    rotated: bool = False,
) -> Granted:
    """What a live grant gives this client now: asked ∩ consented ∩ still allowed (threats C15, D7, J6).

    `scope` empty means all of it. `rotated` is for a refresh token that was spent: another takes its place,
    whatever the client's policy says by now. Raises `invalid_grant`, `invalid_scope` or `invalid_target`.
    """
    if grant.revoked_at is not None:
        raise ended(f"grant {grant.id} was revoked")
    if why := may_authenticate(person, since=grant.auth_time):
        raise ended(why)
    if grant.created_at < client.tokens_valid_from:
        raise ended(f"everything {client.id} obtained before {client.tokens_valid_from:.0f} was revoked")
    if scope and not scope <= grant.scope:
        raise _beyond(scope, grant)
    wanted = (scope or grant.scope) & client.scope
    api = _api_of(grant, client, registry, resource, wanted)
    api_of_scope = registry.api_of_scope
    given = Scope(tuple([token for token in wanted.tokens if api_of_scope.get(token, api) is api]))
    if not given:
        raise _nothing_left(scope, grant, client, api)
    return Granted(
        client=client,
        subject=grant.subject,
        grant=grant,
        api=api,
        scope=given,
        with_refresh_token=rotated or wants_refresh_token(client, grant.scope),
        person=person,
        nonce=nonce,
    )


def _api_of(
    grant: Grant, client: Client, registry: Registry, resource: str | None, wanted: Scope
) -> Api | None:
    """The one API of the token, among those consented; None when the grant is for none.

    The one that `resource` names, else the client's default or the first that a wanted scope belongs to.
    """
    if resource is not None:
        api = named_api(resource, client, registry)
        if api.identifier not in grant.resources:
            raise _not_consented(api, grant)
        return api
    if not grant.resources:
        return None
    choice = grant.resources[0]
    if len(grant.resources) > 1:
        asked_of = {one.identifier for one in registry.apis_of(wanted)}
        possible = [name for name in grant.resources if name in asked_of] or grant.resources
        choice = next((name for name in possible if name == client.default_api), possible[0])
    chosen = registry.find_api(choice)
    if chosen is None:
        raise ended(f"the API {choice} is no longer registered")
    return chosen


def _beyond(scope: Scope, grant: Grant) -> OAuthError:
    more = scope - grant.scope
    found = Diagnosis(
        Gw.SCOPE_NARROWED,
        f"asked for more than granted: {more}",
        received=f"scope={scope}",
        expected=f"no more than was granted: {grant.scope}",
        difference=f"missing: {more}",
    )
    return OAuthError(ErrorCode.INVALID_SCOPE, "scope goes beyond what was granted", found)


def _nothing_left(scope: Scope, grant: Grant, client: Client, api: Api | None) -> OAuthError:
    found = Diagnosis(
        Gw.SCOPE_NARROWED,
        f"grant {grant.id} has {grant.scope}, {client.id} may have {client.scope}",
        received=f"scope={scope or grant.scope}",
        expected=f"a scope that was granted ({grant.scope}) and that {client.id} may have",
        difference=f"{client.id} may have {client.scope}; API: {api.identifier if api else 'none'}",
    )
    return OAuthError(ErrorCode.INVALID_SCOPE, "nothing that was granted may still be used here", found)


def _not_consented(api: Api, grant: Grant) -> OAuthError:
    found = Diagnosis(
        Gw.RESOURCE,
        f"{api.identifier} not among {', '.join(grant.resources)}",
        received=f"resource={api.identifier}",
        expected=f"one of: {', '.join(grant.resources) or 'none was granted'}",
        difference="the person was not asked for this API",
        fix="Name it at the authorization endpoint first, with a scope of it.",
    )
    return OAuthError(ErrorCode.INVALID_TARGET, "resource was not part of the authorization", found)
