"""The verbs that read what was revoked. Part of `port.Store`.

Nothing writes here by itself: every verb that revokes something leaves its rows in its own transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grantway.protocol.revocations import Revocation


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far the list goes."""

    newest: int  # the number of the newest revocation; 0: there was never one
    before: int  # every number since the moment that was asked about is larger than this one


class Revocations(Protocol):
    """What was revoked, by numbers that grow in the order of commit: none appears below one that was read."""

    async def revocation_horizon(self, *, since: float) -> Horizon:
        """The newest number, and where to begin for all that was revoked since then (Unix seconds)."""

    async def list_revocations(self, *, after: int, limit: int) -> Sequence[Revocation]:
        """Those of larger numbers, in their order. They are kept for a day, the longest life of a token."""
