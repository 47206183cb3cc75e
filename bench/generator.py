"""The load generator: many keep-alive connections in one process, each walking through a workload.

A workload is a plain generator that yields the bytes of a request and is sent the reply, so a flow of
several steps reads as a story. One operation is what happens between two calls of `Meter.start`.
"""

import asyncio
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The first value of a header; empty when there is none."""
        start = self.head.lower().find(b"\r\n" + name + b":")
        if start < 0:
            return b""
        start += len(name) + 3
        return self.head[start : self.head.index(b"\r\n", start)].strip()


@dataclass(slots=True)
class Meter:
    """Counts and times the operations of one run; the warm-up does not count."""

    counts_from: float
    stops_at: float
    latencies: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def start(self) -> float:
        """The clock, at the beginning of an operation."""
        return time.perf_counter()

    def finish(self, started: float, *, ok: bool, what: str = "") -> None:
        """Note an operation."""
        if not ok:
            self.failed.append(what)
        elif started >= self.counts_from:
            self.latencies.append(time.perf_counter() - started)

    @property
    def over(self) -> bool:
        """Is the run over?"""
        return time.perf_counter() >= self.stops_at


Story = Generator[bytes, Answer, None]
Workload = Callable[[Meter, Iterator], Story]


class _Connection(asyncio.Protocol):
    """One keep-alive connection that walks through a story, one request at a time."""

    def __init__(self, story: Story, done: asyncio.Future[None]) -> None:
        self._story, self._done, self._buffer = story, done, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._go_on(None)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[: end + 2]
        at = head.lower().find(b"\r\ncontent-length:")
        length = int(head[at + 17 : head.index(b"\r\n", at + 17)]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        body = self._buffer[end + 4 : end + 4 + length]
        self._buffer = self._buffer[end + 4 + length :]
        self._go_on(Answer(int(head[9:12]), head, body))

    def _go_on(self, answer: Answer | None) -> None:
        try:
            request = next(self._story) if answer is None else self._story.send(answer)
        except StopIteration:
            self._transport.close()
            return
        self._transport.write(request)

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


@dataclass(frozen=True, slots=True)
class Result:
    """What one run measured. Latencies in milliseconds."""

    operations: int
    seconds: float
    p50: float
    p99: float
    failed: int
    first_failure: str

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds


async def run(
    host: str,
    port: int,
    workload: Workload,
    items: Iterator,
    *,
    connections: int,
    warm_up: float,
    seconds: float,
) -> Result:
    """Let `connections` walk through the workload at once; count after the warm-up."""
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    meter = Meter(counts_from=begin + warm_up, stops_at=begin + warm_up + seconds)
    ends = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: _Connection(workload(meter, items), done), host, port)
        ends.append(done)
    await asyncio.gather(*ends)
    spent = min(time.perf_counter(), meter.stops_at) - meter.counts_from
    ordered = sorted(meter.latencies)
    return Result(
        operations=len(ordered),
        seconds=max(spent, 1e-9),
        p50=_at(ordered, 0.50),
        p99=_at(ordered, 0.99),
        failed=len(meter.failed),
        first_failure=meter.failed[0] if meter.failed else "",
    )


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("nan")
