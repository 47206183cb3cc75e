"""The client credentials grant (RFC 6749 §4.4)."""

from grantway.protocol.apis import Api
from grantway.protocol.authorization import named_api, no_scope, requested_scope
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
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
        found = Diagnosis(
            Gw.SCOPE,
            "this scope needs a person",
            received=f"scope={scope}",
            expected="scopes of an API alone",
            difference=f"{scope & Scope(tuple(SERVER_SCOPES))} is about a person, and here is none",
        )
        raise OAuthError(ErrorCode.INVALID_SCOPE, "this scope needs a person", found)
    api = _the_one_api(scope, client, registry) if named is None else named
    inside = Scope(tuple(token for token in scope if registry.api_of_scope.get(token) == api))
    if not inside:
        words = "no scope of this API is asked for, and there is no default"
        found = Diagnosis(Gw.SCOPE, words, f"scope={scope}", f"a scope of {api.identifier}", words)
        raise OAuthError(ErrorCode.INVALID_SCOPE, words, found)
    return Granted(
        client=client, subject=client.id, grant=None, api=api, scope=inside, with_refresh_token=False
    )


def _the_one_api(scope: Scope, client: Client, registry: Registry) -> Api:
    found = registry.apis_of(scope)
    if len(found) > 1:
        words = "these scopes belong to several APIs: choose one with resource"
        names = ", ".join(api.identifier for api in found)
        several = Diagnosis(Gw.RESOURCE, words, f"scope={scope} without resource", f"one of: {names}", words)
        raise OAuthError(ErrorCode.INVALID_TARGET, words, several)
    if found:
        return found[0]
    words = "scope is missing and this client has no default scope"
    raise OAuthError(ErrorCode.INVALID_SCOPE, words, no_scope(client))
