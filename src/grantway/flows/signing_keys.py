"""The keys of the server: made when they are first needed, kept in envelopes under the master key."""

import asyncio
from collections.abc import Iterable

from grantway.crypto.envelope import Envelopes
from grantway.crypto.jwk import SigningKey
from grantway.crypto.seal import SealingKey
from grantway.crypto.secrets import random_base62
from grantway.flows.server import Server
from grantway.flows.snapshot import envelope_purpose
from grantway.protocol.apis import TOKEN_ALGS, Api, TokenFormat
from grantway.protocol.clients import DEFAULT_ID_TOKEN_ALG, Client
from grantway.protocol.names import SubjectType
from grantway.protocol.registry import Registry
from grantway.storage.changes import AuditEntry, KeyPurpose, KeyState, PutKey, StoredKey
from grantway.storage.port import Conflict, Store

DEFAULT_ALG = "ES256"
SEALING_ALG = "A256GCM"
_SECRET_ALGS = {KeyPurpose.SEALING: SEALING_ALG, KeyPurpose.PAIRWISE: "HS256"}


def new_signing_key(envelopes: Envelopes, alg: str, state: KeyState, now: float) -> StoredKey:
    """A fresh signing key at rest. Raises ValueError for an algorithm not in TOKEN_ALGS."""
    if alg not in TOKEN_ALGS:
        raise ValueError(f"algorithm {alg!r}: one of {', '.join(TOKEN_ALGS)}")
    key = SigningKey.generate(alg)  # type: ignore[arg-type]  # checked in the line above
    purpose = envelope_purpose(KeyPurpose.SIGNING, key.kid, alg)
    return StoredKey(
        kid=key.kid,
        purpose=KeyPurpose.SIGNING,
        alg=alg,
        state=state,
        envelope=envelopes.wrap(key.private_bytes(), purpose=purpose),
        public_jwk=key.public_jwk(),
        created_at=now,
        state_since=now,
    )


def new_secret_key(envelopes: Envelopes, purpose: KeyPurpose, state: KeyState, now: float) -> StoredKey:
    """A fresh key at rest for what is sealed, or for pairwise subjects."""
    kid, alg = random_base62(16), _SECRET_ALGS[purpose]
    return StoredKey(
        kid=kid,
        purpose=purpose,
        alg=alg,
        state=state,
        envelope=envelopes.wrap(SealingKey.generate().secret, purpose=envelope_purpose(purpose, kid, alg)),
        public_jwk=None,
        created_at=now,
        state_since=now,
    )


def needed_algorithms(apis: Iterable[Api], clients: Iterable[Client]) -> set[str]:
    """The algorithms of some API's tokens and of what some client is told, and the defaults of both."""
    of_apis = {api.token_alg for api in apis if api.token_format is TokenFormat.JWT}
    told = {
        alg for one in clients for alg in (one.id_token_signed_response_alg, one.userinfo_signed_response_alg)
    }
    return {DEFAULT_ALG, DEFAULT_ID_TOKEN_ALG} | of_apis | {alg for alg in told if alg is not None}


async def missing_keys(server: Server, registry: Registry, now: float) -> list[StoredKey]:
    """Fresh keys for what this registry needs and nothing serves yet: algorithms, and a salt of subjects."""
    clients = registry.clients.values()
    needed = needed_algorithms(registry.apis.values(), clients)
    fresh = [
        await asyncio.to_thread(new_signing_key, server.envelopes, alg, KeyState.ACTIVE, now)
        for alg in sorted(needed - server.snapshots.newest.signing_keys.keys())
    ]
    if server.snapshots.newest.pairwise_salt is None and _some_pairwise(clients):
        fresh.append(new_secret_key(server.envelopes, KeyPurpose.PAIRWISE, KeyState.ACTIVE, now))
    return fresh


def _some_pairwise(clients: Iterable[Client]) -> bool:
    return any(client.subject_type is SubjectType.PAIRWISE for client in clients)


async def ensure_keys(store: Store, envelopes: Envelopes, *, actor: str) -> None:
    """Make the keys that are needed and missing. Two nodes starting at once make them once."""
    while True:
        rows = await store.load_registry()
        _, now = await store.registry_version()
        active = [key for key in rows.keys if key.state is KeyState.ACTIVE]
        missing = needed_algorithms(rows.apis, rows.clients) - {
            key.alg for key in active if key.purpose is KeyPurpose.SIGNING
        }
        fresh = [new_signing_key(envelopes, alg, KeyState.ACTIVE, now) for alg in sorted(missing)]
        wanted = [KeyPurpose.SEALING, *([KeyPurpose.PAIRWISE] if _some_pairwise(rows.clients) else [])]
        have = {key.purpose for key in active}
        fresh += [
            new_secret_key(envelopes, purpose, KeyState.ACTIVE, now)
            for purpose in wanted
            if purpose not in have
        ]
        if not fresh:
            return
        audit = [
            AuditEntry(
                at=now, actor=actor, action="key.created", target=f"key:{key.kid}", details={"alg": key.alg}
            )
            for key in fresh
        ]
        try:
            await store.change_registry([PutKey(key) for key in fresh], audit, if_version=rows.version)
        except Conflict:
            continue
        return
