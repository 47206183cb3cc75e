"""The load generator: many keep-alive connections in one process, each walking through a story.

A story is a plain generator that yields the bytes of a request and is sent the answer, so that a flow of
several steps reads as one. An operation is what happens between `meter.begin()` and `meter.finish()`.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

PATIENCE = 60.0  # seconds that the last answers may take


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


@dataclass(frozen=True, slots=True)
class Wait:
    """Yielded by a story that lets time pass, in seconds of the performance counter."""

    until: float


Story = Generator["bytes | Wait", Answer, None]


@dataclass(slots=True)
class Meter:
    """Counts and times the operations of one run; the warm-up does not count.

    In an open loop (`every` above 0) operations are due at fixed times, whatever became of those before,
    and are timed from when they were due: a server that stalls cannot hide the queue it made.
    """

    counts_from: float
    stops_at: float
    every: float = 0.0  # seconds from one operation to the next, over all connections
    latencies: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    done: int = 0  # warm-up included
    ended_at: float = 0.0  # when the last operation was finished
    _next: float = 0.0

    def begin(self) -> "Generator[Wait, Answer, float]":
        """When this operation begins; waits for its turn in an open loop."""
        if not self.every:
            return time.perf_counter()
        due = self._next = (self._next or time.perf_counter()) + self.every
        if due > time.perf_counter():
            yield Wait(due)
        return due

    def finish(self, began: float, *, ok: bool, what: object = b"") -> None:
        """Note an operation. Nothing after the end counts: the server is busy with less by then."""
        now = time.perf_counter()
        if not ok:
            self.failed.append(repr(what)[:300])
            return
        self.done += 1
        if began >= self.counts_from and now <= self.stops_at:
            self.latencies.append(now - began)
            self.ended_at = now

    @property
    def over(self) -> bool:
        """Is the run over?"""
        return time.perf_counter() >= self.stops_at


# Given the meter and the number of its connection.
Workload = Callable[[Meter, int], Story]


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
        body, length = self._body(head, end + 4)
        if length < 0:
            return
        self._buffer = self._buffer[end + 4 + length :]
        self._go_on(Answer(int(head[9:12]), head, body))

    def _body(self, head: bytes, start: int) -> tuple[bytes, int]:
        """The body and how many bytes it took; -1 while it is not all there."""
        low = head.lower()
        at = low.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 : head.index(b"\r\n", at + 17)])
            whole = len(self._buffer) >= start + length
            return self._buffer[start : start + length], length if whole else -1
        if b"\r\ntransfer-encoding: chunked" in low:
            return _dechunked(self._buffer, start)
        return b"", 0

    def _go_on(self, answer: Answer | None) -> None:
        try:
            step = next(self._story) if answer is None else self._story.send(answer)
        except StopIteration:
            self._transport.close()
            return
        except Exception as failure:  # noqa: BLE001 - the run ends with it, instead of hanging
            if not self._done.done():
                self._done.set_exception(failure)
            self._transport.close()
            return
        if isinstance(step, Wait):
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, step.until - time.perf_counter()), self._go_on, None)
        else:
            self._transport.write(step)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server hung up")) if not _ended(
                self._story
            ) else self._done.set_result(None)


def _ended(story: Story) -> bool:
    return story.gi_frame is None


def _dechunked(buffer: bytes, start: int) -> tuple[bytes, int]:
    parts, at = [], start
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return b"", -1
        size = int(buffer[at:end], 16)
        if len(buffer) < end + 4 + size:
            return b"", -1
        parts.append(buffer[end + 2 : end + 2 + size])
        at = end + 4 + size
        if size == 0:
            return b"".join(parts), at - start


@dataclass(frozen=True, slots=True)
class Result:
    """What one run measured. Latencies in milliseconds, CPU in µs."""

    operations: int  # timed ones
    done: int  # all, warm-up included: what the CPU time of the run was spent on
    seconds: float
    p50: float
    p99: float
    failed: int
    first_failure: str
    generator_cpu: float  # seconds, of this process
    wall: float  # seconds, warm-up included

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds


async def run(
    port: int,
    workload: Workload,
    *,
    connections: int,
    warm_up: float,
    seconds: float,
    rate: float = 0.0,
) -> Result:
    """Let `connections` walk through the workload at once; count after the warm-up.

    With a `rate` above 0 that many operations are due each second (open loop).
    """
    begin, cpu = time.perf_counter(), time.process_time()
    counts_from = begin + warm_up
    meter = Meter(counts_from=counts_from, stops_at=counts_from + seconds, every=1 / rate if rate else 0.0)
    async with asyncio.timeout(warm_up + seconds + PATIENCE):
        await asyncio.gather(*await connected(port, workload, meter, connections))
    ordered = sorted(meter.latencies)
    return Result(
        operations=len(ordered),
        done=meter.done,
        seconds=max(meter.ended_at - counts_from, 1e-9),
        p50=_at(ordered, 0.50),
        p99=_at(ordered, 0.99),
        failed=len(meter.failed),
        first_failure=meter.failed[0] if meter.failed else "",
        generator_cpu=time.process_time() - cpu,
        wall=time.perf_counter() - begin,
    )


async def connected(
    port: int, workload: Workload, meter: Meter, connections: int
) -> list[asyncio.Future[None]]:
    """Open the connections; the futures are done when their stories are."""
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Future[None]] = []
    for number in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        story = workload(meter, number)
        await loop.create_connection(
            lambda story=story, done=done: _Connection(story, done), "127.0.0.1", port
        )
        ends.append(done)
    return ends


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else float("nan")
