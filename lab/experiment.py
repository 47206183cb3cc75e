"""What every experiment is given: its size, its seed, its folder, and a way to say how far it is."""

import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from lab.report import Report
from tests.services.postgres import Postgres

Size = Literal["short", "middle", "full"]
SIZES: tuple[Size, ...] = ("short", "middle", "full")
Number = TypeVar("Number")


@dataclass(frozen=True, slots=True)
class Lab:
    """One run of one experiment."""

    size: Size
    seed: int
    folder: Path  # scratch and raw ledgers; what lies directly in it as *.jsonl is kept
    began: float = field(default_factory=time.monotonic)
    cluster: Postgres | None = None  # one that runs already, for experiments that leave it whole

    def pick(self, *, short: Number, middle: Number, full: Number) -> Number:
        """The number for this size: as in the tests, as in `make lab`, as the threat model demands."""
        return {"short": short, "middle": middle, "full": full}[self.size]

    @contextmanager
    def postgres(self) -> Iterator[Postgres]:
        """A PostgreSQL cluster: the one that runs already, or one of our own."""
        if self.cluster is not None:
            yield self.cluster
            return
        with Postgres() as cluster:
            yield cluster

    def say(self, line: str) -> None:
        """Tell a person how far it is."""
        print(f"  {time.monotonic() - self.began:7.1f} s  {line}", file=sys.stderr, flush=True)


Experiment = Callable[[Lab], Awaitable[list[Report]]]
