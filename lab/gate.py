"""A gate in front of a server: open, shut, mute or slow. The network between a node and its database.

Mute is a partition: nothing passes in either direction, connections are neither refused nor cut, and what
was sent meanwhile arrives when it ends, as it would with TCP. Shut is a server that is gone.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Self

from tests.node import free_port

CHUNK = 65536


class State(StrEnum):
    """How the gate treats what passes."""

    OPEN = "open"
    SHUT = "shut"
    MUTE = "mute"
    SLOW = "slow"


class Gate:
    """Listens on a loopback port and passes on to another."""

    def __init__(self, port: int, *, delay: float = 0.0) -> None:
        self.port, self._behind, self._delay = free_port(), port, delay
        self._state = State.OPEN
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.set(State.SHUT)

    async def set(self, state: State, *, delay: float | None = None) -> None:
        """From now on it is so; `delay` is what each piece waits, in seconds, while it is slow."""
        self._state = state
        self._delay = self._delay if delay is None else delay
        if state is State.MUTE:
            self._passing.clear()
        else:
            self._passing.set()
        if state is State.SHUT:
            await self._close()
        elif self._server is None:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        behind: asyncio.StreamWriter | None = None
        try:
            await self._passing.wait()
            from_behind, behind = await asyncio.open_connection("127.0.0.1", self._behind)
            self._writers.add(behind)
            await asyncio.gather(self._pump(reader, behind), self._pump(from_behind, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, behind):
                if end is not None:
                    self._writers.discard(end)
                    end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(CHUNK):
            await self._passing.wait()
            if self._state is State.SLOW:
                await asyncio.sleep(self._delay)
            writer.write(piece)
            await writer.drain()
        with suppress(OSError):
            writer.close()
