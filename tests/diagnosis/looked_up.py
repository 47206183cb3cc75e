"""What the operator reads of a refusal: found by its reference, as `grantway logs show` finds it."""

import asyncio
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2

from grantway.storage.refusal_files import lines_of
from tests.node import Node

_PATIENCE = 10.0  # seconds for the thread that writes


def kept(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in lines_of(folder)]


async def looked_up(node: Node, reply: httpx2.Response) -> dict[str, str]:
    """The one record with the reference of this reply's header."""
    return await looked_up_by(node, reply.headers["grantway-flow"])


async def looked_up_by(node: Node, reference: str) -> dict[str, str]:
    """The one record with this reference."""
    async with asyncio.timeout(_PATIENCE):
        while not (found := [one for one in kept(node.refusals) if one["reference"] == reference]):
            await asyncio.sleep(0.01)
    (record,) = found
    return record


def told_in(reply: httpx2.Response) -> dict[str, str]:
    """What the app is told: in JSON, or in the redirect to it."""
    if "location" in reply.headers:
        parts = urlsplit(reply.headers["location"])
        return dict(parse_qsl(parts.query or parts.fragment))
    return reply.json() if reply.headers.get("content-type") == "application/json" else {}
