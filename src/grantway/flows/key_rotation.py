"""Keys take turns: by time, by command, and in an emergency. `key_phases` decides, here it is done."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grantway.flows.key_phases import GONE, Kind, Times, due, in_an_emergency, without_waiting
from grantway.flows.rejections import Rejected
from grantway.flows.server import Server
from grantway.flows.signing_keys import SEALING_ALG, new_secret_key, new_signing_key
from grantway.flows.snapshot import envelope_purpose
from grantway.protocol.apis import TOKEN_ALGS
from grantway.storage.changes import AuditEntry, KeyPurpose, KeyState, PutKey, StoredKey
from grantway.storage.port import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """The new key, the others that changed with it, and how long phases last."""

    fresh: StoredKey
    others: tuple[StoredKey, ...]
    times: Times


def times_of(server: Server) -> Times:
    """How long the phases last on this server."""
    return Times.of(server.policy)


async def list_keys(server: Server) -> list[StoredKey]:
    """All keys, the newest first."""
    rows = await server.store.load_registry()
    return sorted(rows.keys, key=lambda key: (key.purpose, -key.created_at))


async def turn_keys(server: Server) -> int:
    """Do what time asks for; how many keys changed. Of several nodes one does it, the others find it done."""
    if not due(server.snapshots.newest.keys, times_of(server), now=server.now()):
        return 0
    await server.snapshots.refresh()
    rows, now = await server.store.load_registry(), server.now()
    turn = due(rows.keys, times_of(server), now=now)
    fresh = [await _new(server, kind, now) for kind in turn.wanted]
    if not turn:
        return 0
    try:
        await _commit(server, [*turn.changed, *fresh], now, actor="system", if_version=rows.version)
    except Conflict:  # another node was faster, or the registry changed: the next round sees
        return 0
    return len(turn.changed) + len(fresh)


async def rotate(
    server: Server, alg: str, *, actor: str, wait: bool = True, emergency: bool = False
) -> Rotated:
    """Make the next key of this algorithm.

    It is published now and signs once everybody can know it; without `wait`, it signs now. In an emergency
    it does so too, and every other key of the algorithm is revoked: what they signed is refused.
    Whoever changes the registry at the same moment, a node turning keys for one, does not stop it.
    Raises Rejected.
    """
    kinds = {name: (KeyPurpose.SIGNING, name) for name in TOKEN_ALGS} | {
        SEALING_ALG: (KeyPurpose.SEALING, SEALING_ALG)
    }
    if alg not in kinds:
        raise Rejected(f"algorithm {alg!r}: one of {', '.join(kinds)}")
    while True:
        await server.snapshots.refresh()
        rows, now = await server.store.load_registry(), server.now()
        fresh = await _new(server, kinds[alg], now)
        changed: tuple[StoredKey, ...] = (fresh,)
        if emergency:
            changed = in_an_emergency(fresh, rows.keys, now=now)
        elif not wait:
            changed = without_waiting(fresh, rows.keys, now=now)
        try:
            await _commit(server, changed, now, actor=actor, if_version=rows.version)
        except Conflict:
            continue
        return Rotated(fresh=changed[-1], others=changed[:-1], times=times_of(server))


async def rewrap(server: Server, *, actor: str) -> list[StoredKey]:
    """Put every key that still lies under the previous master key under the current one.

    To be done when all nodes have been started with both. Raises CannotUnwrap, Conflict.
    """
    await server.snapshots.refresh()
    rows, now = await server.store.load_registry(), server.now()
    old = [key for key in rows.keys if is_under_another_key(server, key)]
    changed = [replace(key, envelope=_rewrapped(server, key)) for key in old]
    if changed:
        audit = [
            AuditEntry(at=now, actor=actor, action="key.rewrapped", target=f"key:{key.kid}")
            for key in changed
        ]
        await server.snapshots.change([PutKey(key) for key in changed], audit, if_version=rows.version)
    return changed


def is_under_another_key(server: Server, key: StoredKey) -> bool:
    """Does this key lie under another master key than the current one?"""
    return key.state not in GONE and server.envelopes.needs_rewrap(key.envelope)


def _rewrapped(server: Server, key: StoredKey) -> bytes:
    purpose = envelope_purpose(key.purpose, key.kid, key.alg)
    return server.envelopes.wrap(server.envelopes.unwrap(key.envelope, purpose=purpose), purpose=purpose)


async def _new(server: Server, kind: Kind, now: float) -> StoredKey:
    purpose, alg = kind
    if purpose is KeyPurpose.SEALING:
        return new_secret_key(server.envelopes, purpose, KeyState.NEXT, now)
    return await asyncio.to_thread(new_signing_key, server.envelopes, alg, KeyState.NEXT, now)


async def _commit(
    server: Server, changed: Sequence[StoredKey], now: float, *, actor: str, if_version: int
) -> None:
    audit = [
        AuditEntry(
            at=now,
            actor=actor,
            action=f"key.{key.state.value}",
            target=f"key:{key.kid}",
            details={"alg": key.alg},
        )
        for key in changed
    ]
    await server.snapshots.change([PutKey(key) for key in changed], audit, if_version=if_version)
