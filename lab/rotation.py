"""RX14: signing keys are rotated by command, under load, on two nodes, before APIs that keep what they read.

Three verifiers check every token: one keeps the key set for as long as it may, one for a fifth of that, one
reads it each time. None of them asks again for a key it does not know: the server has to be early enough.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from lab.experiment import Lab
from lab.load import Load, under_load
from lab.report import Finding, Report
from lab.target import Target, on_target
from lab.wire import Broken, Wire
from tests.services.postgres import Postgres

REVOKED_WITHIN = 60.0  # seconds
LEDGER = "rx14.jsonl"
PACE = 50  # tokens each second
SETTLES = 40.0  # seconds: what `key_phases.SPREAD` and a round of housekeeping take, and a margin


@dataclass
class Verifier:
    """An API that keeps the key set for so long, read from either node."""

    wires: list[Wire]
    keeps: float
    keys: KeySet | None = None
    read_at: float = float("-inf")
    turns: int = 0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verify(self, token: str) -> str:
        """The id of the key that signed it. Raises JoseError or ValueError."""
        async with self.reading:
            if self.keys is None or time.monotonic() - self.read_at > self.keeps:
                self.turns += 1
                began = time.monotonic()
                reply = await self.wires[self.turns % len(self.wires)].get("/jwks")
                self.keys, self.read_at = KeySet.import_key_set(json.loads(reply.body)), began
            keys = self.keys
        return str(jwt.decode(token, keys, algorithms=["ES256"]).header["kid"])


@dataclass
class Rotation:
    """What was seen."""

    target: Target
    verifiers: list[Verifier]
    served: list[dict[str, float]]  # by node: kid → when it was first seen in its key set
    signed: dict[str, float] = field(default_factory=dict)  # kid → when a token of it was first asked for
    failed: list[str] = field(default_factory=list)
    verified: int = 0
    unanswered: int = 0  # requests that got 503, or nothing: on a machine that stands still, say
    tokens: list[str] = field(default_factory=list)  # the newest
    _wires: list[Wire] = field(default_factory=list)

    def _wire(self, port: int) -> Wire:
        self._wires.append(Wire(port, self.target.host))
        return self._wires[-1]

    async def hang_up(self) -> None:
        """Everywhere."""
        for wire in [*self._wires, *(wire for one in self.verifiers for wire in one.wires)]:
            await wire.close()

    async def watch(self) -> None:
        """Read the key set of every node, often, until cancelled."""
        wires = [self._wire(place.node.port) for place in self.target.places]
        keys: list[dict[str, str]] = []
        while True:
            for wire, seen in zip(wires, self.served, strict=True):
                with suppress(Broken):
                    keys = json.loads((await wire.get("/jwks")).body)["keys"]
                for key in keys:
                    seen.setdefault(key["kid"], time.monotonic())
            await asyncio.sleep(0.05)

    async def work(self, number: int, workers: int) -> None:
        """Get tokens and have them verified, until cancelled."""
        place = self.target.places[number % len(self.target.places)]
        wire = self._wire(place.node.port)
        robot = {"authorization": self.target.basics["robot"]}
        form = {"grant_type": "client_credentials", "scope": "photos:read"}
        while True:
            asked_at = time.monotonic()
            try:
                reply = await wire.post("/token", form, **robot)
            except Broken:
                reply = None
            if reply is None or reply.status == 503:
                self.unanswered += 1
                await asyncio.sleep(0.2)
                continue
            token = json.loads(reply.body)["access_token"]
            self.tokens = [*self.tokens[-9:], token]
            for verifier in self.verifiers:
                try:
                    self.signed.setdefault(await verifier.verify(token), asked_at)
                    self.verified += 1
                except Broken:
                    self.unanswered += 1
                except (JoseError, ValueError) as bad:
                    self.failed.append(f"{verifier.keeps:g} s: {bad!r}")
            await asyncio.sleep(max(0.0, workers / PACE - (time.monotonic() - asked_at)))

    def lead(self, kid: str) -> float:
        """Seconds for which every node had served the key before any signed with it."""
        return min(self.signed[kid] - seen.get(kid, float("inf")) for seen in self.served)


async def run_rx14(lab: Lab) -> list[Report]:
    """Two nodes on PostgreSQL."""
    cached = lab.pick(short=1, middle=10, full=300)
    rotations, every = lab.pick(short=1, middle=4, full=10), lab.pick(short=1, middle=15, full=60)
    folder = lab.folder / "postgres"
    folder.mkdir()
    settings = {"GRANTWAY_KEYS__CACHE_LIFETIME": str(cached)}
    with Postgres() as cluster:
        database = await cluster.fresh_database()
        async with on_target(database, folder, nodes=2, browsers=4, settings=settings) as target:
            target.environment = {**target.environment, **settings}
            ports = [place.node.port for place in target.places]
            verifiers = [
                Verifier([Wire(port, target.host) for port in ports], keeps)
                for keeps in (float(cached), cached / 5, 0.0)
            ]
            rotation = Rotation(target, verifiers, [{} for _ in ports])
            async with under_load(
                target, lab.folder / LEDGER, seed=lab.seed, think=0.2, commands=False
            ) as load:
                made = await _rotate(lab, rotation, rotations, every, cached)
            longest = await _emergency(rotation)  # after the ledger was judged: it kills what is live
            times_active = await target.query(
                "SELECT target, count(*) FROM audit WHERE action = 'key.active' AND actor = 'system' "
                "GROUP BY target"
            )
    words = (
        f"{rotations} rotations by `grantway keys rotate`, {every} s apart, on two nodes whose key set may "
        f"be kept for {cached} s, at {PACE} tokens a second, each verified by three APIs that keep the key "
        f"set for {cached} s, {cached / 5:g} s and not at all; then an emergency."
    )
    return [
        Report(
            id="RX14",
            title="key rotation under load",
            database="PostgreSQL",
            seed=lab.seed,
            what_was_done=words,
            findings=_findings(
                rotation, load, made, times_active=dict(times_active), longest=longest, cached=cached
            ),
            ledger=LEDGER,
            facts=load.tally.facts() | {"verifications failed": "; ".join(rotation.failed[:3])},
        )
    ]


async def _rotate(lab: Lab, rotation: Rotation, count: int, every: float, cached: float) -> list[str]:
    """The keys made, once all of them have signed."""
    workers = 8
    tasks = [
        asyncio.create_task(rotation.watch()),
        *(asyncio.create_task(rotation.work(number, workers)) for number in range(workers)),
    ]
    await asyncio.sleep(1)
    made: list[str] = []
    for _ in range(count):
        made.append(await _command(rotation.target, "keys", "rotate"))
        lab.say(f"{len(made)} of {count} rotations, {rotation.verified:,} verifications")
        await asyncio.sleep(every)
    until = time.monotonic() + cached + SETTLES * lab.pick(short=3, middle=2, full=2)
    while not set(made) <= set(rotation.signed) and time.monotonic() < until:
        _raise_of(tasks)
        await asyncio.sleep(0.2)
    await asyncio.sleep(cached / 5)
    _raise_of(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await rotation.hang_up()
    return made


def _raise_of(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        if task.done():
            task.result()


async def _emergency(rotation: Rotation) -> float:
    """Seconds until every node refuses what the old keys have signed."""
    target, old = rotation.target, rotation.tokens[-1]
    began = time.monotonic()
    await _command(target, "keys", "rotate", "--emergency")

    async def refused(port: int) -> float:
        wire = Wire(port, target.host)
        asking = {"authorization": target.basics["photos-api"]}
        while time.monotonic() - began < 2 * REVOKED_WITHIN:
            try:
                reply = await wire.post("/introspect", {"token": old}, **asking)
                if b'"active":true' not in reply.body and reply.status == 200:
                    break
            except Broken:
                pass
            await asyncio.sleep(0.05)
        await wire.close()
        return time.monotonic() - began

    return max(await asyncio.gather(*(refused(place.node.port) for place in target.places)))


async def _command(target: Target, *words: str) -> str:
    """A command of the operator, on the same database; the id of the key it made."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "grantway", "--json", "--yes", "--no-input", *words,
        env=dict(target.environment), cwd=Path(target.folder), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"grantway {' '.join(words)}: {errors[-500:]!r}")
    return str(json.loads(out)["kid"])


