"""The registry and the keys as an immutable snapshot in memory, kept fresh by polling.

A change is in force on every node within a second; the node that made it waits until its own
snapshot is replaced. A snapshot older than `TOO_OLD` stops issuance, while keys and metadata are
served on.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import msgspec

from grantway.crypto.envelope import Envelopes
from grantway.crypto.jwk import SigningKey, VerificationKey
from grantway.crypto.seal import Sealer, SealingKey
from grantway.protocol.api_tables import table_of
from grantway.protocol.apis import Api
from grantway.protocol.base64url import to_base64url
from grantway.protocol.clients import Client
from grantway.protocol.metadata import MutualTls, server_metadata
from grantway.protocol.names import SubjectType
from grantway.protocol.registry import Registry
from grantway.protocol.subjects import subject_of
from grantway.storage.changes import AuditEntry, KeyPurpose, KeyState, RegistryChange, RegistryRows, StoredKey
from grantway.storage.port import Store, Unavailable

POLL_EVERY = 0.5  # seconds
TOO_OLD = 10.0  # seconds
LOOK_AGAIN_EVERY = 1.0  # seconds between look-ups that a refused caller may cause
_log = logging.getLogger("grantway.snapshot")


@dataclass(frozen=True, slots=True)
class PublishedDefinition:
    """The definition as JSON that `read_apis` reads, and the name of this state of it (RFC 9110 §8.8.3)."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, api: Api) -> Self:
        """As it is published."""
        body = msgspec.json.encode({"apis": [table_of(api)]})
        return cls(body, f'"{to_base64url(hashlib.sha256(body).digest())}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The registry and the keys at one moment, consistent with each other."""

    registry: Registry
    signing_keys: Mapping[str, SigningKey]  # by algorithm: the active one
    verification_keys: Mapping[str, VerificationKey]  # by kid: all that are published
    keys: Sequence[StoredKey]  # all there ever were, with their phases
    sealer: Sealer
    pairwise_salt: bytes | None  # None until the first client asks for pairwise subjects
    jwks: bytes  # JSON, as served
    metadata: bytes  # JSON, as served
    definitions: dict[str, PublishedDefinition] = field(default_factory=dict)  # of APIs that asked

    @classmethod
    def of(cls, rows: RegistryRows, envelopes: Envelopes, issuer: str, mtls: MutualTls | None = None) -> Self:
        """The snapshot of what was loaded. Raises CannotUnwrap under a wrong master key."""
        registry = Registry.of(rows.version, rows.clients, rows.apis)
        in_use = [key for key in rows.keys if key.state not in {KeyState.RETIRED, KeyState.REVOKED}]
        signing = {
            key.kid: _signing_key(key, envelopes) for key in in_use if key.purpose is KeyPurpose.SIGNING
        }
        active = sorted(
            (key for key in in_use if key.state is KeyState.ACTIVE), key=lambda key: key.state_since
        )
        return cls(
            registry=registry,
            signing_keys={signing[key.kid].alg: signing[key.kid] for key in active if key.kid in signing},
            verification_keys={kid: key.verification_key for kid, key in signing.items()},
            keys=rows.keys,
            sealer=Sealer(_sealing_keys(in_use, envelopes)),
            pairwise_salt=next(
                (_secret_of(key, envelopes) for key in active if key.purpose is KeyPurpose.PAIRWISE), None
            ),
            jwks=msgspec.json.encode({"keys": [key.public_jwk() for key in signing.values()]}),
            metadata=msgspec.json.encode(server_metadata(issuer, registry, mtls)),
        )

    def definition_of(self, api: Api) -> PublishedDefinition:
        """The published form of one of its APIs, made when it is first asked for."""
        found = self.definitions.get(api.identifier)
        if found is None:
            found = self.definitions[api.identifier] = PublishedDefinition.of(api)
        return found


def envelope_purpose(purpose: KeyPurpose, kid: str, alg: str) -> str:
    """What a stored key's envelope is bound to."""
    return f"{purpose}-key:{kid}:{alg}"


def _secret_of(key: StoredKey, envelopes: Envelopes) -> bytes:
    return envelopes.unwrap(key.envelope, purpose=envelope_purpose(key.purpose, key.kid, key.alg))


def _signing_key(key: StoredKey, envelopes: Envelopes) -> SigningKey:
    return SigningKey.from_private_bytes(_secret_of(key, envelopes), kid=key.kid)


def _sealing_keys(keys: Sequence[StoredKey], envelopes: Envelopes) -> tuple[SealingKey, ...]:
    """The active one first: it seals, all of them open."""
    ordered = sorted(
        (key for key in keys if key.purpose is KeyPurpose.SEALING),
        key=lambda key: key.state is not KeyState.ACTIVE,
    )
    return tuple(SealingKey(_secret_of(key, envelopes)) for key in ordered)


class Snapshots:
    """Holds the newest snapshot, and the clock corrected by the database's."""

    def __init__(
        self,
        store: Store,
        envelopes: Envelopes,
        *,
        issuer: str,
        clock: Callable[[], float],
        mtls: MutualTls | None = None,
    ) -> None:
        self._store, self._envelopes, self._issuer, self._clock = store, envelopes, issuer, clock
        self._mtls = mtls
        self._offset = 0.0
        self._checked_at = float("-inf")
        self._looked_again_at = float("-inf")
        self._reading = asyncio.Lock()
        self._newest: Snapshot | None = None

    def now(self) -> float:
        """The time by the database's clock, in Unix seconds, as far as the last poll could tell."""
        return self._clock() + self._offset

    @property
    def clock_offset(self) -> float:
        """Seconds by which the database's clock is ahead of this node's."""
        return self._offset

    @property
    def newest(self) -> Snapshot:
        """The newest snapshot, however old: good for keys and metadata."""
        if self._newest is None:
            raise Unavailable("the registry has not been read yet")
        return self._newest

    @property
    def age(self) -> float:
        """Seconds since the snapshot was last known to be current."""
        return self._clock() - self._checked_at

    def subject_of(self, client: Client, subject: str) -> str:
        """By which subject a client knows the person with this one. Raises Unavailable without a salt."""
        salt = self.newest.pairwise_salt
        if client.subject_type is SubjectType.PUBLIC:
            return subject
        if salt is None:
            raise Unavailable("there is no salt for pairwise subjects; the next start makes one")
        return subject_of(client, subject, salt)

    def current(self) -> Snapshot:
        """The snapshot to issue by. Raises Unavailable when it is older than `TOO_OLD`."""
        if self.age > TOO_OLD:
            raise Unavailable(f"the registry was last read {self.age:.0f} s ago")
        return self.newest

    async def recent(self, *, within: float) -> Snapshot:
        """The snapshot, at most so many seconds old; read again if it is older, but once a second at most.

        Raises Unavailable when that cannot be had.
        """
        if self.age > within:
            await self.look_again()
        if self.age > within:
            raise Unavailable(f"the registry was last read {self.age:.0f} s ago")
        return self.newest

    async def refresh(self) -> bool:
        """Read the registry again if it changed. Returns whether it did."""
        async with self._reading:
            asked_at = self._clock()
            version, database_now = await self._store.registry_version()
            answered_at = self._clock()
            self._offset = database_now - (asked_at + answered_at) / 2
            changed = self._newest is None or self._newest.registry.version != version
            if changed:
                rows = await self._store.load_registry()
                self._newest = Snapshot.of(rows, self._envelopes, self._issuer, self._mtls)
            self._checked_at = answered_at
            return changed

    async def look_again(self) -> bool:
        """Refresh because a caller is unknown here: at most once a second, whoever asks.

        Returns whether it changed.
        """
        if self._clock() - self._looked_again_at < LOOK_AGAIN_EVERY:
            return False
        self._looked_again_at = self._clock()
        return await self.refresh()

    async def change(
        self, changes: Sequence[RegistryChange], audit: Sequence[AuditEntry], *, if_version: int | None = None
    ) -> None:
        """Change the registry and wait until this node's own snapshot shows it. Raises Conflict."""
        await self._store.change_registry(changes, audit, if_version=if_version)
        await self.refresh()

    async def keep_fresh(self) -> None:
        """Poll until cancelled. A database that is away is tried again; the snapshot grows old meanwhile."""
        while True:
            await asyncio.sleep(POLL_EVERY)
            try:
                await self.refresh()
            except Unavailable as away:
                _log.warning("registry not read: %s", away)
