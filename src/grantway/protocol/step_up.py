"""How good and how fresh a sign-in has to be for a request (RFC 9470). Shared with the SDK."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

LONGEST_AGE = 10**9 - 1  # seconds; what the authorization endpoint reads


class SignedIn(Protocol):
    """Whatever knows how its person signed in, and when; None for what is not known."""

    @property
    def acr(self) -> str | None:
        """How sure the sign-in made who the person is."""

    @property
    def auth_time(self) -> float | None:
        """When it was, in Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """How good and how fresh the sign-in behind a token has to be (RFC 9470 §3).

    `acr` is one of `acr_values`, if there are any; the person signed in at most `max_age` seconds ago.
    """

    acr_values: tuple[str, ...] = ()
    max_age: int | None = None

    @classmethod
    def demanding(cls, acr_values: Iterable[str], max_age: int | None) -> Self | None:
        """What these demand; None where they demand nothing."""
        names = tuple(acr_values)
        return cls(acr_values=names, max_age=max_age) if names or max_age is not None else None

    def __post_init__(self) -> None:
        if not self.acr_values and self.max_age is None:
            raise ValueError("a step-up names acr_values or max_age")

    def __str__(self) -> str:
        kind = f" as {' or '.join(self.acr_values)}" if self.acr_values else ""
        fresh = "" if self.max_age is None else f" at most {self.max_age} s ago"
        return f"a sign-in{kind}{fresh}"

    def is_met_by(self, sign_in: SignedIn, now: float) -> bool:
        """Is this sign-in good and fresh enough? What is not known of it, it has not."""
        if self.acr_values and sign_in.acr not in self.acr_values:
            return False
        at = sign_in.auth_time
        return self.max_age is None or (at is not None and now - at <= self.max_age)

    @property
    def parameters(self) -> dict[str, str]:
        """What an authorization request asks for it with (RFC 9470 §4)."""
        acr = {"acr_values": " ".join(self.acr_values)} if self.acr_values else {}
        return acr if self.max_age is None else {**acr, "max_age": str(self.max_age)}


def step_up_problem(step_up: StepUp) -> str | None:
    """Why a definition may not demand this; None where it may. A sign-in of this very moment is none."""
    if step_up.max_age is not None and not 0 < step_up.max_age <= LONGEST_AGE:
        return f"max_age must be above 0 and at most {LONGEST_AGE} seconds"
    if not all(one.isascii() and one.isprintable() and one and " " not in one for one in step_up.acr_values):
        return "acr_values are names without spaces"
    return None
