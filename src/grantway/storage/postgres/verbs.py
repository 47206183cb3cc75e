"""What the verbs of every concern share: the database, and the audit log."""

from collections.abc import Sequence

from grantway.storage.changes import AuditEntry
from grantway.storage.columns import AUDIT
from grantway.storage.postgres.connections import Database, Transaction, sql
from grantway.storage.rows import write_audit


class Verbs:
    """A part of the store."""

    def __init__(self, database: Database) -> None:
        self._database = database


def audit_sql(first: int, *, only_if: str = "") -> str:
    """Insert audit entries whose columns are arrays, from placeholder `first` on; see `audit_values`.

    `only_if` names a common table expression of at most one row: without that row, nothing is inserted.
    """
    types = ("float8", "text", "text", "text", "text")
    return sql(
        "INSERT INTO audit ({audit}) SELECT {audit:e} "
        "FROM {only_if}unnest({arrays}) WITH ORDINALITY AS e ({audit}, place) ORDER BY e.place",
        only_if=only_if and f"{only_if}, ",
        arrays=", ".join(f"${first + offset}::{kind}[]" for offset, kind in enumerate(types)),
    )


def audit_values(entries: Sequence[AuditEntry]) -> list[list[object]]:
    """The columns of these entries."""
    return [list(column) for column in zip(*map(write_audit, entries), strict=True)] or [
        [] for _ in AUDIT.names
    ]


_ADD_AUDIT = audit_sql(1)


async def add_audit(where: Database | Transaction, entries: Sequence[AuditEntry]) -> None:
    """Write audit entries, in the transaction under way if there is one."""
    if entries:
        await where.all(_ADD_AUDIT, *audit_values(entries))
