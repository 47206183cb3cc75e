"""A million grants, half of them expired: what cleaning up costs those who use the server meanwhile."""

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from grantway.crypto.secrets import SecretKind, read_secret
from lab.experiment import Lab
from lab.million_watch import Watch, batches_so_far, prepare, size, vacuum, watching
from lab.racing import exactly, write_ledger
from lab.report import Finding, Report
from lab.stage import Kind, Stage, on_each, on_stage, start_all, stop_all
from lab.wire import Broken, Wire
from tests.services import seeds
from tests.services.filling import fill

LOAD = 60.0  # token requests a second: far below what the nodes can do, so that waiting shows
SESSIONS = 64
WAIT = 0.100  # seconds: p99 of token requests during the cleanup
SLOWER = 1.5  # times the p99 without cleanup
LOOK_UP_SLOWER = 1.2  # times that among few
BATCH = 1_000  # rows
HELD = 0.050  # seconds a cleanup statement may keep its rows locked
GROWN = 1.1  # times the size, after a second half has come and gone
PAST = {
    "SQLite": "(julianday('now') - 2440587.5) * 86400.0",
    "PostgreSQL": "extract(epoch FROM statement_timestamp())::float8",
}
BEGAN = {  # table → when a row of it came to be
    "sessions": "created_at",
    "consents": "created_at",
    "grants": "created_at",
    "codes": "issued_at",
    "refresh_tokens": "issued_at",
    "opaque_tokens": "issued_at",
}
DUE = {"codes": 3600, "grants": 86400}  # seconds for which rows are kept beyond their end; else none


async def run(lab: Lab) -> list[Report]:
    """RX13: fill, measure, let half expire, measure while the nodes clean up, and count what is left."""
    return await on_each(lab, lambda lab, kind: _Trial(lab, kind).report())


