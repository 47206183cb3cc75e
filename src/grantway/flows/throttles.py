"""Throttles of machine endpoints: leaky buckets in this process. Those for people's secrets are stored."""

from collections import OrderedDict
from collections.abc import Callable

MAX_KEYS = 10_000


class Throttles:
    """At most `burst` at once per key, and one more every `seconds_each`.

    The least recently seen keys are forgotten.
    """

    def __init__(self, *, burst: int, seconds_each: float, clock: Callable[[], float]) -> None:
        self._room = burst * seconds_each
        self._each = seconds_each
        self._clock = clock
        self._full_until: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the key may try again; 0.0 when it may now. Takes nothing."""
        level = self._full_until.get(key, 0.0) - self._clock()
        return max(0.0, level + self._each - self._room)

    def take(self, key: str) -> None:
        """Count one."""
        now = self._clock()
        self._full_until[key] = max(self._full_until.get(key, now), now) + self._each
        self._full_until.move_to_end(key)
        if len(self._full_until) > MAX_KEYS:
            self._full_until.popitem(last=False)
