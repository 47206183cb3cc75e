"""A Grantway node to be measured: seeds its database, says so as one JSON line, serves until told to stop."""

import argparse
import asyncio
import json
import sys

import uvloop

from grantway.crypto.secrets import IssuedSecret, SecretKind, issue_secret, new_id
from grantway.protocol.grants import Code, Grant, RefreshToken
from grantway.protocol.people import Session
from grantway.protocol.scope import Scope
from grantway.storage.port import SpendCode
from tests.node import CALLBACK, PHOTOS, Node, pkce, seeded_node

DAY = 86400.0
AT_ONCE = 200  # seeds written concurrently


async def _grant(node: Node) -> Grant:
    now = node.server.now()
    return Grant(
        id=new_id(now),
        client_id="printer",
        subject=node.people["ada"].subject,
        consent_id=None,
        session_id="bench",
        scope=Scope.of(["photos:read"]),
        resources=(PHOTOS.identifier,),
        auth_time=now,
        created_at=now,
        expires_at=now + DAY,
    )


async def _code(node: Node) -> tuple[Grant, IssuedSecret, str]:
    """A stored code, and the verifier that goes with it."""
    now, grant = node.server.now(), await _grant(node)
    secret, (verifier, challenge) = issue_secret(SecretKind.CODE, now=now), pkce()
    code = Code(
        id=secret.selector,
        hash=secret.hash,
        grant_id=grant.id,
        flow_id=new_id(now),
        client_id="printer",
        redirect_uri=CALLBACK,
        redirect_uri_sent=True,
        code_challenge=challenge,
        nonce=None,
        issued_at=now,
        expires_at=now + DAY,
    )
    await node.store.issue_code(code, grant, None, [])
    return grant, secret, verifier


async def _code_pair(node: Node) -> tuple[str, str]:
    _, secret, verifier = await _code(node)
    return secret.text, verifier


async def _refresh_token(node: Node) -> str:
    grant, code, _ = await _code(node)
    now = node.server.now()
    secret = issue_secret(SecretKind.REFRESH_TOKEN, now=now)
    row = RefreshToken(
        id=secret.selector,
        hash=secret.hash,
        grant_id=grant.id,
        client_id="printer",
        issued_at=now,
        expires_at=now + DAY,
    )
    spend = SpendCode(code_id=code.selector, hash=code.hash, attempt=new_id(now))
    await node.store.spend_and_issue(spend, refresh_token=row, opaque_token=None)
    return secret.text


async def _cookie(node: Node) -> str:
    now, subject = node.server.now(), node.people["ada"].subject
    secret = issue_secret(SecretKind.SESSION, now=now)
    session = Session(
        id=secret.selector,
        hash=secret.hash,
        subject=subject,
        auth_time=now,
        created_at=now,
        seen_at=now,
        expires_at=now + DAY,
    )
    await node.store.open_session(session, ends=None, audit=[])
    return f"gw_s={secret.text}"


async def _many(make, node: Node, count: int) -> list:
    made: list = []
    for start in range(0, count, AT_ONCE):
        made += await asyncio.gather(*(make(node) for _ in range(min(AT_ONCE, count - start))))
    return made


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--codes", type=int, default=0)
    parser.add_argument("--connections", type=int, default=32)
    chosen = parser.parse_args()
    async with seeded_node(chosen.database, port=chosen.port) as node:
        await node.change_client("printer", first_party=True)
        seeds = {
            "host": f"127.0.0.1:{chosen.port}",
            "basic": node.basic("printer")["authorization"],
            "codes": await _many(_code_pair, node, chosen.codes),
            "refresh_tokens": await _many(_refresh_token, node, chosen.connections),
            "cookies": await _many(_cookie, node, chosen.connections),
        }
        print(json.dumps(seeds), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    uvloop.run(main())
