"""Gathering: concurrent calls of one kind travel together and commit together.

A batch forms while the one before it is under way; nobody waits for company. A caller who is cancelled
leaves its batch as it is. Whoever has waited too long for the batch before theirs is sent away unasked: the
database is not answering, and would take as long again to say so.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from grantway.storage.port import Unavailable

_Ask = TypeVar("_Ask")
_Answer = TypeVar("_Answer")
LANES = 2  # batches of one kind under way at once
MOST = 64  # members of a batch
QUEUED = 0.75  # seconds to wait for one's batch to begin; a batch takes milliseconds


class Gathered(Generic[_Ask, _Answer]):
    """One kind of call. `alone` answers one.

    `together` answers several in one statement, in order, a member that cannot be answered by its error.
    When it raises, nothing was carried out and each is tried alone; or, with Unavailable, nobody knows.
    """

    def __init__(
        self,
        *,
        alone: Callable[[_Ask], Awaitable[_Answer]],
        together: Callable[[Sequence[_Ask]], Awaitable[Sequence[_Answer | BaseException]]],
    ) -> None:
        self._alone, self._together = alone, together
        self._waiting: deque[tuple[_Ask, asyncio.Future[_Answer], float]] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()  # asked once: before Python 3.12 each time is a system call

    async def ask(self, ask: _Ask) -> _Answer:
        """The answer to this one, whatever becomes of the others."""
        answer: asyncio.Future[_Answer] = self._loop.create_future()
        self._waiting.append((ask, answer, self._loop.time()))
        if len(self._lanes) < LANES:
            lane = self._loop.create_task(self._serve())
            self._lanes.add(lane)
        return await answer

    async def _serve(self) -> None:
        lane = asyncio.current_task()
        try:
            while self._waiting:
                batch = self._next_batch()
                if len(batch) == 1:
                    await self._answer_alone(*batch[0])
                elif batch:
                    await self._answer_together(batch)
        finally:
            # In the very step that found nobody waiting. In a callback of the task it would be too late: an
            # ask between the two would count on a lane that is gone, and wait for ever.
            if lane is not None:
                self._lanes.discard(lane)

    def _next_batch(self) -> list[tuple[_Ask, asyncio.Future[_Answer]]]:
        """Those who have waited longest, but not too long."""
        batch: list[tuple[_Ask, asyncio.Future[_Answer]]] = []
        latest = self._loop.time() - QUEUED
        while self._waiting and len(batch) < MOST:
            ask, answer, asked_at = self._waiting.popleft()
            if asked_at >= latest:
                batch.append((ask, answer))
            else:
                _settle(answer, error=Unavailable("the database was still busy with those before"))
        return batch

    async def _answer_together(self, batch: list[tuple[_Ask, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._together([ask for ask, _ in batch])
        except Unavailable as unknown:  # maybe carried out, maybe not: nobody is answered by guessing
            for _, answer in batch:
                _settle(answer, error=unknown)
        except Exception:  # noqa: BLE001 - one member cannot be stored: each tries alone and hears its own error
            for ask, answer in batch:
                await self._answer_alone(ask, answer)
        else:
            for (_, answer), result in zip(batch, answers, strict=True):
                if isinstance(result, BaseException):
                    _settle(answer, error=result)
                elif not answer.done():
                    answer.set_result(result)

    async def _answer_alone(self, ask: _Ask, answer: asyncio.Future[_Answer]) -> None:
        try:
            result = await self._alone(ask)
        except Exception as error:  # noqa: BLE001 - it belongs to the caller
            _settle(answer, error=error)
        else:
            if not answer.done():
                answer.set_result(result)


def _settle(answer: asyncio.Future[_Answer], *, error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
