"""RX20: SIGTERM under load. Whatever the server took on is answered whole, and written down.

A connection that breaks off while a server stops is one of these:

- cut: an answer had begun, or the request was sent well before the signal, or what it asked for was done.
- closed between requests: the server hung up on an idle connection while a request was on its way to it. HTTP
  allows that (RFC 9112 §9.5, §9.3.1), and clients send such a request again. Nothing was done.
- never taken: the connection waited in the kernel's queue when the listener was closed. Nothing was done.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grantway.web.pages import CONTINUE
from lab.browser import Browser
from lab.caller import Caller, NoAnswer
from lab.customers import App, Chain
from lab.experiment import Lab
from lab.ledger import Ledger, State, read
from lab.report import Finding, Report
from lab.tally import Tally
from lab.target import Place, Target, on_target
from lab.wire import Broken, Reply
from tests.node import sqlite_url

EXIT_WITHIN = 10.0  # seconds
WELL_BEFORE = 0.05  # seconds: a request sent so long before the signal has been read by then
LOGINS = 2  # customers who do nothing but sign in, since that takes the server longest
# What must be in the tables for each acknowledged line of the ledger, and nothing else.
ROWS = {
    "code.issued": "SELECT count(*) FROM codes",
    "code.redeemed": "SELECT count(*) FROM codes WHERE spent_at IS NOT NULL",
    "refresh_token.rotated": "SELECT count(*) FROM refresh_tokens WHERE spent_at IS NOT NULL",
    "grant.revoked": "SELECT count(*) FROM grants WHERE revoked_at IS NOT NULL",
}
AUDIT = "SELECT count(*) FROM audit WHERE action = 'refresh_token.revoked'"
SESSIONS = "SELECT count(*) FROM sessions"


@dataclass
class Breaks:
    """How requests ended that were not answered."""

    signal_at: float = float("inf")
    kinds: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    sessions: int = 0  # session cookies received


class StrictCaller(Caller):
    """Asks once, and looks closely at what breaks."""

    def __init__(self, target: Target, tally: Tally, breaks: Breaks) -> None:
        super().__init__(target, tally)
        self._breaks, self._place = breaks, target.places[0]

    async def once(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """One request. Raises NoAnswer; a page with a code that is issued already is loaded again instead."""
        while True:
            try:
                return await self._once(method, path, headers, body)
            except NoAnswer:
                if not path.startswith(CONTINUE):
                    raise

    async def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        wire, sent_at = await self._wire(self._place), time.monotonic()
        try:
            reply = await wire.send(method, path, dict(headers), body)
        except Broken as why:
            self._breaks.kinds[self._kind(why, sent_at, begun=wire.begun, fresh=wire.answered == 0)] += 1
            await asyncio.sleep(0.02)
            raise NoAnswer(str(why)) from why
        self._breaks.answered += 1
        self._breaks.sessions += any(cookie.startswith("gw_s=gw") for cookie in reply.cookies)
        if reply.status >= 500:
            if reply.status == 503 and "retry-after" in reply.headers:
                self._breaks.kinds["503"] += 1
            else:
                self._tally.wrong.append(f"{method} {path.partition('?')[0]}: {reply.status}")
            raise NoAnswer(str(reply.status))
        return reply

    def _kind(self, why: Broken, sent_at: float, *, begun: bool, fresh: bool) -> str:
        if isinstance(why.__cause__, ConnectionRefusedError):
            return "refused"
        if begun:
            return "cut in the answer"
        if sent_at < self._breaks.signal_at - WELL_BEFORE:
            return "sent before the signal"
        return "never taken" if fresh else "closed between requests"


@dataclass
class Guest:
    """Does one whole flow after another; what was acknowledged is noted, nothing is asked twice."""

    app: App
    browser: Callable[[], Browser]
    client_id: str = "printer"

    async def turn(self) -> None:
        """One flow, as far as it gets."""
        try:
            answer = await self.browser().authorize(self.client_id)
            chain = await self.app.issued(self.client_id, answer)
            if chain is not None:
                await self._use(chain)
        except NoAnswer:
            return

    async def _use(self, chain: Chain) -> None:
        note = self.app.ledger.note
        reply = await self.app.send_code(chain)
        await note("code.redeemed", chain.of_code(State.ENDED), *chain.take(reply))
        for _ in range(2):
            old = chain.of_refresh_token(State.ENDED)
            reply = await self.app.send_refresh_token(chain)
            await note("refresh_token.rotated", old, *chain.take(reply))
        await self.app.caller.post("/revoke", {"token": chain.refresh_token}, by=chain.client_id)
        await note("grant.revoked", *chain.all(State.ENDED))


@dataclass
class Stops:
    """Stops the one node again and again."""

    target: Target
    ledger: Ledger
    tally: Tally = field(default_factory=Tally)
    breaks: Breaks = field(default_factory=Breaks)
    seconds: list[float] = field(default_factory=list)
    bad_codes: list[int] = field(default_factory=list)
    _over: bool = False

    async def run(self, lab: Lab, count: int) -> None:
        """So many stops and starts, with guests all the time."""
        chance = random.Random(lab.seed)
        async with asyncio.TaskGroup() as guests:
            for number, cookie in enumerate(self.target.cookies):
                guests.create_task(self._serve(cookie, logs_in=number < LOGINS))
            for number in range(1, count + 1):
                await asyncio.sleep(chance.uniform(0.5, 1.5))
                await self._stop(self.target.places[0])
                if number % 5 == 0 or number == count:
                    lab.say(f"{number} of {count} stops, {self.breaks.answered:,} answers")
            await asyncio.sleep(0.3)
            self._over = True

    async def _serve(self, cookie: str, *, logs_in: bool) -> None:
        caller = StrictCaller(self.target, self.tally, self.breaks)

        def browser() -> Browser:
            return Browser(caller) if logs_in else Browser.signed_in(caller, cookie)

        guest = Guest(App(caller, self.ledger, self.tally), browser)
        while not self._over:
            await guest.turn()
        await caller.close()

    async def _stop(self, place: Place) -> None:
        self.breaks.signal_at = time.monotonic()
        code = await asyncio.to_thread(place.node.terminate)
        self.seconds.append(time.monotonic() - self.breaks.signal_at)
        if code != 0:
            self.bad_codes.append(code)
        self.breaks.signal_at = float("inf")  # nothing is under way: the node is gone
        await asyncio.to_thread(place.node.start)

    async def unanswered_changes(self) -> dict[str, int]:
        """What is in the tables beyond what was acknowledged, and what is missing there."""
        noted = Counter(entry.what for entry in read(self.ledger.path))
        found = {what: int((await self.target.query(sql))[0][0]) - noted[what] for what, sql in ROWS.items()}
        seeded = len(self.target.cookies)
        found["session"] = int((await self.target.query(SESSIONS))[0][0]) - self.breaks.sessions - seeded
        return found

    async def lost_audit_rows(self) -> int:
        """Revocations, acknowledged or not, without their row."""
        revoked = int((await self.target.query(ROWS["grant.revoked"]))[0][0])
        return revoked - int((await self.target.query(AUDIT))[0][0])

    async def stop_with_half_a_request(self) -> float:
        """Seconds until the node has stopped while somebody has sent half a request, and never the rest."""
        place = self.target.places[0]
        _, writer = await asyncio.open_connection("127.0.0.1", place.node.port)
        head = f"POST /token HTTP/1.1\r\nhost: {place.node.host}\r\ncontent-length: 100\r\n"
        writer.write(f"{head}content-type: application/x-www-form-urlencoded\r\n\r\ngrant_".encode())
        await writer.drain()
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await asyncio.to_thread(place.node.terminate)
        writer.close()
        return time.monotonic() - began


async def run_rx20(lab: Lab) -> list[Report]:
    """Both databases; on PostgreSQL also with two workers."""
    count = lab.pick(short=1, middle=10, full=50)
    folder = lab.folder / "sqlite"
    folder.mkdir()
    reports = [await _stopped(lab, "SQLite", sqlite_url(folder), folder, count=count, workers=1)]
    with lab.postgres() as cluster:
        for workers in lab.pick(short=(2,), middle=(1, 2), full=(1, 2)):
            folder = lab.folder / f"postgres-{workers}"
            folder.mkdir()
            database = await cluster.fresh_database()
            reports.append(await _stopped(lab, "PostgreSQL", database, folder, count=count, workers=workers))
    return reports


async def _stopped(lab: Lab, kind: str, database: str, folder: Path, *, count: int, workers: int) -> Report:
    name = f"rx20-{folder.name}.jsonl"
    lab.say(f"{kind}, {workers} worker{'s' if workers > 1 else ''}")
    async with on_target(database, folder, workers=workers, browsers=8) as target:
        stops = Stops(target, Ledger(lab.folder / name))
        await stops.run(lab, count)
        changes, audit = await stops.unanswered_changes(), await stops.lost_audit_rows()
        half = None if lab.size == "short" else await stops.stop_with_half_a_request()
        stops.ledger.close()
    return Report(
        id="RX20",
        title=f"SIGTERM under load, {workers} worker{'s' if workers > 1 else ''}",
        database=kind,
        seed=lab.seed,
        what_was_done=f"{count} stops with SIGTERM while {len(target.cookies)} customers run whole flows as "
        f"fast as they can over keep-alive connections, {LOGINS} of them signing in with their password.",
        findings=_findings(stops, changes, audit, half),
        ledger=name,
        facts={"rows beyond what was acknowledged": str(changes)} | stops.tally.facts(),
    )


def _findings(stops: Stops, changes: dict[str, int], audit: int, half: float | None) -> tuple[Finding, ...]:
    kinds = stops.breaks.kinds
    findings = [
        Finding(what="stops", figure=len(stops.seconds)),
        Finding(what="requests answered whole", figure=stops.breaks.answered),
        Finding(what="cut in the middle of the answer", figure=kinds["cut in the answer"], at_most=0),
        Finding(
            what="sent before the signal, not answered", figure=kinds["sent before the signal"], at_most=0
        ),
        Finding(what="changes made and not answered", figure=sum(map(abs, changes.values())), at_most=0),
        Finding(
            what="closed between requests, at the moment of asking", figure=kinds["closed between requests"]
        ),
        Finding(what="new connections never taken", figure=kinds["never taken"]),
        Finding(what="new connections refused meanwhile", figure=kinds["refused"]),
        Finding(what="answers of 503 with Retry-After", figure=kinds["503"]),
        Finding(what="answers that make no sense", figure=len(stops.tally.wrong), at_most=0),
        Finding(what="audit rows lost", figure=audit, at_most=0),
        Finding(what="exit codes other than 0", figure=len(stops.bad_codes), at_most=0),
        Finding(what="exit, longest", figure=max(stops.seconds), unit="s", at_most=EXIT_WITHIN),
    ]
    if half is not None:
        what = "exit while a client has sent half a request"
        findings.append(Finding(what=what, figure=half, unit="s", at_most=EXIT_WITHIN))
    return tuple(findings)
