"""What processes have used: CPU time and memory, read from /proc."""

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")  # per second


def family(pid: int) -> tuple[int, ...]:
    """A process and its living descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # gone meanwhile
            continue
        for child in children:
            found += family(int(child))
    return tuple(found)


def cpu_seconds(*pids: int) -> float:
    """User and system time, in seconds, of these processes and their descendants, the ended ones included."""
    return sum(_ticks(member) for pid in pids for member in family(pid)) / TICK


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15])  # its own, and of children that it has seen off


def resident_bytes(pid: int) -> int:
    """Memory a process keeps in RAM, in bytes; 0 when it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
