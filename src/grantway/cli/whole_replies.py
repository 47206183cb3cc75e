"""A reply that is there whole leaves at once: one check, one join, one write.

ASGI has two messages for every reply, and uvicorn looks at each header by itself. That is a fifth of what a
decision for a gateway costs. Our web room has its replies whole before it sends anything, so that it may hand
one over in one piece, by an extension of the scope; whatever is unusual goes uvicorn's own way.
"""

from asyncio import AbstractEventLoop, Transport
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from grantway.cli.gathered_writes import GatheredWrites
from grantway.web.replies import WHOLE_REPLY, Header

_CLOSE: Final = b"connection: close\r\n"
_NEVER_IN_A_VALUE: Final = bytes([*range(9), *range(10, 32), 127])


class WholeReplies(HttpToolsProtocol):
    """A connection that takes a reply whole."""

    loop: AbstractEventLoop

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._answering: RequestResponseCycle | None = None  # one at a time: requests sent ahead wait
        self._extensions = {WHOLE_REPLY: self._write_whole}

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """What is written leaves together with the replies of others."""
        self._gathered = GatheredWrites(transport, self.loop, self.tasks)
        super().connection_made(self._gathered)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered: uvicorn tells the last that came, maybe one sent ahead."""
        self._gathered.lost()
        super().connection_lost(exc)
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        cycle.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # ours is in no standard
        super()._start_asgi_task(cycle, app)

    def _write_whole(self, status: int, headers: Sequence[Header], body: bytes, *, together: bool) -> bool:
        """Write it, if nothing speaks against that; whether that was done. `headers` have its length.

        `together`: with the other replies of this turn of the loop.

        Not done: for a caller who reads too slowly, for a reply that has begun, where accesses are logged,
        and for a header that is none, at which uvicorn raises.
        """
        cycle = self._answering
        if cycle is None or cycle.response_started or cycle.flow.write_paused or cycle.access_log:
            return False
        if cycle.disconnected:
            return True
        lines = [b"%b: %b\r\n" % header for header in chain(cycle.default_headers, headers)]
        if _CLOSE in lines:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            lines.append(_CLOSE)
        head = b"".join(lines)
        if len(head.translate(None, _NEVER_IN_A_VALUE)) != len(head) - 2 * len(lines):
            return False
        cycle.response_started, cycle.waiting_for_100_continue = True, False
        shown = b"" if cycle.scope["method"] == "HEAD" else body
        write = self._gathered.write_together if together else self._gathered.write
        write(b"%b%b\r\n%b" % (STATUS_LINE[status], head, shown))
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True
