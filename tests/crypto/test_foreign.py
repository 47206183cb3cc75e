"""Keys and JWTs that somebody else made."""

import base64
import datetime as dt
import json

import jwt as pyjwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hashes import SHA256

from grantway.crypto.foreign import (
    read_key,
    read_keys,
    read_published_keys,
    registrable_keys,
    verify_foreign,
)
from grantway.crypto.jose import BadToken, UnknownKey
from tests.signing import ALGS, b64, new_signer, signer_for

RULES = {"algs": tuple(ALGS), "types": {"jwt"}}
CLAIMS = {"sub": "web", "n": [1, {"a": None}]}


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_what_another_library_signed_is_verified(alg):
    """CA09"""
    signer = signer_for(alg)
    token = pyjwt.encode(CLAIMS, signer.private, algorithm=alg, headers={"kid": signer.kid})
    assert CLAIMS == verify_foreign(token, [read_key(signer.jwk)], **RULES)


def test_the_key_is_chosen_by_its_name():
    """CA15: where the token names none, each that fits is tried."""
    one, two = new_signer(kid="one"), new_signer(kid="two")
    keys = [read_key(one.jwk), read_key(two.jwk)]
    assert CLAIMS == verify_foreign(two.jwt(CLAIMS, alg="ES256"), keys, **RULES)
    assert CLAIMS == verify_foreign(two.jwt(CLAIMS, alg="ES256", kid=None), keys, **RULES)
    with pytest.raises(BadToken, match="signature") as bad:
        verify_foreign(two.jwt(CLAIMS, alg="ES256", kid="one"), keys, **RULES)
    assert not isinstance(bad.value, UnknownKey)
    with pytest.raises(UnknownKey):
        verify_foreign(two.jwt(CLAIMS, alg="ES256", kid="three"), keys, **RULES)
    with pytest.raises(UnknownKey):
        verify_foreign(new_signer().jwt(CLAIMS, alg="ES256", kid=None), keys, **RULES)


def test_a_key_made_for_one_algorithm_verifies_no_other():
    """CA15: RFC 8725 §3.1."""
    signer = signer_for("RS256")
    key = read_key({**signer.jwk, "alg": "PS256"})
    assert CLAIMS == verify_foreign(signer.jwt(CLAIMS, alg="PS256"), [key], **RULES)
    with pytest.raises(BadToken, match="no key of the client is for RS256"):
        verify_foreign(signer.jwt(CLAIMS, alg="RS256"), [key], **RULES)


EC = signer_for("ES256").jwk
RSA = signer_for("RS256").jwk


@pytest.mark.parametrize(
    ("jwk", "words"),
    [
        ({**EC, "d": "x"}, "private members d"),
        ({"kty": "oct", "k": "x"}, "private members k"),
        ({"kty": "oct"}, "neither"),
        ({}, "neither"),
        ({**EC, "kty": ["EC"]}, "neither"),
        ({**EC, "crv": "P-521"}, "neither"),
        ({**EC, "use": "enc"}, "not meant to verify"),
        ({**EC, "key_ops": ["sign"]}, "not meant to verify"),
        ({**EC, "key_ops": "verify"}, "not meant to verify"),
        ({**EC, "alg": "RS256"}, "does not fit"),
        ({**EC, "alg": "HS256"}, "does not fit"),
        ({**RSA, "alg": "none"}, "does not fit"),
        ({**EC, "kid": ""}, "kid"),
        ({**EC, "kid": 7}, "kid"),
        ({**EC, "x": "AAAA"}, "malformed"),
        ({**EC, "x": 7}, "malformed"),
        ({**EC, "y": EC["x"]}, "malformed"),
        ({name: value for name, value in EC.items() if name != "y"}, "malformed"),
        (new_signer("small").jwk, "1024 bits"),
        ({**EC, "x5c": ["!"]}, "x5c"),
    ],
)
def test_a_key_that_cannot_verify_is_named(jwk, words):
    """CA15"""
    with pytest.raises(ValueError, match=words):
        read_key(jwk)


