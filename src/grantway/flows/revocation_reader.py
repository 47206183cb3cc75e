"""The list of what was revoked, read on twice a second for all who listen here, while somebody does."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from grantway.protocol.revocations import Revocation
from grantway.storage.port import Store, Unavailable

POLL_EVERY = 0.5  # seconds
PAGE = 1000  # rows read at once
REMEMBERED = 10_000  # rows in memory
_log = logging.getLogger("grantway.revocations")


class RevocationReader:
    """Follows the list from where it ends when somebody comes. `now` is by the database's clock."""

    def __init__(self, store: Store, *, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self._store, self._now, self._clock = store, now, clock
        self._recent: list[Revocation] = []  # without a gap, up to `newest`
        self._turn = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._read_at = float("-inf")
        self.turns = 0  # how often it was read
        self.newest: int | None = None  # the last number that was read; None: nothing yet
        self.as_of = 0.0  # when what was read last was the newest, by the database's clock

    @property
    def age(self) -> float:
        """Seconds since the list was last read to its end."""
        return self._clock() - self._read_at

    def start(self) -> None:
        """Somebody listens."""
        if self._task is None or self._task.done():
            self.newest, self._recent = None, []
            self._task = asyncio.create_task(self._follow())

    def stop(self) -> None:
        """Nobody does any more; who still waits is woken."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._wake()

    def _wake(self) -> None:
        self.turns += 1
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def next_turn(self, turn: int, patience: float) -> None:
        """Until it was read once more than that, or so many seconds."""
        if turn == self.turns:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._turn.wait()

    async def rows_after(self, number: int) -> Sequence[Revocation]:
        """Those with larger numbers, up to the newest that was read; some at least, if there are any."""
        if self.newest is None or number >= self.newest:
            return ()
        if self._recent and self._recent[0].number <= number + 1:
            first = number + 1 - self._recent[0].number
            return self._recent[first : first + PAGE]
        page = await self._store.list_revocations(after=number, limit=PAGE)
        return [one for one in page if one.number <= self.newest]

    async def _follow(self) -> None:
        while True:
            more = False
            try:
                more = await self._read_on()
            except Unavailable as away:
                _log.warning("revocations not read: %s", away)
            except Exception:  # noqa: BLE001 - whatever it was, those who listen must not grow old in silence
                _log.exception("revocations not read")
            if not more:
                self._wake()
                await asyncio.sleep(POLL_EVERY)

    async def _read_on(self) -> bool:
        """Read what is new. Returns whether there may be more."""
        began, as_of = self._clock(), self._now()
        if self.newest is None:
            self.newest = (await self._store.revocation_horizon(since=as_of)).newest
        page = await self._store.list_revocations(after=self.newest, limit=PAGE)
        if page:
            self._recent += page
            del self._recent[: max(len(self._recent) - REMEMBERED, 0)]
            self.newest = page[-1].number
        if len(page) == PAGE:
            return True
        self.as_of, self._read_at = as_of, began
        return False
