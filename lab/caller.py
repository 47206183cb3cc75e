"""How a client reaches a fleet: one node while it answers, else the next; what came back is counted.

A client that hears nothing, or 503, knows nothing: whether the change was made is found out by asking again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import urlencode

from lab.tally import Tally
from lab.target import Place, Target
from lab.wire import Broken, Reply, Wire

AGAIN_AFTER = 0.05  # seconds; a real client would be politer, and would see less
PATIENCE = 60.0  # seconds without any answer: then something else is wrong
Answer = TypeVar("Answer")
FORM = {"content-type": "application/x-www-form-urlencoded"}


class NoAnswer(Exception):
    """Broken off, or 503: nobody knows whether the change was made."""


class Caller:
    """One client or browser. Not for concurrent use."""

    def __init__(self, target: Target, tally: Tally, *, at: int = 0) -> None:
        self._target, self._tally = target, tally
        self._at = at % len(target.places)
        self._wires: dict[int, tuple[int, Wire]] = {}

    async def once(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """One request. Raises NoAnswer; the next request goes to another node then, if there is one."""
        place = self._target.places[self._at]
        wire = await self._wire(place)
        steady = self._target.fault_elsewhere and not place.under_fault
        began = time.monotonic()
        try:
            reply = await wire.send(method, path, dict(headers), body)
        except Broken as why:
            self._tally.broken[str(why)] += 1
            self._settle(place, steady=steady, good=False)
            self._at = (self._at + 1) % len(self._target.places)
            raise NoAnswer(str(why)) from why
        self._tally.answers[reply.status] += 1
        self._settle(place, steady=steady, good=reply.status < 500)
        if reply.status == 503 and "retry-after" in reply.headers:
            self._tally.waits.append(time.monotonic() - began)
            self._at = (self._at + 1) % len(self._target.places)
            raise NoAnswer("503")
        if reply.status >= 500:
            self._tally.wrong.append(f"{method} {path.partition('?')[0]}: {reply.status} {reply.text[:120]}")
            raise NoAnswer(str(reply.status))
        return reply

    async def _wire(self, place: Place) -> Wire:
        generation, wire = self._wires.get(self._at, (-1, None))
        if wire is None or generation != place.generation:
            if wire is not None:
                await wire.close()
            wire = Wire(place.node.port, self._target.host)
            self._wires[self._at] = place.generation, wire
        return wire

    def _settle(self, place: Place, *, steady: bool, good: bool) -> None:
        """Count what a healthy node did while another one was under fault, from beginning to end."""
        if steady and not place.under_fault:
            self._tally.beside[good] += 1

    async def post(self, path: str, form: Mapping[str, str], *, by: str = "") -> Reply:
        """A form POST, by a client with a secret if one is named."""
        headers = FORM | ({"authorization": self._target.basics.get(by, by)} if by else {})
        return await self.once("POST", path, headers, urlencode(form).encode())

    async def surely(self, ask: Callable[[], Awaitable[Answer]]) -> tuple[Answer, bool, float]:
        """Ask until there is an answer: it, whether it came at once, and the seconds since first asking."""
        began = time.monotonic()
        at_once = True
        while True:
            try:
                return await ask(), at_once, time.monotonic() - began
            except NoAnswer:
                at_once = False
                if time.monotonic() - began > PATIENCE:
                    raise
                await asyncio.sleep(AGAIN_AFTER)

    async def close(self) -> None:
        """Hang up everywhere."""
        for _, wire in self._wires.values():
            await wire.close()
        self._wires.clear()
