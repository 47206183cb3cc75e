"""The claims of ID tokens, as tables."""

from dataclasses import replace

import pytest

from grantway.protocol.authorization import AuthorizationRequest
from grantway.protocol.claims import CLAIMS_OF_SCOPE, claims_of_scope, person_claims
from grantway.protocol.code_grant import decide
from grantway.protocol.errors import OAuthError
from grantway.protocol.id_tokens import half_hash, id_token_claims, wants_id_token
from grantway.protocol.params import Params
from grantway.protocol.people import Address, Person, Profile
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from grantway.protocol.session_clients import sid_of
from grantway.protocol.token_request import CodeRequest
from grantway.protocol.tokens import audience_of
from tests.protocol.samples import (
    ADA,
    CALENDAR,
    CALLBACK,
    CODE,
    CODE_EVIDENCE,
    GRANT,
    HASH,
    ISSUER,
    NOON,
    PHOTOS,
    REQUEST,
    VERIFIER,
    WEB,
)

SSO = replace(WEB, scope=WEB.scope | Scope.of(["openid", "email"]))
REGISTRY = Registry.of(1, (SSO,), (PHOTOS, CALENDAR))


def granted(scope, *, nonce=None, resources=()):
    """What a code for this scope gives."""
    evidence = replace(
        CODE_EVIDENCE,
        grant=replace(GRANT, scope=Scope.parse(scope), resources=resources, amr=("pwd",)),
        code=replace(CODE, nonce=nonce),
    )
    request = CodeRequest(code="", redirect_uri=CALLBACK, code_verifier=VERIFIER, resource=None)
    return decide(request, HASH, SSO, evidence, REGISTRY, now=NOON)


def test_the_claims_of_an_id_token():
    """ID02, ID03: when, how and with which request somebody signed in, and nothing else about them."""
    given = granted("openid email", nonce="n-0S6")
    claims = id_token_claims(given, given.grant, issuer=ISSUER, access_token_hash="x", now=NOON + 0.9)
    assert {
        "iss": ISSUER,
        "sub": ADA.subject,
        "aud": "web",
        "iat": int(NOON),
        "exp": int(NOON) + 600,
        "auth_time": int(NOON) - 100,
        "nonce": "n-0S6",
        "at_hash": "x",
        "acr": "urn:grantway:acr:1",
        "amr": ["pwd"],
        "sid": sid_of(GRANT.session_id, "web"),
    } == claims


def test_how_somebody_signed_in_is_not_made_up():
    """ID02: a grant of an older release does not say how."""
    given = granted("openid")
    old = replace(given.grant, amr=())
    claims = id_token_claims(given, old, issuer=ISSUER, access_token_hash="x", now=NOON)
    assert {"acr", "amr", "nonce"} & claims.keys() == set()


@pytest.mark.parametrize(
    ("scope", "resources", "audience", "wanted"),
    [
        ("openid", (), (ISSUER,), True),
        ("openid email", (), (ISSUER,), True),
        ("openid photos:read", (PHOTOS.identifier,), (PHOTOS.identifier, ISSUER), True),
        ("photos:read email", (PHOTOS.identifier,), (PHOTOS.identifier,), False),
    ],
)
def test_with_openid_there_is_an_id_token_and_userinfo_is_in_the_audience(scope, resources, audience, wanted):
    """ID07, UI06"""
    given = granted(scope, resources=resources)
    assert (audience, wanted) == (audience_of(given, issuer=ISSUER), wants_id_token(given))


def test_a_request_to_sign_in_needs_no_api_and_any_other_does():
    """AZ16, ID07"""
    asked = {"response_type": "code", "code_challenge": "x" * 43, "code_challenge_method": "S256"}

    def parsed(scope):
        params = Params.of(scope=scope, **asked)
        return AuthorizationRequest.parse(params, SSO, REQUEST.answer_to, REGISTRY)

    assert () == parsed("openid email").resources
    assert (PHOTOS.identifier,) == parsed("openid photos:read").resources
    with pytest.raises(OAuthError, match="no API"):
        parsed("email")


@pytest.mark.parametrize(
    ("alg", "expected"),
    [
        ("RS256", "77QmUPtjPfzWtF2AnpK9RQ"),  # the example of OpenID Connect Core, appendix A.3
        ("ES256", "77QmUPtjPfzWtF2AnpK9RQ"),
        ("EdDSA", "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM"),
    ],
)
def test_half_of_a_hash(alg, expected):
    """ID04"""
    assert expected == half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", alg)


FULL = replace(
    ADA,
    email="ada@id.example",
    email_verified=True,
    profile=Profile(
        given_name="Ada",
        birthdate="1815-12-10",
        phone_number="+44 20 7946 0000",
        address=Address(locality="London", country="United Kingdom"),
        updated_at=NOON + 0.5,
    ),
)


@pytest.mark.parametrize(
    ("person", "scope", "expected"),
    [
        (FULL, "openid", {}),
        (FULL, "email", {"email": "ada@id.example", "email_verified": True}),
        (FULL, "phone", {"phone_number": "+44 20 7946 0000", "phone_number_verified": False}),
        (FULL, "address", {"address": {"locality": "London", "country": "United Kingdom"}}),
        (
            FULL,
            "profile",
            {
                "name": "Ada",
                "given_name": "Ada",
                "preferred_username": "ada",
                "birthdate": "1815-12-10",
                "updated_at": int(NOON),
            },
        ),
        (ADA, "email phone address", {}),
        (ADA, "profile", {"name": "Ada", "preferred_username": "ada"}),
    ],
)
def test_a_scope_stands_for_the_claims_that_are_known(person: Person, scope, expected):
    """UI05: what is not known is left out, never null."""
    assert expected == person_claims(person, claims_of_scope(Scope.parse(scope)))


def test_every_claim_of_every_scope_can_be_told():
    """UI05: each has its place in what is stored about a person."""
    texts = {name: "x" for name in Profile.__dataclass_fields__ if not name.endswith(("verified", "_at"))}
    profile = replace(Profile(**{**texts, "address": Address(country="x")}), updated_at=1.0)
    full = replace(FULL, profile=profile)
    for scope, claims in CLAIMS_OF_SCOPE.items():
        assert set(claims) == set(person_claims(full, claims)), scope
