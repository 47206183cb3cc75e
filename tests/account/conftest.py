"""One running node for each module, on each database, with every kind of client, ada, eve and bob."""

from collections.abc import AsyncIterator

import pytest

from tests.node import Visitor
from tests.threats.attacks import Target, target_on


@pytest.fixture(scope="module")
async def node(database: str) -> AsyncIterator[Target]:
    """Shared by the tests of a module: each uses a person of its own where it changes one."""
    async with target_on(database) as node:
        yield node


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
