"""Our own tokens: what other libraries say about them, how keys are kept, which claims pass (threat K12)."""

import time

import joserfc.jwk
import joserfc.jwt
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from grantway.crypto.jose import (
    BadToken,
    SigningKey,
    VerificationKey,
    check_claims,
    thumbprint,
    verify,
)
from tests.crypto.forging import ALGS, CLAIMS, FOREIGN_EDDSA, HEADER, KEY, KEYS, NOW, SIGNERS, forge

# ------------------------------------------------------------------------------------------- oracles


@pytest.mark.filterwarnings(FOREIGN_EDDSA)
@pytest.mark.parametrize("alg", ALGS)
def test_joserfc_verifies_what_we_sign_and_we_verify_what_it_signs(alg):
    """RFC 7515 §5, RFC 7518 §3.3-3.4, RFC 8037 §3.1."""
    ours = SIGNERS[alg]
    theirs = joserfc.jwk.import_key(ours.public_jwk())
    read = joserfc.jwt.decode(ours.sign(CLAIMS, typ="at+jwt"), theirs, algorithms=[alg])
    assert CLAIMS == read.claims
    assert {"alg": alg, "kid": ours.kid, "typ": "at+jwt"} == read.header
    private = joserfc.jwk.import_key(
        serialization.load_der_private_key(ours.private_bytes(), None).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        {"ES256": "EC", "RS256": "RSA"}.get(alg, "OKP"),
    )
    header = {"alg": alg, "kid": ours.kid, "typ": "at+jwt"}
    assert CLAIMS == verify(joserfc.jwt.encode(header, CLAIMS, private, algorithms=[alg]), KEYS, typ="at+jwt")


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_pyjwt_verifies_what_we_sign_and_we_verify_what_it_signs(alg):
    """RFC 7515 §5."""
    ours = SIGNERS[alg]
    theirs = jwt.PyJWK(ours.public_jwk())
    claims = CLAIMS | {"exp": int(time.time()) + 300, "iat": int(time.time())}
    token = ours.sign(claims, typ="JWT")
    assert claims == jwt.decode(token, theirs, algorithms=[alg], audience="https://api.example")
    private = serialization.load_der_private_key(ours.private_bytes(), None)
    signed = jwt.encode(claims, private, algorithm=alg, headers={"kid": ours.kid, "typ": "at+jwt"})
    assert claims == verify(signed, KEYS, typ="at+jwt")


@pytest.mark.parametrize("alg", ALGS)
def test_the_kid_is_the_thumbprint_that_joserfc_computes(alg):
    """RFC 7638 §3."""
    key = SIGNERS[alg]
    assert joserfc.jwk.import_key(key.public_jwk()).thumbprint() == key.kid == thumbprint(key.public_jwk())


def test_the_thumbprint_of_the_rfc_s_own_example():
    """RFC 7638 §3.1."""
    jwk = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
        "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" == thumbprint(jwk)


# ----------------------------------------------------------------------------------------- round trip


@pytest.mark.parametrize("alg", ALGS)
def test_a_key_survives_being_stored(alg):
    before = SIGNERS[alg]
    after = SigningKey.from_private_bytes(before.private_bytes(), alg=alg)
    assert before.public_jwk() == after.public_jwk()
    assert CLAIMS == verify(after.sign(CLAIMS, typ="at+jwt"), KEYS, typ="at+jwt")


def test_a_pem_key_finds_its_own_algorithm():
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert ("ES256", "today") == (
        SigningKey.from_private_bytes(pem, kid="today").alg,
        SigningKey.from_private_bytes(pem, kid="today").kid,
    )


@pytest.mark.parametrize("alg", ALGS)
def test_k12_a_published_key_has_public_members_only(alg):
    """Threat K12."""
    assert {"kty", "kid", "alg", "use"} | {"crv", "x", "y", "n", "e"} >= SIGNERS[alg].public_jwk().keys()
    assert SIGNERS[alg].public_jwk() == VerificationKey.from_jwk(SIGNERS[alg].public_jwk()).public_jwk()


def test_nothing_private_is_in_a_repr():
    assert f"SigningKey(kid={KEY.kid!r}, alg='ES256')" == repr(KEY)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_the_type_is_read_without_regard_to_case_or_prefix(typ):
    """RFC 9068 §4, RFC 7515 §4.1.9."""
    assert CLAIMS == verify(forge(HEADER | {"typ": typ}), KEYS, typ="at+jwt")


def test_an_unknown_header_member_that_changes_nothing_is_ignored():
    """RFC 7515 §4: parameters that are not understood and not critical must be ignored."""
    assert CLAIMS == verify(forge(HEADER | {"cty": "x", "later": 1}), KEYS, typ="at+jwt")


