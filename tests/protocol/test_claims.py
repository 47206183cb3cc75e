"""The claims parameter, as tables."""

import json
from dataclasses import replace

import pytest

from grantway.protocol.authorization import AuthorizationRequest
from grantway.protocol.claims import (
    CLAIM_SENTENCES,
    SCOPE_OF_CLAIM,
    ClaimsParameter,
    allowed_claims,
    consented_with,
)
from grantway.protocol.consent import consent_question
from grantway.protocol.errors import OAuthError
from grantway.protocol.grants import AskedClaims
from grantway.protocol.names import ErrorCode, Prompt
from grantway.protocol.next_step import AskConsent, Login, next_step
from grantway.protocol.params import Params
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from tests.protocol.samples import CALENDAR, CONSENT, NOON, PHOTOS, REQUEST, SIGNED_IN, WEB

SSO = replace(WEB, scope=Scope.of(["openid", "profile", "email"]), optional_scope=Scope.of(["email"]))
REGISTRY = Registry.of(1, (SSO,), (PHOTOS, CALENDAR))


def parsed(claims, scope="openid", **hint):
    asked = {"response_type": "code", "code_challenge": "x" * 43, "code_challenge_method": "S256"}
    text = claims if isinstance(claims, str) else json.dumps(claims)
    params = Params.of(scope=scope, claims=text, **asked)
    return AuthorizationRequest.parse(params, SSO, REQUEST.answer_to, REGISTRY, **hint)


@pytest.mark.parametrize(
    ("document", "id_token", "userinfo"),
    [
        ({}, (), ()),
        ({"userinfo": None, "id_token": {}}, (), ()),
        ({"userinfo": {"name": None, "picture": {"essential": True}}}, (), ("name", "picture")),
        ({"id_token": {"email": {"value": "a@b"}, "auth_time": {"essential": True}}}, ("email",), ()),
        ({"id_token": {"http://example.info/claims/groups": None}, "more": 1}, (), ()),
    ],
)
def test_claims_are_asked_for_by_name_and_place(document, id_token, userinfo):
    """ID09: what is not known is passed over."""
    found = ClaimsParameter.parse(json.dumps(document))
    assert AskedClaims(id_token=id_token, userinfo=userinfo) == found.asked


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        '"name"',
        "NaN",
        '{"userinfo": []}',
        '{"userinfo": {"name": true}}',
        '{"userinfo": {"name": {"essential": "yes"}}}',
        '{"id_token": {"acr": {"values": "1"}}}',
        '{"id_token": {"sub": {"value": 1}}}',
        '{"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"value": "b"}}}',
        '{"userinfo": {"name": null, "name": null}}',
        "[" * 5000,
    ],
)
def test_what_is_malformed_is_refused(text):
    """ID09"""
    with pytest.raises(OAuthError) as refusal:
        parsed(text)
    assert ErrorCode.INVALID_REQUEST is refusal.value.code


def test_a_claim_is_consented_to_like_a_scope():
    """ID09: only what its scope would open to this client, and not twice."""
    document = {"userinfo": {"name": None, "phone_number": None}, "id_token": {"email": None, "name": None}}
    request = parsed(document)
    assert "openid claim:email claim:name" == str(request.scope)
    assert AskedClaims(id_token=("email", "name"), userinfo=("name",)) == request.claims
    assert "openid profile claim:email" == str(parsed(document, "openid profile").scope)


def test_without_openid_nothing_is_asked_for():
    """ID09"""
    client = replace(SSO, default_api=PHOTOS.identifier)
    params = Params.of(
        scope="profile",
        claims='{"userinfo": {"email": null}}',
        response_type="code",
        code_challenge="x" * 43,
        code_challenge_method="S256",
    )
    request = AuthorizationRequest.parse(params, client, REQUEST.answer_to, REGISTRY)
    assert ("profile", AskedClaims()) == (str(request.scope), request.claims)


