"""The client credentials grant (RFC 6749 §4.4)."""

from grantway.protocol.apis import Api
from grantway.protocol.authorization import named_api, requested_scope
from grantway.protocol.clients import Client
from grantway.protocol.errors import OAuthError
from grantway.protocol.issuing import Granted
from grantway.protocol.names import ErrorCode
from grantway.protocol.registry import SERVER_SCOPES, Registry
from grantway.protocol.scope import Scope
from grantway.protocol.token_request import ClientCredentialsRequest


def decide(request: ClientCredentialsRequest, client: Client, registry: Registry) -> Granted:
    """A token for the client itself: no person, no refresh token (RFC 6749 §4.4.3).

    Raises `invalid_scope` or `invalid_target`.
    """
    named = None if request.resource is None else named_api(request.resource, client, registry)
    scope = requested_scope(request.scope, client, registry, () if named is None else (named,))
    if any(token in SERVER_SCOPES for token in scope):
        raise OAuthError(ErrorCode.INVALID_SCOPE, "this scope needs a person")
    api = _the_one_api(scope, registry) if named is None else named
    inside = Scope(tuple(token for token in scope if registry.api_of_scope.get(token) == api))
    if not inside:
        raise OAuthError(
            ErrorCode.INVALID_SCOPE, "no scope of this API is asked for, and there is no default"
        )
    return Granted(
        client=client, subject=client.id, grant=None, api=api, scope=inside, with_refresh_token=False
    )


def _the_one_api(scope: Scope, registry: Registry) -> Api:
    found = registry.apis_of(scope)
    if len(found) > 1:
        raise OAuthError(
            ErrorCode.INVALID_TARGET, "these scopes belong to several APIs: choose one with resource"
        )
    if found:
        return found[0]
    raise OAuthError(ErrorCode.INVALID_SCOPE, "scope is missing and this client has no default scope")
