"""What Photo Printer remembers: who is connected, and logins under way. In memory: a restart forgets it."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

_Value = TypeVar("_Value")
_MOST = 1000


class Memory(Generic[_Value]):
    """Values by key, each for some seconds; with 1,000 of them the oldest goes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, _Value]] = OrderedDict()

    def find(self, key: str | None) -> _Value | None:
        """The value, unless it is unknown or its time is over."""
        if key is None or key not in self._kept:
            return None
        until, value = self._kept[key]
        if time.monotonic() < until:
            return value
        del self._kept[key]
        return None

    def keep(self, key: str, value: _Value, seconds: float) -> None:
        """Remember it from now on for so long."""
        self._kept.pop(key, None)
        self._kept[key] = (time.monotonic() + seconds, value)
        if len(self._kept) > _MOST:
            self._kept.popitem(last=False)

    def forget(self, key: str | None) -> None:
        """Drop it, if it is there."""
        if key is not None:
            self._kept.pop(key, None)


class LoginsUnderWay:
    """Where Authlib keeps a login's code verifier: here, and not in the cookie, which can be read."""

    def __init__(self) -> None:
        self._memory: Memory[str] = Memory()

    async def get(self, key: str) -> str | None:
        return self._memory.find(key)

    async def set(self, key: str, value: str, expires_in: float) -> None:
        self._memory.keep(key, value, expires_in)

    async def delete(self, key: str) -> None:
        self._memory.forget(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What to say once, on the next page. `error` is a code and None for good news."""

    title: str
    text: str = ""
    error: str | None = None
    missing: tuple[str, ...] = ()  # scopes to ask the person for


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A person's browser for which we hold tokens. `form_key` is in each of our forms (against CSRF)."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    scope: tuple[str, ...]
    expires_at: float  # Unix seconds
    form_key: str = field(repr=False)
    notice: Notice | None = None

    @property
    def ends(self) -> str:
        """When the access token ends, for people."""
        return utc(self.expires_at)


def utc(seconds: float) -> str:
    """A Unix time, for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S UTC")