@dataclass
class Waits:
    """Token requests of one stretch of time."""

    seconds: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)

    def with_(self, other: "Waits") -> "Waits":
        """Both stretches as one."""
        return Waits(self.seconds + other.seconds, self.answers + other.answers)

    @property
    def p99(self) -> float:
        """In seconds; 0 of nothing."""
        if not self.seconds:
            return 0.0
        return sorted(self.seconds)[len(self.seconds) * 99 // 100]


@dataclass
class LookUps:
    """Finding refresh tokens by their selectors, and how long it took."""

    stage: Stage
    tokens: list[str]
    verbs: list[float] = field(default_factory=list)  # seconds
    requests: list[float] = field(default_factory=list)

    async def one(self, chance: random.Random) -> None:
        """Another client presents it: it is looked for, found, and refused; nothing is written."""
        token = chance.choice(self.tokens)
        secret = read_secret(SecretKind.REFRESH_TOKEN, token)
        assert secret is not None
        began = time.perf_counter()
        await self.stage.seeds.store.find_refresh_token(secret.selector)
        self.verbs.append(time.perf_counter() - began)
        wire = self._wire
        began = time.perf_counter()
        form = {"grant_type": "refresh_token", "refresh_token": token}
        reply = await wire.post("/token", form, **self.stage.basic("archive"))
        self.requests.append(time.perf_counter() - began)
        assert reply.status == 400, reply

    async def close(self) -> None:
        """Hang up."""
        await self._wire.close()

    @cached_property
    def _wire(self) -> Wire:
        return self.stage.wire()


class _Trial:
    """The steps, on one database."""

    def __init__(self, lab: Lab, kind: Kind) -> None:
        self._lab, self._kind = lab, kind
        self._chance = random.Random(lab.seed)
        self._few = lab.pick(short=200, middle=1_000, full=1_000)
        self._half = lab.pick(short=1_000, middle=50_000, full=500_000)
        self._stretch = lab.pick(short=1.0, middle=20.0, full=300.0)
        self._looks = lab.pick(short=50, middle=2_000, full=5_000)
        self._patience = lab.pick(short=45.0, middle=600.0, full=1_800.0)  # seconds for the cleanup
        self._sessions: list[tuple[str, Wire]] = []

    async def report(self) -> Report:
        """Do it all."""
        async with on_stage(self._lab, self._kind, nodes=2, workers=1) as stage:
            live = await fill(stage.url, self._half)
            await self._open(stage)
            await self._load(stage, self._stretch / 2)
            before = await self._load(stage, self._stretch)
            self._lab.say(f"{self._kind}: {self._half:,} live, p99 {before.p99 * 1000:.1f} ms")
            mark = stage.seeds.server.now()
            kept = await self._live(stage, mark)
            await self._hang_up()
            expired, peak = await self._expire(stage)
            during, watch = await self._clean_up(stage)
            without = before.with_(await self._load(stage, self._stretch))
            await self._hang_up()
            looked_up = await self._compared(stage, live.tokens)
            await stop_all(stage.nodes)
            findings = (
                *_waits(without, during),
                Finding(what="rows cleaned up", figure=expired, at_least=self._half),
                exactly("live rows deleted", 0, kept - await self._live(stage, mark)),
                exactly("expired rows left", 0, await self._expired(stage)),
                exactly("rows deleted by a second run", 0, await stage.seeds.store.drop_expired(grace=1e6)),
                *await watch.findings(most=BATCH, longest=HELD),
                *looked_up,
                await self._reused(stage, peak),
                exactly("stack traces in the log", 0, stage.logs.count("Traceback")),
            )
        return Report(
            id="RX13",
            title="a million grants and their cleanup",
            database=self._kind,
            seed=self._lab.seed,
            what_was_done=f"{2 * self._half:,} refresh families in bulk, half of them expired; the "
            f"housekeeping of {len(stage.nodes)} node{'s' * (len(stage.nodes) > 1)} cleans up while {LOAD:g} "
            "refreshes a second come in; then, after VACUUM on PostgreSQL, as many expired ones again.",
            findings=findings,
            ledger=write_ledger(
                self._lab.folder / f"rx13-{self._kind.lower()}.jsonl",
                [{"without cleanup": without.seconds}, {"during": during.seconds}],
            ),
            facts={
                "token requests": f"{len(without.seconds):,} without cleanup, {len(during.seconds):,} during"
            },
        )

    # ------------------------------------------------------------------------------------- load

    async def _open(self, stage: Stage) -> None:
        tokens = await seeds.many(lambda: seeds.refresh_token(stage.seeds), SESSIONS)
        self._sessions = [(token, stage.wire(number)) for number, token in enumerate(tokens)]

    async def _hang_up(self) -> None:
        for _, wire in self._sessions:
            await wire.close()

    async def _load(self, stage: Stage, seconds: float, *, until: asyncio.Event | None = None) -> Waits:
        """An open loop for so long, or for longer until something has happened."""
        waits, began, sent = Waits(), time.monotonic(), 0
        under_way = set[asyncio.Task[None]]()
        while (passed := time.monotonic() - began) < seconds or (until is not None and not until.is_set()):
            while sent < passed * LOAD and self._sessions:
                sent += 1
                task = asyncio.create_task(self._refresh(stage, waits))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(0.005)
        while under_way:
            await asyncio.gather(*under_way)
        return waits

    async def _refresh(self, stage: Stage, waits: Waits) -> None:
        token, wire = self._sessions.pop(0)
        asked = time.monotonic()
        try:
            reply = await stage.refresh(wire, token)
        except Broken:
            waits.answers["broken"] += 1
        else:
            waits.seconds.append(time.monotonic() - asked)
            waits.answers[str(reply.status)] += 1
            if reply.status == 200:
                token = msgspec.json.decode(reply.body)["refresh_token"]
        self._sessions.append((token, wire))

    async def _expire(self, stage: Stage) -> tuple[int, int]:
        """Add the expired half while no node runs: how many rows, and how large is all of it now?

        The bulk insert must be over before waiting is measured.
        """
        await stop_all(stage.nodes)
        await prepare(stage)
        await fill(stage.url, self._half, 1.0, keep=0)
        return await self._expired(stage), await size(stage)

    async def _clean_up(self, stage: Stage) -> tuple[Waits, Watch]:
        """Start the nodes, and refresh for as long as they are cleaning up."""
        await start_all(stage.nodes)
        begun, done = asyncio.Event(), asyncio.Event()
        async with watching(stage) as watch, _told(self._wait_for(stage, begun, done)):
            await self._load(stage, 1.0, until=begun)
            during = await self._load(stage, 0.0, until=done)
        self._lab.say(f"{self._kind}: cleaned up in {watch.seconds:.0f} s, p99 {during.p99 * 1000:.1f} ms")
        return during, watch

    async def _wait_for(self, stage: Stage, begun: asyncio.Event, done: asyncio.Event) -> None:
        """Look seldom, and at little: counting all would be a load of its own."""
        try:
            async with asyncio.timeout(self._patience):
                while not await batches_so_far(stage):  # noqa: ASYNC110 - another process decides
                    await asyncio.sleep(0.1)
                begun.set()
                while await self._expired(stage, most=1):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(1)
        except TimeoutError:
            self._lab.say(f"{self._kind}: not cleaned up after {self._patience:g} s")
        finally:
            begun.set()
            done.set()

    # ------------------------------------------------------------------------------------- rows

    async def _live(self, stage: Stage, before: float) -> int:
        """Rows from before that moment that nobody may delete."""
        kept = f"AND (expires_at IS NULL OR expires_at >= {PAST[self._kind]})"
        total = 0
        for table, began in BEGAN.items():
            total += await stage.number(f"SELECT count(*) FROM {table} WHERE {began} < {before} {kept}")  # noqa: S608
        return total

    async def _expired(self, stage: Stage, *, most: int = 10**9) -> int:
        """Rows that are long due; counted up to `most` in each table."""
        total = 0
        for table in BEGAN:
            past = f"{PAST[self._kind]} - {DUE.get(table, 0)}"
            due = f"SELECT 1 FROM {table} WHERE expires_at < {past} LIMIT {most}"  # noqa: S608
            total += await stage.number(f"SELECT count(*) FROM ({due}) AS due")  # noqa: S608
        return total

    async def _compared(self, stage: Stage, tokens: list[str]) -> tuple[Finding, ...]:
        """Look-ups among many and, in turn with them, among few on a server beside: both at the same time.

        Judged is what a client can notice; what the verb alone takes is told, being microseconds.
        """
        many, few = LookUps(stage, tokens), self._few
        async with on_stage(self._lab, self._kind, nodes=1) as small:
            less = LookUps(small, (await fill(small.url, few)).tokens)
            for _ in range(self._looks):
                for each in self._chance.sample((less, many), 2):
                    await each.one(self._chance)
            for each in (less, many):
                await each.close()
        among = f"one among all, against one among {few:,}"
        request, verb = statistics.median(less.requests), statistics.median(less.verbs)
        return (
            Finding(
                what=f"request that looks a refresh token up, {among} ({request * 1000:.2f} ms)",
                figure=round(statistics.median(many.requests) / request, 2),
                unit="×",
                at_most=LOOK_UP_SLOWER,
            ),
            Finding(
                what=f"the storage verb within it, {among} ({verb * 1e6:.0f} µs)",
                figure=round(statistics.median(many.verbs) / verb, 2),
                unit="×",
            ),
        )

    async def _reused(self, stage: Stage, peak: int) -> Finding:
        """Does the room of what is gone serve what comes?"""
        await vacuum(stage)
        await fill(stage.url, self._half, 1.0, keep=0)
        again = await size(stage)
        what = f"size with as many expired ones once more, against the first time ({peak / 1e6:.0f} MB)"
        most = self._lab.pick(short=None, middle=GROWN, full=GROWN)  # a few pages say nothing
        return Finding(what=what, figure=round(again / peak, 3), at_most=most)


def _waits(before: Waits, during: Waits) -> tuple[Finding, ...]:
    refused = sum(
        count for waits in (before, during) for name, count in waits.answers.items() if name != "200"
    )
    return (
        exactly("token requests not answered with tokens", 0, refused),
        Finding(what="p99 of token requests without cleanup", figure=round(before.p99, 4), unit="s"),
        Finding(what="p99 during the cleanup", figure=round(during.p99, 4), unit="s", at_most=WAIT),
        Finding(
            what="p99 during against without",
            figure=round(during.p99 / (before.p99 or 1), 2),
            unit="×",
            at_most=SLOWER,
        ),
    )


@asynccontextmanager
async def _told(work: Any) -> AsyncIterator[None]:
    """Something that goes on beside, and whose failure is not swallowed."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await task
