"""Requests that set off at the same moment, on connections that are open already."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lab.report import Finding
from lab.stage import Stage
from lab.wire import Broken, Reply, Wire


@asynccontextmanager
async def connected(stage: Stage, number: int) -> AsyncIterator[list[Wire]]:
    """Open connections, spread over the nodes: a request is on its way as soon as it is written."""
    wires = [stage.wire(node) for node in range(number)]
    await asyncio.gather(*(wire.get("/livez") for wire in wires))
    try:
        yield wires
    finally:
        for wire in wires:
            await wire.close()


async def all_at_once(requests: Iterable[Coroutine[Any, Any, Reply]]) -> list[Reply | None]:
    """The answers, None where there was none. All are written before any answer is read."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    if other := next(
        (a for a in answers if isinstance(a, BaseException) and not isinstance(a, Broken)), None
    ):
        raise other
    return [answer if isinstance(answer, Reply) else None for answer in answers]


def write_ledger(path: Path, lines: Iterable[object]) -> str:
    """Keep what was seen, a line of JSON each; returns the name of the file."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path.name


def exactly(what: str, wanted: int, found: int) -> Finding:
    """A count that has to be this one."""
    return Finding(what=what, figure=found, at_least=wanted, at_most=wanted)
