"""One scene for each module of diagnoses."""

from collections.abc import AsyncIterator

import pytest

from tests.checks.answers import CheckedNode, signed_in_visitor
from tests.diagnosis.scene import CLIENTS, Scene
from tests.node import Visitor, seeded_node, sqlite_url


@pytest.fixture(scope="module")
async def scene(tmp_path_factory) -> AsyncIterator[Scene]:
    database = sqlite_url(tmp_path_factory.mktemp("diagnosis"))
    async with seeded_node(database) as started:
        node = CheckedNode(**vars(started), database=database)
        for client in CLIENTS:
            await node.put_client(client)
        yield Scene(node, await signed_in_visitor(node), Visitor(node))
