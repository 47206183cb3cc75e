"""What is written besides tokens: the audit log, and changes of the registry, as values."""

from dataclasses import dataclass, field
from enum import StrEnum

from grantway.protocol.apis import Api
from grantway.protocol.clients import Client, ClientSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log, committed with the change it tells of. Never holds a secret."""

    at: float
    actor: str  # "cli:<os user>", "person:<subject>", "client:<id>", "system"
    action: str  # dotted and stable: "consent.given", "code.replayed", …
    target: str  # "client:<id>", "grant:<id>", …
    details: dict[str, str | int | float | bool | None] = field(default_factory=dict)


class KeyPurpose(StrEnum):
    """What a stored key is for."""

    SIGNING = "signing"
    SEALING = "sealing"
    PAIRWISE = "pairwise"  # the salt of pairwise subjects; there is one, for ever


class KeyState(StrEnum):
    """Where a key stands in its life: published, used, published only, gone; or refused in an emergency."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key at rest: the private part only inside an envelope under the master key."""

    kid: str
    purpose: KeyPurpose
    alg: str
    state: KeyState
    envelope: bytes  # empty when it is gone: the private part is destroyed
    public_jwk: dict[str, str] | None  # None for sealing keys
    created_at: float
    state_since: float


@dataclass(frozen=True, slots=True)
class RegistryRows:
    """Everything that changes seldom and is needed by every request, read at one moment."""

    version: int
    clients: tuple[Client, ...]  # with their secrets
    apis: tuple[Api, ...]
    keys: tuple[StoredKey, ...]


@dataclass(frozen=True, slots=True)
class PutClient:
    """Add or replace a client. Its secrets are not touched: they have changes of their own."""

    client: Client


@dataclass(frozen=True, slots=True)
class DropClient:
    """Remove a client with its secrets and consents; revoke its grants and its own opaque tokens."""

    client_id: str


@dataclass(frozen=True, slots=True)
class PutSecret:
    """Add or replace one secret of a client."""

    secret: ClientSecret


@dataclass(frozen=True, slots=True)
class DropSecret:
    """Remove one secret of a client."""

    client_id: str
    secret_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSource:
    """The document an API definition was imported from."""

    address: str  # where it was read: a file or an https address
    digest: str  # SHA-256 of its bytes, hex
    title: str  # what it calls itself, with its version
    read: Api  # what it said by itself: the next import is compared with this


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersion:
    """What an API definition was from some moment on."""

    identifier: str
    number: int  # counts up from 1, also when the API was removed in between
    api: Api | None  # None: it was removed
    at: float  # Unix seconds, by the database's clock; 0.0: before versions were kept
    actor: str
    note: str
    source: ApiSource | None = None


@dataclass(frozen=True, slots=True)
class PutApi:
    """Add or replace an API. What differs from its newest version, or has a source, makes the next one."""

    api: Api
    actor: str = "system"
    note: str = ""
    source: ApiSource | None = None


@dataclass(frozen=True, slots=True)
class DropApi:
    """Remove an API. Its versions stay, with one more that says so."""

    identifier: str
    actor: str = "system"


@dataclass(frozen=True, slots=True)
class PutKey:
    """Add or replace a key."""

    key: StoredKey


RegistryChange = PutClient | DropClient | PutSecret | DropSecret | PutApi | DropApi | PutKey


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """How much of what grows is in force."""

    grants: int
    sessions: int