# --------------------------------------------------------------------------------------------- claims

GOOD = {"iss": "https://id.example", "aud": "https://api.example", "exp": NOW + 60, "iat": NOW, "nbf": NOW}


@pytest.mark.parametrize(
    "claims",
    [
        GOOD,
        GOOD | {"aud": ["https://other.example", "https://api.example"]},
        GOOD | {"exp": NOW - 9},
        GOOD | {"iat": NOW + 10, "nbf": NOW + 10},
        {"iss": "https://id.example", "aud": "https://api.example", "exp": 1_800_000_001.5},
    ],
)
def test_claims_that_pass(claims):
    """RFC 7519 §4.1; the leeway is ten seconds."""
    check_claims(claims, issuer="https://id.example", audience="https://api.example", now=NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "https://id.example/"}, "issued by another server"),
        ({"iss": "https://ID.example"}, "issued by another server"),
        ({"iss": ["https://id.example"]}, "issued by another server"),
        ({"iss": None}, "issued by another server"),
        ({"aud": "https://other.example"}, "meant for another audience"),
        ({"aud": "https://api.example/"}, "meant for another audience"),
        ({"aud": []}, "meant for another audience"),
        ({"aud": ["https://api.example", 1]}, "meant for another audience"),
        ({"aud": {"https://api.example": 1}}, "meant for another audience"),
        ({"aud": None}, "meant for another audience"),
        ({"exp": NOW - 10}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": True}, "exp is not a number"),
        ({"exp": str(NOW + 60)}, "exp is not a number"),
        ({"exp": None}, "exp is not a number"),
        ({"exp": float("inf")}, "exp is not a date"),
        ({"exp": float("nan")}, "exp is not a date"),
        ({"exp": 10**400}, "exp is not a date"),
        ({"exp": -1}, "exp is not a date"),
        ({"nbf": NOW + 11}, "not valid yet"),
        ({"nbf": False}, "nbf is not a number"),
        ({"nbf": None}, "nbf is not a number"),
        ({"iat": NOW + 11}, "issued in the future"),
        ({"iat": "today"}, "iat is not a number"),
    ],
)
def test_claims_that_are_refused(change, reason):
    """RFC 7519 §4.1, RFC 8725 §3.8-3.9."""
    with pytest.raises(BadToken) as refused:
        check_claims(GOOD | change, issuer="https://id.example", audience="https://api.example", now=NOW)
    assert reason == refused.value.reason


# ----------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kid": None}, "kid"),
        ({"kid": ""}, "kid"),
        ({"kid": "x" * 65}, "kid"),
        ({"alg": None}, "alg"),
        ({"alg": "none"}, "alg"),
        ({"alg": ["ES256"]}, "alg"),
        ({"alg": "RS256"}, "not fit for RS256"),
        ({"alg": "Ed25519"}, "not fit for Ed25519"),
        ({"use": "enc"}, "verify"),
        ({"key_ops": ["sign"]}, "verify"),
        ({"key_ops": None}, "verify"),
        ({"crv": "P-384"}, "neither"),
        ({"crv": None}, "neither"),
        ({"kty": ["EC"]}, "neither"),
        ({"x": "AAAA"}, "malformed"),
        ({"x": None}, "malformed"),
        ({"x": 1}, "malformed"),
        ({"x": "é"}, "malformed"),
        ({"x": KEY.public_jwk()["x"] + "="}, "malformed"),
    ],
)
def test_jwks_that_are_not_read(change, words):
    """RFC 7517 §4, RFC 8725 §3.1: a point that is not on the curve is refused too."""
    with pytest.raises(ValueError, match=words):
        VerificationKey.from_jwk(KEY.public_jwk() | change)


def test_keys_that_are_too_short_or_of_another_kind_do_not_sign():
    """RFC 7518 §3.3: RSA of 2048 bits or more; checks.md ID08."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to see it refused
    other = ec.generate_private_key(ec.SECP384R1())
    ed = ed25519.Ed25519PrivateKey.generate()
    for private, alg in ((short, None), (other, None), (ed, "ES256"), (other, "RS256")):
        der = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with pytest.raises(ValueError, match="not fit"):
            SigningKey.from_private_bytes(der, alg=alg)
    for data in (b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"):
        with pytest.raises(ValueError, match="not an unencrypted"):
            SigningKey.from_private_bytes(data)
    for kid in ("", "x" * 65):
        with pytest.raises(ValueError, match="kid"):
            SigningKey.generate("ES256", kid)
