"""People's passwords: the rule for new ones, and the slow hash in a few background threads.

Only passwords are hashed slowly; every other secret here is 256 random bits. The work is bounded in
threads, memory (19 MiB each) and queue, so that a storm of logins cannot take the token endpoint down.
"""

import asyncio
import base64
import contextlib
import os
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type

from grantway.crypto.imported_hashes import check_of

SHORTEST: Final = 8
LONGEST: Final = 1024
QUEUE_LIMIT: Final = 50
NICENESS: Final = 10

_MEMORY_KIB, _PASSES, _LANES, _HASH_LENGTH, _SALT_LENGTH = 19 * 1024, 2, 1, 32, 16
_HASHER: Final = PasswordHasher(
    time_cost=_PASSES,
    memory_cost=_MEMORY_KIB,
    parallelism=_LANES,
    hash_len=_HASH_LENGTH,
    salt_len=_SALT_LENGTH,
    type=Type.ID,
)
_OURS: Final = f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}$"
_SECONDS_EACH: Final = 0.05  # one hash on a slow core, for the estimate of Retry-After

_CONTROLS: Final = re.compile(r"[\x00-\x1f]")
_PRODUCT_WORDS: Final = re.compile(
    r"(?:grant[\W_]*way|control[\W_]*center|oauth[\W_]*2?|openid|authorize|password|passphrase|welcome|admin|administrator)"
    r"[\d\W_]*"
)

T = TypeVar("T")


class Busy(Exception):
    """Too many passwords are waiting already (answer 503). `retry_after` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"{QUEUE_LIMIT} passwords are waiting to be hashed; try again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the password was right, and whether to store `hash(password)` in place of what was stored."""

    ok: bool
    needs_rehash: bool


class Passwords:
    """Hashes and verifies passwords in threads of its own: argon2id, 19 MiB, 2 passes, 1 lane.

    `workers` is the number of server processes on this machine, which share its cores: each has
    max(1, cores ÷ workers) threads, at nice 10 (Linux), so that requests come first. Beyond them 50 may
    wait; the next caller gets Busy. A caller that is cancelled while waiting gives its place back at
    once, while running when the hash is done. `timed` is told the seconds of each, in its thread.
    """

    timed: Callable[[float], None] | None = None

    def __init__(self, workers: int) -> None:
        threads = max(1, _cores() // workers)
        self._threads = threads
        self._places = threading.BoundedSemaphore(threads + QUEUE_LIMIT)
        self._retry_after = max(1, round(QUEUE_LIMIT * _SECONDS_EACH / threads))
        self._executor = ThreadPoolExecutor(threads, "grantway-passwords", initializer=_let_others_first)

    async def hash(self, password: str) -> str:
        """The string to store. What may be a password, `password_problem` says.

        Raises Busy; ValueError for text that `verify` would never accept (above 1,024 characters, or
        with a lone surrogate).
        """
        octets = _octets(password)
        if octets is None:
            raise ValueError(f"not a password: {len(password)} characters, or not Unicode text")
        return await self._run(lambda: _HASHER.hash(octets))

    async def verify(self, stored: str | None, password: str) -> Verified:
        """Whether this is the password of that hash. Raises Busy.

        Nobody can tell by the time whether there is an account: without a hash (None), with one of an
        unknown format, or with text that cannot be a password, a dummy of the same cost is checked, and
        the answer is no. An imported hash costs what its server chose, and a dummy on top when wrong.
        """
        octets = _octets(password)
        return await self._run(lambda: _verify(stored, octets))

    def close(self) -> None:
        """End the threads. What runs is finished, what waits is cancelled."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, job: Callable[[], T]) -> T:
        if self.timed is not None:
            job = _timed(job, self.timed)
        if not self._places.acquire(blocking=False):
            raise Busy(self._retry_after)
        try:
            future = self._executor.submit(job)
        except BaseException:
            self._places.release()
            raise
        # The place belongs to the job, not to its caller: a cancelled caller cannot take it along.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _timed(job: Callable[[], T], tell: Callable[[float], None]) -> Callable[[], T]:
    def run() -> T:
        began = time.perf_counter()
        try:
            return job()
        finally:
            tell(time.perf_counter() - began)

    return run


def password_problem(text: str) -> str | None:
    """Why this cannot be a new password, in words for the person; None if it can.

    8 to 1,024 characters, hashed as they are, octet for octet: nothing is trimmed, folded or cut off, and
    no kinds of characters are demanded. Refused are control characters, lone surrogates, the commonest
    passwords, and the words on our own pages (ASVS 6.2).
    """
    if _CONTROLS.search(text) or not _is_unicode(text):
        return "A password cannot contain control characters such as tabs or line breaks."
    if len(text) < SHORTEST:
        return f"A password needs at least {SHORTEST} characters."
    if len(text) > LONGEST:
        return f"A password can have at most {LONGEST:,} characters."
    folded = text.casefold()
    if folded in _common_passwords() or _PRODUCT_WORDS.fullmatch(folded) or len(set(text)) == 1:
        return "This password is one of the first that others would try. Choose a less usual one."
    return None


def _verify(stored: str | None, octets: bytes | None) -> Verified:
    check = None if stored is None else check_of(stored)
    if stored is None or check is None or octets is None:
        _check_dummy(octets or b"")
        return Verified(ok=False, needs_rehash=False)
    ours = stored.startswith(_OURS)
    if check(octets):
        return Verified(ok=True, needs_rehash=not ours)
    if not ours:
        _check_dummy(octets)
    return Verified(ok=False, needs_rehash=False)


def _check_dummy(octets: bytes) -> None:
    """As long as a real check with our parameters; whatever comes out, nobody asks."""
    check = check_of(_dummy())
    if check is not None:
        check(octets)


@cache
def _dummy() -> str:
    """A hash of our parameters, made of random octets: no password belongs to it."""
    salt, digest = (
        base64.b64encode(os.urandom(length)).rstrip(b"=").decode() for length in (_SALT_LENGTH, _HASH_LENGTH)
    )
    return f"{_OURS}{salt}${digest}"


def _octets(password: str) -> bytes | None:
    """The exact UTF-8 octets, or None for what can never be a password."""
    if len(password) > LONGEST or not _is_unicode(password):
        return None
    return password.encode()


def _is_unicode(text: str) -> bool:
    """Whether the text has no lone surrogates, which UTF-8 cannot carry (RFC 3629 §3)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _common_passwords() -> frozenset[str]:
    """The commonest passwords that are long enough to pass otherwise; origin and licence are in the file."""
    lines = Path(__file__).with_name("common_passwords.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _let_others_first() -> None:
    """Make the calling thread yield to the rest of the process; on Linux niceness belongs to threads."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):  # a sandbox may forbid it; then it is only less polite
            os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))
