"""Mixed load: customers and an operator at work until they are told to stop, and a way to make them rest."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.caller import Caller
from lab.customers import App, Customer
from lab.judge import Judge
from lab.ledger import Ledger
from lab.operators import Operator
from lab.tally import Tally
from lab.target import Target

THINK = 0.04  # seconds between two things, about


@dataclass
class Load:
    """Everybody who uses a target, and what they found."""

    target: Target
    ledger: Ledger
    tally: Tally
    judge: Judge
    operator: Operator
    _over: bool = False
    _working: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: int = 0
    _rested: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def rest(self) -> None:
        """Let everybody finish what they are doing, and nobody begin."""
        self._working.clear()
        async with self._rested:
            await self._rested.wait_for(lambda: self._busy == 0)

    def work(self) -> None:
        """Go on."""
        self._working.set()

    def stop(self) -> None:
        """Whoever is not at rest finishes what they are doing."""
        self._over = True
        self._working.set()

    async def keep_at(self, turn: Callable[[], Awaitable[None]], chance: random.Random, think: float) -> None:
        """One user's life."""
        while True:
            await self._working.wait()
            if self._over:
                return
            self._busy += 1
            try:
                await turn()
            finally:
                self._busy -= 1
                async with self._rested:
                    self._rested.notify_all()
            await asyncio.sleep(chance.uniform(0, 2 * think))

    async def until(self, acknowledged: int) -> None:
        """Wait for so many lines in the ledger."""
        while self.ledger.count < acknowledged:  # noqa: ASYNC110 - no user should have to tell
            await asyncio.sleep(0.01)

    async def judge_after_fault(self) -> None:
        """Rest, ask for what is new, go on."""
        await self.rest()
        await self.judge.after_fault(self.ledger)
        self.work()


@asynccontextmanager
async def under_load(
    target: Target, ledger: Path, *, seed: int, think: float = THINK, commands: bool = True
) -> AsyncIterator[Load]:
    """Put load on a target; at the end everybody stops and the whole ledger is judged."""
    tally, kept = Tally(), Ledger(ledger)
    callers: list[Caller] = []

    def caller(at: int) -> Caller:
        callers.append(Caller(target, tally, at=at))
        return callers[-1]

    app = App(caller(0), kept, tally)
    load = Load(target, kept, tally, Judge(target, tally, seed=seed), Operator(target, app, seed=seed))
    async with asyncio.TaskGroup() as group:
        for number, cookie in enumerate(target.cookies):
            chance = random.Random(seed * 1000 + number)
            app = App(caller(number), kept, tally)
            customer = Customer(app, caller(number + 1), cookie, seed=chance.getrandbits(32))
            group.create_task(load.keep_at(customer.turn, chance, think))
        if commands:
            group.create_task(load.keep_at(load.operator.turn, random.Random(seed), 0.1))
        load.work()
        yield load
        load.stop()
    await load.judge.at_the_end(kept)
    kept.close()
    await load.judge.close()
    for one in callers:
        await one.close()
