"""Keys for our own tokens, each with its one algorithm, and their public form as JWK (RFC 7517).

Half of `jose`, which reads tokens; import the names from there.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Self, TypeAlias, TypeGuard, cast, get_args

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from grantway.protocol.base64url import base64url_octets, from_base64url, to_base64url

Alg: TypeAlias = Literal["ES256", "RS256", "EdDSA", "Ed25519"]
"""What we sign with (RFC 7518 §3.1, RFC 8037 §3.1). `Ed25519` is RFC 9864's name for the same signature."""

MAX_TOKEN_LENGTH: Final = 8192  # characters; tested before anything is decoded
MAX_KID_LENGTH: Final = 64
RSA_BITS: Final = range(2048, 4097)

_PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_ES256 = ec.ECDSA(SHA256())
_PKCS1 = padding.PKCS1v15()
_SHA256 = SHA256()
_P256_BYTES = 32
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}


def thumbprint(jwk: Mapping[str, object]) -> str:
    """The SHA-256 thumbprint of a public key, base64url (RFC 7638 §3); ValueError for an unknown `kty`."""
    names = _THUMBPRINT_MEMBERS.get(str(jwk.get("kty")))
    if names is None:
        raise ValueError(f"no thumbprint for kty {jwk.get('kty')!r}")
    canonical = msgspec.json.encode({name: jwk[name] for name in names})
    return to_base64url(hashlib.sha256(canonical).digest())


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key and the one algorithm it verifies."""

    kid: str
    alg: Alg
    _public: _PublicKey = field(repr=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Self:
        """Read a public JWK (RFC 7517 §4).

        Raises ValueError unless it has a `kid` of at most 64 characters, an `alg` that we verify and key
        material for it; for private or symmetric material; and for a key not meant to verify signatures.
        """
        kid, alg = jwk.get("kid"), jwk.get("alg")
        if not is_kid(kid):
            raise ValueError("JWK: kid must be a string of 1 to 64 characters")
        if alg not in get_args(Alg):
            raise ValueError("JWK: alg is missing or not one that we verify")
        if private := PRIVATE_MEMBERS & jwk.keys():
            raise ValueError(f"JWK: holds private members {sorted(private)}")
        operations = jwk.get("key_ops", ["verify"])
        if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
            raise ValueError("JWK: not meant to verify signatures")
        try:
            public = _read_public(jwk)
        except (KeyError, TypeError, ValueError) as bad:
            raise ValueError("JWK: key material is malformed, or neither P-256, RSA nor Ed25519") from bad
        return cls(kid, _fitting(cast("Alg", alg), public), public)

    def public_jwk(self) -> dict[str, str]:
        """The JWK to publish (RFC 7517 §4): public members, `kid`, `alg` and `use: sig`, nothing else."""
        return {**_material(self._public), "kid": self.kid, "alg": self.alg, "use": "sig"}

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Did the private half of this key sign this message? Never raises."""
        public = self._public
        try:
            if isinstance(public, ec.EllipticCurvePublicKey):
                if len(signature) != 2 * _P256_BYTES:  # RFC 7518 §3.4: R and S, 32 octets each
                    return False
                r, s = int.from_bytes(signature[:_P256_BYTES]), int.from_bytes(signature[_P256_BYTES:])
                public.verify(encode_dss_signature(r, s), message, _ES256)
            elif isinstance(public, rsa.RSAPublicKey):
                public.verify(signature, message, _PKCS1, _SHA256)
            else:
                public.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the one algorithm it signs with. Its repr shows nothing private."""

    kid: str
    alg: Alg
    _private: _PrivateKey = field(repr=False)
    _heads: dict[str, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def generate(cls, alg: Alg, kid: str | None = None, *, rsa_bits: int = 2048) -> Self:
        """Make a key: P-256, RSA of `rsa_bits` or Ed25519. `kid` defaults to the RFC 7638 thumbprint.

        Raises ValueError for another `alg`, size, or a `kid` that is empty or above 64 characters.
        """
        private: _PrivateKey
        if alg == "ES256":
            private = ec.generate_private_key(ec.SECP256R1())
        elif alg == "RS256":
            private = rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
        else:
            private = ed25519.Ed25519PrivateKey.generate()
        return cls._of(private, alg, kid)

    @classmethod
    def from_private_bytes(cls, data: bytes, *, alg: Alg | None = None, kid: str | None = None) -> Self:
        """Read an unencrypted private key, PEM or PKCS #8 DER. `alg` defaults to the one that fits the key.

        Raises ValueError for anything else, and for a key that does not fit `alg`.
        """
        load = (
            serialization.load_pem_private_key
            if data.startswith(b"-----")
            else serialization.load_der_private_key
        )
        try:
            private = load(data, None)
        except (TypeError, ValueError) as bad:
            raise ValueError("not an unencrypted PEM or DER private key") from bad
        if isinstance(private, ec.EllipticCurvePrivateKey):
            return cls._of(private, alg or "ES256", kid)
        if isinstance(private, rsa.RSAPrivateKey):
            return cls._of(private, alg or "RS256", kid)
        if isinstance(private, ed25519.Ed25519PrivateKey):
            return cls._of(private, alg or "EdDSA", kid)
        raise ValueError(f"keys of type {type(private).__name__} cannot sign our tokens")

    @classmethod
    def _of(cls, private: _PrivateKey, alg: Alg, kid: str | None) -> Self:
        public = private.public_key()
        fitting = _fitting(alg, public)
        own = kid if kid is not None else thumbprint(_material(public))
        if not is_kid(own):
            raise ValueError("kid must be a string of 1 to 64 characters")
        return cls(own, fitting, private)

    def private_bytes(self) -> bytes:
        """The private key, PKCS #8 DER, unencrypted: whoever stores it must seal it first."""
        return self._private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def verification_key(self) -> VerificationKey:
        """The public half."""
        return VerificationKey(self.kid, self.alg, self._private.public_key())

    def public_jwk(self) -> dict[str, str]:
        """The JWK to publish; see `VerificationKey.public_jwk`."""
        return self.verification_key.public_jwk()

    def sign(self, claims: Mapping[str, object], *, typ: str) -> str:
        """A signed JWT of these claims (RFC 7515 §7.1), with `typ` such as `at+jwt` in its header.

        Claims are what JSON can say; times are Unix seconds. Raises ValueError for a token that would
        pass 8,192 characters, which our own verifier refuses.
        """
        head = self._heads.get(typ)
        if head is None:
            head = (
                base64url_octets(msgspec.json.encode({"alg": self.alg, "kid": self.kid, "typ": typ})) + b"."
            )
            self._heads[typ] = head
        message = head + base64url_octets(msgspec.json.encode(claims))
        token = (message + b"." + base64url_octets(self._signature(message))).decode("ascii")
        if len(token) > MAX_TOKEN_LENGTH:
            raise ValueError(f"token of {len(token)} characters; {MAX_TOKEN_LENGTH} are the limit")
        return token

    def _signature(self, message: bytes) -> bytes:
        private = self._private
        if isinstance(private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(private.sign(message, _ES256))
            return r.to_bytes(_P256_BYTES) + s.to_bytes(_P256_BYTES)
        if isinstance(private, rsa.RSAPrivateKey):
            return private.sign(message, _PKCS1, _SHA256)
        return private.sign(message)


def is_kid(kid: object) -> TypeGuard[str]:
    """Is this a key's name that we look up: a string of 1 to 64 characters?"""
    return isinstance(kid, str) and 0 < len(kid) <= MAX_KID_LENGTH


def _fitting(alg: Alg, public: _PublicKey) -> Alg:
    """The algorithm, if this key may be used with it. Raises ValueError otherwise (RFC 8725 §3.1, §3.5)."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        fits = alg == "ES256" and isinstance(public.curve, ec.SECP256R1)
    elif isinstance(public, rsa.RSAPublicKey):
        fits = alg == "RS256" and public.key_size in RSA_BITS
    else:
        fits = alg in ("EdDSA", "Ed25519")
    if not fits:
        raise ValueError(f"this key is not fit for {alg}")
    return alg


def _material(public: _PublicKey) -> dict[str, str]:
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {
            "kty": "EC",
            "crv": "P-256",
            "x": _number(point.x, _P256_BYTES),
            "y": _number(point.y, _P256_BYTES),
        }
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    return {"kty": "OKP", "crv": "Ed25519", "x": to_base64url(public.public_bytes_raw())}


def _read_public(jwk: Mapping[str, object]) -> _PublicKey:
    def member(name: str) -> bytes:
        return from_base64url(cast("str", jwk[name]))

    def integer(name: str) -> int:
        return int.from_bytes(member(name))

    kind = jwk.get("kty"), jwk.get("crv")
    if kind == ("EC", "P-256"):
        return ec.EllipticCurvePublicNumbers(integer("x"), integer("y"), ec.SECP256R1()).public_key()
    if kind == ("OKP", "Ed25519"):
        return ed25519.Ed25519PublicKey.from_public_bytes(member("x"))
    if kind == ("RSA", None):
        return rsa.RSAPublicNumbers(integer("e"), integer("n")).public_key()
    raise ValueError("another kind of key")


def _number(value: int, length: int | None = None) -> str:
    return to_base64url(value.to_bytes(length or (value.bit_length() + 7) // 8))
