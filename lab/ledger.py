"""What a server has acknowledged, one line of JSON for each effect, on disk before anything else is asked.

The ledger is kept by the client, in a process and a folder that no experiment breaks. Each line names facts:
"this refresh token is live", "that session has ended". The newest fact about an item is what must be true.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple


class Kind(StrEnum):
    """What a fact is about; `lab.judge` knows how each is asked for."""

    CODE = "code"
    REFRESH_TOKEN = "refresh_token"
    ACCESS_TOKEN = "access_token"
    SESSION = "session"
    CONSENT = "consent"
    CLIENT = "client"
    ACCOUNT = "account"


class State(StrEnum):
    """What must be true of it."""

    LIVE = "live"  # else it is lost
    ENDED = "ended"  # revoked, spent, disabled, deleted: else it is resurrected
    UNKNOWN = "unknown"  # the answer was lost: either is fine


class Fact(NamedTuple):
    """One item and its state. `by` is who may ask about it: a client, a person, a secret."""

    kind: Kind
    item: str
    state: State
    by: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    number: int
    at: float
    what: str  # "refresh_token.rotated"
    facts: tuple[Fact, ...]

    def line(self) -> bytes:
        """As it stands in the file."""
        members = {"n": self.number, "at": round(self.at, 4), "what": self.what, "facts": self.facts}
        return json.dumps(members, separators=(",", ":")).encode() + b"\n"


class Ledger:
    """Appends; several lines that wait at once share one fsync."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)
        self._waiting: list[tuple[Entry, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._count = 0
        self.facts: dict[tuple[Kind, str], Fact] = {}  # the newest about each item, as read() would tell
        self.fresh: set[tuple[Kind, str]] = set()  # items that nobody has asked for since

    @property
    def count(self) -> int:
        """Lines so far."""
        return self._count

    async def note(self, what: str, *facts: Fact) -> None:
        """Write down an acknowledged effect; returns when it is on disk."""
        self._count += 1
        entry = Entry(self._count, time.time(), what, facts)
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await done
        self.facts |= newest([entry])
        self.fresh |= {(fact.kind, fact.item) for fact in facts}

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await asyncio.to_thread(self._append, b"".join(entry.line() for entry, _ in batch))
            for _, done in batch:
                done.set_result(None)

    def _append(self, octets: bytes) -> None:
        self._file.write(octets)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read(path: Path) -> Iterator[Entry]:
    """Every line of a ledger, as written."""
    with path.open("rb") as lines:
        for line in lines:
            members: dict[str, Any] = json.loads(line)
            facts = tuple(
                Fact(Kind(kind), item, State(state), by) for kind, item, state, by in members["facts"]
            )
            yield Entry(members["n"], members["at"], members["what"], facts)


def newest(entries: Iterable[Entry]) -> dict[tuple[Kind, str], Fact]:
    """The newest fact about each item: what must be true now."""
    return {(fact.kind, fact.item): fact for entry in entries for fact in entry.facts}
