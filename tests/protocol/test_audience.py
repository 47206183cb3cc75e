"""Which API a token is for (`design` 11, RFC 8707): what was named or asked for, never anything else."""

from dataclasses import replace

import pytest

from grantway.protocol import client_credentials, refresh_grant
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from grantway.protocol.token_request import ClientCredentialsRequest, RefreshRequest
from tests.protocol.samples import CALENDAR, GRANT, HASH, MACHINE, NOON, PHOTOS, REFRESH_EVIDENCE, WEB

BOTH = Scope.of(["photos:read", "calendar:read"])
EAGER = replace(CALENDAR, scopes=tuple(replace(scope, default=True) for scope in CALENDAR.scopes))
REGISTRY = Registry.of(1, (), (PHOTOS, EAGER))
CLIENT = replace(WEB, scope=BOTH, optional_scope=Scope(), default_api=None)
EVIDENCE = replace(
    REFRESH_EVIDENCE,
    grant=replace(GRANT, scope=BOTH, resources=(PHOTOS.identifier, CALENDAR.identifier)),
)


def refreshed(scope="", resource=None, client=CLIENT):
    request = RefreshRequest(refresh_token="…", scope=Scope.parse(scope), resource=resource)
    return refresh_grant.decide(request, HASH, client, EVIDENCE, REGISTRY, now=NOON)


@pytest.mark.parametrize(
    ("scope", "resource", "api", "granted"),
    [
        ("", None, PHOTOS, "photos:read"),
        ("", CALENDAR.identifier, EAGER, "calendar:read"),
        ("calendar:read", None, EAGER, "calendar:read"),
        ("photos:read", PHOTOS.identifier, PHOTOS, "photos:read"),
    ],
    ids=["the first", "the named", "that of the scope", "both agree"],
)
def test_a_token_is_for_one_of_the_apis_consented_to(scope, resource, api, granted):
    """G4: one audience, and only the scopes that belong to it."""
    made = refreshed(scope, resource)
    assert (api, granted) == (made.api, str(made.scope))


def test_a_scope_of_one_api_buys_nothing_at_another():
    """G4: the token would be empty, so there is none."""
    with pytest.raises(OAuthError) as refusal:
        refreshed("photos:read", CALENDAR.identifier)
    assert ErrorCode.INVALID_SCOPE is refusal.value.code


def test_what_the_client_may_no_longer_ask_for_is_not_given():
    """D7: granted ∩ still allowed; nothing left is a refusal."""
    with pytest.raises(OAuthError) as refusal:
        refreshed(client=replace(CLIENT, scope=Scope.of(["photos:write"])))
    assert ErrorCode.INVALID_SCOPE is refusal.value.code


def test_without_a_scope_the_named_api_has_its_own_defaults():
    """FS8: `resource` alone asks for the default scopes of that API, not of all."""
    machine = replace(MACHINE, scope=BOTH)
    request = ClientCredentialsRequest(scope=Scope(), resource=CALENDAR.identifier)
    made = client_credentials.decide(request, machine, REGISTRY)
    assert (EAGER, "calendar:read") == (made.api, str(made.scope))
