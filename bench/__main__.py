"""`make bench`: start a node on each database, put each workload on it, print a table and write JSON.

The server runs on the first core, the generator on the second. Requests a second depend on the machine and
its neighbours; CPU per operation is the steadier figure.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.generator import Result, run
from bench.workloads import Target, code_exchange, code_flow, get, post, refresh, repeated
from tests.node import free_port
from tests.services.postgres import Postgres

ROOT = Path(__file__).parents[1]
CONNECTIONS = 32
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Row:
    """One workload on one server: medians of its runs."""

    server: str
    workload: str
    per_second: float
    spread: tuple[float, float]
    p50: float
    p99: float
    cpu_server: float  # µs per operation
    cpu_database: float
    failed: int


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its living children."""
    total = _ticks(pid)
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if children.exists():
        total += sum(cpu_seconds(int(child)) * TICK for child in children.read_text().split())
    return total / TICK


def _ticks(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return float(fields[11]) + float(fields[12])


@contextmanager
def node(database: str, *, codes: int) -> Iterator[tuple[subprocess.Popen[str], dict, int]]:
    """A seeded node in a process of its own, on the first core."""
    port = free_port()
    command = [sys.executable, "-m", "bench.node", "--database", database, "--port", str(port)]
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command, "--codes", str(codes), "--connections", str(CONNECTIONS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline()), port
    finally:
        process.stdin.write("\n")
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def measure(server: str, database: str, database_pid: int | None, *, runs: int, seconds: float) -> list[Row]:
    """Every workload on one database, each `runs` times."""
    codes = int(runs * (seconds + 1) * 6000)
    with node(database, codes=codes) as (process, seeds, port):
        target = Target(
            host=seeds["host"], basic=seeds["basic"], client_id="printer", cookies=tuple(seeds["cookies"])
        )
        prepared = iter([tuple(pair) for pair in seeds["codes"]])
        tokens = list(seeds["refresh_tokens"])
        workloads: dict[str, tuple[Callable, Callable[[], Iterator]]] = {
            "code exchange": (code_exchange(target), lambda: prepared),
            "code flow": (code_flow(target), lambda: iter(target.cookies)),
            "metadata": (
                repeated(get(target, "/.well-known/oauth-authorization-server")),
                lambda: iter(()),
            ),
            "unknown token": (repeated(post(target, "/introspect", "token=unknown")), lambda: iter(())),
            "refresh": (refresh(target), lambda: iter(tokens)),
        }
        rows = []
        for name, (workload, items) in workloads.items():
            repeat = 1 if name == "refresh" else runs  # a chain of refresh tokens is used up by one run
            results, server_cpu, database_cpu = [], [], []
            for _ in range(repeat):
                before = cpu_seconds(process.pid), cpu_seconds(database_pid) if database_pid else 0.0
                result = asyncio.run(
                    run(
                        "127.0.0.1",
                        port,
                        workload,
                        items(),
                        connections=CONNECTIONS,
                        warm_up=0.5,
                        seconds=seconds,
                    )
                )
                after = cpu_seconds(process.pid), cpu_seconds(database_pid) if database_pid else 0.0
                done = max(1.0, result.per_second * (seconds + 0.5))
                results.append(result)
                server_cpu.append((after[0] - before[0]) / done * 1e6)
                database_cpu.append((after[1] - before[1]) / done * 1e6)
            rows.append(_row(server, name, results, server_cpu, database_cpu))
            print(_line(rows[-1]), flush=True)
        return rows


def _row(
    server: str, name: str, results: list[Result], server_cpu: list[float], database_cpu: list[float]
) -> Row:
    rates = [result.per_second for result in results]
    for result in results:
        if result.failed:
            print(f"  {name}: {result.failed} failed, the first: {result.first_failure}", file=sys.stderr)
    return Row(
        server=server,
        workload=name,
        per_second=statistics.median(rates),
        spread=(min(rates), max(rates)),
        p50=statistics.median(result.p50 for result in results),
        p99=statistics.median(result.p99 for result in results),
        cpu_server=statistics.median(server_cpu),
        cpu_database=statistics.median(database_cpu),
        failed=sum(result.failed for result in results),
    )


HEAD = (
    "| server | workload | ops/s (min–max) | p50 ms | p99 ms | CPU µs server + database | failed |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
)


def _line(row: Row) -> str:
    low, high = row.spread
    return (
        f"| {row.server} | {row.workload} | {row.per_second:.0f} ({low:.0f}–{high:.0f}) | {row.p50:.1f} | "
        f"{row.p99:.1f} | {row.cpu_server:.0f} + {row.cpu_database:.0f} | {row.failed} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="measured in each run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(HEAD)
    rows: list[Row] = []
    if chosen.only != "postgres":
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/bench.db"
            rows += measure("Grantway, SQLite", url, None, runs=chosen.runs, seconds=chosen.seconds)
    if chosen.only != "sqlite":
        with Postgres() as cluster:
            url = asyncio.run(cluster.fresh_database())
            rows += measure(
                "Grantway, PostgreSQL", url, cluster.pid, runs=chosen.runs, seconds=chosen.seconds
            )
    if chosen.json is not None:
        facts = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()}
        content = {
            "facts": facts,
            "rows": [{name: getattr(row, name) for name in Row.__slots__} for row in rows],
        }
        chosen.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    uvloop.install()
    main()
