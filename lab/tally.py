"""What went wrong, and how often: counted while the load runs and while the judge asks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.report import Finding


@dataclass
class Tally:
    """One run. The texts say which item it was, for whoever has to find out why."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    resurrected: list[str] = field(default_factory=list)
    half_done: list[str] = field(default_factory=list)  # effects that were not acknowledged and are not whole
    wrong: list[str] = field(
        default_factory=list
    )  # answers that no client can make sense of: 500 and the like
    answers: Counter[int] = field(default_factory=Counter)  # by status
    broken: Counter[str] = field(default_factory=Counter)  # no answer, by why
    waits: list[float] = field(default_factory=list)  # seconds until somebody heard 503
    unknown: int = 0  # changes whose answer was lost
    beside: Counter[bool] = field(default_factory=Counter)  # answered by a node while another was under fault
    judged: int = 0  # facts asked for

    @property
    def spoilt(self) -> bool:
        """Was anything lost, doubled, resurrected or half done?"""
        return bool(self.lost or self.doubled or self.resurrected or self.half_done)

    def findings(self, acknowledged: int) -> tuple[Finding, ...]:
        """The figures every experiment has."""
        return (
            Finding(what="acknowledged effects", figure=acknowledged),
            Finding(what="facts asked for afterwards", figure=self.judged),
            Finding(what="lost", figure=len(self.lost), at_most=0),
            Finding(what="doubled", figure=len(self.doubled), at_most=0),
            Finding(what="resurrected", figure=len(self.resurrected), at_most=0),
            Finding(what="changes whose answer was lost", figure=self.unknown),
            Finding(what="of these, half done", figure=len(self.half_done), at_most=0),
            Finding(
                what="answers that make no sense (500, no Retry-After)", figure=len(self.wrong), at_most=0
            ),
        )

    def facts(self) -> dict[str, str]:
        """What happened, told in words; the first three of each kind of trouble."""
        told = {
            "answers by status": ", ".join(f"{status}: {n:,}" for status, n in sorted(self.answers.items())),
            "no answer": ", ".join(f"{why}: {n:,}" for why, n in sorted(self.broken.items())),
        }
        for name in ("lost", "doubled", "resurrected", "half_done", "wrong"):
            told[name.replace("_", " ")] = _first(getattr(self, name))
        return {name: words for name, words in told.items() if words}


def _first(texts: Sequence[str]) -> str:
    return "; ".join(texts[:3])
