"""Access tokens that are JWTs, verified without asking the server (RFC 9068 §4)."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Protocol, runtime_checkable

from grantway.crypto.certificate_header import certificate_thumbprint
from grantway.crypto.jose import BadToken, UnknownKey, check_claims, members, verify
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ACCESS_TOKEN_TYPE, CERTIFICATE_THUMBPRINT, GRANT_CLAIM
from grantway.protocol.scope import Scope
from grantway.sdk.jwks import Jwks, Keys

__all__ = [
    "AccessToken",
    "BadToken",
    "ReadyVerifier",
    "TokenVerifier",
    "Verifier",
    "check_confirmation",
    "read_claims",
]

_REMEMBERED = 1024  # tokens whose signature was found good


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A verified access token. `expires_at` is in Unix seconds; `claims` holds everything it says."""

    subject: str  # the person, or the client itself when no person was involved
    client_id: str
    scope: Scope
    audience: frozenset[str]
    expires_at: float
    token_id: str
    grant_id: str | None  # None: no person gave this
    claims: Mapping[str, object] = field(repr=False)

    @property
    def acr(self) -> str | None:
        """How sure the sign-in behind it made who the person is (RFC 9470 §6), if it says so."""
        value = self.claims.get("acr")
        return value if isinstance(value, str) else None

    @property
    def auth_time(self) -> float | None:
        """When the person signed in, in Unix seconds, if it says so (RFC 9470 §6)."""
        value = self.claims.get("auth_time")
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None


class Verifier(Protocol):
    """Whatever can tell a good access token from a bad one."""

    async def verify(self, token: str, *, certificate: bytes | None = None) -> AccessToken:
        """The token. Raises BadToken for a bad one; any other exception is a failure of ours (503).

        `certificate` is that of the request, DER; see `check_confirmation`.
        """


@runtime_checkable
class ReadyVerifier(Protocol):
    """A verifier that can often answer without waiting, so that a thread need not either."""

    def at_hand(self, token: str, *, certificate: bytes | None = None) -> AccessToken | None:
        """As `Verifier.verify`, if nothing has to be fetched; None if something has."""


class TokenVerifier:
    """Reads the access tokens of one issuer for one audience.

    `jwks` defaults to the keys at `{issuer}/jwks`. `clock` answers in Unix seconds; `leeway`, in seconds,
    is how far the issuer's clock may be from it. That a signature is good is remembered, by the digest of
    the token, as long as the keys stay the same; what the token says is read and judged each time (N3).
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        jwks: Jwks | None = None,
        *,
        leeway: float = 10,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - in an API, this is the composition root
    ) -> None:
        if issuer.endswith("/"):
            raise ValueError(f"issuer {issuer!r} ends with a slash; tokens name {issuer.rstrip('/')!r}")
        self.issuer, self.audience = issuer, audience
        self.jwks = Jwks(f"{issuer}/jwks") if jwks is None else jwks
        self._leeway, self._clock = leeway, clock
        self._signed: tuple[Keys, dict[bytes, None]] = ({}, {})

    def at_hand(self, token: str, *, certificate: bytes | None = None) -> AccessToken | None:
        """As `verify`, if the keys at hand are enough; None if `verify` has to fetch some."""
        keys = self.jwks.at_hand()
        if keys is None:
            return None
        try:
            return self._read(token, keys, certificate)
        except UnknownKey:
            return None

    async def verify(self, token: str, *, certificate: bytes | None = None) -> AccessToken:
        """The token, if its type is `at+jwt`, and signature, issuer, audience and times are right.

        `certificate` (DER) is the one that the request came with: a token may be bound to it. Raises BadToken
        with the reason, and KeysUnavailable when the issuer's keys could not be had.
        """
        try:
            return self._read(token, await self.jwks.keys(), certificate)
        except UnknownKey as unknown:
            return self._read(token, await self.jwks.keys_with(unknown.kid), certificate)

    def _read(self, token: str, keys: Keys, certificate: bytes | None) -> AccessToken:
        claims = self._claims(token, keys)
        now = self._clock()
        check_claims(claims, issuer=self.issuer, audience=self.audience, now=now, leeway=self._leeway)
        return read_claims(claims, certificate=certificate)

    def _claims(self, token: str, keys: Keys) -> Mapping[str, object]:
        """What a token says whose signature is good under these keys."""
        same_keys, signed = self._signed
        if same_keys is not keys:
            signed = {}
            self._signed = (keys, signed)
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if digest in signed:
            return members(token.split(".")[1])
        claims = verify(token, keys, typ=ACCESS_TOKEN_TYPE)
        if len(signed) >= _REMEMBERED:
            signed.clear()
        signed[digest] = None
        return claims


def check_confirmation(claims: Mapping[str, object], *, certificate: bytes | None) -> None:
    """Is the key here to which this token is bound (`cnf`)? Also for what introspection tells about a token.

    Raises BadToken for a token bound to another certificate (RFC 8705 §3), or to a key that nobody has
    checked (RFC 7800 §3): accepting it as a mere bearer token would undo the binding.
    """
    if "cnf" not in claims:
        return
    bound = claims["cnf"]
    wanted = bound.get(CERTIFICATE_THUMBPRINT) if isinstance(bound, dict) and len(bound) == 1 else None
    if not isinstance(wanted, str):
        raise BadToken("bound to a key, which this API does not check")
    if certificate is None:
        raise BadToken("bound to a client certificate, and the request came with none")
    if not compare_digest(certificate_thumbprint(certificate).encode(), wanted.encode()):
        raise BadToken("bound to another client certificate")


def read_claims(claims: Mapping[str, object], *, certificate: bytes | None = None) -> AccessToken:
    """The claims of an access token whose signature and times are checked (RFC 9068 §2.2).

    Raises BadToken when one that the RFC requires is missing or malformed, or as `check_confirmation` does.
    """
    check_confirmation(claims, certificate=certificate)
    audience, expires_at = claims.get("aud"), claims.get("exp")
    if not isinstance(expires_at, int | float) or "iat" not in claims:
        raise BadToken("exp or iat is missing")
    grant_id = claims.get(GRANT_CLAIM)
    if grant_id is not None and not isinstance(grant_id, str):
        raise BadToken(f"{GRANT_CLAIM} is not a text")
    try:
        scope = Scope.parse(_text(claims, "scope") if "scope" in claims else None)
    except OAuthError as bad:
        raise BadToken("scope is malformed") from bad
    return AccessToken(
        subject=_text(claims, "sub"),
        client_id=_text(claims, "client_id"),
        scope=scope,
        audience=frozenset(map(str, audience if isinstance(audience, list) else [audience])),
        expires_at=expires_at,
        token_id=_text(claims, "jti"),
        grant_id=grant_id,
        claims=claims,
    )


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise BadToken(f"{name} is missing or not a text")
    return value
