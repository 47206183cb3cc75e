"""Requests at a steady pace, each timed: how the server feels to whom the trouble does not concern."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lab.target import Target
from lab.wire import Broken, Reply, Wire

Ask = Callable[[Wire], Awaitable[Reply]]
AROUND = 0.99


@dataclass(frozen=True, slots=True)
class Sample:
    """One request and what became of it; status 0 for none."""

    name: str
    status: int
    seconds: float
    retry_after: bool = False


@dataclass
class Probe:
    """Several kinds of request, one after the other, over connections of their own."""

    target: Target
    asks: Mapping[str, Ask]
    every: float = 0.02  # seconds between two requests
    phase: str = "before"
    samples: dict[str, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    broken: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled; requests that take long do not hold up the others."""
        async with asyncio.TaskGroup() as group:
            for name, ask in self.asks.items():
                for place in self.target.places:
                    wire = Wire(place.node.port, self.target.host)
                    group.create_task(self._keep_asking(name, ask, wire))

    async def _keep_asking(self, name: str, ask: Ask, wire: Wire) -> None:
        try:
            while True:
                phase, began = self.phase, time.monotonic()
                try:
                    reply = await ask(wire)
                    sample = Sample(
                        name, reply.status, time.monotonic() - began, "retry-after" in reply.headers
                    )
                except Broken as why:
                    sample = Sample(name, 0, time.monotonic() - began)
                    self.broken.append(f"{name}, {phase}: {why}")
                self.samples[phase].append(sample)
                await asyncio.sleep(max(0.0, self.every - (time.monotonic() - began)))
        finally:
            await wire.close()

    def of(self, phase: str, *names: str) -> Sequence[Sample]:
        """The samples of one phase, of all kinds or some."""
        return [one for one in self.samples[phase] if not names or one.name in names]

    def p(self, phase: str, *names: str, around: float = AROUND) -> float:
        """The percentile of what took how long, in seconds."""
        times = sorted(one.seconds for one in self.of(phase, *names))
        return times[min(len(times) - 1, int(len(times) * around))] if times else 0.0

    def good(self, phase: str, *names: str) -> float:
        """The share of requests that were answered, by anything but a fault of ours."""
        found = self.of(phase, *names)
        return sum(200 <= one.status < 500 for one in found) / len(found) if found else 0.0

    def told(self) -> dict[str, str]:
        """p50, p95 and p99 of each phase, for the page."""
        words = {}
        for phase, samples in self.samples.items():
            times = ", ".join(
                f"p{around * 100:.0f} {self.p(phase, around=around) * 1000:.1f} ms"
                for around in (0.5, 0.95, 0.99)
            )
            words[f"probes {phase}"] = f"{len(samples):,} requests, {times}"
        if self.broken:
            words["probes broken"] = "; ".join(self.broken[:3])
        return words


@asynccontextmanager
async def probing(target: Target, asks: Mapping[str, Ask], *, every: float = 0.02) -> AsyncIterator[Probe]:
    """Ask for as long as the `with` lasts."""
    probe = Probe(target, asks, every)
    task = asyncio.create_task(probe.run())
    try:
        yield probe
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def usual(target: Target) -> dict[str, Ask]:
    """What needs no database: keys, metadata, and a token of a machine."""
    robot = {"authorization": target.basics["robot"]}
    form = {"grant_type": "client_credentials", "scope": "photos:read"}
    return {
        "keys": lambda wire: wire.get("/jwks"),
        "metadata": lambda wire: wire.get("/.well-known/oauth-authorization-server"),
        "token": lambda wire: wire.post("/token", form, **robot),
    }
