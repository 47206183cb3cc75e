"""The three grants at the token endpoint: who gets what, and what is said when nobody gets anything."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from grantway.protocol import client_credentials, code_grant, refresh_grant
from grantway.protocol.clients import RefreshPolicy
from grantway.protocol.errors import OAuthError
from grantway.protocol.issuing import UNUSABLE, wants_refresh_token
from grantway.protocol.names import ErrorCode, GrantType
from grantway.protocol.params import Params
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from grantway.protocol.token_request import (
    ClientCredentialsRequest,
    CodeRequest,
    RefreshRequest,
    grant_type_of,
)
from tests.protocol.samples import (
    ADA,
    CALENDAR,
    CALLBACK,
    CODE,
    CODE_EVIDENCE,
    GRANT,
    HASH,
    MACHINE,
    NATIVE,
    NOON,
    PHOTOS,
    REFRESH_EVIDENCE,
    REFRESH_TOKEN,
    REGISTRY,
    SPA,
    VERIFIER,
    WEB,
)

CODE_REQUEST = CodeRequest(code="…", redirect_uri=CALLBACK, code_verifier=VERIFIER, resource=None)
REFRESH_REQUEST = RefreshRequest(refresh_token="…", scope=Scope(), resource=None)
OTHER = replace(WEB, id="other")
WITHOUT_CHALLENGE = replace(CODE, code_challenge=None)


def code(request=CODE_REQUEST, hashed=HASH, client=WEB, registry=REGISTRY, evidence=CODE_EVIDENCE, **members):
    if members:
        evidence = replace(CODE_EVIDENCE, **members)
    return code_grant.decide(request, hashed, client, evidence, registry, now=NOON)


def refresh(
    request=REFRESH_REQUEST, hashed=HASH, client=WEB, registry=REGISTRY, evidence=REFRESH_EVIDENCE, **members
):
    if members:
        evidence = replace(REFRESH_EVIDENCE, **members)
    return refresh_grant.decide(request, hashed, client, evidence, registry, now=NOON)


DEAD_GRANTS = [
    ("grant grant was revoked", {"grant": replace(GRANT, revoked_at=NOON - 1)}),
    ("the account no longer exists", {"person": None}),
    ("is disabled", {"person": replace(ADA, disabled_at=NOON - 1)}),
    ("was revoked", {"person": replace(ADA, tokens_valid_from=NOON - 1)}),
    ("was revoked", {"person": replace(ADA, tokens_valid_from=GRANT.created_at)}),
    ("obtained before", {"client": replace(WEB, tokens_valid_from=NOON - 1)}),
    ("no longer registered", {"registry": Registry.of(2, (WEB,), ())}),
]
CODE_REFUSALS = [
    ("no such code", {"evidence": None}),
    ("secret part is wrong", {"hashed": b"x" * 32}),
    ("code of web sent by other", {"client": OTHER}),
    ("redirect_uri", {"request": changed(CODE_REQUEST, redirect_uri="https://web.example/cb/")}),
    (
        "redirect_uri was part",
        {"request": changed(CODE_REQUEST, redirect_uri=None), "code": WITHOUT_CHALLENGE},
    ),
    ("code_verifier is missing", {"request": changed(CODE_REQUEST, code_verifier=None)}),
    ("does not match", {"request": changed(CODE_REQUEST, code_verifier="x" * 43)}),
    ("43 to 128", {"request": changed(CODE_REQUEST, code_verifier="x")}),
    ("without a challenge", {"code": WITHOUT_CHALLENGE}),
    ("code expired 0 s ago", {"code": replace(CODE, expires_at=NOON)}),
    ("code expired 5 s ago", {"code": replace(CODE, expires_at=NOON - 5)}),
    *DEAD_GRANTS,
]
REFRESH_REFUSALS = [
    ("no such refresh token", {"evidence": None}),
    ("secret part is wrong", {"hashed": b"x" * 32}),
    ("refresh token of web sent by other", {"client": OTHER}),
    ("refresh token expired 0 s ago", {"token": replace(REFRESH_TOKEN, expires_at=NOON)}),
    *DEAD_GRANTS,
]


@pytest.mark.parametrize(
    ("decide", "operator_reads", "facts"),
    [
        *((code, words, facts) for words, facts in CODE_REFUSALS),
        *((refresh, words, facts) for words, facts in REFRESH_REFUSALS),
    ],
)
def test_a_grant_is_refused_in_the_same_words_and_the_operator_learns_why(decide, operator_reads, facts):
    """CR03, CR05, CR06, CR07, CR08, CR09, CR11, CR12, RT07: wrong or stolen, nobody hears which."""
    with pytest.raises(OAuthError) as refusal:
        decide(**facts)
    assert (ErrorCode.INVALID_GRANT, UNUSABLE) == (refusal.value.code, refusal.value.tell_client)
    assert operator_reads in refusal.value.tell_operator


def test_possession_is_proven_before_anything_else_is_told_or_punished():
    """CR03: a spent code, wrongly presented, is only wrong; rightly presented, the commit will judge it."""
    spent = replace(CODE, spent_at=NOON - 20, expires_at=NOON - 10)
    with pytest.raises(OAuthError, match="does not match"):
        code(request=changed(CODE_REQUEST, code_verifier="x" * 43), code=spent)
    assert GRANT == code(code=spent).grant
    assert GRANT == refresh(token=replace(REFRESH_TOKEN, spent_at=NOON - 20, expires_at=NOON - 10)).grant


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"request": changed(CODE_REQUEST, redirect_uri=None)},
        {"request": changed(CODE_REQUEST, redirect_uri=None), "code": replace(CODE, redirect_uri_sent=False)},
        {"request": changed(CODE_REQUEST, code_verifier=None), "code": WITHOUT_CHALLENGE},
        {
            "request": changed(CODE_REQUEST, code_verifier=None, redirect_uri=None),
            "code": replace(WITHOUT_CHALLENGE, redirect_uri_sent=False),
        },
        {"code": replace(CODE, expires_at=NOON + 0.001)},
        {"person": replace(ADA, tokens_valid_from=GRANT.auth_time)},
    ],
)
def test_a_code_that_is_proven_becomes_what_was_granted(facts):
    """CR01, CR12"""
    granted = code(**facts)
    assert (WEB, ADA.subject, GRANT) == (granted.client, granted.subject, granted.grant)
    assert PHOTOS == granted.api
    assert "photos:read photos:write" == str(granted.scope), "the scopes of one API, and no other"
    assert granted.with_refresh_token


def choosing(resource, scope=""):
    return changed(REFRESH_REQUEST, resource=resource, scope=Scope.parse(scope))


@pytest.mark.parametrize(
    ("facts", "api", "scope"),
    [
        ({}, PHOTOS, "photos:read photos:write"),
        ({"request": choosing(CALENDAR.identifier)}, CALENDAR, "calendar:read"),
        ({"request": choosing(PHOTOS.identifier + "/")}, PHOTOS, "photos:read photos:write"),
        ({"client": replace(WEB, default_api=CALENDAR.identifier)}, CALENDAR, "calendar:read"),
        ({"request": choosing(None, "photos:read")}, PHOTOS, "photos:read"),
        ({"client": replace(WEB, scope=Scope.of(["photos:read"]))}, PHOTOS, "photos:read"),
    ],
)
def test_a_token_is_for_one_api_and_holds_what_is_still_allowed_of_it(facts, api, scope):
    """RT01: asked, consented, and still registered for the client."""
    granted = refresh(**facts)
    assert (api, scope) == (granted.api, str(granted.scope))


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"request": choosing(None, "photos:read photos:delete")}, ErrorCode.INVALID_SCOPE),
        ({"request": choosing(None, "nonsense")}, ErrorCode.INVALID_SCOPE),
        ({"request": choosing("https://api.example/unknown")}, ErrorCode.INVALID_TARGET),
        (
            {
                "request": choosing(CALENDAR.identifier),
                "grant": replace(GRANT, resources=(PHOTOS.identifier,)),
            },
            ErrorCode.INVALID_TARGET,
        ),
    ],
)
def test_what_was_not_granted_cannot_be_asked_for_later(facts, error):
    """RT06"""
    with pytest.raises(OAuthError) as refusal:
        refresh(**facts)
    assert error is refusal.value.code


def test_a_refresh_is_always_answered_with_a_successor():
    """RT02: even when the policy has changed since."""
    assert refresh(client=replace(WEB, refresh=RefreshPolicy.OFFLINE_ACCESS)).with_refresh_token


A, P = RefreshPolicy.AUTOMATIC, RefreshPolicy


@pytest.mark.parametrize(
    ("policy", "scope", "expected"),
    [
        (A, "photos:read", True),
        (A, "photos:read offline_access", True),
        (A, "openid", False),
        (A, "openid photos:read", False),
        (A, "openid offline_access", True),
        (P.ALWAYS, "photos:read", True),
        (P.ALWAYS, "openid", True),
        (P.OFFLINE_ACCESS, "photos:read", False),
        (P.OFFLINE_ACCESS, "openid", False),
        (P.OFFLINE_ACCESS, "photos:read offline_access", True),
        (P.NEVER, "openid offline_access", False),
    ],
)
def test_the_policy_of_the_client_decides_about_refresh_tokens(policy, scope, expected):
    """RT11: by default, openid needs offline_access (OpenID Connect Core §11)."""
    client = replace(WEB, refresh=policy)
    assert expected == wants_refresh_token(client, Scope.parse(scope))
    without = replace(client, grant_types=frozenset({GrantType.AUTHORIZATION_CODE}))
    assert not wants_refresh_token(without, Scope.parse(scope))


def machine(scope="", resource=None, client=MACHINE):
    request = ClientCredentialsRequest(scope=Scope.parse(scope), resource=resource)
    return client_credentials.decide(request, client, REGISTRY)


@pytest.mark.parametrize(
    ("facts", "api", "scope"),
    [
        ({}, PHOTOS, "photos:read"),
        ({"scope": "photos:write"}, PHOTOS, "photos:write"),
        ({"scope": "calendar:read"}, CALENDAR, "calendar:read"),
        ({"scope": "photos:read", "resource": PHOTOS.identifier}, PHOTOS, "photos:read"),
        ({"scope": "photos:read calendar:read", "resource": CALENDAR.identifier}, CALENDAR, "calendar:read"),
    ],
)
def test_a_machine_gets_a_token_of_its_own(facts, api, scope):
    """CR14: RFC 6749 §4.4.3 - no person, no refresh token."""
    granted = machine(**facts)
    assert (api, scope, "machine") == (granted.api, str(granted.scope), granted.subject)
    assert granted.grant is None
    assert not granted.with_refresh_token


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"scope": "nonsense"}, ErrorCode.INVALID_SCOPE),
        ({"scope": "photos:read offline_access"}, ErrorCode.INVALID_SCOPE),
        ({"scope": "openid"}, ErrorCode.INVALID_SCOPE),
        ({"client": replace(MACHINE, scope=Scope.of(["calendar:read"]))}, ErrorCode.INVALID_SCOPE),
        ({"scope": "photos:read calendar:read"}, ErrorCode.INVALID_TARGET),
        ({"scope": "photos:read", "resource": CALENDAR.identifier}, ErrorCode.INVALID_SCOPE),
        ({"scope": "photos:read", "resource": "https://api.example/unknown"}, ErrorCode.INVALID_TARGET),
    ],
)
def test_a_machine_gets_nothing_it_is_not_registered_for(facts, error):
    with pytest.raises(OAuthError) as refusal:
        machine(**facts)
    assert error is refusal.value.code


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({}, ErrorCode.INVALID_REQUEST),
        ({"grant_type": "password"}, ErrorCode.UNSUPPORTED_GRANT_TYPE),
        ({"grant_type": "Refresh_Token"}, ErrorCode.UNSUPPORTED_GRANT_TYPE),
    ],
)
def test_an_unknown_grant_type_is_refused(sent, error):
    """CR14"""
    with pytest.raises(OAuthError) as refusal:
        grant_type_of(Params.of(**sent))
    assert error is refusal.value.code


@pytest.mark.parametrize("kind", [CodeRequest, RefreshRequest])
def test_a_request_brings_the_credential_of_its_kind(kind):
    """CR14, RT08"""
    with pytest.raises(OAuthError, match="is missing"):
        kind.parse(Params.of())


@pytest.mark.parametrize("kind", [CodeRequest, RefreshRequest, ClientCredentialsRequest])
def test_one_token_has_one_audience(kind):
    params = Params({"code": ("x",), "refresh_token": ("x",), "resource": ("https://a", "https://b")})
    with pytest.raises(OAuthError) as refusal:
        kind.parse(params)
    assert ErrorCode.INVALID_TARGET is refusal.value.code


def test_the_public_samples_are_public():
    assert SPA.is_public
    assert NATIVE.is_public
