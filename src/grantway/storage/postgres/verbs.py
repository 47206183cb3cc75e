"""What the verbs of every concern share: the database, and the audit log."""

from collections.abc import Sequence

from grantway.storage.port import AuditEntry
from grantway.storage.postgres.connections import Database, Transaction
from grantway.storage.rows import AUDIT, sql, write_audit

# Takes the columns of the entries, each as an array, from the first placeholder on.
_UNNESTED = "unnest($1::float8[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS e"
_ADD_AUDIT = sql("INSERT INTO audit ({audit}) SELECT {audit:e} FROM {entries} (") + ""


class Verbs:
    """A part of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database
