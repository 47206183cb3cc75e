"""The whole store in PostgreSQL."""

from collections.abc import Mapping

from grantway.storage.postgres.assertions import AssertionVerbs
from grantway.storage.postgres.connections import Database, check_settings
from grantway.storage.postgres.grants import GrantVerbs
from grantway.storage.postgres.logouts import LogoutVerbs
from grantway.storage.postgres.narrowing import NarrowingVerbs
from grantway.storage.postgres.people import PeopleVerbs
from grantway.storage.postgres.registry import RegistryVerbs
from grantway.storage.postgres.revocations import RevocationVerbs
from grantway.storage.postgres.tokens import TokenVerbs
from grantway.storage.postgres.upkeep import UpkeepVerbs

_CONNECTIONS = 16  # for each worker process; fewer halve the rate at 32 requests at once


class PostgresStore(
    RegistryVerbs,
    PeopleVerbs,
    GrantVerbs,
    NarrowingVerbs,
    LogoutVerbs,
    TokenVerbs,
    RevocationVerbs,
    AssertionVerbs,
    UpkeepVerbs,
):
    """`port.Store` in PostgreSQL. It belongs to the event loop on which it was opened."""

    def connections(self) -> Mapping[str, int]:
        return self._database.connections()

    async def ping(self) -> None:
        await self._database.all("SELECT version FROM registry_version")

    async def close(self) -> None:
        await self._database.close()


async def open_postgres(url: str, *, connections: int = _CONNECTIONS) -> PostgresStore:
    """The store in this database, whose schema must be current. Raises StorageProblem where it is unsafe."""
    database = await Database.open(url, connections=connections)
    try:
        await check_settings(database)
    except BaseException:
        await database.close()
        raise
    return PostgresStore(database)
