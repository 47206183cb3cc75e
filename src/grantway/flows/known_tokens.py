"""What was just read about access tokens, so that a gateway's next question about one need not wait.

Kept is what the database said, never an answer: whether a token lives and what it may do is decided anew each
time, by the rules of now (threat N3). So nothing here is staler than `lifetime`, which is the bound within
which decisions notice a revocation (threat O9).
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from grantway.protocol.tokens import AccessToken
from grantway.storage.port import TokenFacts

MOST = 20_000  # tokens; the oldest leave first


@dataclass(frozen=True, slots=True)
class KnownToken:
    """An authentic token, and what the database said about it."""

    token: AccessToken
    facts: TokenFacts
    read_at: float  # by the clock of whoever keeps it


class KnownTokens:
    """By the hash of their text, for `lifetime` seconds (0: not at all). `clock` never goes back."""

    def __init__(self, *, lifetime: float, clock: Callable[[], float]) -> None:
        self._lifetime, self._clock = lifetime, clock
        self._kept: dict[bytes, KnownToken] = {}  # in the order in which they were read

    def now(self) -> float:
        """When a reading begins: what is kept of it is as old as its beginning."""
        return self._clock()

    def find(self, text: str) -> KnownToken | None:
        """What is known about the token of this text; None when it is too old, or nothing is."""
        known = self._kept.get(_key(text))
        return None if known is None or self._is_old(known) else known

    def keep(self, text: str, known: KnownToken) -> None:
        """Remember it, and forget whatever is too old or too much."""
        key = _key(text)
        self._kept.pop(key, None)
        if self._lifetime:
            self._kept[key] = known
        while self._kept and (len(self._kept) > MOST or self._is_old(next(iter(self._kept.values())))):
            del self._kept[next(iter(self._kept))]

    def _is_old(self, known: KnownToken) -> bool:
        return self._clock() - known.read_at >= self._lifetime


def _key(text: str) -> bytes:
    return sha256(text.encode()).digest()
