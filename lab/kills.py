"""RX1, RX2: `kill -9` under load, of servers, of workers, and of commands that write beside them."""

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from lab.experiment import Lab
from lab.load import Load, under_load
from lab.report import Finding, Report
from lab.target import Place, Target, on_target
from lab.watch import watching
from lab.wholeness import half_effects
from tests.node import sqlite_url

READY_WITHIN = 3.0  # seconds after start
WORKERS_BACK_WITHIN = 30.0
COMMANDS = 0.25  # of the kills are of a command
COMMAND_TRIES = 100


@dataclass
class Kills:
    """Kills one thing after the other, and sees that it comes back."""

    load: Load
    chance: random.Random
    pause: tuple[float, float]  # seconds between two kills
    ready_after: list[float] = field(default_factory=list)
    damaged: int = 0  # times the database file failed its check
    of: dict[str, int] = field(default_factory=dict)  # what was killed, how often

    async def run(self, lab: Lab, count: int, *, integrity: bool) -> None:
        """So many kills."""
        for number in range(1, count + 1):
            await asyncio.sleep(self.chance.uniform(*self.pause))
            await self._kill_one()
            await self.load.judge_after_fault()
            if integrity and await self.load.target.query("PRAGMA integrity_check") != [("ok",)]:
                self.damaged += 1
            if number % 10 == 0 or number == count:
                lab.say(f"{number} of {count} kills, {self.load.ledger.count:,} acknowledged effects")

    async def _kill_one(self) -> None:
        place = self.chance.choice(list(self.load.target.places))
        if self.chance.random() < COMMANDS and await self._command():
            self._count("a command")
        elif place.node.workers > 1 and self.chance.random() < 0.5:
            await self._worker(place)
        else:
            await self._node(place)

    async def _command(self) -> bool:
        """The next command that is caught at work; none when the operator is busy otherwise."""
        for _ in range(COMMAND_TRIES):
            if self.load.operator.kill_command():
                return True
            await asyncio.sleep(0.02)
        return False

    def _count(self, what: str) -> None:
        self.of[what] = self.of.get(what, 0) + 1

    async def _node(self, place: Place) -> None:
        place.fault_begins()
        await asyncio.to_thread(place.node.kill)
        self.ready_after.append(await asyncio.to_thread(place.node.start))
        place.fault_ends()
        self._count("a whole node")

    async def _worker(self, place: Place) -> None:
        """One worker process; its supervisor notices and starts another one."""
        before = set(workers(place))
        place.fault_begins()
        os.kill(self.chance.choice(sorted(before)), signal.SIGKILL)
        began = time.monotonic()
        while len(set(workers(place)) & before) == len(before) or len(workers(place)) < len(before):
            assert time.monotonic() - began < WORKERS_BACK_WITHIN, "the killed worker was not replaced"
            await asyncio.sleep(0.05)
        await asyncio.to_thread(place.node.wait_ready)
        place.fault_ends()
        self._count("one worker")

    def words(self) -> str:
        """What was killed."""
        return ", ".join(f"{what} ({count} ×)" for what, count in sorted(self.of.items()))


def workers(place: Place) -> list[int]:
    """The processes of a node that answer requests, its supervisor and their helper left out."""
    found = []
    for pid in place.node.pids[1:]:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:  # gone meanwhile
            continue
        if b"spawn_main" in words:
            found.append(pid)
    return found


async def run_rx1(lab: Lab) -> list[Report]:
    """One server on SQLite, and commands that write the same file."""
    folder = lab.folder / "sqlite"
    folder.mkdir()
    count = lab.pick(short=2, middle=25, full=200)
    people = lab.pick(short=4, middle=100, full=800)
    target = on_target(sqlite_url(folder), folder, browsers=_browsers(lab), people=people)
    async with target as place:
        kills, load, halves = await _killed(lab, place, count, ledger=RX1.ledger, integrity=True)
    findings = (
        *_findings(kills, load, halves),
        Finding(what="failed integrity checks", figure=kills.damaged, at_most=0),
    )
    return [RX1.report(lab, kills, findings)]


async def run_rx2(lab: Lab) -> list[Report]:
    """Two nodes of two workers on PostgreSQL."""
    folder = lab.folder / "postgres"
    folder.mkdir()
    count = lab.pick(short=2, middle=20, full=200)
    people = lab.pick(short=4, middle=100, full=800)
    with lab.postgres() as cluster:
        database = await cluster.fresh_database()
        target = on_target(database, folder, nodes=2, workers=2, browsers=_browsers(lab), people=people)
        async with target as place, watching(cluster.dsn()) as watch:
            kills, load, halves = await _killed(lab, place, count, ledger=RX2.ledger, integrity=False)
    good, bad = load.tally.beside[True], load.tally.beside[False]
    share = 100.0 * good / max(1, good + bad)
    findings = (
        *_findings(kills, load, halves),
        Finding(what="requests to the surviving node meanwhile", figure=good + bad),
        Finding(what="of these, answered properly", figure=share, unit="%", at_least=99.9),
        Finding(what="sessions idle in a transaction for more than 5 s", figure=watch.idle, at_most=0),
    )
    return [RX2.report(lab, kills, findings)]


def _browsers(lab: Lab) -> int:
    return lab.pick(short=4, middle=8, full=8)


async def _killed(
    lab: Lab, target: Target, count: int, *, ledger: str, integrity: bool
) -> tuple[Kills, Load, list[str]]:
    pause = lab.pick(short=(0.5, 1.0), middle=(1.0, 4.0), full=(1.0, 4.0))
    async with under_load(target, lab.folder / ledger, seed=lab.seed) as load:
        kills = Kills(load, random.Random(lab.seed), pause)
        await kills.run(lab, count, integrity=integrity)
    lab.say(f"judged {load.tally.judged:,} facts")
    return kills, load, await half_effects(target)


def _findings(kills: Kills, load: Load, halves: list[str]) -> tuple[Finding, ...]:
    load.tally.half_done += halves
    ready = sorted(kills.ready_after) or [0.0]
    return (
        Finding(what="kills", figure=sum(kills.of.values())),
        *load.tally.findings(load.ledger.count),
        Finding(what="start until the first answer, median", figure=ready[len(ready) // 2], unit="s"),
        Finding(
            what="start until the first answer, longest", figure=ready[-1], unit="s", at_most=READY_WITHIN
        ),
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """What distinguishes the reports of the two experiments."""

    id: str
    database: str
    ledger: str
    what: str

    def report(self, lab: Lab, kills: Kills, findings: tuple[Finding, ...]) -> Report:
        """The report of a run."""
        return Report(
            id=self.id,
            title="kill -9 under load",
            database=self.database,
            seed=lab.seed,
            what_was_done=f"{self.what} Killed: {kills.words()}, of {kills.load.operator.commands} commands.",
            findings=findings,
            ledger=self.ledger,
            facts=kills.load.tally.facts(),
        )


RX1 = _Words(
    "RX1", "SQLite", "rx1.jsonl", "One server, customers over HTTP, an operator's commands on the file."
)
RX2 = _Words(
    "RX2", "PostgreSQL", "rx2.jsonl", "Two nodes of two workers, customers on both, commands beside."
)