def test_one_bad_key_among_good_ones_is_named_by_its_place():
    """CA15"""
    with pytest.raises(ValueError, match="key 2: neither"):
        read_keys((json.dumps(EC), "{}"))
    with pytest.raises(ValueError, match="same kid"):
        read_keys((json.dumps(EC), json.dumps({**RSA, "kid": EC["kid"]})))


def certificate_of(signer) -> x509.Certificate:
    name = x509.Name.from_rfc4514_string("CN=app")
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, signer.private.public_key(), 7, now, now + dt.timedelta(1))
    return builder.sign(signer.private, SHA256())


@pytest.mark.parametrize("kind", ["ec", "rsa", "okp"])
def test_people_register_what_they_have(kind):
    """CA15: a set, a key, PEM; without a name it gets its thumbprint."""
    signer = new_signer(kind)
    pem = signer.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    bare = {name: value for name, value in signer.jwk.items() if name != "kid"}
    found = [
        registrable_keys(text)
        for text in (pem, json.dumps(bare).encode(), json.dumps({"keys": [bare]}).encode())
    ]
    assert found[0] == found[1] == found[2]
    (kept,) = map(json.loads, found[0])
    assert 43 == len(kept["kid"])
    alg = {"ec": "ES256", "rsa": "PS256", "okp": "Ed25519"}[kind]
    assert CLAIMS == verify_foreign(signer.jwt(CLAIMS, alg=alg, kid=None), read_keys(found[0]), **RULES)


def test_a_certificate_is_registered_with_its_key():
    """CA15: RFC 7517 §4.7."""
    signer = new_signer()
    certificate = certificate_of(signer)
    texts = registrable_keys(certificate.public_bytes(serialization.Encoding.PEM))
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert [base64.b64encode(der).decode()] == json.loads(texts[0])["x5c"]
    assert der == read_keys(texts)[0].certificate


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{}", "malformed"),
        (b'{"keys":[]}', "no key"),
        (b'{"keys":7}', "not a list"),
        (b'{"keys":["x"]}', "not a list"),
        (json.dumps({"keys": [signer_for("ES256").private_jwk]}).encode(), "public half"),
        (b"-----BEGIN PRIVATE KEY-----\n", "public half"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "not PEM"),
    ],
    ids=map(str, range(10)),
)
def test_what_holds_no_public_key_is_refused(document, words):
    """CA15"""
    with pytest.raises(ValueError, match=words):
        registrable_keys(document)


def test_of_published_keys_those_of_other_kinds_are_passed_over():
    """CA15: RFC 7517 §5."""
    entries = [{"kty": "oct"}, {**RSA, "use": "enc"}, EC]
    assert [EC["kid"]] == [key.kid for key in read_published_keys(json.dumps({"keys": entries}).encode())]
    for document in (b"{}", b"x", json.dumps({"keys": entries[:2]}).encode()):
        with pytest.raises(ValueError, match=r"key|object|usable"):
            read_published_keys(document)


@pytest.mark.parametrize("member", ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"])
def test_a_header_that_would_change_the_reading_is_refused(member):
    """K3, K5"""
    signer = signer_for("ES256")
    token = signer.jwt(CLAIMS, alg="ES256", **{member: []})
    with pytest.raises(BadToken, match="never accepted"):
        verify_foreign(token, [read_key(signer.jwk)], **RULES)


def test_a_name_twice_is_refused():
    """CA15: RFC 8725 §2.4."""
    signer = signer_for("ES256")
    head = b64(b'{"alg":"ES256","alg":"ES256"}')
    message = f"{head}.{b64(CLAIMS)}"
    token = f"{message}.{b64(signer.signature(message.encode(), 'ES256'))}"
    with pytest.raises(BadToken, match="every name once"):
        verify_foreign(token, [read_key(signer.jwk)], **RULES)
