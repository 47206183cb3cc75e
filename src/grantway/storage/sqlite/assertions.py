"""Assertions of clients that have been used, in SQLite."""

import sqlite3

from grantway.storage.sqlite.verbs import Verbs

_USE = "INSERT INTO used_assertions (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"


class AssertionVerbs(Verbs):
    """`port.Assertions`."""

    async def use_assertion(self, assertion_id: str, *, expires_at: float) -> bool:
        return await self._writer.run(_use, assertion_id, expires_at)


def _use(db: sqlite3.Connection, assertion_id: str, expires_at: float) -> bool:
    return db.execute(_USE, (assertion_id, expires_at)).rowcount == 1
