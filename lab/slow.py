"""RX11: callers who send their heads and bodies a byte at a time, or do not read, beside customers at work.

Each slow caller is replaced by another as soon as the server has had enough of it, so that there are always
as many as were asked for. What is measured is what the others feel, and how long a slow one is kept.
"""

import asyncio
import re
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.experiment import Lab
from lab.load import Load, under_load
from lab.probe import Probe, probing, usual
from lab.report import Finding, Report
from lab.target import Target, on_target
from lab.wire import Wire
from tests.node import sqlite_url

HEAD_WITHIN, BODY_WITHIN, READ_WITHIN = 15.0, 30.0, 30.0  # seconds, as RX11 asks
BACK_WITHIN = 30.0  # seconds until the server has as many open files as before
GOOD = 0.999  # of honest requests
SLOWER = 2.0  # times the p99 before
ROOM = 8  # files more or fewer are not a leak: connections of customers come and go
IMPATIENT = {"HEAD_TIMEOUT": "1", "BODY_TIMEOUT": "1.5", "WRITE_TIMEOUT": "1.5"}  # for the short run


@dataclass
class Slow:
    """A crowd of slow callers."""

    target: Target
    large: str  # path of an answer that soon fills what the kernels keep
    pace: float  # seconds between two requests of somebody who does not read
    kept: dict[str, list[float]] = field(default_factory=lambda: {"head": [], "body": [], "read": []})
    moved: dict[asyncio.StreamWriter, float] = field(default_factory=dict)  # since when nothing moves
    refused: int = 0  # could not connect at all

    async def crowd(self, heads: int, bodies: int, readers: int) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for count, kind, behave in (
                (heads, "head", self._half_head),
                (bodies, "body", self._slow_body),
                (readers, "read", self._deaf),
            ):
                for number in range(count):
                    group.create_task(self._again_and_again(kind, behave, number / count))

    async def until_each_kind_was_sent_away(self) -> None:
        """At most two minutes more: the machine may have had other things to do."""
        for _ in range(1200):
            if all(self.kept.values()):
                return
            await asyncio.sleep(0.1)

    async def _again_and_again(
        self,
        kind: str,
        behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        offset: float,
    ) -> None:
        await asyncio.sleep(offset)
        while True:
            try:
                reader, writer = await self._connected()
            except OSError:
                self.refused += 1
                await asyncio.sleep(1)
                continue
            self.moved[writer] = time.monotonic()
            try:
                await behave(reader, writer)
            except (OSError, EOFError):
                pass
            finally:
                writer.transport.abort()
                began = self.moved.pop(writer)
            self.kept[kind].append(time.monotonic() - began)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """With little room for what is not read: else the kernel would read for them, by the megabyte."""
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.setblocking(False)  # noqa: FBT003 - its only parameter
        try:
            await asyncio.get_running_loop().sock_connect(own, ("127.0.0.1", self.target.places[0].node.port))
        except BaseException:
            own.close()
            raise
        return await asyncio.open_connection(sock=own, limit=1024)

    async def _drip(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str, every: float
    ) -> None:
        """One byte, a pause, and so on, until the server hangs up."""
        ended = asyncio.ensure_future(reader.read())
        try:
            for octet in text.encode() * 100:
                writer.write(bytes([octet]))
                done, _ = await asyncio.wait({ended}, timeout=every)
                if done:
                    return
        finally:
            ended.cancel()

    async def _half_head(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"GET /jwks HTTP/1.1\r\nHost: {self.target.host}\r\nX-Slow: ".encode())
        await self._drip(reader, writer, "slowly ", 10.0)

    async def _slow_body(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"POST /token HTTP/1.1\r\nHost: {self.target.host}\r\nContent-Length: 5000\r\n"
        writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode())
        await self._drip(reader, writer, "grant_type=", 5.0)

    async def _deaf(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Asks again and again and reads nothing, until what was sent is not taken any more."""
        asking = f"GET {self.large} HTTP/1.1\r\nHost: {self.target.host}\r\n\r\n"
        while True:
            writer.write(asking.encode())
            await writer.drain()
            self.moved[writer] = time.monotonic()  # until here they took what was sent
            await asyncio.sleep(self.pace)


async def large_answer(target: Target) -> str:
    """The path of the longest thing that anybody may ask for."""
    wire = Wire(target.places[0].node.port, target.host)
    page = (await wire.get("/")).text
    await wire.close()
    found = re.search(r'href="(/static/[^"]+css)"', page)
    assert found is not None, page
    return found[1]


def open_files(target: Target) -> int:
    """Files and sockets that the node holds."""
    pids = [pid for place in target.places for pid in place.node.pids]
    return sum(1 for pid in pids for _ in Path(f"/proc/{pid}/fd").glob("*"))


async def run_rx11(lab: Lab) -> list[Report]:
    """One server on SQLite; slow callers come and go for a while."""
    folder, ledger = lab.folder / "sqlite", "rx11.jsonl"
    folder.mkdir()
    crowd = lab.pick(short=(60, 12, 6), middle=(400, 80, 40), full=(1000, 200, 100))
    seconds = lab.pick(short=7, middle=60, full=300)
    settings = {"GRANTWAY_SERVER__CONNECTIONS_PER_NETWORK": "100000"}
    if lab.size == "short":
        settings |= {f"GRANTWAY_SERVER__{name}": value for name, value in IMPATIENT.items()}
    slow: Slow
    async with on_target(
        sqlite_url(folder), folder, browsers=lab.pick(short=4, middle=8, full=8), settings=settings
    ) as target:
        slow = Slow(target, await large_answer(target), lab.pick(short=0.01, middle=0.1, full=0.1))
        async with (
            probing(target, usual(target)) as probe,
            under_load(target, lab.folder / ledger, seed=lab.seed, commands=False) as load,
        ):
            await asyncio.sleep(lab.pick(short=2, middle=15, full=30))
            before, probe.phase = open_files(target), "beside slow callers"
            task = asyncio.create_task(slow.crowd(*crowd))
            await asyncio.sleep(seconds)
            await slow.until_each_kind_was_sent_away()
            most = open_files(target)
            lab.say(f"{sum(map(len, slow.kept.values())):,} slow callers were sent away; {most:,} open files")
            probe.phase = "after"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            back = await _until_back(target, before)
    return [
        Report(
            id="RX11",
            title="slow callers",
            database="SQLite",
            seed=lab.seed,
            what_was_done=_words(crowd, seconds, lab),
            findings=_findings(slow, load, probe, back=back, files=(before, most)),
            ledger=ledger,
            facts=load.tally.facts() | probe.told(),
        )
    ]


def _words(crowd: tuple[int, int, int], seconds: float, lab: Lab) -> str:
    heads, bodies, readers = crowd
    patience = ", with a server of little patience" if lab.size == "short" else ""
    return (
        f"For {seconds} s{patience}: {heads:,} callers whose heads come a byte every 10 s, {bodies:,} whose "
        f"bodies come a byte every 5 s, and {readers:,} who ask and do not read; each is replaced when it is "
        "sent away. Beside them customers at work, and probes. The limit of connections for each network is "
        "lifted, for all come from one address."
    )


async def _until_back(target: Target, before: int) -> float:
    """Seconds until the node holds as many files as before."""
    began = time.monotonic()
    while open_files(target) > before + ROOM:
        await asyncio.sleep(0.1)
        if time.monotonic() - began > 120:
            break
    return time.monotonic() - began


def _findings(
    slow: Slow, load: Load, probe: Probe, *, back: float, files: tuple[int, int]
) -> tuple[Finding, ...]:
    during, tally = "beside slow callers", load.tally
    honest = tally.answers.total() + tally.broken.total()
    failed = tally.broken.total() + sum(n for status, n in tally.answers.items() if status >= 500)
    bounds = {"head": HEAD_WITHIN, "body": BODY_WITHIN, "read": READ_WITHIN}
    names = {"head": "half heads", "body": "slow bodies", "read": "readers that do not read"}
    return (
        *tally.findings(load.ledger.count),
        *(
            Finding(what=f"{names[kind]} sent away", figure=len(kept), at_least=1)
            for kind, kept in slow.kept.items()
        ),
        *(
            Finding(
                what=f"longest that one of the {names[kind]} was kept",
                figure=round(max(kept, default=0.0), 2),
                unit="s",
                at_most=bounds[kind],
            )
            for kind, kept in slow.kept.items()
        ),
        Finding(
            what="share of customers' requests answered",
            figure=round(1 - failed / honest, 5),
            at_least=GOOD,
        ),
        Finding(
            what="share of probes answered meanwhile", figure=round(probe.good(during), 5), at_least=GOOD
        ),
        Finding(
            what="p99 of probes meanwhile, against before",
            figure=round(probe.p(during) / (probe.p("before") or 1), 2),
            unit="times",
            at_most=SLOWER,
        ),
        Finding(what="open files before", figure=files[0]),
        Finding(what="open files at the end of it", figure=files[1]),
        Finding(
            what="open files back where they were, after",
            figure=round(back, 2),
            unit="s",
            at_most=BACK_WITHIN,
        ),
    )
