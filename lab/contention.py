"""SQLite has one writer: what happens when more is asked of it than it can do, by several processes too."""

import asyncio
import os
import sqlite3
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from grantway.flows.housekeeping import EVERY
from lab.experiment import Lab
from lab.ledger import Fact, Kind, Ledger, State
from lab.racing import exactly
from lab.report import Finding, Report
from lab.stage import Stage, on_stage
from lab.wire import Broken, Wire
from tests.services import seeds
from tests.services.filling import fill

RATED_WITH = 32  # connections of a closed loop
CROWD = 800  # connections of the open loop: more cannot wait at the same time
OVERLOAD = 2.0  # times the rated writes
LONGEST_WAIT = 2.0  # seconds, at rated load
PAUSE = 0.3  # seconds between commands of one kind
LEDGER = "rx22-sqlite.jsonl"


@dataclass
class Phase:
    """What came back while one kind of load was on."""

    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)  # seconds, of every answer
    unsent: int = 0  # the open loop had no connection free

    @property
    def rate(self) -> float:
        """Writes done a second."""
        return self.answers["200"] / self.seconds

    @property
    def failed(self) -> int:
        """Answers of 500 and above."""
        return sum(count for name, count in self.answers.items() if name.startswith("5"))

    @property
    def unexplained(self) -> int:
        """Neither tokens nor 503 with Retry-After."""
        return sum(self.answers.values()) - self.answers["200"] - self.answers["503 with Retry-After"]


@dataclass(eq=False)
class Session:
    """A client that refreshes, and refreshes again: every answer is a write."""

    token: str
    wire: Wire


@dataclass
class Beside:
    """What other processes did meanwhile."""

    commands: Counter[str] = field(default_factory=Counter)  # "app create" → how many
    failed: list[str] = field(default_factory=list)  # the words of those that failed
    copies_bad: int = 0
    created: list[str] = field(default_factory=list)  # client ids acknowledged


async def run(lab: Lab) -> list[Report]:
    """RX22: rated load alone, then with cleanup, backups and commands beside it, then twice as much."""
    seconds = lab.pick(short=1.5, middle=15.0, full=120.0)
    expired = lab.pick(short=2_000, middle=20_000, full=200_000)
    sessions = lab.pick(short=200, middle=CROWD, full=CROWD)
    async with on_stage(lab, "SQLite") as stage:
        trial = _Trial(lab, stage, Ledger(lab.folder / LEDGER))
        await trial.open(sessions)
        alone = await trial.closed_loop(seconds)
        await fill(stage.url, expired, 1.0, keep=0)
        rows = await _expired_rows(stage)
        async with trial.beside():
            rated = await trial.closed_loop(max(seconds, EVERY + 1.0))  # a round of cleanup is within it
            over = await trial.open_loop(seconds, rate=OVERLOAD * alone.rate)
        rows_left = await _expired_rows(stage)
        findings = (
            Finding(what="rated writes, nothing beside", figure=round(alone.rate), unit="per s"),
            *_rated(rated),
            *_overloaded(over),
            Finding(what="expired rows cleaned up meanwhile", figure=rows - rows_left, at_least=1),
            *await trial.afterwards(),
        )
    return [
        Report(
            id="RX22",
            title="SQLite contention",
            database="SQLite",
            seed=lab.seed,
            what_was_done=f"Refreshes on one server: {RATED_WITH} connections in a closed loop for "
            f"{seconds:g} s; again with the cleanup of {rows:,} rows, `grantway db backup` and `grantway app "
            f"create` over and over beside it; then {OVERLOAD:g} times the rated writes in an open loop on "
            f"{sessions} connections.",
            findings=findings,
            ledger=LEDGER,
            facts=_facts(alone, rated, over),
        )
    ]


def _rated(phase: Phase) -> tuple[Finding, ...]:
    return (
        Finding(what="writes at rated load, with all beside", figure=round(phase.rate), unit="per s"),
        exactly("answers of 500 and above at rated load", 0, phase.failed),
        exactly("connections cut at rated load", 0, phase.answers["broken"]),
        Finding(
            what="longest wait at rated load",
            figure=round(max(phase.waits), 3),
            unit="s",
            at_most=LONGEST_WAIT,
        ),
    )


