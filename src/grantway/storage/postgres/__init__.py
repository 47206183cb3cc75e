"""The store in PostgreSQL, for as many nodes as one likes.

Every connection is as good as another: nothing is ever kept in a session, so they may be pooled, by us and
by PgBouncer. What the database must be set to (timeouts, `synchronous_commit`) belongs to the role: see
`connections`.
"""

from grantway.storage.postgres.store import PostgresStore, open_postgres

__all__ = ["PostgresStore", "open_postgres"]
