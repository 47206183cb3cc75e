"""The store in one SQLite file: one thread writes, everyone reads.

Every commit is flushed to disk before it is answered (WAL, `synchronous=FULL`). One server process uses
the file; commands and backups may work beside it.
"""

from grantway.storage.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]
