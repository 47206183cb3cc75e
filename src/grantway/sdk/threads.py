"""Waiting for the SDK's asynchronous half where there is no event loop: Django and Flask under WSGI."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar
from weakref import WeakSet

__all__ = ["anew_after_fork", "beside", "wait_for"]

Result = TypeVar("Result")


class _Own:
    """One event loop in a thread of its own, made when it is first needed; anew after a fork."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None

    def running(self) -> asyncio.AbstractEventLoop:
        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
                threading.Thread(target=self.loop.run_forever, name="grantway-sdk", daemon=True).start()
            return self.loop


class _Anew(Protocol):
    def begin_anew(self) -> None: ...


_own = _Own()
_anew: WeakSet[_Anew] = WeakSet()


def anew_after_fork(one: _Anew) -> None:
    """Have it begin anew in each child of this process: threads of the parent, and what they held, are gone.

    A lock that one of them held while the process forked would stay held for ever.
    """
    _anew.add(one)


def _in_child() -> None:
    _own.__init__()  # type: ignore[misc]  # in place: whoever has imported it holds the same one
    for one in list(_anew):
        one.begin_anew()


os.register_at_fork(after_in_child=_in_child)


def wait_for(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What it returns or raises. The calling thread waits; what the SDK awaits is bounded by timeouts."""
    return asyncio.run_coroutine_threadsafe(coroutine, _own.running()).result()


def beside(coroutine: Coroutine[Any, Any, Result]) -> Future[Result]:
    """The same without waiting, for what goes on beside all requests, in whatever loop or thread they are."""
    return asyncio.run_coroutine_threadsafe(coroutine, _own.running())
