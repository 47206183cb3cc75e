"""What a node does when nobody calls: drops what has expired, turns keys, writes down what was used."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

from grantway.flows.key_rotation import turn_keys
from grantway.flows.sent_codes import Tell, tell_of_codes
from grantway.flows.server import Server
from grantway.storage.changes import AuditEntry, PutSecret
from grantway.storage.port import Conflict, Unavailable

EVERY = 5.0  # seconds between rounds
BATCH = 500  # uses of scopes written at once
PAUSE = 0.05  # seconds between batches of one round, so that requests come first
_log = logging.getLogger("grantway.housekeeping")


async def drop_expired(server: Server) -> int:
    """Drop everything that has expired, in small batches. Returns how many rows went."""
    total = 0
    while dropped := await server.store.drop_expired(grace=server.policy.refresh_grace):
        total += dropped
        await asyncio.sleep(PAUSE)
    return total


async def write_secret_uses(server: Server) -> None:
    """Store when client secrets were last used, as gathered since the last round."""
    used = [(client_id, secret_id, at) for (client_id, secret_id), at in server.secrets_used.items()]
    server.secrets_used.clear()
    if used:
        await server.store.touch_secrets(used)


async def store_secrets_again(server: Server) -> int:
    """Put given secrets that were proven under the previous master key under the current one."""
    again = dict(server.secrets_again)
    server.secrets_again.clear()
    if not again:
        return 0
    rows, now = await server.store.load_registry(), server.now()
    stored = [
        replace(secret, hash=again[secret.client_id, secret.id])
        for client in rows.clients
        for secret in client.secrets
        if (secret.client_id, secret.id) in again
    ]
    audit = [
        AuditEntry(at=now, actor="system", action="secret.rehashed", target=f"client:{one.client_id}")
        for one in stored
    ]
    with suppress(Conflict):  # whoever authenticates next brings it again
        await server.snapshots.change([PutSecret(one) for one in stored], audit, if_version=rows.version)
    return len(stored)


async def write_scope_uses(server: Server) -> None:
    """Store which scopes were used, in batches that hold nobody up."""
    uses = server.scopes_used.take()
    for start in range(0, len(uses), BATCH):
        await server.store.note_uses(uses[start : start + BATCH])


async def keep_house(server: Server, tell: Tell) -> None:
    """Do all of it until cancelled. A database that is away is tried again in the next round.

    `tell` hears of codes that were never exchanged.
    """
    while True:
        await asyncio.sleep(EVERY)
        try:
            await write_secret_uses(server)
            await store_secrets_again(server)
            turned = await turn_keys(server)
            await write_scope_uses(server)
            now = server.now()
            await tell_of_codes(server.sent_codes.overdue(now), server.store, tell, now=now)
            dropped = await drop_expired(server)
            await server.store.freshen_statistics()
        except Unavailable as away:
            _log.warning("housekeeping put off: %s", away)
            continue
        if turned:
            _log.info("%d keys entered a new phase", turned)
        if dropped:
            _log.info("dropped %d expired rows", dropped)
