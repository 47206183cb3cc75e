"""RX4: PostgreSQL is stopped as by a crash and started again, under load, again and again."""

import asyncio
import random
import time
from dataclasses import dataclass, field

from lab.experiment import Lab
from lab.load import Load, under_load
from lab.report import Finding, Report
from lab.target import Place, Target, on_target
from lab.wholeness import half_effects
from lab.wire import Wire
from tests.services.postgres import Postgres

USED_AGAIN_WITHIN = 5.0  # seconds after PostgreSQL accepts connections
LEDGER = "rx4.jsonl"


@dataclass
class Restarts:
    """Restarts the database, and measures how long nodes take to use it again."""

    cluster: Postgres
    load: Load
    first_effect: list[float] = field(default_factory=list)  # seconds after PostgreSQL accepts
    ready: list[float] = field(default_factory=list)  # of each node

    async def run(self, lab: Lab, count: int) -> None:
        """So many restarts."""
        chance = random.Random(lab.seed)
        for number in range(1, count + 1):
            await asyncio.sleep(chance.uniform(*lab.pick(short=(0.5, 0.8), middle=(1, 3), full=(1, 3))))
            await self._restart()
            await self.load.judge_after_fault()
            if number % 5 == 0 or number == count:
                lab.say(f"{number} of {count} restarts, {self.load.ledger.count:,} acknowledged effects")

    async def _restart(self) -> None:
        await asyncio.to_thread(self.cluster.restart, "immediate")
        accepts, noted = time.monotonic(), self.load.ledger.count
        self.ready += await asyncio.gather(*map(self._ready_after, self.load.target.places))
        while self.load.ledger.count == noted:
            await asyncio.sleep(0.005)
            assert time.monotonic() < accepts + 60, "no effect within a minute of the restart"
        self.first_effect.append(time.monotonic() - accepts)

    async def _ready_after(self, place: Place) -> float:
        """Until the node says that it is ready."""
        began, wire = time.monotonic(), Wire(place.node.port, place.node.host)
        while (await wire.get("/readyz")).status != 200:
            await asyncio.sleep(0.02)
            assert time.monotonic() < began + 60, "not ready within a minute of the restart"
        await wire.close()
        return time.monotonic() - began


async def run_rx4(lab: Lab) -> list[Report]:
    """Two nodes of two workers, or one in the tests."""
    folder = lab.folder / "postgres"
    folder.mkdir()
    count = lab.pick(short=1, middle=10, full=20)
    nodes, browsers = lab.pick(short=1, middle=2, full=2), lab.pick(short=4, middle=8, full=8)
    with Postgres() as cluster:
        database = await cluster.fresh_database()
        target = on_target(database, folder, nodes=nodes, workers=2, browsers=browsers, people=3 * count)
        async with target as place:
            before = _processes(place)
            async with under_load(place, lab.folder / LEDGER, seed=lab.seed) as load:
                restarts = Restarts(cluster, load)
                await restarts.run(lab, count)
            load.tally.half_done += await half_effects(place)
            gone = len(before - _processes(place))
    words = f"{count} restarts with `immediate`, which is a crash to PostgreSQL, under {nodes} × 2 workers."
    return [
        Report(
            id="RX4",
            title="PostgreSQL restarts under load",
            database="PostgreSQL",
            seed=lab.seed,
            what_was_done=words,
            findings=_findings(restarts, load, gone),
            ledger=LEDGER,
            facts=load.tally.facts(),
        )
    ]


def _processes(target: Target) -> set[int]:
    return {pid for place in target.places for pid in place.node.pids}


def _findings(restarts: Restarts, load: Load, gone: int) -> tuple[Finding, ...]:
    away = load.tally.answers[503]
    return (
        Finding(what="restarts", figure=len(restarts.first_effect)),
        *load.tally.findings(load.ledger.count),
        Finding(what="answers of 503 with Retry-After", figure=away),
        Finding(what="connections broken off", figure=load.tally.broken.total(), at_most=0),
        Finding(what="processes of the server that ended", figure=gone, at_most=0),
        Finding(
            what="first acknowledged effect after PostgreSQL accepts, longest",
            figure=max(restarts.first_effect),
            unit="s",
            at_most=USED_AGAIN_WITHIN,
        ),
        Finding(
            what="node ready after PostgreSQL accepts, longest",
            figure=max(restarts.ready),
            unit="s",
            at_most=USED_AGAIN_WITHIN,
        ),
    )
