"""The servers under attack."""

from collections.abc import AsyncIterator

import pytest

from tests.node import Visitor, sqlite_url
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
