"""Proof Key for Code Exchange."""

import pytest

from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params
from grantway.protocol.pkce import parse_challenge, s256, why_not_proven

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636 appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_s256_is_the_one_of_the_rfc():
    assert CHALLENGE == s256(VERIFIER)


@pytest.mark.parametrize("required", [True, False])
def test_a_challenge_by_s256_is_taken(required):
    params = Params.of(code_challenge=CHALLENGE, code_challenge_method="S256")
    assert CHALLENGE == parse_challenge(params, required=required)


def test_none_at_all_is_possible_only_where_it_is_not_required():
    """AZ19"""
    assert parse_challenge(Params.of(), required=False) is None
    with pytest.raises(OAuthError, match="code_challenge is missing"):
        parse_challenge(Params.of(), required=True)


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    "sent",
    [
        {"code_challenge_method": "S256"},
        {"code_challenge": CHALLENGE},
        {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
        {"code_challenge": CHALLENGE, "code_challenge_method": "s256"},
        {"code_challenge": CHALLENGE, "code_challenge_method": "S512"},
        {"code_challenge": CHALLENGE[:42], "code_challenge_method": "S256"},
        {"code_challenge": CHALLENGE + "A", "code_challenge_method": "S256"},
        {"code_challenge": CHALLENGE[:42] + "=", "code_challenge_method": "S256"},
        {"code_challenge": CHALLENGE[:42] + "+", "code_challenge_method": "S256"},
        {"code_challenge": CHALLENGE + "\n", "code_challenge_method": "S256"},
        {"code_challenge": "é" * 43, "code_challenge_method": "S256"},
    ],
)
def test_anything_in_between_is_refused_whether_required_or_not(sent, required):
    """AZ20, AZ22, AZ23"""
    with pytest.raises(OAuthError) as refusal:
        parse_challenge(Params.of(**sent), required=required)
    assert ErrorCode.INVALID_REQUEST is refusal.value.code


@pytest.mark.parametrize(
    ("challenge", "verifier", "why"),
    [
        (CHALLENGE, VERIFIER, None),
        (s256("a" * 43), "a" * 43, None),
        (s256("~" * 128), "~" * 128, None),
        (None, None, None),
        (None, VERIFIER, "without a challenge"),
        (CHALLENGE, None, "is missing"),
        (CHALLENGE, CHALLENGE, "does not match"),
        (CHALLENGE, VERIFIER[:-1] + "l", "does not match"),
        (CHALLENGE, VERIFIER.swapcase(), "does not match"),
        (s256("a" * 42), "a" * 42, "43 to 128"),
        (s256("a" * 129), "a" * 129, "43 to 128"),
        (s256("a" * 42 + "!"), "a" * 42 + "!", "43 to 128"),
        (CHALLENGE, VERIFIER + "\n", "43 to 128"),
        (CHALLENGE, "é" * 43, "43 to 128"),
        (CHALLENGE, "", "43 to 128"),
    ],
)
def test_the_verifier_answers_the_challenge_or_the_operator_learns_why_not(challenge, verifier, why):
    """CR07, CR08, CR09: a verifier without a challenge was robbed of it."""
    told = why_not_proven(challenge, verifier)
    assert (told is None) == (why is None)
    assert why is None or why in told
