"""The power fails: what was acknowledged before a random instant is there when the power is back.

`kill -9` cannot show this: what a killed process has written is safe in the page cache. Controls run the same
experiment on databases that were made careless, and must lose something, else it could not see a loss.
"""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

from lab.databases import Kind
from lab.disk import Disk, disk, missing
from lab.experiment import Lab
from lab.judge import Judge
from lab.ledger import Fact
from lab.load import Load, under_load
from lab.report import Finding, Report
from lab.tally import Tally
from lab.target import Place, Target, on_target
from lab.wholeness import half_effects
from tests.services.fleet import NodeProcess

BETWEEN = 300  # acknowledged effects before each cut, at least
CAREFUL = (Kind("SQLite"), Kind("PostgreSQL"))
CONTROLS = (Kind("SQLite", "NORMAL"), Kind("SQLite", "OFF"), Kind("PostgreSQL", "off"))


@dataclass
class Cuts:
    """Cuts the power of one database, again and again, and looks at what is left."""

    kind: Kind
    disk: Disk
    scratch: Path
    seed: int
    images: int = 0
    effects: int = 0  # acknowledged before the last cut
    damaged: int = 0
    unusable: int = 0  # times no server started on what was left
    tally: Tally = field(default_factory=Tally)

    async def run(self, lab: Lab, count: int) -> None:
        """Load, so many cuts, and a look at each while the load rests."""
        chance = random.Random(self.seed)
        async with self.kind.open(self.disk.root, self.scratch) as opened:
            target = on_target(opened.url, self.scratch, people=60 * count, settings=opened.settings)
            async with target as place:
                await self.kind.neglect(opened)
                ledger = lab.folder / f"power-{self.scratch.name}.jsonl"
                commands = not self.kind.careless  # they refuse to work on a careless database
                async with under_load(place, ledger, seed=self.seed, think=0.01, commands=commands) as load:
                    for _ in range(count):
                        await self._cut(load, chance)
                        lab.say(f"{self._name}: {self.images} of {count} cuts, {self.effects:,} effects")
                        load.work()

    @property
    def _name(self) -> str:
        return f"{self.kind.database} {self.kind.careless}".strip()

    async def _cut(self, load: Load, chance: random.Random) -> None:
        """At a random instant; what was being changed just then may be in either state."""
        await load.until(load.ledger.count + BETWEEN)
        await asyncio.sleep(chance.uniform(0, 0.3))
        before = dict(load.ledger.facts)
        image = await asyncio.to_thread(self.disk.cut)
        self.effects = load.ledger.count
        self.images += 1
        await load.rest()
        now = load.ledger.facts
        await self._look(image, load, [fact for key, fact in before.items() if now[key] == fact])

    async def _look(self, image: Path, load: Load, facts: list[Fact]) -> None:
        with self.disk.after(image) as root:
            async with self.kind.open(root, self.scratch, again=True) as left:
                node = load.target.places[0].node
                careful = {name: text for name, text in node.settings.items() if name != "PYTHONPATH"}
                again = NodeProcess(left.url, self.scratch, issuer=node.issuer, settings=careful)
                there = Target(left.url, self.scratch, [Place(again)], basics=load.target.basics)
                try:
                    await asyncio.to_thread(again.start)
                except RuntimeError:
                    self.unusable += 1
                    self.tally.lost += [f"{fact.kind} {fact.item}" for fact in facts]
                    return
                await self._judge(there, facts)
                await asyncio.to_thread(again.kill)

    async def _judge(self, there: Target, facts: list[Fact]) -> None:
        judge = Judge(there, self.tally, seed=self.seed)
        await judge.all_of(facts)
        await judge.close()
        if self.kind.database == "SQLite" and await there.query("PRAGMA integrity_check") != [("ok",)]:
            self.damaged += 1
        self.tally.half_done += await half_effects(there)


async def run_power_cut(lab: Lab) -> list[Report]:
    """Both databases with care, then the controls without."""
    if why := missing():
        return [_not_here(lab, why)]
    reports = []
    count = lab.pick(short=1, middle=4, full=15)
    for kind in CAREFUL:
        cuts = await _cut_again_and_again(lab, kind, count)
        reports.append(_careful_report(lab, cuts))
    for kind in CONTROLS:
        cuts = await _cut_again_and_again(lab, kind, lab.pick(short=1, middle=1, full=3))
        reports.append(_control_report(lab, cuts))
    return reports


async def _cut_again_and_again(lab: Lab, kind: Kind, count: int) -> Cuts:
    scratch = lab.folder / f"{kind.database}{kind.careless}".lower()
    scratch.mkdir()
    with disk() as mounted:
        cuts = Cuts(kind, mounted, scratch, lab.seed)
        await cuts.run(lab, count)
    return cuts


def _not_here(lab: Lab, why: str) -> Report:
    return Report(
        id="power-cut",
        title="power cut",
        database="SQLite, PostgreSQL",
        seed=lab.seed,
        what_was_done=f"Nothing: this experiment cannot run here, {why}.",
        findings=(Finding(what="images looked at", figure=0, at_least=1),),
    )


def _careful_report(lab: Lab, cuts: Cuts) -> Report:
    tally = cuts.tally
    return Report(
        id="power-cut",
        title="power cut",
        database=cuts.kind.database,
        seed=lab.seed,
        what_was_done=f"One server with its database on ext4, under load. At {cuts.images} random instants "
        "the disk was copied as a power cut would have left it; the copy was mounted, a server started on it "
        "and asked for everything acknowledged before the instant.",
        findings=(
            Finding(what="power cuts", figure=cuts.images),
            Finding(what="effects acknowledged before the last", figure=cuts.effects, at_least=BETWEEN),
            Finding(what="facts asked for afterwards", figure=tally.judged),
            Finding(what="lost", figure=len(tally.lost), at_most=0),
            Finding(what="doubled", figure=len(tally.doubled), at_most=0),
            Finding(what="resurrected", figure=len(tally.resurrected), at_most=0),
            Finding(what="half effects", figure=len(tally.half_done), at_most=0),
            Finding(what="failed integrity checks", figure=cuts.damaged, at_most=0),
            Finding(what="servers that did not start", figure=cuts.unusable, at_most=0),
        ),
        ledger=f"power-{cuts.scratch.name}.jsonl",
        facts=tally.facts(),
    )


def _control_report(lab: Lab, cuts: Cuts) -> Report:
    how = "synchronous_commit" if cuts.kind.database == "PostgreSQL" else "synchronous"
    tally = cuts.tally
    gone = len(tally.lost) + len(tally.doubled) + len(tally.resurrected)
    return Report(
        id="power-cut",
        title=f"control with {how} = {cuts.kind.careless}",
        database=cuts.kind.database,
        seed=lab.seed,
        what_was_done="The same, on a database that was made to acknowledge before it is on disk. It must "
        "lose, or the experiment could not see a loss.",
        findings=(
            Finding(what="effects acknowledged", figure=cuts.effects),
            Finding(what="facts asked for afterwards", figure=tally.judged),
            Finding(what="lost, doubled or resurrected", figure=gone, at_least=1),
        ),
    )
