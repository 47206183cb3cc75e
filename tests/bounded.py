"""Servers of the tests, and an end to waiting for them: what does not stop fails its own test."""

import asyncio
import socketserver
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import uvicorn

PATIENCE = 120  # seconds; a busy machine is slow, and a hung one is found out


@asynccontextmanager
async def up(config: uvicorn.Config, *, sockets=None) -> AsyncIterator[uvicorn.Server]:
    """This server, from when it answers, for as long as the block lasts."""
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # they are the test runner's
    task = asyncio.create_task(server.serve(sockets=sockets))
    async with asyncio.timeout(PATIENCE):
        while not server.started:
            if task.done():
                raise RuntimeError(f"the server did not start: {task.exception()}")
            await asyncio.sleep(0.005)
    try:
        yield server
    finally:
        server.should_exit = True
        await asyncio.wait({task}, timeout=PATIENCE)
        if not task.done():  # somebody holds a request open
            task.cancel()
            await asyncio.wait({task}, timeout=PATIENCE)
            raise AssertionError(f"the server did not stop within {PATIENCE} seconds")
        task.result()


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
