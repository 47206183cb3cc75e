"""A node without its web, on a real database, for the flows."""

import pytest

from grantway.app import open_server
from grantway.settings import DatabaseSettings, Settings


@pytest.fixture
async def server(tmp_path):
    settings = Settings(
        issuer="http://localhost:8600",
        dev=True,
        database=DatabaseSettings(url=f"sqlite:///{tmp_path}/grantway.db"),
    )
    async with open_server(settings) as server:
        yield server