def _overloaded(phase: Phase) -> tuple[Finding, ...]:
    return (
        Finding(what="writes at overload", figure=round(phase.rate), unit="per s"),
        exactly("answers at overload that are neither tokens nor 503 with Retry-After", 0, phase.unexplained),
        Finding(what="told to come back later", figure=phase.answers["503 with Retry-After"]),
        Finding(what="not sent, as every connection waited", figure=phase.unsent),
        Finding(what="longest wait at overload", figure=round(max(phase.waits), 3), unit="s"),
    )


def _facts(alone: Phase, rated: Phase, over: Phase) -> dict[str, str]:
    names = {"alone": alone, "with all beside": rated, "overload": over}
    return {f"waits, {name}": _percentiles(phase.waits) for name, phase in names.items()}


def _percentiles(waits: list[float]) -> str:
    ordered = sorted(waits)
    shares = ((50, "p50"), (95, "p95"), (99, "p99"))
    words = [f"{name} {ordered[len(ordered) * share // 100] * 1000:.1f} ms" for share, name in shares]
    return ", ".join(words)


async def _expired_rows(stage: Stage) -> int:
    """Rows of the tables that the housekeeping has most to do with."""
    past = "WHERE expires_at < (julianday('now') - 2440587.5) * 86400.0"
    tables = ("codes", "refresh_tokens", "consents", "sessions", "opaque_tokens")
    counts = [await stage.number(f"SELECT count(*) FROM {table} {past}") for table in tables]  # noqa: S608
    return sum(counts)


