"""Assertions of clients that have been used, in PostgreSQL."""

from grantway.storage.postgres.verbs import Verbs

_USE = "INSERT INTO used_assertions (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING"


class AssertionVerbs(Verbs):
    """`port.Assertions`."""

    async def use_assertion(self, assertion_id: str, *, expires_at: float) -> bool:
        return await self._database.count(_USE, assertion_id, expires_at) == 1
