"""Malformed input to every endpoint, and HTTP that is none: nothing may fall over, nor answer late."""

import asyncio
import base64
import json
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from grantway.protocol.names import ErrorCode
from lab.experiment import Lab
from lab.malformed_http import octets
from lab.malformed_requests import CLASSES, Known, request
from lab.racing import exactly
from lab.report import Finding, Report
from lab.stage import APIS, Kind, Stage, on_each, on_stage
from lab.wire import Reply
from tests.node import CALLBACK, SAME_ORIGIN, pkce, web_client
from tests.services import seeds
from tests.services.cpu import resident_bytes

LANES = 4
RAW_LANES = 12  # they mostly wait
SLOW = 1.0  # seconds
PATIENCE = 10.0  # seconds until a due answer counts as missing
QUIET = 0.15  # seconds of silence after which broken HTTP has said all it will say
GROWTH = 20.0  # MB
WARM_UP = 0.25  # of the requests
RAW = "HTTP itself"
SETTINGS = {"GRANTWAY_SERVER__TRUSTED_PROXIES": "127.0.0.0/8"}  # each request comes from somewhere else
ERRORS = frozenset(ErrorCode)
_STATUS_LINES = re.compile(rb"HTTP/1\.[01] (\d{3})")


@dataclass
class Seen:
    """What came back."""

    classes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)  # values of `error`
    counts: Counter[str] = field(default_factory=Counter)  # "failed", "slow", "unanswered", …
    slowest: float = 0.0  # seconds
    kept: list[tuple[str, str, bytes]] = field(
        default_factory=list
    )  # what went wrong, where, with which request

    def wrong(self, what: str, where: str, sent: bytes) -> None:
        """Count it, and keep the request."""
        self.counts[what] += 1
        self.kept.append((what, where, sent))

    def took(self, seconds: float, where: str, sent: bytes) -> None:
        """How long an answer took."""
        self.slowest = max(self.slowest, seconds)
        if seconds > SLOW:
            self.wrong("slow", where, sent)

    def status(self, status: int, where: str, sent: bytes) -> None:
        """The status of one answer."""
        self.statuses[status] += 1
        if status >= 500:
            self.wrong("failed", where, sent)


async def run(lab: Lab) -> list[Report]:
    """RX12: the same seed sends the same requests, but for secrets."""
    return await on_each(lab, _on)


async def _on(lab: Lab, kind: Kind) -> Report:
    each = lab.pick(short=150, middle=2_000, full=10_000)
    async with on_stage(lab, kind, nodes=1, workers=2, settings=SETTINGS) as stage:
        trial = _Trial(stage, await _known(stage), seed=lab.seed)
        warm = await trial.all(round(each * WARM_UP))
        await trial.passwords()
        processes, before = stage.nodes[0].pids, _resident(stage)
        seen = await trial.all(each)
        lab.say(f"{kind}: {sum(seen.classes.values())} requests, {sorted(seen.statuses.items())}")
        await asyncio.sleep(1)
        growth = (_resident(stage) - before) / 1e6
        exits = len(set(processes) - set(stage.nodes[0].pids))
        well = await _still_well(stage)
        logs = stage.logs
    ledger = f"rx12-{kind.lower()}.jsonl"
    _keep(lab.folder / ledger, lab.seed, seen, warm)
    return Report(
        id="RX12",
        title="malformed input",
        database=kind,
        seed=lab.seed,
        what_was_done=f"{sum(seen.classes.values()):,} requests, {each:,} for each of {len(seen.classes)} "
        f"classes ({', '.join(seen.classes)}), "
        f"from a grammar that begins with good requests and spoils them, after "
        f"{sum(warm.classes.values()):,} others as a warm-up; {LANES} at a time.",
        findings=(
            exactly("answers of 500 and above", 0, seen.counts["failed"] + warm.counts["failed"]),
            exactly("requests that were owed an answer and got none", 0, seen.counts["unanswered"]),
            Finding(what="slowest answer", figure=round(seen.slowest, 3), unit="s", at_most=SLOW),
            exactly("refusals whose error is no registered code", 0, seen.counts["unregistered"]),
            exactly("parts of a request taken for another one", 0, seen.counts["smuggled"]),
            exactly("stack traces in the log", 0, logs.count("Traceback")),
            exactly("worker exits", 0, exits),
            Finding(what="growth of resident memory", figure=round(growth, 1), unit="MB", at_most=GROWTH),
            exactly("a code is redeemed as ever afterwards", 1, well),
        ),
        ledger=ledger,
        facts={
            "answers by status": ", ".join(f"{status}: {n:,}" for status, n in sorted(seen.statuses.items())),
            "error codes": ", ".join(f"{code}: {n:,}" for code, n in seen.errors.most_common()),
            **_first_wrong(seen.kept + warm.kept),
        },
    )


