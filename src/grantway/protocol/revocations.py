"""What was revoked, and how an API is told of it without learning of anything else: shared with the SDK.

A message is two lines. The first is a JWT of type `revocations+jwt` that says who speaks, to whom, when,
which message it continues, and the SHA-256 of the second; the second is the list. What was revoked stands
there as the beginning of a hash: an API finds a token of its own, and nobody finds anything else.
"""

import hashlib
from collections.abc import Iterator
from enum import StrEnum

import msgspec
from msgspec import Struct

from grantway.protocol.base64url import from_base64url, to_base64url
from grantway.protocol.scope import Scope

STREAM_MEMBER = "grantway_revocation_stream_endpoint"  # of the metadata
REVOCATIONS_TYPE = "revocations+jwt"
MESSAGE_ALG = "ES256"  # every server has such a key
PRINT_LENGTH = 9  # bytes: of a million tokens, one in 10^15 is taken for a revoked one
MESSAGE_LIFETIME = 60  # seconds: an older one is refused


class RevokedKind(StrEnum):
    """What a revocation is of."""

    GRANT = "grant"
    TOKEN = "token"  # a single one, by its jti
    SCOPE = "scope"  # one scope was taken out of a grant
    CLIENT = "client"  # all that was issued to it before a moment


class Revocation(Struct, frozen=True, kw_only=True):
    """One revocation, as stored. Committed in the order of the numbers."""

    number: int
    kind: RevokedKind
    id: str
    audience: tuple[str, ...]  # the APIs it concerns, as the tokens or the consent named them
    scope: Scope
    issued_before: int | None  # of a client: Unix seconds
    at: float


class Head(Struct, frozen=True, kw_only=True):
    """The first line of a message. Times in Unix seconds."""

    iss: str
    aud: str  # the API's identifier
    iat: int
    exp: int
    as_of: float  # everything revoked until then is in here or in what was told before
    id: str  # of this message; what to ask to go on after
    keep: int  # seconds for which an entry can matter
    sha256: str  # of the second line, base64url
    after: str | None = None  # the message that this one continues; None: it is complete by itself


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The second line: fingerprints one after the other, base64url, and of each client a moment."""

    revoked: str = ""  # grants, tokens, scopes
    has_scopes: bool = False  # is a scope among them?
    clients: dict[str, int] = {}  # fingerprint → issued before


_ENCODE = msgspec.json.Encoder()


def fingerprint(api: str, kind: RevokedKind, name: str) -> bytes:
    """What stands for something revoked, in what this API is told; another API is told something else."""
    return hashlib.sha256(f"grantway:revoked:v1\0{api}\0{kind}\0{name}".encode()).digest()[:PRINT_LENGTH]


def name_of(revocation: Revocation) -> str:
    """What is fingerprinted."""
    if revocation.kind is RevokedKind.SCOPE:
        return scope_of_grant(revocation.id, str(revocation.scope))
    return revocation.id


def scope_of_grant(grant_id: str, scope: str) -> str:
    """The name of one scope of a grant."""
    return f"{grant_id} {scope}"


class Listing:
    """The second line of what one API is told, put together one by one."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._prints = bytearray()
        self._clients: dict[str, int] = {}
        self._has_scopes = False
        self.entries = 0

    def add(self, revocation: Revocation) -> None:
        """Tell of this one too."""
        found = fingerprint(self._api, revocation.kind, name_of(revocation))
        self.entries += 1
        if revocation.kind is RevokedKind.CLIENT:
            key = to_base64url(found)
            self._clients[key] = max(revocation.issued_before or 0, self._clients.get(key, 0))
        else:
            self._prints += found
            self._has_scopes = self._has_scopes or revocation.kind is RevokedKind.SCOPE

    def line(self) -> bytes:
        """The line."""
        body = Body(revoked=to_base64url(self._prints), has_scopes=self._has_scopes, clients=self._clients)
        return _ENCODE.encode(body)


def digest(line: bytes) -> str:
    """Of the second line, as the first one says it."""
    return to_base64url(hashlib.sha256(line).digest())


def prints_in(text: str) -> Iterator[bytes]:
    """The fingerprints of a list. Raises ValueError when it is none."""
    octets = from_base64url(text)
    if len(octets) % PRINT_LENGTH:
        raise ValueError("not a list of fingerprints")
    for start in range(0, len(octets), PRINT_LENGTH):
        yield octets[start : start + PRINT_LENGTH]
