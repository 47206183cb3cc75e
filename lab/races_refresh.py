"""Refresh tokens used by many tabs, by clients that lost the answer, and by thieves who come later."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from lab.experiment import Lab
from lab.racing import all_at_once, connected, exactly, write_ledger
from lab.report import Finding, Report
from lab.stage import Kind, Stage, on_each, on_stage, start_all, stop_all
from lab.wire import Broken, Reply, Wire
from tests.services import seeds

TABS = 8  # that refresh one token at the same moment
LANES = 6  # families whose tabs race at the same time
AT_ONCE = 16  # requests on their way otherwise
BATCH = 500  # families that live through the steps together
DEFAULT_GRACE = 10.0  # seconds, as the server has it when nothing is set
MARGIN = 0.5  # seconds: how clearly a retry is in time, and a replay too late
DEAD_WITHIN = 1.0  # seconds after a replay


@dataclass
class Family:
    """One grant's refresh tokens as its client knows them, oldest first."""

    tokens: list[str]
    access_token: str = ""
    dropped_at: float = 0.0
    lost: bool = False  # an honest retry was refused

    def take(self, reply: Reply) -> None:
        """Go on with what a refresh brought."""
        answer = msgspec.json.decode(reply.body)
        self.tokens.append(answer["refresh_token"])
        self.access_token = answer["access_token"]


@dataclass
class Tally:
    """What was seen, over all families of one run."""

    counts: Counter[str] = field(default_factory=Counter)
    lines: list[list[object]] = field(default_factory=list)  # of the ledger: a family's tokens, and its end
    slowest_death: float = 0.0  # seconds from the answer to a replay until both nodes knew

    def note(self, what: str, *, when: bool = True) -> None:
        """One more, if so."""
        self.counts[what] += when

    def reply(self, reply: Reply | None) -> None:
        """What every answer is looked at for."""
        self.note("broken", when=reply is None)
        self.note("failed", when=reply is not None and reply.status >= 500)


async def run_rx10(lab: Lab) -> list[Report]:
    """RX10: an honest client never loses its session, a thief ends it on every node."""
    return await on_each(lab, _on)


async def _on(lab: Lab, kind: Kind) -> Report:
    grace = lab.pick(short=3.0, middle=2.0, full=2.0)
    quick = lab.pick(short=30, middle=800, full=4_500)
    slow = lab.pick(short=0, middle=200, full=500)
    tally, findings = Tally(), Counter[str]()
    for families, seconds in ((quick, grace), (slow, DEFAULT_GRACE)):
        settings = {} if seconds == DEFAULT_GRACE else {"GRANTWAY_TOKENS__REFRESH_GRACE": f"{seconds}s"}
        if families:
            async with on_stage(lab, kind, nodes=2, workers=2, settings=settings) as stage:
                findings += await _Run(lab, stage, tally, grace=seconds).all(families)
    tally.counts += findings
    where = "one node" if kind == "SQLite" else "two nodes of two workers each"
    return Report(
        id="RX10",
        title="refresh tokens replayed across nodes",
        database=kind,
        seed=lab.seed,
        what_was_done=f"{quick + slow:,} families on {where}, {quick:,} with a grace of {grace:g} s, "
        f"{slow:,} with the default of {DEFAULT_GRACE:g} s: {TABS} refreshes at once; a refresh whose socket "
        "is closed unread, and its retry in time on whichever node, some of them (with the default) after "
        "that node was restarted; then a spent token once more after the grace, the last after another "
        "restart.",
        findings=_findings(tally, quick + slow, restarted=1 if slow else 0),
        ledger=write_ledger(lab.folder / f"rx10-{kind.lower()}.jsonl", tally.lines),
    )


def _findings(tally: Tally, families: int, *, restarted: int) -> tuple[Finding, ...]:
    found = tally.counts
    return (
        exactly(
            "families with one successor after eight refreshes at once", families, found["one successor"]
        ),
        exactly("of eight refreshes at once, refused", 0, found["tab refused"]),
        exactly("families without exactly one unspent token in the database", 0, found["forks"]),
        Finding(what="retries of an unread answer within the grace", figure=found["retries"], at_least=1),
        exactly("of them, sessions lost", 0, found["lost"]),
        Finding(
            what="refused, but the machine was too slow to judge", figure=found["answered too late to judge"]
        ),
        Finding(what="retries after the node was restarted", figure=found["restarted"], at_least=restarted),
        exactly("of them, sessions lost after a restart", 0, found["lost after restart"]),
        exactly("replays after the grace told invalid_grant", families, found["punished"]),
        exactly("families alive on a node after the replay", 0, found["survivors"]),
        exactly("replays in the audit log", families, found["audited"]),
        exactly("answers of 500 and above", 0, found["failed"]),
        exactly("connections cut", 0, found["broken"]),
        Finding(
            what="longest from a replay's answer until dead on every node",
            figure=round(tally.slowest_death, 3),
            unit="s",
            at_most=DEAD_WITHIN,
        ),
    )


