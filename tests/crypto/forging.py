"""Keys, and tokens with a right signature over anything: only the rule under test can refuse them."""

import base64
import json

import pytest

from grantway.crypto.jose import (
    BadToken,
    SigningKey,
    verify,
)

ALGS = ("ES256", "RS256", "EdDSA", "Ed25519")
SIGNERS = {alg: SigningKey.generate(alg) for alg in ALGS}
KEY = SIGNERS["ES256"]
KEYS = {key.kid: key.verification_key for key in SIGNERS.values()}
NOW = 1_800_000_000.0
CLAIMS = {
    "iss": "https://id.example",
    "aud": ["https://api.example"],
    "sub": "gwp_1",
    "exp": NOW + 300,
    "iat": NOW,
    "name": "Zoë 🦊",
    "nested": {"a": [1, {"b": None}]},
}
FOREIGN_EDDSA = "ignore:EdDSA"  # joserfc warns that the older name of Ed25519 leaves the registry (RFC 9864)


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(header, claims=CLAIMS, key=KEY):
    """A token with a right signature over any header and payload: only the rule under test can refuse it."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    message = f"{encode(head)}.{encode(body)}"
    return f"{message}.{encode(key._signature(message.encode()))}"


HEADER = {"alg": "ES256", "kid": KEY.kid, "typ": "at+jwt"}


def refusal(token, typ="at+jwt"):
    with pytest.raises(BadToken) as refused:
        verify(token, KEYS, typ=typ)
    return refused.value.reason
