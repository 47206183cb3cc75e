"""How a database is named in the settings: `sqlite:///file.db`, `sqlite:////absolute/file.db`, `postgresql://…`."""

from pathlib import Path
from urllib.parse import unquote

from grantway.storage.problems import StorageProblem

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


def is_postgres(url: str) -> bool:
    """Does the URL name a PostgreSQL database? Raises StorageProblem when it names none that we know."""
    if url.startswith(_POSTGRES):
        return True
    if url.startswith(_SQLITE):
        return False
    scheme = url.partition(":")[0]
    raise StorageProblem(
        f"the database URL starts with {scheme[:20]!r}: write sqlite:///grantway.db for a file in the "
        "working directory, sqlite:////var/lib/grantway/grantway.db for an absolute path, or postgresql://user@host/name"
    )


def database_file(url: str) -> Path:
    """The file that a `sqlite:///` URL names; a relative one is relative to the working directory."""
    name = unquote(url.removeprefix(_SQLITE))
    if not name or name.startswith((":", "file:")) or "\0" in name:
        raise StorageProblem("the database URL names no file: write sqlite:///grantway.db")
    return Path(name).absolute()
