"""Signing keys take turns: a new one signs from now on, the old one stays published while its tokens live."""

import asyncio
from dataclasses import replace

from grantway.flows.people import Rejected
from grantway.flows.server import Server
from grantway.flows.signing_keys import ALGORITHMS, new_signing_key
from grantway.storage.changes import AuditEntry, KeyPurpose, KeyState, PutKey, StoredKey


async def list_keys(server: Server) -> list[StoredKey]:
    """All keys, the newest first."""
    rows = await server.store.load_registry()
    return sorted(rows.keys, key=lambda key: (key.purpose, -key.created_at))


async def rotate(server: Server, alg: str, *, actor: str) -> tuple[StoredKey, list[StoredKey]]:
    """Sign with a new key of this algorithm from now on. Returns it, and those that are now retiring.

    A retiring key verifies what it signed and signs nothing more. Raises Rejected, or Conflict when somebody
    changed the registry at the same moment.
    """
    if alg not in ALGORITHMS:
        raise Rejected(f"algorithm {alg!r}: one of {', '.join(ALGORITHMS)}")
    await server.snapshots.refresh()
    rows, now = await server.store.load_registry(), server.now()
    fresh = await asyncio.to_thread(new_signing_key, server.envelopes, alg, KeyState.ACTIVE, now)
    old = [
        replace(key, state=KeyState.RETIRING, state_since=now)
        for key in rows.keys
        if key.purpose is KeyPurpose.SIGNING and key.alg == alg and key.state is KeyState.ACTIVE
    ]
    audit = [
        AuditEntry(at=now, actor=actor, action=action, target=f"key:{key.kid}", details={"alg": alg})
        for action, keys in (("key.created", [fresh]), ("key.retiring", old))
        for key in keys
    ]
    changes = [PutKey(key) for key in (*old, fresh)]
    await server.snapshots.change(changes, audit, if_version=rows.version)
    return fresh, old
