"""Sessions of PostgreSQL that hold a transaction open and do nothing, looked for while an experiment runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg

IDLE = "state LIKE 'idle in transaction%' AND now() - state_change > interval '5 seconds'"
LOOK_EVERY = 1.0  # seconds


@dataclass
class Watch:
    """What was seen."""

    looks: int = 0
    idle: int = 0  # sessions seen idle in a transaction for more than five seconds


@asynccontextmanager
async def watching(dsn: str) -> AsyncIterator[Watch]:
    """Look at pg_stat_activity every second."""
    watch = Watch()
    connection = await asyncpg.connect(dsn)

    async def look() -> None:
        while True:
            watch.idle += await connection.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {IDLE}")  # noqa: S608 - fixed
            watch.looks += 1
            await asyncio.sleep(LOOK_EVERY)

    task = asyncio.create_task(look())
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await connection.close()
