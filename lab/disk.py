"""A disk that can lose its power: an ext4 file system in a file on XFS, whose copy is what had been flushed.

The database lives on ext4, on a loop device. What was written and not flushed is still in the page cache of
that file system, above the device. A copy of the device's file at any instant (`cp --reflink`, in one step)
is therefore the disk as a power cut at that instant would leave it. The copy is mounted, which replays its
journal, and the database opened. Needs root, loop devices and xfsprogs.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PREFIX = "grantway-disk-"
OUTER, INNER = "8G", "1G"  # sparse


def missing() -> str:
    """Why no disk can be made here; nothing when one can."""
    if os.geteuid() != 0:
        return "it needs root, to mount file systems"
    programs = [name for name in ("mkfs.xfs", "mkfs.ext4", "losetup") if _found(name) is None]
    if programs:
        return f"there is no {', '.join(programs)} (on Debian: xfsprogs, e2fsprogs, mount)"
    if not Path("/dev/loop-control").exists():
        return "there are no loop devices"
    return ""


def _found(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _run(*command: str) -> None:
    subprocess.run([_found(command[0]) or command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def _mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir()
    _run("mount", "-o", "loop", str(image), str(at))
    try:
        yield at
    finally:
        _run("umount", "--lazy", str(at))
        at.rmdir()


class Disk:
    """Mounted at `root`."""

    def __init__(self, folder: Path, image: Path, root: Path) -> None:
        self._folder, self._image, self.root = folder, image, root
        self._count = 0

    def cut(self) -> Path:
        """The disk as it would be if the power failed now: an image to be mounted."""
        self._count += 1
        copy = self._image.with_name(f"cut-{self._count}.img")
        _run("cp", "--reflink=always", str(self._image), str(copy))
        return copy

    @contextmanager
    def after(self, cut: Path) -> Iterator[Path]:
        """The same disk after the power came back; its journal is replayed by mounting it."""
        with _mounted(cut, self._folder / cut.stem) as root:
            yield root
        cut.unlink()


@contextmanager
def disk() -> Iterator[Disk]:
    """A fresh disk, empty but for what ext4 makes."""
    _remove_what_killed_runs_left()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)  # PostgreSQL is another user
    try:
        with ExitStack() as stack:
            _run("truncate", "-s", OUTER, str(folder / "outer.img"))
            _run("mkfs.xfs", "-q", "-m", "reflink=1", str(folder / "outer.img"))
            outer = stack.enter_context(_mounted(folder / "outer.img", folder / "outer"))
            inner = outer / "inner.img"
            _run("truncate", "-s", INNER, str(inner))
            _run("mkfs.ext4", "-q", str(inner))
            yield Disk(folder, inner, stack.enter_context(_mounted(inner, folder / "disk")))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_what_killed_runs_left() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if Path(f"/proc/{left.name.removeprefix(PREFIX).split('-')[0]}").exists():
            continue
        for line in reversed(Path("/proc/mounts").read_text().split("\n")):
            if line and line.split(" ")[1].startswith(f"{left}/"):
                _run("umount", "--lazy", line.split(" ")[1])
        shutil.rmtree(left, ignore_errors=True)
