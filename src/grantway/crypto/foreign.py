"""JWTs and keys that somebody else made: read strictly here, verified by joserfc.

As with our own tokens the header chooses nothing: it names a key, which must be one that was registered, and
an algorithm, which must fit that key (RFC 8725 §3.1, §3.2; threats K3, K5).
"""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from grantway.crypto.jose import MAX_TOKEN_LENGTH, REFUSED_HEADERS, BadToken, UnknownKey, members, octets
from grantway.crypto.jwk import PRIVATE_MEMBERS, RSA_BITS, thumbprint
from grantway.protocol.base64url import from_base64url

MAX_KEYS: Final = 20  # of one set
_MAX_KID: Final = 256
# What a key of each kind may verify. EdDSA is the older name of Ed25519 (RFC 9864).
_KINDS: Final[
    Mapping[tuple[object, object], tuple[type[ECKey | RSAKey | OKPKey], tuple[str, ...], frozenset[str]]]
] = {
    ("EC", "P-256"): (ECKey, ("kty", "crv", "x", "y"), frozenset({"ES256"})),
    ("RSA", None): (RSAKey, ("kty", "n", "e"), frozenset({"RS256", "PS256"})),
    ("OKP", "Ed25519"): (OKPKey, ("kty", "crv", "x"), frozenset({"EdDSA", "Ed25519"})),
}


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A public key of somebody else, and what it may verify."""

    kid: str | None
    algs: frozenset[str]
    certificate: bytes | None  # the first of its `x5c`, DER: what a self-signed certificate is known by
    _key: ECKey | RSAKey | OKPKey = field(repr=False)

    def accepts(self, alg: str, message: bytes, signature: bytes) -> bool:
        """Did the private half sign this message with this algorithm?"""
        try:
            return JWSRegistry.algorithms[alg].verify(message, signature, self._key)
        except (JoseError, ValueError, TypeError):
            return False


def read_key(jwk: Mapping[str, object]) -> ForeignKey:
    """Read a public JWK (RFC 7517 §4). Raises ValueError with what is wrong, for whoever registers."""
    if private := PRIVATE_MEMBERS & jwk.keys():
        raise ValueError(
            f"holds the private members {', '.join(sorted(private))}: only the public half belongs here"
        )
    kind = _KINDS.get((jwk.get("kty"), jwk.get("crv")) if _are_texts(jwk, "kty", "crv") else (None, None))
    if kind is None:
        raise ValueError("neither an EC key on P-256, nor an RSA key, nor an OKP key on Ed25519")
    reader, names, algs = kind
    if jwk.get("use", "sig") != "sig" or "verify" not in _listed(jwk, "key_ops", ["verify"]):
        raise ValueError("not meant to verify signatures (use, key_ops)")
    alg = jwk.get("alg")
    if alg is not None and alg not in algs:
        raise ValueError(f"alg {alg!r} does not fit it, or is not accepted here: {', '.join(sorted(algs))}")
    kid = jwk.get("kid")
    if kid is not None and (not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID):
        raise ValueError(f"kid must be a text of 1 to {_MAX_KID} characters")
    if not _are_texts(jwk, *names):
        raise ValueError("its key material is malformed")
    try:
        if reader is RSAKey:
            _check_size(from_base64url(str(jwk["n"])))
        key = reader.import_key({name: str(jwk[name]) for name in names})
        key.public_key  # noqa: B018 - reads the numbers: a point off the curve is found here
    except _BadSize as bad:
        raise ValueError(str(bad)) from None
    except (JoseError, KeyError, TypeError, ValueError) as bad:
        raise ValueError("its key material is malformed") from bad
    return ForeignKey(kid, algs if alg is None else frozenset({str(alg)}), _certificate(jwk), key)


@lru_cache(maxsize=1024)
def read_keys(jwks: tuple[str, ...]) -> tuple[ForeignKey, ...]:
    """The keys of JWKs as JSON, kept for the next time. Raises ValueError with what is wrong, and where."""
    keys = []
    for place, text in enumerate(jwks):
        try:
            keys.append(read_key(_object(text)))
        except ValueError as bad:
            raise ValueError(f"key {place + 1}: {bad}") from None
    kids = [key.kid for key in keys if key.kid is not None]
    if len(set(kids)) < len(kids):
        raise ValueError("two keys have the same kid")
    return tuple(keys)


def read_published_keys(document: bytes) -> tuple[ForeignKey, ...]:
    """The usable keys of a published JWK Set; keys of other kinds are passed over (RFC 7517 §5).

    Raises ValueError when it is none or holds no usable key.
    """
    entries = _set(document)
    keys = []
    for entry in entries[:100]:
        try:
            keys.append(read_key(entry))
        except ValueError:
            continue
    if not keys:
        raise ValueError("a JWK Set without a usable key")
    return tuple(keys[:MAX_KEYS])


def registrable_keys(document: bytes) -> tuple[str, ...]:
    """What a file of public keys holds, as JWKs to register: a JWK Set, one JWK, or PEM (key or certificate).

    A key without `kid` gets its thumbprint (RFC 7638). Raises ValueError with what is wrong.
    """
    if document.lstrip().startswith(b"-----BEGIN"):
        jwks: Iterable[Mapping[str, object]] = [_from_pem(document)]
    else:
        jwks = _set(document)
    texts = tuple(
        json.dumps(
            {name: value for name, value in jwk.items() if value is not None}
            | ({} if "kid" in jwk or PRIVATE_MEMBERS & jwk.keys() else {"kid": _thumbprint(jwk)}),
            separators=(",", ":"),
            sort_keys=True,
        )
        for jwk in jwks
    )
    if not texts:
        raise ValueError("holds no key")
    read_keys(texts)
    return texts


def verify_foreign(
    token: str, keys: Iterable[ForeignKey], *, algs: Collection[str], types: Collection[str]
) -> dict[str, object]:
    """The claims of a JWT signed with one of these keys. What they say is not checked.

    `types` are the values of `typ` that are accepted, in lower case; it may be left out (RFC 8725 §3.11).
    Raises BadToken for everything else, and its subclass UnknownKey when newly published keys may help.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise BadToken(f"longer than {MAX_TOKEN_LENGTH} characters")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts) or not token.isascii():
        raise BadToken("not a signed JWT in compact form")
    head, body, signature = parts
    header = members(head)
    if REFUSED_HEADERS & header.keys():
        raise BadToken("the header holds a member that is never accepted, such as jwk, jku, x5c or crit")
    typ, alg, kid = header.get("typ"), header.get("alg"), header.get("kid")
    if typ is not None and (
        not isinstance(typ, str) or typ.lower().removeprefix("application/") not in types
    ):
        raise BadToken("typ is that of another kind of token")
    if not isinstance(alg, str) or alg not in algs:
        raise BadToken(f"alg is not one of {', '.join(algs)}")
    if kid is not None and not isinstance(kid, str):
        raise BadToken("kid is not a text")
    candidates = [key for key in keys if kid is None or key.kid is None or key.kid == kid]
    if not candidates:
        raise UnknownKey(kid or "")
    fitting = [key for key in candidates if alg in key.algs]
    if not fitting:
        raise BadToken(f"no key of the client is for {alg}")
    message, octets_signed = f"{head}.{body}".encode("ascii"), octets(signature)
    if not any(key.accepts(alg, message, octets_signed) for key in fitting):
        raise BadToken("the signature is wrong") if kid is not None else UnknownKey("")
    return members(body)