def _findings(
    rotation: Rotation,
    load: Load,
    made: list[str],
    *,
    times_active: dict[str, int],
    longest: float,
    cached: float,
) -> tuple[Finding, ...]:
    signed = [kid for kid in made if kid in rotation.signed]
    leads = [rotation.lead(kid) for kid in signed]
    return (
        *load.tally.findings(load.ledger.count),
        Finding(what="verifications", figure=rotation.verified, at_least=100),
        Finding(what="verifications that failed", figure=len(rotation.failed), at_most=0),
        Finding(what="requests not answered, or by 503", figure=rotation.unanswered),
        Finding(what="keys made", figure=len(made)),
        Finding(
            what="of these, never signed, for all that was waited", figure=len(made) - len(signed), at_most=0
        ),
        Finding(
            what="shortest time on both nodes' key sets before it signed, less what others may keep them",
            figure=round(min(leads, default=-1.0) - cached, 2),
            at_least=0,
        ),
        Finding(
            what="keys made active by time other than once, by one of the nodes",
            figure=sum(times_active.get(f"key:{kid}", 0) != 1 for kid in signed),
            at_most=0,
        ),
        Finding(
            what="after an emergency, a token of the old key still active, longest",
            figure=round(longest, 2),
            unit="s",
            at_most=REVOKED_WITHIN,
        ),
    )
