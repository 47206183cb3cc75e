"""RX18: what the server depends on is gone, says nothing, or is slow: its database, and addresses of others.

The database stands behind a gate (`lab.gate`). While it is shut or mute, every request that needs it is
answered 503 before long, and all that does not need it is answered as ever; afterwards the node goes on by
itself. Statements that the gate held back reach the database when it opens: late, as after a partition.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from grantway.protocol.names import AuthMethod
from lab.caller import FORM
from lab.experiment import Lab
from lab.gate import Gate, State
from lab.load import Load, under_load
from lab.probe import Probe, probing, usual
from lab.report import Finding, Report
from lab.target import Target, on_target
from lab.wholeness import half_effects
from lab.wire import Broken, Reply, Wire
from tests.node import sqlite_url, web_client
from tests.services.postgres import Postgres
from tests.signing import assertion

FAIL_WITHIN = 3.0  # seconds
RECOVERED_WITHIN = 5.0
SLOWER = 1.2  # times the p99 before, of what needs no database
RED_WITHIN = 3.0
PIECE = 0.2  # seconds that a slow database takes for each piece, in each direction
LEDGER = "rx18.jsonl"
DISTANT = "distant"  # the client whose keys lie at the address that is dead
HELD_UP = {State.SHUT: "gone", State.MUTE: "silent", State.SLOW: "slow"}


@dataclass
class Outages:
    """Makes them, one after the other, and measures."""

    gate: Gate
    load: Load
    probe: Probe
    waits: dict[State, list[float]] = field(default_factory=dict)  # seconds until a 503
    red_after: list[float] = field(default_factory=list)
    green_after: list[float] = field(default_factory=list)
    first_effect: list[float] = field(default_factory=list)

    async def run(self, lab: Lab, seconds: float, rounds: int) -> None:
        """Each kind of outage, for so long, so many times."""
        for number in range(1, rounds + 1):
            for state in HELD_UP:
                await asyncio.sleep(lab.pick(short=0.5, middle=2, full=5))
                await self._outage(state, seconds)
                await self.load.judge_after_fault()
            lab.say(f"{number} of {rounds} rounds, {self.load.ledger.count:,} acknowledged effects")

    async def _outage(self, state: State, seconds: float) -> None:
        before = len(self.load.tally.waits)
        self.probe.phase = HELD_UP[state]
        await self.gate.set(state, delay=PIECE)
        began = time.monotonic()
        if state is not State.SLOW:
            self.red_after += await asyncio.gather(*(self._seen(place, 503) for place in self._ports))
        await asyncio.sleep(max(0.0, seconds - (time.monotonic() - began)))
        self.probe.phase = "recovering"
        noted = self.load.ledger.count
        await self.gate.set(State.OPEN)
        opened = time.monotonic()
        self.green_after += await asyncio.gather(*(self._seen(place, 200) for place in self._ports))
        while self.load.ledger.count == noted:
            await asyncio.sleep(0.005)
            assert time.monotonic() < opened + 60, "no effect within a minute"
        self.first_effect.append(time.monotonic() - opened)
        await asyncio.sleep(1)
        self.waits.setdefault(state, []).extend(self.load.tally.waits[before:])
        self.probe.phase = "after"

    @property
    def _ports(self) -> list[int]:
        return [place.node.port for place in self.load.target.places]

    async def _seen(self, port: int, status: int) -> float:
        """Seconds until readiness says so."""
        began, wire = time.monotonic(), Wire(port, self.load.target.host)
        while (await wire.get("/readyz")).status != status:
            await asyncio.sleep(0.02)
            assert time.monotonic() < began + 60, f"readiness is not {status} within a minute"
        await wire.close()
        return time.monotonic() - began


async def run_rx18(lab: Lab) -> list[Report]:
    """The database of a node of two workers; then an address at which a client publishes its keys."""
    folder = lab.folder / "postgres"
    folder.mkdir()
    seconds, rounds = lab.pick(short=3, middle=8, full=30), lab.pick(short=1, middle=2, full=3)
    with Postgres() as cluster:
        database = await cluster.fresh_database()
        async with Gate(cluster.port) as gate:
            behind = database.replace(f":{cluster.port}/", f":{gate.port}/")
            browsers = lab.pick(short=4, middle=8, full=8)
            async with on_target(behind, folder, workers=2, browsers=browsers) as target:
                pids = _processes(target)
                asks = usual(target) | {"alive": _alive}
                async with (
                    probing(target, asks) as probe,
                    under_load(target, lab.folder / LEDGER, seed=lab.seed, commands=False) as load,
                ):
                    await asyncio.sleep(lab.pick(short=1, middle=5, full=10))
                    outages = Outages(gate, load, probe)
                    await outages.run(lab, seconds, rounds)
                target.database = database
                load.tally.half_done += await half_effects(target)
                gone = len(pids - _processes(target))
    words = (
        f"{rounds} × {seconds} s each of a database that refuses connections, one that says nothing, and one "
        f"that takes {PIECE:g} s longer for each piece it receives or sends, under 1 × 2 workers in use."
    )
    return [
        Report(
            id="RX18",
            title="the database is gone, silent, slow",
            database="PostgreSQL",
            seed=lab.seed,
            what_was_done=words,
            findings=_findings(outages, gone),
            ledger=LEDGER,
            facts=load.tally.facts() | probe.told(),
        ),
        await _dead_address(lab),
    ]


async def _alive(wire: Wire) -> Reply:
    return await wire.get("/livez")


def _processes(target: Target) -> set[int]:
    return {pid for place in target.places for pid in place.node.pids}


def _findings(outages: Outages, gone: int) -> tuple[Finding, ...]:
    probe, tally = outages.probe, outages.load.tally
    away = [one for phase in ("gone", "silent") for one in probe.of(phase)]
    waits = [
        Finding(
            what=f"longest wait for a 503 while the database is {HELD_UP[state]}",
            figure=round(max(found, default=0.0), 3),
            unit="s",
            at_most=None if state is State.SLOW else FAIL_WITHIN,
        )
        for state, found in outages.waits.items()
    ]
    return (
        *tally.findings(outages.load.ledger.count),
        Finding(what="answers of 503 with Retry-After", figure=tally.answers[503], at_least=1),
        Finding(what="connections broken off", figure=tally.broken.total(), at_most=0),
        Finding(what="processes of the server that ended", figure=gone, at_most=0),
        *waits,
        Finding(
            what="readiness red, longest after the outage began",
            figure=round(max(outages.red_after), 3),
            unit="s",
            at_most=RED_WITHIN,
        ),
        Finding(
            what="readiness green, longest after it ended",
            figure=round(max(outages.green_after), 3),
            unit="s",
            at_most=RECOVERED_WITHIN,
        ),
        Finding(
            what="first acknowledged effect after it ended, longest",
            figure=round(max(outages.first_effect), 3),
            unit="s",
            at_most=RECOVERED_WITHIN,
        ),
        Finding(
            what="keys, metadata and liveness asked for during outages, not answered 200",
            figure=sum(one.status != 200 for one in away if one.name != "token"),
            at_most=0,
        ),
        Finding(
            what="token requests that need no database, neither answered nor 503 with Retry-After",
            figure=sum(
                one.status != 200 and not (one.status == 503 and one.retry_after)
                for one in away
                if one.name == "token"
            ),
            at_most=0,
        ),
        *(_slower(probe, phase, "keys", "metadata", "alive") for phase in ("gone", "silent", "slow")),
    )


def _slower(probe: Probe, phase: str, *names: str) -> Finding:
    before = probe.p("before", *names)
    return Finding(
        what=f"p99 of what needs no database while it is {phase}, against before",
        figure=round(probe.p(phase, *names) / (before or 1), 2),
        unit="times",
        at_most=SLOWER,
    )


# ------------------------------------------------------------------------------ an address of others


async def _dead_address(lab: Lab) -> Report:
    """The address where a client publishes its keys takes connections and says nothing."""
    folder, ledger = lab.folder / "address", "rx18-address.jsonl"
    folder.mkdir()
    database = sqlite_url(folder)
    seconds = lab.pick(short=5, middle=20, full=60)
    async with Gate(1) as nobody:
        await nobody.set(State.MUTE)
        client = web_client(
            DISTANT,
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            jwks_uri=f"http://127.0.0.1:{nobody.port}/keys",
        )
        async with (
            on_target(database, folder, browsers=4, more=(client,)) as target,
            probing(target, usual(target)) as probe,
            under_load(target, lab.folder / ledger, seed=lab.seed, commands=False) as load,
        ):
            await asyncio.sleep(seconds / 2)
            probe.phase = "dead"
            asked = await _ask_in_vain(target, seconds)
    return Report(
        id="RX18",
        title="the address of a client's keys is dead",
        database="SQLite",
        seed=lab.seed,
        what_was_done=f"For {seconds} s a client whose `jwks_uri` takes connections and never answers asks "
        "for tokens, four requests at a time, beside customers at work.",
        findings=_findings_of_address(load, probe, asked),
        ledger=ledger,
        facts=load.tally.facts() | probe.told(),
    )


async def _ask_in_vain(target: Target, seconds: float) -> list[tuple[int, bool, float]]:
    """Status, Retry-After, and how long it took, of everything that the client asked for."""
    asked: list[tuple[int, bool, float]] = []
    until = time.monotonic() + seconds

    async def ask() -> None:
        wire = Wire(target.places[0].node.port, target.host)
        while time.monotonic() < until:
            form: Mapping[str, str] = assertion(target.issuer, DISTANT) | {
                "grant_type": "refresh_token",
                "refresh_token": "none",
                "client_id": DISTANT,
            }
            began = time.monotonic()
            try:
                reply = await wire.send("POST", "/token", dict(FORM), urlencode(form).encode())
                found = reply.status, "retry-after" in reply.headers
            except Broken:
                found = 0, False
            asked.append((*found, time.monotonic() - began))
            await asyncio.sleep(0.05)
        await wire.close()

    await asyncio.gather(*(ask() for _ in range(4)))
    return asked


def _findings_of_address(
    load: Load, probe: Probe, asked: list[tuple[int, bool, float]]
) -> tuple[Finding, ...]:
    return (
        *load.tally.findings(load.ledger.count),
        Finding(what="requests of the client whose keys nobody can read", figure=len(asked)),
        Finding(
            what="of these, not answered 503 (or 429, as others who fail) with Retry-After",
            figure=sum(status not in {503, 429} or not again for status, again, _ in asked),
            at_most=0,
        ),
        Finding(
            what="longest wait for a 503",
            figure=round(max(seconds for *_, seconds in asked), 3),
            unit="s",
            at_most=FAIL_WITHIN,
        ),
        Finding(
            what="of these, longer than a second",
            figure=sum(seconds > 1 for *_, seconds in asked),
        ),
        Finding(
            what="requests of others that failed meanwhile",
            figure=sum(one.status != 200 for one in probe.of("dead")),
            at_most=0,
        ),
        Finding(
            what="p99 of requests of others, against before",
            figure=round(probe.p("dead") / (probe.p("before") or 1), 2),
            unit="times",
            at_most=SLOWER,
        ),
    )
