"""Several uvicorn servers in one process, stopped by one signal."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from grantway.cli.commands import Failure
from grantway.cli.http_server import Server
from grantway.cli.serve import server_config

Part = tuple[Any, list[socket.socket]]  # an ASGI application and where it listens
_PATIENCE = 3  # seconds that requests under way get


class _Server(Server):
    """One of several: signals are not its business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_together(parts: Sequence[Part], *, ready: Callable[[], None]) -> None:
    """Serve all of them until SIGINT or SIGTERM; `ready` is called once everything answers.

    Raises Failure when one of them does not start.
    """
    usual = {"lifespan": "auto", "timeout_graceful_shutdown": _PATIENCE}
    servers = [_Server(server_config(app, **usual)) for app, _ in parts]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    running = [
        asyncio.create_task(server.serve(sockets=listeners))
        for server, (_, listeners) in zip(servers, parts, strict=True)
    ]
    up = await _all_started(servers, running)
    if up:
        ready()
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*running)
    if not up:
        raise Failure("not everything started", hint="the lines above say why; grantway demo --help")


async def _all_started(servers: Sequence[_Server], running: Sequence[asyncio.Task[None]]) -> bool:
    """Wait until all of them answer, or one has ended; uvicorn has no event for it, only a flag."""
    while not all(server.started for server in servers):
        done, _ = await asyncio.wait(running, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
        if done:
            return False
    return True
