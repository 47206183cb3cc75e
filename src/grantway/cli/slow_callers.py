"""One HTTP connection that does not wait for ever: receipt has deadlines, and everything has a size.

uvicorn waits without end for the rest of a head or a body, and for a reader that does not read (threat U3).
A request that comes whole in one piece, as nearly all do, sets no timer here.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from grantway.cli.whole_replies import WholeReplies
from grantway.web.requests import Network, connecting_network

MAX_HEAD = 64 * 1024  # bytes of a head that comes in pieces; one piece is never above 256 kB
MAX_AHEAD = 16  # requests sent before the first is answered: uvicorn would queue them without end
MAX_REQUEST = 16 * 1024 * 1024  # bytes of one request: what is refused unread is still read away


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a caller may take, in seconds, and how many connections a network may have."""

    head: float = 10.0
    body: float = 20.0
    write: float = 30.0
    connections: int = 1024  # of one network, in one process
    uncounted: Sequence[Network] = ()  # trusted proxies and gateways: everybody comes through them

    def within(self, seconds: float) -> "Limits":
        """The same, with no more than these seconds for the receipt of a request."""
        return replace(self, head=min(self.head, seconds), body=min(self.body, seconds))


class Connections(ServerState):
    """uvicorn's state of a server, with our limits and who is connected."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits
        self.networks: Counter[str] = Counter()


class Stage(Enum):
    """What is being received."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class PatientProtocol(WholeReplies):
    """A connection with deadlines: 408 for a request that does not arrive, an end for an answer not read."""

    server_state: Connections  # what `http_server.Server` has

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = self.server_state.limits
        self._stage = Stage.NOTHING
        self._received = 0  # bytes of the request that is being received
        self._receipt: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._network = ""  # "": not counted

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it; a first request has to come."""
        super().connection_made(transport)
        if self._is_one_too_many():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        self._watch(self._limits.head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        super().connection_lost(exc)
        self._unwatch()
        if self._writing is not None:
            self._writing.cancel()
        if self._network:
            left = self.server_state.networks[self._network] - 1
            if left:
                self.server_state.networks[self._network] = left
            else:
                del self.server_state.networks[self._network]

    def data_received(self, data: bytes) -> None:
        """Parse it; then see whether something is still to come."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._stage is Stage.NOTHING:
            # Empty lines before a request end uvicorn's wait for one; ours goes on.
            if self._receipt is None and self.timeout_keep_alive_task is None and self._is_idle():
                self._watch(self._limits.head)
            return
        self._received += len(data)
        if self._received > (MAX_HEAD if self._stage is Stage.HEAD else MAX_REQUEST):
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                if self._stage is Stage.HEAD
                else HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            )
        elif self._receipt is None:
            self._watch(self._limits.head if self._stage is Stage.HEAD else self._limits.body)

    def on_message_begin(self) -> None:
        """A request begins. Raises ValueError for one too many ahead, which uvicorn answers with 400."""
        if len(self.pipeline) >= MAX_AHEAD:
            raise ValueError(f"more than {MAX_AHEAD} requests sent ahead")
        self._stage, self._received = Stage.HEAD, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Its target. Raises ValueError for a `#`: none has one (RFC 9112 §3.2), and uvicorn would cut it."""
        if b"#" in url:
            raise ValueError("a fragment in the target")
        super().on_url(url)

    def on_headers_complete(self) -> None:
        """Its head is here; a body has a deadline of its own.

        What comes behind the body is no header (RFC 9110 §6.5.1): uvicorn would add it to those it has handed
        on, where it would pass for what a proxy says of the caller.
        """
        if self._receipt is not None:
            self._unwatch()
        self._stage, self._received = Stage.BODY, 0
        super().on_headers_complete()
        self.headers = []

    def on_message_complete(self) -> None:
        """All of it is here."""
        if self._receipt is not None:
            self._unwatch()
        self._stage = Stage.NOTHING
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade that nobody offers is passed over (RFC 9110 §7.8), and not worth a line of the log."""

    def hurry(self, seconds: float) -> None:
        """The server stops: what has begun to arrive is there within these seconds, or is refused."""
        self._limits = self._limits.within(seconds)
        if self._receipt is not None:
            self._unwatch()
            self._watch(seconds)

    def pause_writing(self) -> None:
        """The caller does not read as fast as we write."""
        super().pause_writing()
        self._end_unless_read()

    def resume_writing(self) -> None:
        """The caller reads again."""
        super().resume_writing()
        if self._writing is not None and not self.transport.is_closing():
            self._writing.cancel()
            self._writing = None

    def on_response_complete(self) -> None:
        """A closed connection stays open until its last answer is read, which may be never."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_unless_read()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for long: whoever has not read the last answer by now will not."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def _end_unless_read(self) -> None:
        if self._writing is None:
            self._writing = self.loop.call_later(self._limits.write, self.transport.abort)

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first, whatever uvicorn says
        return cycle is None or cycle.response_complete

    def _is_one_too_many(self) -> bool:
        network = connecting_network(self.client[0] if self.client else "", self._limits.uncounted)
        if network is None:
            return False
        networks = self.server_state.networks
        networks[network] += 1
        self._network = network
        return networks[network] > self._limits.connections

    def _watch(self, seconds: float) -> None:
        self._receipt = self.loop.call_later(seconds, self._too_slow)

    def _unwatch(self) -> None:
        if self._receipt is not None:
            self._receipt.cancel()
            self._receipt = None

    def _too_slow(self) -> None:
        self._receipt = None
        if self._stage is Stage.NOTHING:  # not a byte of a request: there is nothing to answer
            self.transport.close()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why, unless an answer has begun, and close: what follows on this connection is not read."""
        self._unwatch()
        cycle: RequestResponseCycle | None = self.cycle
        if self._stage is Stage.HEAD and cycle is not None and not cycle.response_complete:
            # An earlier request is being answered: this connection ends with that.
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        asked = cycle if self._stage is Stage.BODY else None
        if asked is not None:
            asked.disconnected = True  # before anything can be written by whoever waits for the body
            asked.message_event.set()
        if asked is None or not asked.response_started:
            words = f"{status.phrase}.\n".encode()
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
                b"connection: close\r\n\r\n%s" % (status, status.phrase.encode(), len(words), words)
            )
        self.transport.close()
        self._end_unless_read()
