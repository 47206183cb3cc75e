"""One run of one workload on one server, and the medians of several."""

import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import uvloop

from bench import workloads
from bench.contenders import Contender
from bench.generator import Result, Workload, run
from bench.peers import Running
from bench.target import Target
from tests.services.cpu import cpu_seconds

WARM_UP = 0.5  # seconds
# Name → what it needs of a server, and the story.
REPEATABLE: dict[str, tuple[Callable[[Target], object], Callable[[Target], Workload]]] = {
    "code flow": (lambda target: target.cookies, workloads.code_flow),
    "refresh": (lambda target: target.cookies, workloads.refresh),
    "client credentials": (lambda target: target.credentials_form, workloads.credentials),
    "introspection, opaque": (
        lambda target: target.introspect,
        lambda target: workloads.introspection(target, opaque=True),
    ),
    "introspection, JWT": (
        lambda target: target.introspect_basic,  # peers keep no JWTs: they know nothing about them
        lambda target: workloads.introspection(target, opaque=False),
    ),
    "decision, JWT": (
        lambda target: target.decision,
        lambda target: workloads.decision(target, opaque=False),
    ),
    "decision, opaque": (
        lambda target: target.decision and target.opaque_scope,
        lambda target: workloads.decision(target, opaque=True),
    ),
    "metadata": (lambda target: target.metadata, workloads.metadata),
    "consent page": (lambda target: target.asking_more, workloads.consent_page),
    "mixed": (lambda target: target.introspect_basic, workloads.mixed),
}
EXCHANGE = "code exchange"
WORKLOADS = ("code flow", EXCHANGE, *(name for name in REPEATABLE if name != "code flow"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run."""

    contender: str
    workload: str
    connections: int
    result: Result
    server_cpu: float  # µs per operation
    database_cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Medians of the runs of one workload on one server. Latency in ms, CPU in µs per operation."""

    contender: str
    workload: str
    connections: int
    runs: int
    per_second: float
    slowest: float
    fastest: float
    p50: float
    p99: float
    server_cpu: float
    database_cpu: float
    generator_share: float  # of one core, the busiest run: near 1 the generator is the limit
    operations: int  # of all runs, warm-up included
    failed: int

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def plays(target: Target, workload: str) -> bool:
    """Can this server play it?"""
    return workload == EXCHANGE or bool(REPEATABLE[workload][0](target))


def sample(
    contender: Contender,
    running: Running,
    workload: str,
    *,
    connections: int,
    seconds: float,
    database_pid: int,
    rate: float = 0.0,
    count: int = 0,
) -> Sample:
    """Play a workload once. A code exchange fetches its codes first: `count`, or as many as it may need."""
    target = running.target
    if workload == EXCHANGE:
        wanted = count or round((WARM_UP + seconds) * _rate_of_exchange(target, connections, rate))
        codes = fetched(target, connections=connections, count=wanted)
        story = workloads.code_exchange(target, iter(codes))
    else:
        story = REPEATABLE[workload][1](target)
    database = (database_pid,) if contender.on_postgres else ()
    before = cpu_seconds(*running.pids), cpu_seconds(*database)
    result = _play(target.port, story, connections=connections, warm_up=WARM_UP, seconds=seconds, rate=rate)
    after = cpu_seconds(*running.pids), cpu_seconds(*database)
    done = max(1, result.done)
    if result.failed:
        words = f"{contender.label}: {workload}: {result.failed} failed, the first: {result.first_failure}"
        print(words, file=sys.stderr)
    return Sample(
        contender=contender.label,
        workload=workload,
        connections=connections,
        result=result,
        server_cpu=(after[0] - before[0]) / done * 1e6,
        database_cpu=(after[1] - before[1]) / done * 1e6,
    )


def fetched(target: Target, *, connections: int, count: int) -> list[tuple[str, str]]:
    """So many codes with their verifiers, by way of the authorization endpoint."""
    codes: list[tuple[str, str]] = []
    story = workloads.harvest(target, count, codes)
    _play(target.port, story, connections=connections, warm_up=0.0, seconds=120.0)
    return codes


def _rate_of_exchange(target: Target, connections: int, rate: float) -> float:
    """How many codes a second may be needed: twice as many as its half of a flow suggests."""
    if rate:
        return rate * 1.1
    tried = _play(target.port, workloads.code_flow(target), connections=connections, warm_up=0.2, seconds=0.8)
    return tried.per_second * 4 + 10


def _play(port: int, story: Workload, **how: float) -> Result:
    connections = int(how.pop("connections"))
    return uvloop.run(run(port, story, connections=connections, **how))


def figure(samples: Sequence[Sample]) -> Figure:
    """The medians of several runs of the same."""
    first, results = samples[0], [one.result for one in samples]
    rates = [result.per_second for result in results]
    return Figure(
        contender=first.contender,
        workload=first.workload,
        connections=first.connections,
        runs=len(samples),
        per_second=statistics.median(rates),
        slowest=min(rates),
        fastest=max(rates),
        p50=statistics.median(result.p50 for result in results),
        p99=statistics.median(result.p99 for result in results),
        server_cpu=statistics.median(one.server_cpu for one in samples),
        database_cpu=statistics.median(one.database_cpu for one in samples),
        generator_share=max(result.generator_cpu / result.wall for result in results),
        operations=sum(result.done for result in results),
        failed=sum(result.failed for result in results),
    )


def figures(samples: Iterable[Sample]) -> list[Figure]:
    """The figures of many samples, in the order in which they were first measured."""
    together: dict[tuple[str, str, int], list[Sample]] = {}
    for one in samples:
        together.setdefault((one.contender, one.workload, one.connections), []).append(one)
    return [figure(group) for group in together.values()]
