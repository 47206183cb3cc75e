"""What `make bench` measures. Within a section servers take turns, so that noise hits all alike."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from bench.contenders import Contender, Ground, grantway, ground, peers
from bench.measuring import EXCHANGE, WORKLOADS, Figure, Sample, figures, plays, sample
from bench.peers import Running
from bench.quota import NoQuota, limited
from tests.services.cpu import family

BOTH = ("code flow", EXCHANGE, "refresh", "client credentials", "introspection, opaque", "metadata")
SERVER_CORE, GENERATOR_CORE = "0", "1"


@dataclass(frozen=True, slots=True)
class Options:
    """How long and how often."""

    runs: int = 3
    seconds: float = 2.0
    grants: int = 1_000_000  # of the big database
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the page."""

    name: str
    title: str
    about: str
    figures: list[Figure] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)  # single figures: ratios, latencies
    notes: dict[str, str] = field(default_factory=dict)  # by contender


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def on_core(core: str) -> Iterator[None]:
    """Where the generator runs; empty for anywhere."""
    before = os.sched_getaffinity(0)
    if core:
        os.sched_setaffinity(0, {int(core)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def taking_turns(
    contenders: Sequence[Contender],
    workloads: Sequence[str],
    connections: Sequence[int],
    options: Options,
    on: Ground,
) -> list[Sample]:
    """All servers up, one loaded at a time: A B C … A B C …, for each workload and number of connections."""
    samples: list[Sample] = []
    with ExitStack() as stack:
        up = []
        for contender in contenders:
            say(f"starting {contender.label}")
            up.append((contender, stack.enter_context(contender.start(on))))
        for many in connections:
            for workload in workloads:
                able = [(one, running) for one, running in up if plays(running.target, workload)]
                for _ in range(options.runs):
                    samples += [_one(one, running, workload, many, options, on) for one, running in able]
    return samples


def _one(
    contender: Contender, running: Running, workload: str, connections: int, options: Options, on: Ground
) -> Sample:
    taken = sample(
        contender,
        running,
        workload,
        connections=connections,
        seconds=options.seconds,
        database_pid=on.cluster.pid,
    )
    say(
        f"{contender.label:48} {workload:22} {connections:3} {taken.result.per_second:8.0f}/s  "
        f"p99 {taken.result.p99:7.1f} ms  {taken.server_cpu:6.0f} + {taken.database_cpu:.0f} µs"
    )
    return taken


def alike(options: Options) -> Section:
    """Like for like."""
    contenders = [grantway("PostgreSQL", workers=2), grantway("SQLite"), *peers("alike", workers=2)]
    with ground("") as on:
        samples = taking_turns(contenders, BOTH, [32], options, on)
    return Section(
        "alike",
        "Beside the peers, like for like",
        "All servers up, one loaded at a time, 32 connections, nothing pinned. No `openid`; an ES256 JWT as "
        "access token where the server can; refresh tokens rotated at every use. Servers on PostgreSQL run "
        "as two processes, the others as one.",
        figures(samples),
        notes={one.label: one.notes for one in contenders if one.notes},
    )


def defaults(options: Options) -> Section:
    """Each server's own defaults."""
    contenders = [grantway("PostgreSQL", workers=2), grantway("SQLite"), *peers("defaults", workers=2)]
    with ground("") as on:
        samples = taking_turns(contenders, BOTH, [32], options, on)
    return Section(
        "defaults",
        "Beside the peers, each with its defaults",
        "As before, but every server issues what it issues by itself.",
        figures(samples),
        notes={one.label: one.notes for one in contenders if one.notes},
    )


def pinned(options: Options) -> Section:
    """One process each on one core."""
    contenders = [grantway("PostgreSQL"), grantway("SQLite"), *peers("alike", workers=1)]
    with ground(SERVER_CORE) as on, on_core(GENERATOR_CORE):
        samples = taking_turns(contenders, BOTH, [32], options, on)
    return Section(
        "pinned",
        "One process on one core",
        "Like for like again, every server one process pinned to one core, the generator pinned to the "
        "other; PostgreSQL goes where it likes.",
        figures(samples),
    )


def alone(options: Options) -> Section:
    """Grantway, every workload, 1 to 64 connections."""
    contenders = [grantway("SQLite"), grantway("PostgreSQL"), grantway("PostgreSQL", workers=2)]
    shorter = replace(options, seconds=min(options.seconds, 1.5))
    with ground("") as on:
        samples = taking_turns(contenders, WORKLOADS, [1, 8, 32, 64], shorter, on)
    return Section(
        "alone",
        "Grantway from 1 to 64 connections",
        "Nothing pinned. “Mixed” is refresh, introspection, flow and metadata as 3 : 3 : 1 : 1.",
        figures(samples),
    )


def size(options: Options) -> Section:
    """10 thousand and a million live grants."""
    few, many = options.grants // 100, options.grants
    contenders = [grantway(db, grants=count) for db in ("PostgreSQL", "SQLite") for count in (few, many)]
    workloads = ("code flow", EXCHANGE, "refresh", "introspection, opaque")
    with ground(SERVER_CORE) as on, on_core(GENERATOR_CORE):
        samples = taking_turns(contenders, workloads, [32], options, on)
    found = figures(samples)
    rate = {(one.contender, one.workload): one.per_second for one in found}
    ratios = {
        f"{small.storage.split(',')[0]}, {workload}: {many:,} to {few:,} grants": rate[large.label, workload]
        / rate[small.label, workload]
        for small, large in zip(contenders[::2], contenders[1::2], strict=True)
        for workload in workloads
    }
    about = "One process, pinned; the databases hold so many live grants with their rows before the run."
    return Section("size", "Ten thousand and a million grants", about, found, ratios)


def workers(options: Options) -> Section:
    """One worker and two, with and without a share of CPU for each."""
    contenders = [grantway("PostgreSQL"), grantway("PostgreSQL", workers=2)]
    chosen = ("code flow", EXCHANGE, "refresh")
    facts: dict[str, float] = {}
    with ground("") as on, ExitStack() as stack:
        up = [(one, stack.enter_context(one.start(on))) for one in contenders]
        free: list[Sample] = []
        capped: list[Sample] = []
        for workload in chosen:
            for _ in range(options.runs):
                free += [_one(one, running, workload, 32, options, on) for one, running in up]
                for one, running in up:
                    try:
                        with limited(_members(running), _SHARE * one.workers):
                            renamed = replace(one, storage=f"PostgreSQL, {_SHARE:.0%} of a core each")
                            capped.append(_one(renamed, running, workload, 32, options, on))
                    except NoQuota as refused:
                        say(f"no control groups ({refused}): compared on two cores only")
    found = figures(free) + figures(capped)
    for single, double in zip(found[::2], found[1::2], strict=True):
        kind = "with a share each" if "core each" in single.contender else "on two cores"
        facts[f"{single.workload}, two workers to one, {kind}"] = double.per_second / single.per_second
    return Section(
        "workers",
        "One worker and two",
        "Two cores are too few to see two workers: PostgreSQL and the generator share them. So the same is "
        f"measured again with {_SHARE:.0%} of a core for each worker (control groups): twice the CPU, twice "
        "the work?",
        found,
        facts,
    )


_SHARE = 0.25


def _members(running: Running) -> tuple[int, ...]:
    return tuple(member for pid in running.pids for member in family(pid))


SECTIONS: dict[str, Callable[[Options], Section]] = {
    "alike": alike,
    "defaults": defaults,
    "pinned": pinned,
    "alone": alone,
    "size": size,
    "workers": workers,
}
