"""An acknowledged write was flushed: flushes are counted while writes are acknowledged one after the other.

One client that waits for each answer leaves nothing to share, so every acknowledgement needs a flush of its
own. With many clients at once several share one, which is told, not judged. The flushes of SQLite are counted
by strace as the kernel is asked for them, those of PostgreSQL by itself (pg_stat_wal).
"""

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.browser import Browser
from lab.caller import Caller
from lab.customers import App, Chain
from lab.databases import careless_python
from lab.experiment import Lab
from lab.ledger import Ledger
from lab.report import Finding, Report
from lab.tally import Tally
from lab.target import Target, on_target
from tests.node import sqlite_url

TOGETHER = 16  # clients at once
Count = Callable[[], Awaitable[int]]
DONE = re.compile(r"(?:fsync|fdatasync)(?:\(\d+| resumed>)\)\s+= 0")


@dataclass
class Flushes:
    """How many there were while so many writes were acknowledged."""

    writes: int = 0
    flushes: int = 0
    writes_together: int = 0
    flushes_together: int = 0
    tally: Tally = field(default_factory=Tally)


@asynccontextmanager
async def traced(target: Target, log: Path) -> AsyncIterator[Count]:
    """Counts what the nodes of a target ask the kernel to flush."""
    pids = [f"--attach={pid}" for place in target.places for pid in place.node.pids]
    command = ["strace", "--follow-forks", "--trace=fsync,fdatasync", f"--output={log}", *pids]
    tracer = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert tracer.stderr is not None
    await tracer.stderr.readline()  # "Process … attached"
    await asyncio.sleep(0.5)  # its threads too

    async def count() -> int:
        return len(DONE.findall(await asyncio.to_thread(log.read_text)))

    try:
        yield count
    finally:
        tracer.send_signal(signal.SIGINT)
        await tracer.communicate()


async def _chains(target: Target, ledger: Ledger, tally: Tally) -> list[tuple[App, Chain]]:
    made = []
    for number, cookie in enumerate(target.cookies):
        app = App(Caller(target, tally, at=number), ledger, tally)
        answer = await Browser.signed_in(app.caller, cookie).authorize("printer")
        chain = await app.issued("printer", answer)
        assert chain is not None
        await app.redeem(chain)
        made.append((app, chain))
    return made


async def _measured(target: Target, ledger: Path, count: Count, writes: int) -> Flushes:
    """Rotations of refresh tokens, one after the other, then by many at once."""
    kept, found = Ledger(ledger), Flushes()
    users = await _chains(target, kept, found.tally)

    async def rotate(user: tuple[App, Chain], times: int) -> None:
        for _ in range(times):
            await user[0].refresh(user[1])

    noted, before = kept.count, await count()
    await rotate(users[0], writes)
    found.writes, after = kept.count - noted, await count()
    found.flushes = after - before
    noted = kept.count
    await asyncio.gather(*(rotate(user, -(-writes // len(users))) for user in users))
    found.writes_together, found.flushes_together = kept.count - noted, await count() - after
    for app, _ in users:
        await app.caller.close()
    kept.close()
    return found


async def run_flushes(lab: Lab) -> list[Report]:
    """Both databases, and SQLite once without care, which must not flush."""
    writes = lab.pick(short=20, middle=300, full=2000)
    return [*await flushes_of_sqlite(lab, writes), await flushes_of_postgres(lab, writes)]


async def flushes_of_sqlite(lab: Lab, writes: int) -> list[Report]:
    """With care, and without as a control."""
    if shutil.which("strace") is None:
        words = "Nothing: this experiment cannot run here, there is no strace."
        return [_report(lab, "SQLite", words, (Finding(what="writes", figure=0, at_least=1),))]
    reports = []
    for level in ("", "OFF"):
        folder = lab.folder / f"sqlite{level.lower()}"
        folder.mkdir()
        settings = {"PYTHONPATH": str(careless_python(folder, level))} if level else {}
        target = on_target(sqlite_url(folder), folder, browsers=TOGETHER, settings=settings)
        async with target as place, traced(place, folder / "strace.txt") as count:
            ledger = lab.folder / f"flushes-{folder.name}.jsonl"
            found = await _measured(place, ledger, count, writes)
        reports.append(
            _control(lab, found) if level else _careful(lab, "SQLite", "strace", found, ledger.name)
        )
    return reports


async def flushes_of_postgres(lab: Lab, writes: int) -> Report:
    """With care; a node refuses to start on one without."""
    folder = lab.folder / "postgres"
    folder.mkdir()
    with lab.postgres() as cluster:
        target = on_target(await cluster.fresh_database(), folder, browsers=TOGETHER)
        async with target as place:

            async def count() -> int:
                """A session of PostgreSQL is sure to have told its counts when it ends."""
                await asyncio.to_thread(place.places[0].node.terminate)
                counted = int((await place.query("SELECT wal_sync FROM pg_stat_wal"))[0][0])
                await asyncio.to_thread(place.places[0].node.start)
                return counted

            found = await _measured(place, lab.folder / "flushes-postgres.jsonl", count, writes)
    return _careful(lab, "PostgreSQL", "pg_stat_wal", found, "flushes-postgres.jsonl")


def _careful(lab: Lab, database: str, how: str, found: Flushes, ledger: str) -> Report:
    words = (
        f"Refresh tokens were rotated, first by one client that waits for each answer, then by {TOGETHER} at "
        f"once; flushes were counted by {how}."
    )
    return _report(
        lab,
        database,
        words,
        (
            Finding(what="writes acknowledged one after the other", figure=found.writes),
            Finding(what="flushes meanwhile", figure=found.flushes, at_least=found.writes),
            Finding(what="writes acknowledged to many at once", figure=found.writes_together),
            Finding(what="flushes meanwhile, shared", figure=found.flushes_together, at_least=1),
            Finding(what="lost or wrong", figure=len(found.tally.lost + found.tally.wrong), at_most=0),
        ),
        ledger,
    )


def _control(lab: Lab, found: Flushes) -> Report:
    words = "The same with synchronous = OFF: what is counted are the flushes of commits, and nothing else."
    findings = (
        Finding(what="writes acknowledged one after the other", figure=found.writes),
        Finding(what="flushes meanwhile", figure=found.flushes, at_most=found.writes / 10),
    )
    return _report(lab, "SQLite", words, findings, title="control")


def _report(
    lab: Lab,
    database: str,
    words: str,
    findings: tuple[Finding, ...],
    ledger: str = "",
    *,
    title: str = "flushes",
) -> Report:
    return Report(
        id="flushes",
        title=title,
        database=database,
        seed=lab.seed,
        what_was_done=words,
        findings=findings,
        ledger=ledger,
    )
