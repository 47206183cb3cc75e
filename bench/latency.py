"""Sections about time and cost: gathering, the budget of an exchange, latency at half load."""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import uvloop

from bench import workloads
from bench.canned import canned
from bench.contenders import Contender, grantway, ground
from bench.generator import Meter, Result, connected, run
from bench.measuring import EXCHANGE, Sample, figures, sample
from bench.peers import Running
from bench.sections import GENERATOR_CORE, SERVER_CORE, Options, Section, on_core, say, taking_turns

LOGINS = 20.0  # a second
# Logins come from many networks, as they do in life: a single one would meet the throttle.
_BEHIND_A_PROXY = {"GRANTWAY_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
EXCHANGES = 20_000  # the least that the budget is measured over


def gathering(options: Options) -> Section:
    """Before and after micro-batching."""
    pairs = [
        (grantway(storage, module="bench.plain", name="Grantway, not gathered"), grantway(storage))
        for storage in ("PostgreSQL", "SQLite")
    ]
    chosen = ("code flow", EXCHANGE, "refresh", "introspection, opaque")
    with ground(SERVER_CORE) as on, on_core(GENERATOR_CORE):
        samples = taking_turns([one for pair in pairs for one in pair], chosen, [1, 8, 32], options, on)
    found = figures(samples)
    rate = {(one.contender, one.workload, one.connections): one.per_second for one in found}
    gains = {
        f"{after.storage}, {workload}, {many} connections": rate[after.label, workload, many]
        / rate[before.label, workload, many]
        for before, after in pairs
        for workload in chosen
        for many in (1, 8, 32)
    }
    about = (
        "The same server with every call of the store travelling alone, and as it is. One process, pinned."
    )
    return Section("gathering", "What gathering brings", about, found, gains)


def budget(options: Options) -> Section:
    """CPU of a code exchange, over at least 20,000."""
    contender = grantway("PostgreSQL")
    with ground(SERVER_CORE) as on, on_core(GENERATOR_CORE), contender.start(on) as running:
        samples: list[Sample] = []
        for _ in range(options.runs):
            samples.append(
                sample(
                    contender,
                    running,
                    EXCHANGE,
                    connections=32,
                    seconds=120.0,  # it ends with its codes
                    database_pid=on.cluster.pid,
                    count=EXCHANGES,
                )
            )
            say(f"{samples[-1].server_cpu:.0f} µs of server CPU over {samples[-1].result.done} exchanges")
    found = figures(samples)
    facts = {
        "µs of server CPU for a code exchange": found[0].server_cpu,
        "µs of database CPU for a code exchange": found[0].database_cpu,
        "exchanges measured": float(found[0].operations),
    }
    return Section(
        "budget",
        "The budget of a code exchange",
        "User and system time of the one worker, 32 connections, pinned.",
        found,
        facts,
    )


def half_load(options: Options) -> Section:
    """Latency at half of what it can do, alone and while people sign in."""
    contenders = [grantway(storage, settings=_BEHIND_A_PROXY) for storage in ("PostgreSQL", "SQLite")]
    facts: dict[str, float] = {}
    seconds = max(3.0, options.seconds * 2)
    with ground("") as on, ExitStack() as stack:
        for contender in contenders:
            running = stack.enter_context(contender.start(on))
            full = _rated(running)
            say(f"{contender.label}: {full:.0f} refreshes a second")
            quiet, busy = _with_and_without_logins(running, full / 2, options.runs, seconds)
            facts |= _told(contender, full, quiet, busy)
    return Section(
        "half-load",
        "Latency at half load, and while 20 people a second sign in",
        "Refreshes are due at fixed times (open loop), at half the rate the server reaches with 32 "
        "connections; latency counts from when a request was due. Then the same while 20 logins a second "
        "hash passwords with argon2id. Both alternate. One process, nothing pinned, two cores for all.",
        facts=facts,
    )


def _rated(running: Running) -> float:
    story = workloads.refresh(running.target)
    return uvloop.run(run(running.target.port, story, connections=32, warm_up=0.5, seconds=3.0)).per_second


def _with_and_without_logins(
    running: Running, rate: float, runs: int, seconds: float
) -> tuple[list[Result], list[Result]]:
    quiet, busy = [], []
    for _ in range(runs):
        quiet.append(uvloop.run(_paced(running, rate, seconds, logins=0.0)))
        busy.append(uvloop.run(_paced(running, rate, seconds, logins=LOGINS)))
        failed = quiet[-1].failed + busy[-1].failed
        say(f"  p99 {quiet[-1].p99:.1f} ms; with logins {busy[-1].p99:.1f} ms; {failed} failed")
    return quiet, busy


async def _paced(running: Running, rate: float, seconds: float, *, logins: float) -> Result:
    target, loop = running.target, asyncio.get_running_loop()
    beside: list[asyncio.Future[None]] = []
    if logins:
        now = loop.time()  # the same clock as the performance counter on Linux
        meter = Meter(counts_from=now, stops_at=now + seconds + 1.0, every=1 / logins)
        beside = await connected(target.port, workloads.login(target), meter, 16)
    story = workloads.refresh(target)
    result = await run(target.port, story, connections=32, warm_up=0.5, seconds=seconds, rate=rate)
    await asyncio.gather(*beside)
    if logins:
        reached = meter.done / (seconds + 1)
        say(f"  {reached:.1f} logins a second, {len(meter.failed)} failed {meter.failed[:1]}")
    return result


def _told(
    contender: Contender, full: float, quiet: Sequence[Result], busy: Sequence[Result]
) -> dict[str, float]:
    def middle(results: Sequence[Result], name: str) -> float:
        return statistics.median(getattr(result, name) for result in results)

    return {
        f"{contender.storage}: refreshes a second, full load": full,
        f"{contender.storage}: p50 at half load, ms": middle(quiet, "p50"),
        f"{contender.storage}: p99 at half load, ms": middle(quiet, "p99"),
        f"{contender.storage}: p99 with 20 logins a second, ms": middle(busy, "p99"),
        f"{contender.storage}: p99 with logins to without": middle(busy, "p99") / middle(quiet, "p99"),
    }


def ceiling(options: Options) -> Section:
    """How much the generator itself can do."""
    with canned(SERVER_CORE) as target, on_core(GENERATOR_CORE):
        story = workloads.refresh(target)
        results = [
            uvloop.run(run(target.port, story, connections=32, warm_up=0.5, seconds=options.seconds))
            for _ in range(options.runs)
        ]
    facts = {
        "requests a second, at most": statistics.median(result.per_second for result in results),
        "µs of the generator's CPU for a request": statistics.median(
            result.generator_cpu / result.done * 1e6 for result in results
        ),
    }
    about = (
        "One process on one core, 32 connections, a chain of refreshes against a server that gives every "
        "request the same prepared answer. In the other tables the last column says how much of a core the "
        "generator used: near 100 % it was the limit, not the server."
    )
    return Section("ceiling", "The load generator's ceiling", about, facts=facts)


SECTIONS: dict[str, Callable[[Options], Section]] = {
    "ceiling": ceiling,
    "budget": budget,
    "gathering": gathering,
    "half-load": half_load,
}
