"""Any application behind a real server on loopback; its start and its stop both have an end."""

import asyncio
import socket
import socketserver
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import uvicorn

PATIENCE = 120  # seconds for a start, and for a stop: a busy machine is slow, and a hung one is found out
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


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds of silence, after which a connection is let go of

    def log_message(self, *_):
        """Say nothing."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """A thread for each connection: one that says nothing keeps nobody waiting, nor the end."""

    daemon_threads, block_on_close = True, False

    def server_bind(self) -> None:
        """As the base classes do, without asking for the name of the address: that may wait for a network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()


@asynccontextmanager
async def wsgi(app) -> AsyncIterator[int]:
    """A WSGI application behind the standard library's server, in threads; yields its port."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            threading.Thread(target=server.shutdown, daemon=True).start()
            await asyncio.to_thread(thread.join, PATIENCE)
            assert not thread.is_alive(), f"the server did not stop within {PATIENCE} seconds"
