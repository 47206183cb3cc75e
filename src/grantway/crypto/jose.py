"""Our own tokens, signed and verified: JWS compact (RFC 7515) with one fixed algorithm per key.

The header never chooses anything: it names a key, and the key knows its only algorithm (RFC 8725 §3.1).
Foreign JWTs are read elsewhere. Imports nothing of the server, so that the SDK can use it.
"""

import json
import re
from collections.abc import Mapping

import msgspec

from grantway.crypto.jwk import (
    MAX_TOKEN_LENGTH,
    Alg,
    SigningKey,
    VerificationKey,
    is_kid,
    thumbprint,
)
from grantway.protocol.base64url import from_base64url

__all__ = [
    "MAX_TOKEN_LENGTH",
    "Alg",
    "BadToken",
    "SigningKey",
    "UnknownKey",
    "VerificationKey",
    "check_claims",
    "thumbprint",
    "verify",
]

_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_LAST_SECOND = 253_402_300_800  # 10000-01-01, in Unix seconds: later is not a date
# Members through which a token would bring its own key, or change how it is read (RFC 8725 §3.10).
REFUSED_HEADERS = frozenset(
    {"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "p2c", "p2s"},
)


class BadToken(Exception):
    """A token that proves nothing. `reason` says why, in words that quote nothing from the token."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKey(BadToken):
    """The token names a key we do not have; newly published keys may hold it. `kid` is what it named."""

    def __init__(self, kid: str) -> None:
        super().__init__("signed with a key that is not published")
        self.kid = kid


def verify(token: str, keys: Mapping[str, VerificationKey], *, typ: str) -> dict[str, object]:
    """The claims of a token signed by one of these keys, found by its `kid`. What they say is not checked.

    `typ` must be the token's type, with or without `application/`, in any case (RFC 8725 §3.11, RFC 9068 §4).
    Raises BadToken for everything else, and its subclass UnknownKey when no key has that `kid`.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise BadToken(f"longer than {MAX_TOKEN_LENGTH} characters")
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise BadToken("not a signed JWT in compact form")
    head, body, signature = parts.groups()
    key = _key_named_by(members(head), keys, typ)
    if not key.accepts(f"{head}.{body}".encode("ascii"), octets(signature)):
        raise BadToken("the signature is wrong")
    return members(body)


def check_claims(
    claims: Mapping[str, object],
    *,
    issuer: str,
    audience: str,
    now: float,
    leeway: float = 10,
) -> None:
    """Is this token from this issuer, for this audience, and in force? (RFC 7519 §4.1, RFC 8725 §3.8-3.9).

    `iss` is equal byte for byte; `aud` is or holds `audience`; `exp` is there. `now` is in Unix seconds,
    `leeway` in seconds. Raises BadToken with the first thing that is wrong.
    """
    if claims.get("iss") != issuer:
        raise BadToken("issued by another server")
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    if not all(isinstance(one, str) for one in audiences) or audience not in audiences:
        raise BadToken("meant for another audience")
    if now - leeway >= _time(claims, "exp"):
        raise BadToken("expired")
    if "nbf" in claims and now + leeway < _time(claims, "nbf"):
        raise BadToken("not valid yet")
    if "iat" in claims and now + leeway < _time(claims, "iat"):
        raise BadToken("issued in the future")


def _key_named_by(
    head: Mapping[str, object], keys: Mapping[str, VerificationKey], typ: str
) -> VerificationKey:
    if REFUSED_HEADERS & head.keys():
        raise BadToken("the header holds a member that we never accept")
    given = head.get("typ")
    wanted = typ.lower()
    if (
        not isinstance(given, str)
        or not given.isascii()
        or given.lower() not in (wanted, "application/" + wanted)
    ):
        raise BadToken(f"not a token of type {typ}")
    kid = head.get("kid")
    if not is_kid(kid):
        raise BadToken("kid is not a string of 1 to 64 characters")
    key = keys.get(kid)
    if key is None:
        raise UnknownKey(kid)
    if head.get("alg") != key.alg:
        raise BadToken("the algorithm is not the one of the key")
    return key


def members(segment: str) -> dict[str, object]:
    """One base64url JSON object, with no name twice at any depth (RFC 7515 §4, RFC 8725 §2.4)."""
    raw = octets(segment)
    try:
        found = msgspec.json.decode(raw)
        # msgspec would silently keep the last of two.
        json.loads(raw.decode(), object_pairs_hook=_refuse_repeats)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise BadToken("not a JSON object with every name once") from None
    if not isinstance(found, dict):
        raise BadToken("not a JSON object")
    return found


def octets(segment: str) -> bytes:
    """One base64url segment, decoded. Raises BadToken for any other spelling than the canonical one."""
    try:
        return from_base64url(segment)
    except ValueError:
        raise BadToken("not canonical base64url") from None


def _refuse_repeats(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name twice")


def _time(claims: Mapping[str, object], name: str) -> float:
    """A NumericDate (RFC 7519 §2): a number before the year 10000; true and false are no numbers."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"{name} is not a number")
    if not 0 <= value < _LAST_SECOND:
        raise BadToken(f"{name} is not a date")
    return value
