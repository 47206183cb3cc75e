"""Tokens that are none: what our own verifier refuses (threats K1-K8)."""

import base64
import hashlib
import hmac
import json
import time
import zlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from grantway.crypto.jose import (
    MAX_TOKEN_LENGTH,
    BadToken,
    SigningKey,
    UnknownKey,
    VerificationKey,
    check_claims,
    verify,
)
from tests.crypto.forging import (
    ALGS,
    CLAIMS,
    HEADER,
    KEY,
    KEYS,
    NOW,
    SIGNERS,
    encode,
    forge,
    refusal,
)


@pytest.mark.parametrize(
    "alg", ["none", "NONE", "nOnE", "", None, ["ES256"], {"a": 1}, 1, "ES384", "es256", "RS256"]
)
def test_k1_no_algorithm_but_the_key_s_own(alg):
    """Threat K1, RFC 8725 §3.1."""
    assert "algorithm" in refusal(forge(HEADER | {"alg": alg}))


def test_k1_a_token_without_alg_or_without_signature():
    """Threat K1."""
    head, body, _ = forge(HEADER).split(".")
    assert "algorithm" in refusal(forge({"kid": KEY.kid, "typ": "at+jwt"}))
    assert "compact" in refusal(f"{head}.{body}.")
    assert "compact" in refusal(f"{head}.{body}")
    none = encode(json.dumps(HEADER | {"alg": "none"}).encode())
    assert "algorithm" in refusal(f"{none}.{body}.AAAA")


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA"])
def test_k2_no_published_key_serves_as_a_shared_secret(alg):
    """Threat K2: HS256 with the public key as PEM, DER or JWK text."""
    key = SIGNERS[alg]
    public = serialization.load_der_private_key(key.private_bytes(), None).public_key()
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    secrets = [
        public.public_bytes(serialization.Encoding.PEM, info),
        public.public_bytes(serialization.Encoding.DER, info),
        json.dumps(key.public_jwk()).encode(),
        key.public_jwk().get("x", key.public_jwk().get("n")).encode(),
    ]
    for name in ("HS256", alg):
        head = encode(json.dumps({"alg": name, "kid": key.kid, "typ": "at+jwt"}).encode())
        message = f"{head}.{encode(json.dumps(CLAIMS).encode())}"
        for secret in secrets:
            signature = encode(hmac.digest(secret, message.encode(), hashlib.sha256))
            assert refusal(f"{message}.{signature}") in (
                "the algorithm is not the one of the key",
                "the signature is wrong",
            )


def test_k2_symmetric_and_private_keys_are_not_read():
    """Threat K2."""
    with pytest.raises(ValueError, match="not one that we verify"):
        VerificationKey.from_jwk({"kty": "oct", "k": "c2VjcmV0", "kid": "1", "alg": "HS256"})
    with pytest.raises(ValueError, match="private members"):
        VerificationKey.from_jwk(KEY.public_jwk() | {"d": "AAAA"})


@pytest.mark.parametrize(
    "member",
    [
        {"jwk": SigningKey.generate("ES256").public_jwk()},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/x5u"},
        {"x5c": ["MIIB"]},
        {"jwk": None},
    ],
)
def test_k3_a_token_that_brings_its_own_key(member):
    """Threat K3: refused for its presence alone, even under a right signature."""
    assert "never accept" in refusal(forge(HEADER | member))


@pytest.mark.parametrize(
    "kid",
    ["", "x" * 65, "x" * 5000, ["a"], 1, 1.5, None, True, {"kid": 1}],
)
def test_k4_a_kid_that_is_no_name(kid):
    """Threat K4, RFC 8725 §3.10."""
    assert "kid" in refusal(forge(HEADER | {"kid": kid}))


@pytest.mark.parametrize(
    "kid",
    ["../../key", "' OR 1=1--", "\0", "__class__", "é" * 64, KEY.kid + " ", KEY.kid.lower()],
    ids=range(7),
)
def test_k4_a_kid_is_looked_up_and_nothing_else(kid):
    """Threat K4."""
    with pytest.raises(UnknownKey) as refused:
        verify(forge(HEADER | {"kid": kid}), KEYS, typ="at+jwt")
    assert kid == refused.value.kid
    assert kid not in refused.value.reason


def test_k4_a_token_without_kid():
    """Threat K4."""
    assert "kid" in refusal(forge({"alg": "ES256", "typ": "at+jwt"}))


@pytest.mark.parametrize("crit", [["x"], [], ["exp"], "x", None])
def test_k5_any_crit(crit):
    """Threat K5, RFC 7515 §4.1.11: we understand no extension, so none can be critical."""
    assert "never accept" in refusal(forge(HEADER | {"crit": crit}))


def test_k5_an_unencoded_payload():
    """RFC 7797 §3."""
    assert "never accept" in refusal(forge(HEADER | {"b64": False}))


@pytest.mark.parametrize("member", [{"zip": "DEF"}, {"enc": "A256GCM"}, {"p2c": 10**9, "p2s": "x"}])
def test_k7_nothing_is_inflated_or_derived(member):
    """Threat K7."""
    assert "never accept" in refusal(forge(HEADER | member, zlib.compress(b"0" * 100_000)))


def test_k7_a_large_token_is_refused_before_it_is_decoded():
    """Threat K7: 500 kB of header costs nothing."""
    token = forge(HEADER | {"x": "a" * 500_000})
    started = time.process_time()
    assert "longer than" in refusal(token)
    assert 0.005 > time.process_time() - started


