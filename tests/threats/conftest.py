"""The servers under attack."""

from collections.abc import AsyncIterator

import pytest

from grantway.crypto.envelope import MasterKey
from grantway.settings import SecretsSettings, ServerSettings
from tests.node import Visitor, free_port, sqlite_url
from tests.threats.attacks import Target, target_on


@pytest.fixture(scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """One node on SQLite, shared by the tests of a file."""
    async with target_on(sqlite_url(tmp_path_factory.mktemp("target"))) as node:
        yield node


@pytest.fixture
async def fresh(tmp_path) -> AsyncIterator[Target]:
    """One node on SQLite for this test alone."""
    async with target_on(sqlite_url(tmp_path)) as node:
        yield node


@pytest.fixture
def visitor(target: Target) -> Visitor:
    """A browser nobody has used yet."""
    return Visitor(target)


@pytest.fixture
async def nodes(postgres_dsn: str) -> AsyncIterator[tuple[Target, Target]]:
    """Two nodes of one server on one PostgreSQL database, behind no balancer: each is asked by name."""
    key = MasterKey.generate().to_text()
    ports = free_port(), free_port()
    addresses = [f"127.0.0.1:{port}" for port in ports]
    shared = {
        "issuer": f"http://{addresses[0]}",
        "secrets": SecretsSettings(key=key),
        "server": ServerSettings(hosts=tuple(addresses)),
    }
    async with (
        target_on(postgres_dsn, port=ports[0], **shared) as first,
        target_on(postgres_dsn, port=ports[1], seed=False, **shared) as second,
    ):
        second.issuer = f"http://{addresses[1]}"
        second.secrets, second.people = first.secrets, first.people
        yield first, second
