"""Keys of clients, and assertions signed with them: also such as no library would make."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGS = {"ES256": "ec", "RS256": "rsa", "PS256": "rsa", "EdDSA": "okp", "Ed25519": "okp"}


def b64(raw: bytes | dict) -> str:
    octets = json.dumps(raw).encode() if isinstance(raw, dict) else raw
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass(frozen=True)
class Signer:
    """A private key of a client."""

    kid: str
    private: Any = field(repr=False)

    @property
    def jwk(self) -> dict[str, str]:
        """Its public half."""
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            size = (numbers.n.bit_length() + 7) // 8
            own = {"kty": "RSA", "n": b64(numbers.n.to_bytes(size)), "e": b64(b"\x01\x00\x01")}
        elif isinstance(public, ec.EllipticCurvePublicKey):
            numbers = public.public_numbers()
            size = (public.curve.key_size + 7) // 8
            curve = {256: "P-256", 384: "P-384"}[public.curve.key_size]
            own = {
                "kty": "EC",
                "crv": curve,
                "x": b64(numbers.x.to_bytes(size)),
                "y": b64(numbers.y.to_bytes(size)),
            }
        else:
            own = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
        return {**own, "kid": self.kid}

    @property
    def jwk_text(self) -> str:
        return json.dumps(self.jwk)

    @property
    def private_jwk(self) -> dict[str, str]:
        """Of an EC key, for a client that is another program."""
        size = (self.private.curve.key_size + 7) // 8
        return {**self.jwk, "d": b64(self.private.private_numbers().private_value.to_bytes(size))}

    def signature(self, message: bytes, alg: str) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            kind = padding.PSS(padding.MGF1(SHA256()), 32) if alg == "PS256" else padding.PKCS1v15()
            return self.private.sign(message, kind, SHA256())
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            size = (self.private.curve.key_size + 7) // 8
            r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(SHA256())))
            return r.to_bytes(size) + s.to_bytes(size)
        return self.private.sign(message)

    def jwt(self, claims: dict | bytes, *, alg: str, **header: object) -> str:
        head = {"alg": alg, "kid": self.kid, "typ": "JWT", **header}
        head = {name: value for name, value in head.items() if value is not None}
        message = f"{b64(head)}.{b64(claims)}"
        return f"{message}.{b64(self.signature(message.encode(), alg))}"


def new_signer(kind: str = "ec", kid: str | None = None) -> Signer:
    """A new key, with a kid of its own."""
    private = {
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "small": lambda: rsa.generate_private_key(public_exponent=65537, key_size=1024),  # noqa: S505
        "okp": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    return Signer(kid or f"{kind}-{secrets.token_hex(4)}", private)


@cache
def signer_for(alg: str) -> Signer:
    """The key of the test clients for this algorithm."""
    return _one(ALGS[alg])


@cache
def _one(kind: str) -> Signer:
    return new_signer(kind, kid=kind)


def jwks() -> tuple[str, ...]:
    """All of them, as they are registered."""
    return tuple(_one(kind).jwk_text for kind in ("ec", "rsa", "okp"))


def claims_of(audience: object, client_id: str, **changes: object) -> dict:
    """The claims of an assertion in order; a change of None leaves a claim out."""
    now = time.time()
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_urlsafe(16),
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def as_form(text: str) -> dict[str, str]:
    """The parameters that carry an assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}


def assertion(
    audience: object, client_id: str, *, alg: str = "ES256", signer: Signer | None = None, **changes
):
    """The parameters of a request that proves this client."""
    signer = signer or signer_for(alg)
    return as_form(signer.jwt(claims_of(audience, client_id, **changes), alg=alg))


def hmac_jwt(claims: dict, secret: bytes, **header: object) -> str:
    """Signed with a shared secret: what nobody here accepts."""
    import hmac

    message = f"{b64({'alg': 'HS256', 'typ': 'JWT', **header})}.{b64(claims)}"
    return f"{message}.{b64(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"
