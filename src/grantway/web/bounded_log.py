"""Warnings that any stranger can call forth: so many and no more, and then how many there were."""

import logging
import time
from collections.abc import Callable

from grantway.flows.throttles import Throttles

_ALL = "all"


class BoundedLog:
    """Warnings of a logger: twenty at once, then one in five seconds, which says how many it stands for.

    `clock` only ever goes forward.
    """

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._unsaid = log, 0
        self._throttle = Throttles(burst=20, seconds_each=5.0, clock=clock)

    def warning(self, words: str, *values: object) -> None:
        """Say it, or count it."""
        if self._throttle.wait(_ALL):
            self._unsaid += 1
            return
        self._throttle.take(_ALL)
        if self._unsaid:
            words, values = words + " (and %d like it before, unsaid)", (*values, self._unsaid)
            self._unsaid = 0
        self._log.warning(words, *values)