class _Trial:
    """Sessions, and the loads they make."""

    def __init__(self, lab: Lab, stage: Stage, ledger: Ledger) -> None:
        self._lab, self._stage, self._ledger = lab, stage, ledger
        self._sessions: Sequence[Session] = ()
        self._notes: set[asyncio.Task[None]] = set()
        self._beside = Beside()

    async def open(self, count: int) -> None:
        """One grant and one open connection each."""
        tokens = await seeds.many(lambda: seeds.refresh_token(self._stage.seeds), count)
        self._sessions = [Session(token, self._stage.wire()) for token in tokens]
        for session in self._sessions:
            await session.wire.get("/livez")

    # ----------------------------------------------------------------------------------- loads

    async def closed_loop(self, seconds: float) -> Phase:
        """Some clients, each of which asks again as soon as it is answered."""
        phase, began = Phase(), time.monotonic()

        async def client(session: Session) -> None:
            while time.monotonic() - began < seconds:
                await self._refresh(session, phase)

        await asyncio.gather(*(client(session) for session in self._sessions[:RATED_WITH]))
        phase.seconds = time.monotonic() - began
        self._lab.say(f"closed loop: {phase.rate:.0f} writes/s, {dict(phase.answers)}")
        return phase

    async def open_loop(self, seconds: float, *, rate: float) -> Phase:
        """So many a second, however long the answers take."""
        phase, began, sent = Phase(), time.monotonic(), 0
        free, under_way = deque(self._sessions), set[asyncio.Task[None]]()

        async def client(session: Session) -> None:
            await self._refresh(session, phase)
            free.append(session)

        while (passed := time.monotonic() - began) < seconds:
            while sent < passed * rate:
                sent += 1
                if free:
                    task = asyncio.create_task(client(free.popleft()))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                else:
                    phase.unsent += 1
            await asyncio.sleep(0.002)
        while under_way:
            await asyncio.gather(*under_way)
        phase.seconds = time.monotonic() - began
        self._lab.say(f"open loop at {rate:.0f}/s: {phase.rate:.0f} writes/s, {dict(phase.answers)}")
        return phase

    async def _refresh(self, session: Session, phase: Phase) -> None:
        """One refresh. When it is put off or cut, the token stays: the next one is the retry."""
        asked = time.monotonic()
        try:
            reply = await self._stage.refresh(session.wire, session.token)
        except Broken:
            phase.answers["broken"] += 1
            return
        phase.waits.append(time.monotonic() - asked)
        later = " with Retry-After" if "retry-after" in reply.headers else ""
        phase.answers[f"{reply.status}{later}"] += 1
        if reply.status == 200:
            spent, session.token = session.token, msgspec.json.decode(reply.body)["refresh_token"]
            facts = (
                Fact(Kind.REFRESH_TOKEN, session.token, State.LIVE, "printer"),
                Fact(Kind.REFRESH_TOKEN, spent, State.ENDED, "printer"),
            )
            note = asyncio.create_task(self._ledger.note("refresh_token.rotated", *facts))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    # ---------------------------------------------------------------------------------- beside

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """Commands in processes of their own, one after the other, for as long as this lasts."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._again(kind, stop)) for kind in (self._backup, self._create)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _again(self, command: Callable[[int], Awaitable[None]], stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await command(number)
            await asyncio.sleep(PAUSE)

    async def _backup(self, number: int) -> None:
        copy = self._stage.nodes[0].folder / f"copy-{number}.db"
        if await self._command("db", "backup", str(copy)):
            self._beside.copies_bad += await asyncio.to_thread(_integrity, copy) != "ok"
        copy.unlink(missing_ok=True)

    async def _create(self, number: int) -> None:
        words = [f"App {number}", "--redirect-uri", "https://app.example/cb", "--scope", "photos:read"]
        if (out := await self._command("app", "create", *words, "--json")) is not None:
            self._beside.created.append(msgspec.json.decode(out)["client_id"])

    async def _command(self, *words: str) -> bytes | None:
        """What the command printed; None when it failed."""
        node = self._stage.nodes[0]
        own = {"ISSUER": node.issuer, "DEV": "true", "DATABASE__URL": node.database}
        own["SECRETS__KEY_FILE"] = str(seeds.key_file(node.folder))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "grantway", *words),
            cwd=node.folder,
            env=os.environ | {f"GRANTWAY_{name}": value for name, value in own.items()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        self._beside.commands[" ".join(words[:2])] += 1
        if process.returncode == 0:
            return out
        self._beside.failed.append(err.decode())
        return None

    # ------------------------------------------------------------------------------- afterwards

    async def afterwards(self) -> tuple[Finding, ...]:
        """Is all there that was acknowledged? And is the file whole?"""
        while self._notes:
            await asyncio.gather(*self._notes)
        await asyncio.sleep(0)
        lost = await self._lost()
        self._ledger.close()
        clients = {name for (name,) in await self._stage.query("SELECT id FROM clients")}
        file = self._stage.nodes[0].folder / "grantway.db"
        done, failed = self._beside.commands, self._beside.failed
        for words in failed[:3]:
            self._lab.say(f"failed: {words[-300:]}")
        return (
            Finding(what="acknowledged refreshes", figure=self._ledger.count),
            exactly("lost of them", 0, lost),
            Finding(what="backups meanwhile", figure=done["db backup"], at_least=1),
            exactly("backups that are not whole", 0, self._beside.copies_bad),
            Finding(what="apps created meanwhile", figure=done["app create"], at_least=1),
            exactly("lost of them, acknowledged and absent", 0, len(set(self._beside.created) - clients)),
            exactly("commands that failed", 0, len(failed)),
            exactly('"database is locked" in the server\'s log', 0, self._stage.logs.count("is locked")),
            exactly("integrity_check afterwards is not ok", 0, int(_integrity(file) != "ok")),
        )

    async def _lost(self) -> int:
        """Sessions whose newest acknowledged token is not good any more."""
        live = [fact.item for fact in self._ledger.facts.values() if fact.state is State.LIVE]
        wires = [self._stage.wire() for _ in range(16)]
        waiting, lost = iter(live), Counter[str]()

        async def ask(wire: Wire) -> None:
            for token in waiting:
                reply = await self._stage.refresh(wire, token)
                lost["lost"] += reply.status != 200

        await asyncio.gather(*(ask(wire) for wire in wires))
        for wire in (*wires, *(session.wire for session in self._sessions)):
            await wire.close()
        return lost["lost"]


def _integrity(file: Path) -> str:
    with closing(sqlite3.connect(file)) as db:
        return str(db.execute("PRAGMA integrity_check").fetchone()[0])