class _Run:
    """All families of one grace, on one stage."""

    def __init__(self, lab: Lab, stage: Stage, tally: Tally, *, grace: float) -> None:
        self._lab, self._stage, self._tally, self._grace = lab, stage, tally, grace
        self._chance = random.Random(lab.seed)
        self._done = Counter[str]()

    async def all(self, families: int) -> Counter[str]:
        """Take them through the steps, some hundred at a time; what the database says afterwards."""
        for start in range(0, families, BATCH):
            last = start + BATCH >= families
            await self._batch(min(BATCH, families - start), restart=last)
            self._lab.say(
                f"{self._stage.kind}, grace {self._grace:g} s: {min(start + BATCH, families)} families"
            )
        audited = "SELECT count(DISTINCT target) FROM audit WHERE action = 'refresh_token.replayed'"
        self._done["audited"] += await self._stage.number(audited)
        return self._done

    async def _batch(self, count: int, *, restart: bool) -> None:
        tokens = await seeds.many(lambda: seeds.refresh_token(self._stage.seeds), count)
        families = [Family([token]) for token in tokens]
        await self._lanes(families)
        async with _Pool(self._stage) as pool:
            if restart and self._grace == DEFAULT_GRACE:  # a shorter one is over before the node is back
                few = families[: max(4, count // 5)]
                await _each(few, lambda family: self._drop(pool, family))
                await self._restart(pool)
                await _each(few, lambda family: self._retry(pool, family, 1, after="restart"))
            await _each(families, lambda family: self._lose_and_retry(pool, family))
            await _each(families, lambda family: self._go_on(pool, family))
            await asyncio.sleep(self._grace + MARGIN)
            await self._count_forks()
            if restart:
                await self._restart(pool)
            await _each(families, lambda family: self._replay(pool, family), at_once=LANES)

    # ------------------------------------------------------------------------------ many at once

    async def _lanes(self, families: Sequence[Family]) -> None:
        waiting = iter(families)
        await asyncio.gather(*(self._lane(waiting) for _ in range(LANES)))

    async def _lane(self, families: Iterator[Family]) -> None:
        async with connected(self._stage, TABS) as wires:
            for family in families:
                token, began = family.tokens[-1], time.monotonic()
                replies = await all_at_once(self._stage.refresh(wire, token) for wire in wires)
                in_time = time.monotonic() - began < self._grace
                for reply in replies:
                    self._tally.reply(reply)
                    refused = reply is not None and reply.status == 400
                    self._tally.note("tab refused", when=refused and in_time)
                won = [reply for reply in replies if reply is not None and reply.status == 200]
                successors = {msgspec.json.decode(reply.body)["refresh_token"] for reply in won}
                self._tally.note("one successor", when=len(successors) == 1)
                if won:
                    family.take(won[0])

    # ---------------------------------------------------------------------------- unread answers

    async def _lose_and_retry(self, pool: "_Pool", family: Family) -> None:
        await self._drop(pool, family)
        await asyncio.sleep(self._chance.uniform(0, max(0.0, self._grace - 2 * MARGIN)))
        await self._retry(pool, family, self._chance.randrange(2))

    async def _drop(self, pool: "_Pool", family: Family) -> None:
        """Send a refresh and hang up. Whether the server had read it by then is a matter of luck."""
        async with pool.gate:
            node = self._stage.nodes[-1]
            family.dropped_at = time.monotonic()
            _, writer = await asyncio.open_connection("127.0.0.1", node.port)
            body = f"grant_type=refresh_token&refresh_token={family.tokens[-1]}"
            writer.write(
                f"POST /token HTTP/1.1\r\nhost: {self._stage.host}\r\n"
                "content-type: application/x-www-form-urlencoded\r\n"
                f"authorization: {self._stage.basic()['authorization']}\r\n"
                f"content-length: {len(body)}\r\n\r\n{body}".encode()
            )
            await writer.drain()
            await asyncio.sleep(self._chance.choice((0.0, 0.002, 0.02)))
            writer.close()

    async def _retry(self, pool: "_Pool", family: Family, node: int, *, after: str = "") -> None:
        reply = await pool.ask(node, lambda wire: self._stage.refresh(wire, family.tokens[-1]))
        self._tally.reply(reply)
        self._tally.note("restarted" if after else "retries")
        if reply is not None and reply.status == 200:
            family.take(reply)
        else:
            family.lost = True
            in_time = time.monotonic() - family.dropped_at < self._grace
            lost = "lost after restart" if after else "lost"
            self._tally.note(lost if in_time else "answered too late to judge")

    async def _go_on(self, pool: "_Pool", family: Family) -> None:
        """The successor is good: the session was not lost."""
        reply = await pool.ask(0, lambda wire: self._stage.refresh(wire, family.tokens[-1]))
        self._tally.reply(reply)
        if reply is not None and reply.status == 200:
            family.take(reply)
        else:
            self._tally.note("lost", when=not family.lost)

    async def _count_forks(self) -> None:
        """More unspent tokens, or none, in a family that nobody has replayed yet."""
        forked = (
            "SELECT count(*) FROM (SELECT g.id FROM grants g LEFT JOIN refresh_tokens r "
            "ON r.grant_id = g.id AND r.spent_at IS NULL WHERE g.revoked_at IS NULL "
            "GROUP BY g.id HAVING count(r.id) <> 1) AS odd"
        )
        self._done["forks"] += await self._stage.number(forked)

    # ----------------------------------------------------------------------------------- thieves

    async def _replay(self, pool: "_Pool", family: Family) -> None:
        """A thief sends a token that was spent long ago; the client's own tokens die with it."""
        stolen = self._chance.choice(family.tokens[:-1] or family.tokens)
        reply = await pool.ask(-1, lambda wire: self._stage.refresh(wire, stolen))
        self._tally.reply(reply)
        self._tally.note("punished", when=reply is not None and b'"invalid_grant"' in reply.body)
        answered = time.monotonic()
        deaths = [self._death(pool, node, family, answered) for node in range(len(self._stage.nodes))]
        dead = await asyncio.gather(*deaths)
        self._tally.note("survivors", when=not all(dead))
        names = [token[5:21] for token in family.tokens]
        self._tally.lines.append([names, family.lost, stolen[5:21], reply and reply.status, dead])

    async def _death(self, pool: "_Pool", node: int, family: Family, since: float) -> bool:
        """Has the family ended on this node, in good time?"""
        while await pool.ask(node, lambda wire: self._stage.is_active(wire, family.access_token)):
            if time.monotonic() - since > 3 * DEAD_WITHIN:
                return False
            await asyncio.sleep(0.02)
        self._tally.slowest_death = max(self._tally.slowest_death, time.monotonic() - since)
        reply = await pool.ask(node, lambda wire: self._stage.refresh(wire, family.tokens[-1]))
        return reply is not None and reply.status == 400

    async def _restart(self, pool: "_Pool") -> None:
        """Stop the last node as an operator would, and start it again."""
        await pool.hang_up()
        await stop_all(self._stage.nodes[-1:])
        await start_all(self._stage.nodes[-1:])


class _Pool:
    """Connections to each node, lent to one request at a time, and a bound on what is on its way."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._free: dict[int, list[Wire]] = {number: [] for number in range(len(stage.nodes))}
        self.gate = asyncio.Semaphore(AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    async def ask(self, node: int, request: Callable[[Wire], Coroutine[Any, Any, Any]]) -> Any:
        """The answer to a request to this node; None when the connection broke."""
        async with self.gate, self._lent(node % len(self._stage.nodes)) as wire:
            try:
                return await request(wire)
            except Broken:
                return None

    @asynccontextmanager
    async def _lent(self, node: int) -> AsyncIterator[Wire]:
        free = self._free[node]
        wire = free.pop() if free else self._stage.wire(node)
        yield wire
        free.append(wire)

    async def hang_up(self) -> None:
        """Close all; they open again when they are used."""
        for wires in self._free.values():
            for wire in wires:
                await wire.close()


async def _each(
    families: Sequence[Family],
    step: Callable[[Family], Coroutine[Any, Any, None]],
    *,
    at_once: int = BATCH,
) -> None:
    """Take all through a step, so many at a time."""
    gate = asyncio.Semaphore(at_once)

    async def one(family: Family) -> None:
        async with gate:
            await step(family)

    await asyncio.gather(*(one(family) for family in families))