@pytest.mark.parametrize("body", [b"[" * 4000, b'{"a":' * 1000, b'{"a":' + b"9" * 5000 + b"}"])
def test_k7_deep_nesting_and_huge_numbers_are_refused_and_do_not_crash(body):
    """Threat K7."""
    assert "JSON" in refusal(forge(HEADER, body))
    assert "JSON" in refusal(forge(body, CLAIMS))


@pytest.mark.parametrize(
    "typ",
    [
        "JWT",
        "logout+jwt",
        "at+jwt ",
        "xat+jwt",
        "application/at+jwt;x",
        "text/at+jwt",
        "",
        None,
        1,
        ["at+jwt"],
    ],
)
def test_k8_another_type_of_token(typ):
    """Threat K8, RFC 9068 §4: an ID token or a logout token is no access token."""
    assert "type at+jwt" in refusal(forge(HEADER | {"typ": typ}))


def test_k8_a_letter_that_only_lowers_to_ours_is_another_letter():
    """Threat K8: U+212A KELVIN SIGN lowers to k."""
    assert "type token-introspection+jwt" in refusal(
        forge(HEADER | {"typ": "to\u212aen-introspection+jwt"}), "token-introspection+jwt"
    )


@pytest.mark.parametrize(
    "head",
    [
        b'{"alg":"ES256","alg":"ES256","kid":"%s","typ":"at+jwt"}' % KEY.kid.encode(),
        b'{"alg":"none","alg":"ES256","kid":"%s","typ":"at+jwt"}' % KEY.kid.encode(),
        b'{"alg":"ES256","\\u0061lg":"ES256","kid":"%s","typ":"at+jwt"}' % KEY.kid.encode(),
    ],
    ids=range(3),  # the key's name is another one in every process
)
def test_a_header_with_a_member_twice(head):
    """RFC 7515 §4, §5.2."""
    assert "every name once" in refusal(forge(head))


@pytest.mark.parametrize(
    "body",
    [
        b'{"sub":"a","sub":"b"}',
        b'{"x":{"y":1,"y":1}}',
        b'{"x":[{"y":1,"y":1}]}',
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"",
        b" ",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        '{"a":1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1}{"a":1}',
        b"{'a':1}",
    ],
)
def test_a_payload_that_is_not_one_object_with_every_name_once(body):
    """RFC 7519 §7.2, RFC 8259."""
    assert refusal(forge(HEADER, body)) in (
        "not a JSON object with every name once",
        "not a JSON object",
        "not a signed JWT in compact form",
    )


def test_a_signature_of_another_length_or_form():
    """RFC 7518 §3.4: R and S of 32 octets each; the DER form is refused."""
    head, body, signature = forge(HEADER).split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    der = serialization.load_der_private_key(KEY.private_bytes(), None).sign(
        f"{head}.{body}".encode(), ec.ECDSA(SHA256())
    )
    for other in (raw[:-1], raw + b"\0", b"\0" * 64, b"\xff" * 64, der, raw[32:] + raw[:32]):
        assert "signature" in refusal(f"{head}.{body}.{encode(other)}")


def test_a_token_has_one_spelling():
    """RFC 7515 §2, RFC 4648 §3.5: padding, white space and stray bits would make a second token of one."""
    token = forge(HEADER)
    head, body, signature = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for spelling in (
        f"{head}.{body}.{signature}==",
        f" {token}",
        f"{token}\n",
        f"{head}.{body}\r\n.{signature}",
        f"{token}.",
        f".{token}",
        f"{token}.{token}",
        token.replace(".", "\u002e\u200b", 1),
        f"{head}.{body}.{signature[:-1]}{last[last.index(signature[-1]) ^ 1]}",
    ):
        assert refusal(spelling) in (
            "not a signed JWT in compact form",
            "not canonical base64url",
        )


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_mutated_token_is_refused_or_says_the_same(data):
    """No single change of a token passes, and none raises anything but BadToken."""
    alg = data.draw(st.sampled_from(ALGS))
    token = SIGNERS[alg].sign(CLAIMS, typ="at+jwt")
    at = data.draw(st.integers(0, len(token) - 1))
    mutated = data.draw(
        st.one_of(
            st.characters().map(lambda c: token[:at] + c + token[at + 1 :]),
            st.text(max_size=3).map(lambda text: token[:at] + text + token[at:]),
            st.integers(1, 40).map(lambda n: token[:at] + token[at + n :]),
            st.just(token[:at]),
        )
    )
    if mutated != token:
        refusal(mutated)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x"]), JSON), st.binary(max_size=80)
)
@settings(max_examples=300, deadline=None)
def test_no_header_and_no_payload_raise_anything_but_a_refusal(header, body):
    """Threats K1, K4, K5: never a 5xx."""
    for token in (
        forge(HEADER | header, body),
        forge(header, body),
        forge(body, json.dumps(header).encode()),
    ):
        try:
            verify(token, KEYS, typ="at+jwt")
        except BadToken:
            continue


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_a_refusal(text):
    refusal(text)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "exp", "nbf", "iat"]), JSON))
@settings(max_examples=300)
def test_no_claims_raise_anything_but_a_refusal(claims):
    try:
        check_claims(CLAIMS | claims, issuer="https://id.example", audience="https://api.example", now=NOW)
    except BadToken as refused:
        assert refused.reason  # noqa: PT017 - a refusal is allowed here, not demanded


def test_we_never_sign_what_we_would_refuse():
    with pytest.raises(ValueError, match="are the limit"):
        KEY.sign({"x": "a" * MAX_TOKEN_LENGTH}, typ="at+jwt")