@pytest.mark.parametrize(
    ("allowed", "asked_again"),
    [("openid", ["claim:name"]), ("openid profile", []), ("openid claim:name", []), ("profile", ["openid"])],
)
def test_a_claim_is_allowed_with_its_scope_or_by_itself(allowed, asked_again):
    """ID09"""
    request = parsed({"userinfo": {"name": None}})
    question = consent_question(request, replace(CONSENT, scope=Scope.parse(allowed)), REGISTRY)
    assert asked_again == ([] if question is None else list(question.required))


def test_a_claim_is_optional_where_its_scope_is():
    """ID09, FN7"""
    question = consent_question(parsed({"userinfo": {"email": None, "name": None}}), None, REGISTRY)
    assert ("openid claim:name", "claim:email") == (str(question.required), str(question.optional))


@pytest.mark.parametrize(
    ("granted", "scope", "expected"),
    [
        ("openid claim:name", "openid", ("name",)),
        ("openid profile", "openid profile", ("name",)),
        ("openid profile", "openid", ()),
        ("openid email", "openid email", ("email",)),
        ("openid", "openid", ()),
    ],
)
def test_only_what_was_allowed_is_told(granted, scope, expected):
    """ID09"""
    assert expected == allowed_claims(
        ("name", "email"), granted=Scope.parse(granted), scope=Scope.parse(scope)
    )


def test_every_claim_has_its_sentence():
    """FS16"""
    assert SCOPE_OF_CLAIM.keys() == CLAIM_SENTENCES.keys()
    every = AskedClaims(userinfo=tuple(SCOPE_OF_CLAIM))
    assert 1 + len(SCOPE_OF_CLAIM) == len(consented_with(every, Scope.of(["openid"])))


@pytest.mark.parametrize(
    ("acr", "met"),
    [
        ({"essential": True, "values": ["urn:grantway:acr:1", "x"]}, True),
        ({"essential": True, "value": "urn:grantway:acr:1"}, True),
        ({"essential": True}, True),
        ({"values": ["x"]}, True),
        ({"essential": True, "values": ["x"]}, False),
        ({"essential": True, "value": "x"}, False),
    ],
)
def test_an_essential_acr_that_nobody_reaches_is_refused(acr, met):
    """ID09: OpenID Connect Core §5.5.1.1; a wish is no demand."""
    if met:
        assert parsed({"id_token": {"acr": acr}}).scope
        return
    with pytest.raises(OAuthError) as refusal:
        parsed({"id_token": {"acr": acr}})
    assert ErrorCode.UNMET_AUTHENTICATION_REQUIREMENTS is refusal.value.code


def test_the_person_is_named_by_hint_or_by_claim_and_only_once():
    """AZ29, ID09"""
    ada = {"id_token": {"sub": {"value": "ada"}}}
    assert "ada" == parsed(ada).wanted_subject == parsed({}, hinted_subject="ada").wanted_subject
    assert "ada" == parsed(ada, hinted_subject="ada").wanted_subject
    with pytest.raises(OAuthError, match="two people"):
        parsed(ada, hinted_subject="eve")


def decided(*, prompts=(), done=()):
    return next_step(
        replace(REQUEST, prompts=frozenset(prompts)),
        SIGNED_IN,
        consent_question(REQUEST, None, REGISTRY),
        done=frozenset(done),
        login_demanded=False,
        framed=False,
        now=NOON,
        wrong_person=True,
    )


def test_another_person_than_the_one_named_has_to_sign_in():
    """AZ29, A10: and gets nothing when that changes nothing."""
    assert Login(reauthenticate=False) == decided()
    for refused in ({"prompts": [Prompt.NONE]}, {"done": [Prompt.LOGIN]}):
        with pytest.raises(OAuthError) as refusal:
            decided(**refused)
        assert ErrorCode.LOGIN_REQUIRED is refusal.value.code
    assert AskConsent is not type(decided())
