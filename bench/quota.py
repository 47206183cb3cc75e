"""Cores that can be cut smaller: so much CPU for a node, however many cores the machine has."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PERIOD = (
    10_000  # µs: short, so that a node that has used up its share waits a few ms, not a tenth of a second
)


class NoQuota(Exception):
    """Control groups cannot be made on this machine."""


@contextlib.contextmanager
def limited(pids: tuple[int, ...], cores: float) -> Iterator[None]:
    """Let these processes use no more than `cores` of CPU together. Raises NoQuota."""
    old = (_ROOT / "cpu").is_dir()
    group = (_ROOT / "cpu" if old else _ROOT) / f"grantway-bench-{os.getpid()}"
    quota = round(cores * _PERIOD)
    try:
        group.mkdir()
        if old:
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {_PERIOD}")
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
    except OSError as refused:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise NoQuota(str(refused)) from refused
    try:
        yield
    finally:
        home = group.parent / "cgroup.procs"
        for pid in pids:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                home.write_text(str(pid))
        group.rmdir()
