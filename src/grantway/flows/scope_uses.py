"""Which scopes were used last when: gathered in memory, written by housekeeping, at no cost to a request.

A person sees this on their page of connected apps. A use is a token issued with the scope; for the first
hour of a grant the approval itself says so, and after that one note an hour is enough. What is not yet
written when a node crashes is lost: the next refresh notes it again.
"""

from collections import OrderedDict

from grantway.protocol.grants import Grant, ScopeUse
from grantway.protocol.scope import Scope

NOTE_EVERY = 3600.0  # seconds
MAX_KEYS = 50_000


class ScopeUses:
    """The uses this node has seen and not yet written, and those it need not write again."""

    def __init__(self) -> None:
        self._noted_at: OrderedDict[tuple[str, str, Scope], float] = OrderedDict()
        self._waiting: dict[tuple[str, str, str], ScopeUse] = {}

    def note(self, grant: Grant, scope: Scope, now: float) -> None:
        """A token with this scope was issued under this grant."""
        if now - grant.created_at < NOTE_EVERY:
            return
        key = (grant.subject, grant.client_id, scope)
        if now - self._noted_at.get(key, 0.0) < NOTE_EVERY:
            return
        self._noted_at[key] = now
        self._noted_at.move_to_end(key)
        if len(self._noted_at) > MAX_KEYS:
            self._noted_at.popitem(last=False)
        for token in scope:
            self._waiting[grant.subject, grant.client_id, token] = ScopeUse(
                subject=grant.subject,
                client_id=grant.client_id,
                scope=token,
                used_at=now,
                expires_at=grant.expires_at,
            )

    def take(self) -> list[ScopeUse]:
        """What is to be written; from now on it counts as written."""
        waiting, self._waiting = self._waiting, {}
        return list(waiting.values())
