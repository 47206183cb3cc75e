"""Nodes as operators run them."""

from collections.abc import AsyncIterator

import pytest

from grantway.storage.migrate import migrate
from tests.node import sqlite_url


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request, tmp_path) -> AsyncIterator[str]:
    """An empty database of either kind, its tables made."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path)
        await migrate(url)
        yield url
        return
    server = request.getfixturevalue("postgres")
    url = await server.fresh_database()
    await migrate(url)
    yield url
    await server.drop_database(url)
