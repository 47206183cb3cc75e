"""uvicorn as we run it: it stops without cutting a request, and does not wait for ever for slow callers."""

import asyncio
import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.supervisors import multiprocess

from grantway.app import Application
from grantway.cli.slow_callers import Connections, Limits, PatientProtocol

_TICK = 0.05  # seconds between looks at what is still open
_LAST_RECEIPT = 5.0  # seconds for the rest of a request that had begun to arrive when we were told to stop


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, and what it has no name for. Travels to worker processes by pickle."""

    def __init__(
        self, app: Any, *, limits: Limits, linger: float = 0.0, management_port: int = 0, **usual: Any
    ) -> None:
        super().__init__(app, http=PatientProtocol, **usual)
        self.limits = limits
        self.management_port = management_port  # listened at until the end, so that probes see the stop
        self.linger = linger  # seconds for which idle connections may still bring a request


class Server(uvicorn.Server):
    """Answers what arrives while it stops.

    uvicorn closes idle keep-alive connections the moment it is told to stop, so that a request which is on
    its way is reset. Here every answer first says `Connection: close` and readiness turns red; connections
    that wait to be accepted are accepted, and then nothing listens; what still comes on open connections is
    answered. A request of which half is there gets five seconds for the rest. After `linger`, or as soon as
    nothing is open, uvicorn goes on as usual. Ctrl-C does not linger.
    """

    def __init__(self, config: ServerConfig) -> None:
        super().__init__(config)
        self._connections = self.server_state = Connections(config.limits)
        self._linger, self._management_port = config.linger, config.management_port
        self._politely = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Remember who asks: a supervisor waits a moment, a person at the keyboard does not."""
        self._politely = sig == signal.SIGTERM
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, as the class says."""
        if isinstance(self.config.loaded_app, Application):
            self.config.loaded_app.drain()
        if self._politely and sockets:
            state = self._connections
            state.default_headers = [*state.default_headers, (b"connection", b"close")]
            await self._stop_listening(sockets)
            state.limits = state.limits.within(_LAST_RECEIPT)
            for connection in state.connections:
                if isinstance(connection, PatientProtocol):
                    connection.hurry(_LAST_RECEIPT)
                if (cycle := getattr(connection, "cycle", None)) is not None:
                    cycle.keep_alive = False  # the answer under way is the last one on its connection
            await self._last_requests()
        await super().shutdown(sockets)

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Take what the kernel has accepted for us; then let it refuse the rest.

        Whoever has connected believes that they are heard: closing the socket would reset them.
        """
        own = []
        for listener, server in zip(sockets, self.servers, strict=True):
            if listener.getsockname()[1] != self._management_port:
                own.append(listener.dup())
                server.close()
                listener.close()
        await asyncio.sleep(0)  # the loop closes its own descriptors in its next round
        for listener in own:
            with listener:
                listener.settimeout(0)
                waiting = list(_accepted(listener))
            for connected in waiting:
                await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connected)

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def _last_requests(self) -> None:
        """Until nothing is open, or the time is up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._linger
        while self.server_state.connections and not self.force_exit and loop.time() < end:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(_TICK)


def _accepted(listener: socket.socket) -> Any:
    """The connections that wait on this listener, which does not block."""
    while True:
        try:
            connected, _ = listener.accept()
        except OSError:  # BlockingIOError: no more of them; else gone again, or no descriptor left
            return
        connected.settimeout(0)
        yield connected


class _Worker(multiprocess.Process):
    """A process that serves as `Server` does, for as long as the one that started it lives."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        self._supervisor = os.getpid()  # told: whoever asks for a parent later may get the one of an orphan
        super().__init__(config, sockets)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What the new process does."""
        threading.Thread(target=self._end_with_supervisor, name="grantway-parent", daemon=True).start()
        super().target(sockets)

    def _end_with_supervisor(self) -> None:
        """An orphan would keep the port."""
        while os.getppid() == self._supervisor:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    @property
    def server(self) -> uvicorn.Server:
        """Made in the process itself."""
        if self._server is None:
            self._server = Server(self.config)  # type: ignore[arg-type]  # Workers gave it a ServerConfig
        return self._server


class Workers(multiprocess.Multiprocess):
    """Several processes behind one port."""

    def __init__(self, config: ServerConfig, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        multiprocess.Process = _Worker  # type: ignore[misc]  # uvicorn has no other place to say so

    def terminate_all(self) -> None:
        """Let go of the port first: while this process held it, callers would connect and never be heard."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()
