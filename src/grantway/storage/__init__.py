"""What must not be forgotten, kept in SQLite or PostgreSQL.

`port.py` says what can be asked; `sqlite` and `postgres` answer. A verb is a whole
business transaction: it commits everything it names, or nothing, before it returns.
"""

from grantway.storage.opening import open_store

__all__ = ["open_store"]
