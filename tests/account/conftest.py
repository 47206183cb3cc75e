"""One running node for each module, on each database, with every kind of client, ada, eve and bob."""

from collections.abc import AsyncIterator

import pytest

from tests.node import Visitor, sqlite_url
from tests.threats.attacks import Target, target_on


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
async def node(request, tmp_path_factory) -> AsyncIterator[Target]:
    """Shared by the tests of a module: each uses a person of its own where it changes one."""
    if request.param == "sqlite":
        async with target_on(sqlite_url(tmp_path_factory.mktemp("account"))) as node:
            yield node
        return
    postgres = request.getfixturevalue("postgres")
    dsn = await postgres.fresh_database()
    async with target_on(dsn) as node:
        yield node
    await postgres.drop_database(dsn)


@pytest.fixture
async def person(node: Target) -> str:
    """The username of somebody who has just come."""
    username = f"person{len(node.people)}"
    await node.add_person(username, f"Person {len(node.people)}")
    return username


@pytest.fixture
def visitor(node: Target) -> Visitor:
    """A browser that has never been here."""
    return Visitor(node)
