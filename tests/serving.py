"""Any ASGI application behind a real uvicorn on loopback; its start and its stop both have an end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import uvicorn

PATIENCE = 30  # seconds for a start, and for a stop
FAREWELL = 3  # seconds for answers that have begun, as streams that nobody ends


@asynccontextmanager
async def listening(app: Any, *, sockets: list[socket.socket] | None = None, **options) -> AsyncIterator[int]:
    """The application at a port of its own, or at the one in the options of uvicorn; answers the port."""
    usual = {"port": 0, "log_level": "warning", "lifespan": "off", "ws": "none", "proxy_headers": False}
    config = uvicorn.Config(app, timeout_graceful_shutdown=FAREWELL, **(usual | options))
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # they are the test runner's
    task = asyncio.create_task(server.serve(sockets=sockets))
    async with asyncio.timeout(PATIENCE):
        while not server.started:
            if task.done():
                raise RuntimeError(f"the application did not start: {task.exception()}")
            await asyncio.sleep(0.005)
    try:
        yield (sockets or server.servers[0].sockets)[0].getsockname()[1]
    finally:
        server.should_exit = True
        async with asyncio.timeout(PATIENCE):
            await task


@asynccontextmanager
async def serving(make: Callable[[str], Any], **options) -> AsyncIterator[str]:
    """Serve the ASGI application that `make` makes for an origin, and answer the origin."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from here on callers are kept waiting, not refused
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with listening(make(origin), sockets=[listener], **options):
            yield origin
