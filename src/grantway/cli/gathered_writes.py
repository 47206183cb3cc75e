"""A connection whose replies leave beside those of the other connections.

Each write to a socket wakes whoever waits at its other end, which costs as much as all the rest of a short
reply. Under load, many questions of gateways are answered in one turn of the event loop: their replies are
held back until all of them are there, and leave one after the other, so that the gateway is woken once. What
had to wait for a database leaves when it is there: held back, it would bring the next requests in a crowd,
and the batches of the database would be smaller, not larger.
"""

from asyncio import AbstractEventLoop, Transport
from collections.abc import Collection
from typing import Any


class GatheredWrites(Transport):
    """A transport that hands on what it is told, and some writes at the end of this turn of the loop.

    Order is kept, also before an end: what was written leaves before `close`. Where no other request is under
    way (`under_way` holds the tasks of this process), nothing is held back.
    """

    __slots__ = ("_held", "_inner", "_loop", "_under_way")

    def __init__(self, inner: Transport, loop: AbstractEventLoop, under_way: Collection[Any]) -> None:
        super().__init__()
        self._inner, self._loop, self._under_way = inner, loop, under_way
        self._held: list[bytes | bytearray | memoryview] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it, behind what was held back."""
        if self._held:
            self._held.append(data)
        else:
            self._inner.write(data)

    def write_together(self, data: bytes) -> None:
        """Send it at the end of this turn."""
        if self._held or len(self._under_way) <= 1:
            self.write(data)
        else:
            self._held.append(data)
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        held = self._held
        if held:
            self._held = []
            self._inner.write(held[0] if len(held) == 1 else b"".join(held))

    def lost(self) -> None:
        """The caller has gone: what was held for them leaves nowhere."""
        self._held.clear()

    def close(self) -> None:
        """End the connection, once everything that was written has left."""
        self._flush()
        self._inner.close()

    def abort(self) -> None:
        """End the connection now."""
        self._held.clear()
        self._inner.abort()

    def is_closing(self) -> bool:
        """Is it closing or closed?"""
        return self._inner.is_closing()

    def get_write_buffer_size(self) -> int:
        """Bytes that have not left yet."""
        return self._inner.get_write_buffer_size() + sum(map(len, self._held))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Addresses, and the socket."""
        return self._inner.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take nothing from the caller for now."""
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        """Take what comes again."""
        self._inner.resume_reading()
