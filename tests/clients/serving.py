"""Applications of other people, each on a loopback port of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import uvicorn


@asynccontextmanager
async def serving(make: Callable[[str], Any]) -> AsyncIterator[str]:
    """Serve the ASGI application that `make` makes for an origin, and answer the origin."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on callers are kept waiting, not refused
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make(origin), log_level="warning", lifespan="off", ws="none"))
        server.capture_signals = nullcontext  # they are the test runner's
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield origin
        finally:
            server.should_exit = True
            await task
