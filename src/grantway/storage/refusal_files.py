"""Refusals, kept in files of this machine for `grantway logs`: nothing a stranger does reaches the database.

A folder holds segments, named after the moment they were begun and the process that writes them, a JSON
object a line. A thread writes what waits in a bounded queue, so that a slow disk holds no request up. When a
segment is full the oldest ones leave, whoever wrote them: the folder never holds much more than its limit.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

MAX_WAITING = 2000  # lines
SEGMENTS = 16  # of which a full folder consists
_SUFFIX = ".jsonl"
_PATIENCE = 2.0  # seconds to write the last lines when the server stops
_log = logging.getLogger("grantway.refusals")


class RefusalFiles:
    """The files of one process. `limit` is in bytes, for the whole folder; `clock` tells Unix seconds."""

    def __init__(self, folder: Path, *, limit: int, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._limit = limit
        self._clock = clock
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._open: int | None = None
        self._length = 0
        self._complained = False
        self.dropped = 0  # lines for which there was no room, or no disk

    def note(self, line: bytes) -> None:
        """Keep this line, which holds no line break. Never waits: without room the line is dropped."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_on, name="grantway-refusals", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _write_on(self) -> None:
        while not self._stopping or self._waiting:
            self._wake.wait()
            self._wake.clear()
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            try:
                self._write(lines)
                self._complained = False
            except OSError as failed:
                self.dropped += len(lines)
                if not self._complained:
                    _log.warning("refusals cannot be kept in %s: %s", self._folder, failed.strerror)
                self._complained = True
        if self._open is not None:
            os.close(self._open)

    def _write(self, lines: list[bytes]) -> None:
        for line in lines:
            if self._open is None or self._length + len(line) >= self._limit // SEGMENTS or self._is_gone():
                self._begin()
            if self._open is not None:
                self._length += os.write(self._open, line + b"\n")

    def _is_gone(self) -> bool:
        """Has another process made room by deleting our segment?"""
        return self._open is not None and os.fstat(self._open).st_nlink == 0

    def _begin(self) -> None:
        if self._open is not None:
            os.close(self._open)
            self._open = None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room()
        name = f"{int(self._clock() * 1e6):016d}-{os.getpid()}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._open = os.open(self._folder / name, flags, 0o600)
        self._length = 0

    def _make_room(self) -> None:
        found = segments(self._folder)
        lengths = {path: _length_of(path) for path in found}
        room = self._limit - self._limit // SEGMENTS
        for path in found:
            if sum(lengths.values()) <= room:
                return
            path.unlink(missing_ok=True)
            del lengths[path]


def segments(folder: Path) -> list[Path]:
    """The files of the folder, the oldest first; none where there is no folder. Raises OSError."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == _SUFFIX)
    except FileNotFoundError:
        return []


def lines_of(folder: Path) -> Iterator[bytes]:
    """Every line that is kept, segment by segment. Raises OSError."""
    for path in segments(folder):
        try:
            yield from path.read_bytes().splitlines()
        except FileNotFoundError:  # it has just left
            continue


class Followed:
    """The folder as it grows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_to: dict[str, int] = {}

    def new_lines(self) -> list[bytes]:
        """The whole lines that came since the last call. Raises OSError."""
        found: list[bytes] = []
        for path in segments(self._folder):
            at = self._read_to.get(path.name, 0)
            if _length_of(path) <= at:
                continue
            with path.open("rb") as file:
                file.seek(at)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                found += whole.splitlines()
                self._read_to[path.name] = at + len(whole) + 1
        return found


def _length_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
