"""Applications of other people, each on a loopback port of its own."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from tests.bounded import up


@asynccontextmanager
async def serving(make: Callable[[str], Any]) -> AsyncIterator[str]:
    """Serve the ASGI application that `make` makes for an origin, and answer the origin."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on callers are kept waiting, not refused
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(make(origin), log_level="warning", lifespan="off", ws="none")
        async with up(config, sockets=[listener]):
            yield origin
