"""The authorization request: parsed once, in order."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from grantway.protocol.authorization import AuthorizationRequest, answer_address
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError, wire_safe
from grantway.protocol.names import ErrorCode, GrantType, Prompt, ResponseMode
from grantway.protocol.params import Params
from grantway.protocol.pkce import why_not_proven
from grantway.protocol.return_address import MAX_STATE, ReturnAddress, return_address
from tests.protocol.samples import (
    CALENDAR,
    CALLBACK,
    ISSUER,
    NATIVE,
    PHOTOS,
    REGISTRY,
    REQUEST,
    VERIFIER,
    WEB,
)

ADDRESS = REQUEST.answer_to
SENT = {
    "response_type": "code",
    "scope": "photos:read",
    "code_challenge": REQUEST.code_challenge,
    "code_challenge_method": "S256",
}


def parse(client=WEB, **changes):
    sent = {name: value for name, value in {**SENT, **changes}.items() if value is not None}
    values = {name: value if isinstance(value, tuple) else (value,) for name, value in sent.items()}
    return AuthorizationRequest.parse(Params(values), client, ADDRESS, REGISTRY)


def test_a_request_in_order_is_read_whole():
    """AZ01"""
    assert REQUEST == parse()
    read = parse(
        nonce="n",
        prompt="login consent",
        max_age="0",
        login_hint="ada",
        ui_locales="de en",
        scope="calendar:read photos:read",
    )
    assert ("n", 0, "ada", ("de", "en")) == (read.nonce, read.max_age, read.login_hint, read.ui_locales)
    assert {Prompt.LOGIN, Prompt.CONSENT} == read.prompts
    assert (CALENDAR.identifier, PHOTOS.identifier) == read.resources


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, ErrorCode.INVALID_REQUEST),
        ({"response_type": "token"}, ErrorCode.UNSUPPORTED_RESPONSE_TYPE),
        ({"request": "x"}, ErrorCode.REQUEST_NOT_SUPPORTED),
        ({"request_uri": "x"}, ErrorCode.REQUEST_URI_NOT_SUPPORTED),
        ({"request": "x", "response_type": "token"}, ErrorCode.REQUEST_NOT_SUPPORTED),
        ({"scope": "nonsense"}, ErrorCode.INVALID_SCOPE),
        ({"scope": "openid"}, ErrorCode.INVALID_SCOPE),
        ({"scope": "offline_access"}, ErrorCode.INVALID_TARGET),
        ({"code_challenge": None}, ErrorCode.INVALID_REQUEST),
        ({"code_challenge_method": "plain"}, ErrorCode.INVALID_REQUEST),
        ({"nonce": "x" * 513}, ErrorCode.INVALID_REQUEST),
        ({"login_hint": "x" * 255}, ErrorCode.INVALID_REQUEST),
        ({"prompt": "none login"}, ErrorCode.INVALID_REQUEST),
        ({"prompt": "nonsense"}, ErrorCode.INVALID_REQUEST),
        ({"max_age": "-1"}, ErrorCode.INVALID_REQUEST),
        ({"max_age": "1.5"}, ErrorCode.INVALID_REQUEST),
        ({"resource": "https://api.example/unknown"}, ErrorCode.INVALID_TARGET),
        ({"resource": (PHOTOS.identifier, "https://api.example/unknown")}, ErrorCode.INVALID_TARGET),
        ({"nonce": ("a", "b")}, ErrorCode.INVALID_REQUEST),
        ({"resource": CALENDAR.identifier}, ErrorCode.INVALID_TARGET),
    ],
)
def test_each_fault_has_its_error(changes, error):
    """AZ10, AZ11, AZ12, AZ16, AZ19, AZ20, AZ26, AZ28, AZ31"""
    with pytest.raises(OAuthError) as refusal:
        parse(**changes)
    assert error is refusal.value.code


def test_a_client_that_may_not_use_codes_gets_none():
    """AZ12"""
    with pytest.raises(OAuthError) as refusal:
        parse(client=replace(WEB, grant_types=frozenset({GrantType.CLIENT_CREDENTIALS})))
    assert ErrorCode.UNAUTHORIZED_CLIENT is refusal.value.code


@pytest.mark.parametrize(
    ("changes", "apis"),
    [
        ({}, (PHOTOS,)),
        ({"resource": PHOTOS.identifier + "/"}, (PHOTOS,)),
        (
            {
                "resource": (CALENDAR.identifier, PHOTOS.identifier, CALENDAR.identifier),
                "scope": "photos:read calendar:read",
            },
            (CALENDAR, PHOTOS),
        ),
        ({"resource": CALENDAR.identifier, "scope": "photos:read calendar:read"}, (CALENDAR,)),
        (
            {"scope": "offline_access", "client": replace(WEB, default_api=CALENDAR.identifier)},
            (CALENDAR,),
        ),
        ({"scope": None}, (PHOTOS,)),
    ],
)
def test_the_apis_are_those_named_or_those_of_the_scopes_or_the_default(changes, apis):
    assert tuple(api.identifier for api in apis) == parse(**changes).resources


def address_of(**values):
    params = Params({n: v if isinstance(v, tuple) else (v,) for n, v in values.items()})
    return answer_address(params, WEB, replace(ADDRESS, state=None))


@pytest.mark.parametrize(
    ("sent", "state", "mode", "is_wrong"),
    [
        ({}, None, "query", False),
        ({"state": "a b"}, "a b", "query", False),
        ({"state": "x" * MAX_STATE}, "x" * MAX_STATE, "query", False),
        ({"state": "x" * (MAX_STATE + 1)}, None, "query", True),
        ({"state": "ü" * (MAX_STATE // 2 + 1)}, None, "query", True),
        ({"state": ("a", "a")}, None, "query", True),
        ({"state": "a\0"}, None, "query", True),
        ({"state": "a", "response_mode": "form_post"}, "a", "form_post", False),
        ({"state": "a", "response_mode": "nonsense"}, "a", "query", True),
        ({"state": "a", "response_mode": ("query", "query")}, "a", "query", True),
    ],
)
def test_state_and_mode_are_known_before_any_error_is_sent_back(sent, state, mode, is_wrong):
    """AZ02, AZ03, AZ10, AZ13"""
    address, refusal = address_of(**sent)
    assert (state, mode) == (address.state, address.mode)
    assert is_wrong == (refusal is not None)


def test_no_form_is_posted_to_a_scheme_of_the_device():
    """AZ14"""
    address = replace(ADDRESS, redirect_uri="com.example.app:/cb")
    answered, refusal = answer_address(Params.of(response_mode="form_post"), WEB, address)
    assert refusal is not None
    assert ResponseMode.QUERY is answered.mode


@pytest.mark.parametrize(
    ("redirect_uri", "mode", "start"),
    [
        (CALLBACK, ResponseMode.QUERY, CALLBACK + "?"),
        (CALLBACK + "?a=b", ResponseMode.QUERY, CALLBACK + "?a=b&"),
        (CALLBACK, ResponseMode.FRAGMENT, CALLBACK + "#"),
        (CALLBACK + "?a=b", ResponseMode.FRAGMENT, CALLBACK + "?a=b#"),
    ],
)
def test_an_answer_is_added_to_the_address_and_encoded(redirect_uri, mode, start):
    """AZ02, AZ15, RU05"""
    state = "&=#+% grüße"
    address = ReturnAddress(issuer=ISSUER, redirect_uri=redirect_uri, sent=True, state=state, mode=mode)
    url = address.success("c").url
    assert url.isascii()
    assert url.startswith(start)
    pairs = parse_qsl(url.removeprefix(start))
    assert [("code", "c"), ("state", state), ("iss", ISSUER)] == pairs
    assert urlsplit(redirect_uri).query in urlsplit(url).query


def test_a_posted_answer_leaves_the_address_alone():
    """AZ14"""
    answer = ADDRESS.by(ResponseMode.FORM_POST).success("c")
    assert (CALLBACK, (("code", "c"), ("state", "xyz"), ("iss", ISSUER))) == (answer.url, answer.fields)


OPTIONAL = replace(WEB, redirect_uri_optional=True)


TWO = replace(OPTIONAL, redirect_uris=(CALLBACK, CALLBACK + "2"))
LOOPBACK = "http://127.0.0.1:9/cb"


@pytest.mark.parametrize(
    ("client", "redirect_uri", "openid", "expected"),
    [
        (WEB, CALLBACK, True, (CALLBACK, True)),
        (OPTIONAL, None, False, (CALLBACK, False)),
        (OPTIONAL, CALLBACK, False, (CALLBACK, True)),
        (NATIVE, LOOPBACK, False, (LOOPBACK, True)),
    ],
)
def test_an_answer_goes_to_a_registered_address(client, redirect_uri, openid, expected):
    """RU01, RU10, RU12"""
    address = return_address(client, redirect_uri, openid=openid, issuer=ISSUER)
    assert (*expected, None) == (address.redirect_uri, address.sent, address.state)


@pytest.mark.parametrize(
    ("client", "redirect_uri", "openid"),
    [
        (WEB, None, False),
        (WEB, CALLBACK + "/", False),
        (WEB, LOOPBACK, False),
        (OPTIONAL, None, True),
        (TWO, None, False),
    ],
)
def test_without_a_registered_address_there_is_none(client, redirect_uri, openid):
    """RU01, RU12"""
    with pytest.raises(OAuthError) as refusal:
        return_address(client, redirect_uri, openid=openid, issuer=ISSUER)
    assert ErrorCode.INVALID_REQUEST is refusal.value.code


@pytest.mark.parametrize("words", ['a "b"', "a\\b", "a\nb", "é", ""])
def test_an_error_description_holds_only_what_the_rfc_allows(words):
    """AZ33: RFC 6749 §4.1.2.1 - so that no answer can be forged inside another."""
    with pytest.raises(ValueError, match="not allowed"):
        OAuthError(ErrorCode.INVALID_REQUEST, words, Diagnosis(Gw.UNREADABLE, "why"))
    OAuthError(ErrorCode.INVALID_REQUEST, wire_safe(words), Diagnosis(Gw.UNREADABLE, "why"))


def test_the_sample_verifier_answers_the_sample_challenge():

    assert why_not_proven(REQUEST.code_challenge, VERIFIER) is None
