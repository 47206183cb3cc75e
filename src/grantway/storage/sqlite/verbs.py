"""What the verbs of every concern share: the two ways to the file, and the audit log."""

import sqlite3
from collections.abc import Sequence

from grantway.storage.changes import AuditEntry
from grantway.storage.rows import write_audit
from grantway.storage.sqlite.connections import Reader, Writer, sql

_ADD_AUDIT = sql("INSERT INTO audit ({audit}) VALUES ({audit:?})")


class Verbs:
    """A part of the store. A verb that writes hands one function below its class to the writer."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer


def add_audit(db: sqlite3.Connection, entries: Sequence[AuditEntry]) -> None:
    """Write audit entries in the transaction under way."""
    db.executemany(_ADD_AUDIT, [write_audit(entry) for entry in entries])


def execute(db: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> None:
    """The whole work of a verb that writes one statement and answers nothing."""
    db.execute(statement, values)