class _BadSize(ValueError):
    """An RSA key that is too small to be safe or too large to be quick."""


def _check_size(modulus: bytes) -> None:
    bits = int.from_bytes(modulus).bit_length()
    if bits not in RSA_BITS:
        raise _BadSize(f"an RSA key of {bits} bits; {RSA_BITS.start} to {RSA_BITS.stop - 1} are accepted")


def _are_texts(jwk: Mapping[str, object], *names: str) -> bool:
    return all(isinstance(jwk.get(name, ""), str) for name in names)


def _listed(jwk: Mapping[str, object], name: str, default: list[str]) -> list[object]:
    value = jwk.get(name, default)
    return list(value) if isinstance(value, list) else []


def _object(text: str | bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.MsgspecError:
        raise ValueError("is not a JSON object") from None


def _set(document: bytes) -> list[dict[str, object]]:
    found = _object(document)
    if "keys" not in found:
        return [found]
    entries = found["keys"]
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ValueError("keys is not a list of JWKs")
    return entries


def _thumbprint(jwk: Mapping[str, object]) -> str:
    try:
        return thumbprint(jwk)
    except (KeyError, TypeError, ValueError):
        raise ValueError("its key material is malformed") from None


def _certificate(jwk: Mapping[str, object]) -> bytes | None:
    """The certificate of the key (`x5c`, RFC 7517 §4.7)."""
    chain = _listed(jwk, "x5c", [])
    if not chain:
        return None
    try:
        return base64.b64decode(str(chain[0]), validate=True)
    except ValueError:
        raise ValueError("x5c is not base64 of a certificate") from None


def _from_pem(document: bytes) -> dict[str, object]:
    if b"PRIVATE KEY" in document:
        raise ValueError("holds a private key: only the public half belongs here")
    certificate = None
    public: CertificatePublicKeyTypes | PublicKeyTypes
    try:
        if b"BEGIN CERTIFICATE" in document:
            certificate = x509.load_pem_x509_certificate(document)
            public = certificate.public_key()
        else:
            public = serialization.load_pem_public_key(document)
    except (TypeError, ValueError, UnsupportedAlgorithm) as bad:
        raise ValueError("is not PEM of a public key or a certificate") from bad
    spki = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    jwk: dict[str, object] = dict(_reader_of(public).import_key(spki).as_dict(private=False))
    if certificate is not None:
        der = certificate.public_bytes(serialization.Encoding.DER)
        jwk["x5c"] = [base64.b64encode(der).decode("ascii")]
    return jwk


def _reader_of(public: object) -> type[ECKey | RSAKey | OKPKey]:
    if isinstance(public, rsa.RSAPublicKey):
        return RSAKey
    if isinstance(public, ec.EllipticCurvePublicKey):
        return ECKey
    if isinstance(public, ed25519.Ed25519PublicKey):
        return OKPKey
    raise ValueError("is neither an EC, nor an RSA, nor an Ed25519 key")