def _resident(stage: Stage) -> int:
    return sum(map(resident_bytes, stage.nodes[0].pids))


def _first_wrong(kept: list[tuple[str, str, bytes]]) -> dict[str, str]:
    """The first request of each kind of trouble, as it was sent."""
    first = {what: f"{where}, {sent[:400]!r}" for what, where, sent in reversed(kept)}
    return {f"first {what}": f"`{words}`" for what, words in first.items()}


def _keep(path: Path, seed: int, *rounds: Seen) -> None:
    """The raw ledger: how many of what, and every request that something was wrong with."""
    with path.open("w") as file:
        for seen in rounds:
            told = {"seed": seed, "classes": seen.classes, "statuses": seen.statuses, "wrong": seen.counts}
            file.write(json.dumps(told) + "\n")
            for what, where, sent in seen.kept:
                entry = {"wrong": what, "class": where, "sent": base64.b64encode(sent).decode()}
                file.write(json.dumps(entry) + "\n")


async def _still_well(stage: Stage) -> int:
    wire = stage.wire()
    reply = await stage.redeem(wire, *await seeds.code(stage.seeds))
    await wire.close()
    return int(reply.status == 200)


# ------------------------------------------------------------------------- what is good to begin with


async def _known(stage: Stage) -> Known:
    node = stage.seeds
    await node.put_client(web_client("asker", name="Asker"))
    await asyncio.sleep(1.5)  # until the node has heard of it
    sessions = [await seeds.cookie(node) for _ in range(20)]
    steps = {
        "/login": [await _step(stage, "printer") for _ in range(10)],
        "/consent": [await _step(stage, "asker", cookie=cookie) for cookie in sessions[:10]],
        "/select-account": [
            await _step(stage, "printer", cookie=cookie, prompt="select_account") for cookie in sessions[:10]
        ],
    }
    steps["/continue"] = [await _parting(stage, *step) for step in steps["/login"]]
    for path, found in steps.items():
        assert all(seal for seal, _ in found), f"no way to {path}"
    codes = [(await seeds.code(node))[0] for _ in range(5)]
    refreshable = [await seeds.refresh_token(node) for _ in range(5)]
    secrets = [*codes, *refreshable, *node.secrets.values(), cookie_value(sessions[0])]
    basics = {name: stage.basic(name)["authorization"].encode() for name in ("printer", "robot", *APIS)}
    page = (await _once(stage, "GET", "/", {})).body
    assets = [found.encode() for found in re.findall(r'(?:href|src)="(/static[^"]*)"', page.decode())]
    return Known(
        host=stage.host.encode(),
        basics=basics,
        sessions=[cookie.encode() for cookie in sessions],
        steps=steps,
        tokens=[secret.encode() for secret in secrets],
        assets=assets,
    )


def cookie_value(cookie: str) -> str:
    """The part after the name."""
    return cookie.partition("=")[2]


