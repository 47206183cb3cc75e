"""Grants and what they hold. One `Grant` is one approval and everything its one code gave.

A `Consent` is the remembered permission of a person for a client and holds many grants.
Replay revokes the grant; withdrawal revokes the consent and all its grants.
"""

from dataclasses import dataclass

from grantway.protocol.apis import Sensitivity
from grantway.protocol.confirmation import Confirmation
from grantway.protocol.people import Person
from grantway.protocol.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownScope:
    """A scope as a person read it."""

    name: str
    sentence: str
    sensitive: bool  # nodes of before `sensitivity` read this alone
    sensitivity: Sensitivity | None = None  # None: allowed before this was kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a person was shown when they allowed a client."""

    client_name: str
    places: tuple[str, ...]  # where the client could send people
    scopes: tuple[ShownScope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person has allowed a client, across all its requests."""

    id: str
    subject: str
    client_id: str
    scope: Scope
    created_at: float
    updated_at: float
    expires_at: float | None = None
    shown: Shown | None = None  # None: allowed before this was kept


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedClaims:
    """The standard claims a client asked for one by one (OpenID Connect Core §5.5), by where they go."""

    id_token: tuple[str, ...] = ()
    userinfo: tuple[str, ...] = ()


NOTHING_ASKED = AskedClaims()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One approval (RFC 6749 §1.3): what every token of its family carries at most."""

    id: str
    client_id: str
    subject: str
    consent_id: str | None  # None: a first-party client needed no consent
    session_id: str  # in which it was given: `Session.sso_id`
    scope: Scope
    resources: tuple[str, ...]  # identifiers of the APIs consented to; none: for signing in alone
    auth_time: float
    created_at: float
    expires_at: float  # absolute end of everything refreshed from it
    revoked_at: float | None = None
    amr: tuple[str, ...] = ()  # how the person had signed in (RFC 8176); empty: not known
    claims: AskedClaims = NOTHING_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGrants:
    """Live grants of one person for one client that are alike, counted."""

    client_id: str
    scope: Scope
    resources: tuple[str, ...]
    count: int
    first_at: float  # when the oldest and the newest of them were given
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeUse:
    """When a client last got a token with one scope of a person's."""

    subject: str
    client_id: str
    scope: str
    used_at: float
    expires_at: float  # the end of the grant it was used under


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code, as stored: bound to client, redirect URI and challenge (RFC 6749 §4.1.2)."""

    id: str  # selector
    hash: bytes
    grant_id: str
    flow_id: str  # unique: a second Allow of one flow makes no second code
    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool  # was it a parameter of the authorization request?
    code_challenge: str | None  # S256; None only where the owner relaxed PKCE
    nonce: str | None
    issued_at: float
    expires_at: float
    spent_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A refresh token, as stored. Spent exactly once; its successor continues the grant."""

    id: str  # selector
    hash: bytes
    grant_id: str
    client_id: str
    issued_at: float
    expires_at: float  # idle end, never later than the grant's own end
    spent_at: float | None = None
    confirmation: Confirmation | None = None  # of a public client that showed a key


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueToken:
    """An opaque access token, as stored. `grant_id` and `subject` are None for client credentials."""

    id: str  # selector
    hash: bytes
    grant_id: str | None
    client_id: str
    subject: str | None
    scope: Scope
    audience: tuple[str, ...]
    issued_at: float
    expires_at: float
    auth_time: float | None = None
    revoked_at: float | None = None
    confirmation: Confirmation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEvidence:
    """A code with the facts that decide about it, read in one statement."""

    code: Code
    grant: Grant
    person: Person | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshEvidence:
    """A refresh token with the facts that decide about it, read in one statement."""

    token: RefreshToken
    grant: Grant
    person: Person | None
