"""The store that a database URL names."""

from grantway.storage.migrate import SchemaState, check, migrate
from grantway.storage.port import Store
from grantway.storage.urls import database_file, is_postgres


async def open_store(url: str, *, auto_migrate: bool = False) -> Store:
    """Open `sqlite:///file.db`, `sqlite:////absolute/file.db` or `postgresql://user@host/name`.

    Raises StorageProblem (its message is one line that says what to do) when the database may not be used
    as it is, and Unavailable when it does not answer. With `auto_migrate` pending migrations are applied.
    """
    schema = await check(url)
    if auto_migrate and schema.state is SchemaState.PENDING:
        await migrate(url)
    else:
        schema.require(SchemaState.CURRENT)
    if is_postgres(url):
        from grantway.storage.postgres import open_postgres

        return await open_postgres(url)
    from grantway.storage.sqlite import open_sqlite

    return open_sqlite(database_file(url))