async def _step(stage: Stage, client_id: str, *, cookie: str = "", **parameters: str) -> tuple[bytes, bytes]:
    """The seal of the step that an authorization request leads to, and the cookies of its browser."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "scope": "photos:read photos:write",
        "code_challenge": pkce()[1],
        "code_challenge_method": "S256",
        **parameters,
    }
    headers = {"cookie": cookie} if cookie else {}
    reply = await _once(stage, "GET", "/authorize?" + urlencode(query), headers | SAME_ORIGIN)
    flow = reply.headers.get("set-cookie", "").partition(";")[0]
    return _seal_in(reply), f"{cookie}; {flow}".strip("; ").encode()


async def _parting(stage: Stage, seal: bytes, cookies: bytes) -> tuple[bytes, bytes]:
    """The seal of the page that leaves after Cancel."""
    headers = {"cookie": cookies.decode(), "content-type": "application/x-www-form-urlencoded"}
    body = b"answer=cancel&x=" + seal
    return _seal_in(await _once(stage, "POST", "/login", headers | SAME_ORIGIN, body)), cookies


async def _once(stage: Stage, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
    wire = stage.wire()
    try:
        return await wire.send(method, path, dict(headers), body)
    finally:
        await wire.close()


def _seal_in(reply: Reply) -> bytes:
    return dict(parse_qsl(urlsplit(reply.headers.get("location", "")).query)).get("x", "").encode()


# ------------------------------------------------------------------------------------------ sending


class _Trial:
    """Sends, and looks at what comes back."""

    def __init__(self, stage: Stage, known: Known, *, seed: int) -> None:
        self._port, self._known = stage.nodes[0].port, known
        self._chance = random.Random(seed)
        self._seen = Seen()

    async def all(self, each: int) -> Seen:
        """So many of each class."""
        self._seen = Seen()
        for kind in CLASSES:
            await self._lanes(each, lambda connection, kind=kind: self._request(kind, connection))
        await self._lanes(each, lambda _: self._octets(), lanes=RAW_LANES)
        return self._seen

    async def passwords(self) -> None:
        """Let every process hash as many passwords at once as it may: each takes 19 MB, which may stay."""
        seal, cookies = self._known.steps["/login"][0]
        head = b"POST /login HTTP/1.1\r\nhost: %b\r\ncookie: %b\r\nx-forwarded-for: 203.0.113.%d\r\n"
        more = b"content-type: application/x-www-form-urlencoded\r\ncontent-length: %d\r\n\r\n%b"
        for start in range(0, 60, 20):  # on many connections, so that every process takes some
            connections = [_Connection(self._port) for _ in range(20)]
            exchanges = []
            for number, connection in enumerate(connections, start):
                body = b"answer=login&password=wrong&username=nobody%d&x=" % number + seal
                sent = head % (self._known.host, cookies, number) + more % (len(body), body)
                exchanges.append(connection.exchange("POST", sent))
            await asyncio.gather(*exchanges)
            for connection in connections:
                connection.close()

    async def _lanes(
        self, count: int, send: Callable[["_Connection"], Awaitable[None]], *, lanes: int = LANES
    ) -> None:
        numbers = iter(range(count))

        async def lane() -> None:
            connection = _Connection(self._port)
            for _ in numbers:
                await send(connection)
            connection.close()

        await asyncio.gather(*(lane() for _ in range(lanes)))

    async def _request(self, kind: str, connection: "_Connection") -> None:
        method, sent = request(kind, self._known, self._chance)
        self._seen.classes[kind] += 1
        began = time.monotonic()
        reply = await connection.exchange(method, sent)
        if reply is None:
            self._seen.wrong("unanswered", kind, sent)
            return
        self._seen.took(time.monotonic() - began, kind, sent)
        self._seen.status(reply.status, kind, sent)
        error = _error_of(reply)
        if error is not None:
            self._seen.errors[error] += 1
            if error not in ERRORS:
                self._seen.wrong("unregistered", kind, sent)

    async def _octets(self) -> None:
        shape = octets(self._known.host, self._chance)
        self._seen.classes[RAW] += 1
        began = time.monotonic()
        answer, ended, last = await _raw(self._port, shape.text, due=shape.due)
        if shape.due and not (answer or ended):
            self._seen.wrong("unanswered", shape.name, shape.text)
        if answer:
            self._seen.took(last - began, shape.name, shape.text)
        statuses = _STATUS_LINES.findall(answer)
        for status in statuses:
            self._seen.status(int(status), shape.name, shape.text)
        if len(statuses) > shape.answers:
            self._seen.wrong("smuggled", shape.name, shape.text)


def _error_of(reply: Reply) -> str | None:
    """The value of `error` in a refusal: in its JSON, or in the redirect to the client."""
    if reply.status >= 400 and reply.headers.get("content-type", "").startswith("application/json"):
        with suppress(ValueError):
            found = json.loads(reply.body).get("error")
            return None if found is None else str(found)
    location = urlsplit(reply.headers.get("location", ""))
    return dict(parse_qsl(location.query) + parse_qsl(location.fragment)).get("error")


class _Connection:
    """Keep-alive, for requests whose framing is right."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, method: str, sent: bytes) -> Reply | None:
        """The answer; None when there is none. A connection closed before it was used is opened again."""
        for _ in range(2):
            fresh = self._streams is None
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
            try:
                async with asyncio.timeout(PATIENCE):
                    return await self._exchange(*self._streams, method, sent)
            except (OSError, EOFError, TimeoutError) as end:
                self.close()
                if fresh or isinstance(end, TimeoutError):
                    return None
        return None

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, sent: bytes
    ) -> Reply:
        writer.write(sent)
        status = 100
        while status == 100:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(head[0].split(" ")[1])
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
        empty = method == "HEAD" or status in (204, 304)
        if "content-length" not in headers and not empty:
            body = await reader.read()
        else:
            body = await reader.readexactly(0 if empty else int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(status, headers, body)

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _raw(port: int, text: bytes, *, due: bool) -> tuple[bytes, bool, float]:
    """What was answered, did the server hang up, and when did the last octet come?"""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer, last = b"", time.monotonic()
    try:
        writer.write(text)
        while True:
            patience = PATIENCE if due and not answer else QUIET
            part = await asyncio.wait_for(reader.read(65536), patience)
            if not part:
                return answer, True, last
            answer, last = answer + part, time.monotonic()
    except TimeoutError:
        return answer, False, last
    except OSError:  # closed in our face
        return answer, True, last
    finally:
        writer.close()
