"""Master keys in files: read, and for development made up once."""

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantway.crypto.envelope import MasterKey

_LONGEST = 4096


def key_in_text(text: str) -> "MasterKey":
    """The master key as text. Raises ValueError without the text when it is none."""
    from grantway.crypto.envelope import MasterKey

    return MasterKey.from_text(text)


def key_in_file(path: Path) -> "MasterKey":
    """The master key in a file. Raises OSError, or ValueError without the text when it holds none."""
    with path.open("rb") as file:
        octets = file.read(_LONGEST)
    try:
        return key_in_text(octets.decode("ascii"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} holds no master key, which is 64 hex digits or base64url") from None


def write_new_key(path: Path) -> "MasterKey":
    """Make a master key and keep it in a new file that only its owner may read. Raises FileExistsError."""
    from grantway.crypto.envelope import MasterKey

    key = MasterKey.generate()
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(key.to_text() + "\n")
        os.link(draft, path)  # appears whole or not at all, and never in place of another
    finally:
        draft.unlink()
    return key


def made_up_key(path: Path) -> "MasterKey":
    """The master key of development: made when there is none yet. Raises OSError, ValueError."""
    if not path.exists():
        with contextlib.suppress(FileExistsError):  # another process was faster
            return write_new_key(path)
    return key_in_file(path)


def others_may_read(path: Path) -> bool:
    """Can anybody but the owner and the group read this file?"""
    return bool(path.stat().st_mode & stat.S_IROTH)
