"""What the claims of a client's assertion must say."""

from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest

from grantway.protocol.client_assertion import (
    MAX_LENGTH,
    client_named_by,
    judge_assertion,
)
from grantway.protocol.client_auth import Presented, read_credentials
from grantway.protocol.client_refusals import FAILED
from grantway.protocol.clients import client_problems
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ASSERTION_TYPE, AuthMethod, ErrorCode
from grantway.protocol.params import Params
from tests.protocol.samples import ISSUER, NOON, SPA, WEB

TOKEN_ENDPOINT = f"{ISSUER}/token"
SIGNER = replace(WEB, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=('{"kid":"a"}',))
LEGACY = replace(SIGNER, legacy_audience=True)
GOOD = {"iss": "web", "sub": "web", "aud": ISSUER, "exp": NOON + 60, "iat": NOON, "jti": "one"}


def judge(claims, client=SIGNER):
    return judge_assertion(claims, client, issuer=ISSUER, token_endpoint=TOKEN_ENDPOINT, now=NOON)


def refused(claims, client=SIGNER) -> str:
    with pytest.raises(OAuthError) as refusal:
        judge(claims, client)
    assert (ErrorCode.INVALID_CLIENT, FAILED) == (refusal.value.code, refusal.value.tell_client)
    return refusal.value.tell_operator


def test_an_assertion_in_order_may_be_used_once():
    """CA09, I1: remembered for as long as it could be used again, the clocks' difference included."""
    use = judge(GOOD)
    assert NOON + 70 == use.expires_at
    assert use == judge({**GOOD, "exp": NOON + 60, "other": 1})
    others = [judge({**GOOD, "jti": "two"}), judge({**GOOD, "iss": "b", "sub": "b"}, replace(SIGNER, id="b"))]
    assert 3 == len({use.id, *(other.id for other in others)})


@pytest.mark.parametrize(
    ("client", "audience", "passes"),
    [
        (SIGNER, ISSUER, True),
        (SIGNER, [ISSUER], False),
        (SIGNER, TOKEN_ENDPOINT, False),
        (SIGNER, ISSUER + "/", False),
        (LEGACY, ISSUER, True),
        (LEGACY, [ISSUER], True),
        (LEGACY, TOKEN_ENDPOINT, True),
        (LEGACY, ["https://other.example", TOKEN_ENDPOINT], True),
        (LEGACY, [TOKEN_ENDPOINT, 7], False),
        (LEGACY, [], False),
        (LEGACY, ISSUER + "/", False),
        (LEGACY, {ISSUER: 1}, False),
        (LEGACY, None, False),
    ],
)
def test_the_audience_is_the_issuer_unless_the_owner_allows_more(client, audience, passes):
    """CA09, CA10"""
    if passes:
        judge({**GOOD, "aud": audience}, client)
    else:
        assert "aud of the assertion" in refused({**GOOD, "aud": audience}, client)


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"exp": NOON - 9}, True),
        ({"exp": NOON - 10}, False),
        ({"exp": NOON + 3610}, True),
        ({"exp": NOON + 3611}, False),
        ({"nbf": NOON + 10}, True),
        ({"nbf": NOON + 11}, False),
        ({"iat": NOON + 10}, True),
        ({"iat": NOON + 11}, False),
        ({"iat": NOON - 3610}, True),
        ({"iat": NOON - 3611}, False),
        ({"exp": float("nan")}, False),
        ({"exp": float("inf")}, False),
        ({"exp": -1}, False),
    ],
)
def test_times_are_kept_to_the_second(changes, passes):
    """CA11"""
    if passes:
        judge({**GOOD, **changes})
    else:
        refused({**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "operator_reads"),
    [
        ({"iss": "other"}, "iss of the assertion is 'other', not web"),
        ({"sub": "other"}, "sub of the assertion is 'other', not web"),
        ({"aud": [ISSUER]}, "legacy audience"),
        ({"aud": "https://other.example"}, "expected https://id.example, as one string"),
        ({"exp": NOON - 60}, "expired 60 s ago"),
        ({"exp": NOON + 7200}, "3600 are the limit"),
        ({"exp": "x"}, "not a time in seconds"),
        ({"nbf": NOON + 600}, "is its clock ahead?"),
        ({"jti": None}, "no jti"),
    ],
)
def test_the_operator_reads_what_differed(changes, operator_reads):
    """CA10, CA11, CA13"""
    assert operator_reads in refused({**GOOD, **changes})


def jwt(payload: bytes) -> str:
    return f"e30.{urlsafe_b64encode(payload).rstrip(b'=').decode()}.x"


def test_the_client_is_found_by_the_subject():
    """CA09, CA16: RFC 7521 §4.2; nothing of it is believed yet."""
    text = jwt(b'{"sub":"web"}')
    read = read_credentials((), Params.of(client_assertion=text, client_assertion_type=ASSERTION_TYPE))
    method = AuthMethod.PRIVATE_KEY_JWT
    assert Presented(client_id="web", method=method, secret=None, assertion=text) == read


@pytest.mark.parametrize(
    "text",
    [
        *("x", "a.b", "..", "é.é.é", "a." + "b" * MAX_LENGTH + ".c"),
        *map(jwt, (b"[]", b"{}", b'{"sub":7}', b'{"sub":""}', b"\xff", b"[" * 5000)),
    ],
    ids=lambda text: text[:20],
)
def test_what_names_nobody_is_refused(text):
    """CA15"""
    with pytest.raises(OAuthError) as refusal:
        client_named_by(text)
    assert ErrorCode.INVALID_CLIENT is refusal.value.code


@pytest.mark.parametrize(
    ("authorization", "body", "error"),
    [
        (("Basic d2ViOnM=",), {}, ErrorCode.INVALID_REQUEST),
        (("Bearer x",), {}, ErrorCode.INVALID_REQUEST),
        ((), {"client_secret": "s"}, ErrorCode.INVALID_REQUEST),
        ((), {"client_id": "other"}, ErrorCode.INVALID_CLIENT),
        ((), {"client_assertion_type": "x"}, ErrorCode.INVALID_CLIENT),
    ],
)
def test_one_way_at_a_time_for_one_client(authorization, body, error):
    """CA16"""
    given = {"client_assertion": jwt(b'{"sub":"web"}'), "client_assertion_type": ASSERTION_TYPE, **body}
    with pytest.raises(OAuthError) as refusal:
        read_credentials(authorization, Params.of(**given))
    assert error is refusal.value.code


@pytest.mark.parametrize(
    ("client", "words"),
    [
        (replace(SIGNER, jwks=()), "needs keys"),
        (replace(SIGNER, jwks_uri="https://web.example/keys"), "not both"),
        (replace(WEB, jwks=SIGNER.jwks), "has no keys"),
        (replace(WEB, legacy_audience=True), "private_key_jwt alone"),
        (replace(SIGNER, jwks=SIGNER.jwks * 21), "at most 20"),
        *(
            (replace(SIGNER, jwks=(), jwks_uri=uri), "an https:// address")
            for uri in (
                "http://web.example/keys",
                "https://web.example/keys#a",
                "https://",
                "file:///etc/passwd",
                "x",
            )
        ),
        (replace(SPA, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=SIGNER.jwks), "it has none"),
    ],
)
def test_keys_stand_where_the_method_says(client, words):
    """CA15"""
    assert words in " ".join(client_problems(client))


def test_keys_may_be_given_or_published():
    """CA15"""
    assert [] == client_problems(SIGNER)
    assert [] == client_problems(replace(LEGACY, jwks=(), jwks_uri="https://web.example/keys.json?v=1"))
