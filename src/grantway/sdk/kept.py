"""What the server publishes, kept at hand: fetched rarely, in the way of no request that can do without."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from grantway.sdk.threads import anew_after_fork

__all__ = ["Kept", "Unavailable"]

_log = logging.getLogger("grantway.sdk")
_RETRY = 2.0  # seconds after a failure
_NEVER = float("-inf")

Value = TypeVar("Value")


class Unavailable(Exception):
    """What the answer depends on could not be had, so nothing can be said. A failure of ours: 503."""


class Kept(Generic[Value]):
    """What `fetch` brings, kept in memory. Durations are in seconds.

    - Older than `refresh_after`: refreshed in the background, requests go on with what is there.
    - Older than `lifetime`: a request waits for the refresh. If that fails, what is there still counts
      until `keep_for`, without further waiting, so that an API works while the server is away.
    - At most one fetch in `pause`; after a failure, one in 2 seconds.
    - However many requests want it, one fetch is under way at a time.

    `what` names it in logs. `clock` is a monotonic clock. Needs no start and no stop, and serves several
    event loops and threads.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Value]],
        what: str,
        *,
        refresh_after: float,
        lifetime: float,
        keep_for: float,
        pause: float,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch, self._what = fetch, what
        self._refresh_after, self._lifetime, self._keep_for = refresh_after, lifetime, keep_for
        self._pause, self._timeout, self._clock = pause, timeout, clock
        self._value: Value | None = None
        self._fetched_at = _NEVER
        self._failing = False
        self.begin_anew()
        anew_after_fork(self)

    def begin_anew(self) -> None:
        """Fetch when it is asked for next, however lately that was tried: a fork ends what is under way."""
        self._tried_at = _NEVER
        self._fetching: asyncio.Task[None] | None = None

    def at_hand(self) -> Value | None:
        """It, when it is good as it is; None when `get` has something to do first. Never waits."""
        now = self._clock()
        age = now - self._fetched_at
        if age <= self._refresh_after or (age <= self._keep_for and self._is_too_soon(now)):
            return self._value
        return None

    async def get(self) -> Value:
        """It. Raises Unavailable when it was not fetched within `keep_for`."""
        age = self._clock() - self._fetched_at
        if age > self._refresh_after:
            fetch = self._refresh()
            must_wait = age > self._keep_for or (age > self._lifetime and not self._failing)
            if fetch is not None and must_wait:
                await asyncio.shield(fetch)
        return self._usable()

    async def _fetch_again(self) -> None:
        """Fetch it anew, if a fetch is allowed now, and wait for it."""
        fetch = self._refresh()
        if fetch is not None:
            await asyncio.shield(fetch)

    def _usable(self) -> Value:
        if self._value is None or self._clock() - self._fetched_at > self._keep_for:
            raise self._away(f"no {self._what}")
        return self._value

    def _away(self, why: str) -> Unavailable:
        return Unavailable(why)

    def _is_too_soon(self, now: float) -> bool:
        return now - self._tried_at < (min(_RETRY, self._pause) if self._failing else self._pause)

    def _refresh(self) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one; None when the last one is too recent."""
        loop = asyncio.get_running_loop()
        if self._fetching is not None and not self._fetching.done() and self._fetching.get_loop() is loop:
            return self._fetching
        now = self._clock()
        if self._is_too_soon(now):
            return None
        self._tried_at = now
        self._fetching = loop.create_task(self._replace())
        return self._fetching

    async def _replace(self) -> None:
        """Replace it by what is published now, or leave it as it is. Never raises."""
        started = self._clock()
        try:
            async with asyncio.timeout(self._timeout):
                value = await self._fetch()
        except Exception as wrong:  # noqa: BLE001 - whatever it was, what is at hand stays in use
            _log.warning("%s not refreshed: %s: %s", self._what, type(wrong).__name__, wrong)
            self._failing = True
        else:
            self._value, self._fetched_at, self._failing = value, started, False
