"""Warnings that any stranger can call forth: so many and no more, and then how many there were."""

import logging
import time
from collections.abc import Callable

from grantway.flows.throttles import Throttles

_ALL = "all"
_UNSAID = " (and %d like it before, unsaid)"


class _Allowance:
    """Twenty at once, then one in five seconds. `clock` only ever goes forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._unsaid = 0
        self._throttle = Throttles(burst=20, seconds_each=5.0, clock=clock)

    def take(self) -> int | None:
        """How many were not said before this one; None: this one is not either."""
        if self._throttle.wait(_ALL):
            self._unsaid += 1
            return None
        self._throttle.take(_ALL)
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid


class BoundedLog:
    """Warnings of a logger: twenty at once, then one in five seconds, which says how many it stands for.

    `clock` only ever goes forward.
    """

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._allowance = log, _Allowance(clock)

    def warning(self, words: str, *values: object) -> None:
        """Say it, or count it."""
        unsaid = self._allowance.take()
        if unsaid:
            words, values = words + _UNSAID, (*values, unsaid)
        if unsaid is not None:
            self._log.warning(words, *values)


class BoundedWarnings(logging.Filter):
    """The same as a filter of the logger of a library. What is worse than a warning is always said."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._allowance = _Allowance(clock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let it pass, or count it."""
        if record.levelno > logging.WARNING:
            return True
        unsaid = self._allowance.take()
        if unsaid:
            record.msg, record.args = record.getMessage() + _UNSAID % unsaid, ()
        return unsaid is not None
