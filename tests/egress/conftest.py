"""A server of somebody else, under a name of its own, and a certificate that we trust for it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from tests.certificates import Authority
from tests.node import free_port
from tests.serving import listening


@dataclass
class Elsewhere:
    """What it was asked, and what it answers."""

    port: int
    trust: ssl.SSLContext
    asked: list[dict] = field(default_factory=list)
    answer: tuple[int, list[tuple[bytes, bytes]], bytes] = (200, [], b"hello")
    never_ends: bool = False

    async def __call__(self, scope, receive, send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive())["body"]
        about = {"path": scope["path"], "query": scope["query_string"], "method": scope["method"]}
        self.asked.append({**about, "body": body, **headers})
        status, more, body = self.answer
        await send({"type": "http.response.start", "status": status, "headers": more})
        with suppress(Exception):
            while self.never_ends:
                await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
                await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def elsewhere(tmp_path) -> AsyncIterator[Elsewhere]:
    """https on loopback, certified for keys.example."""
    authority = Authority()
    certificate = authority.issue("CN=keys.example", dns=["keys.example"])
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    app = Elsewhere(free_port(), trust)
    files = certificate.write(tmp_path, "keys")
    async with listening(
        app, port=app.port, ssl_certfile=files[0], ssl_keyfile=files[1], log_level="critical"
    ):
        yield app
        app.never_ends = False
