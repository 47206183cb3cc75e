"""What an experiment found, as data: the page docs/reliability.md is written from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TIMES = {"s", "ms", "times"}  # units of what a busy machine makes longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure and what it had to be."""

    what: str  # "lost acknowledged writes"
    figure: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def holds(self) -> bool:
        """Is the figure as required? One without a bound is told, not judged."""
        below = self.at_most is None or self.figure <= self.at_most
        return below and (self.at_least is None or self.figure >= self.at_least)

    @property
    def is_timing(self) -> bool:
        """Does it depend on how busy the machine is? The tests assert all but these."""
        return self.unit in TIMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One experiment on one database."""

    id: str  # "RX1"
    title: str
    database: str  # "SQLite" or "PostgreSQL"
    seed: int
    what_was_done: str  # in a sentence or three, with the numbers of this run
    findings: tuple[Finding, ...]
    ledger: str = ""  # the file name of its raw ledger, below lab's output folder
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Are all figures as required?"""
        return all(finding.holds for finding in self.findings)

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The figures that are not as required, whatever the machine was doing besides."""
        return tuple(finding for finding in self.findings if not finding.holds and not finding.is_timing)
