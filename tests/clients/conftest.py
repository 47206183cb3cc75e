"""What client libraries meet: a live server, a live API behind its tokens, and a person."""

from collections.abc import AsyncIterator

import pytest
from starlette.middleware.cors import CORSMiddleware

from grantway.samples.photos_api import create_photos_api, definition
from tests.clients.person import Person
from tests.node import Node, Visitor, running_node, sqlite_url
from tests.serving import serving


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the server of a file keeps everything; the command line reaches it there."""
    return sqlite_url(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
async def node(database: str) -> AsyncIterator[Node]:
    """A server that knows ada, shared by the tests of a file; each registers clients of its own."""
    async with running_node(database) as node:
        await node.add_person()
        yield node


@pytest.fixture(scope="module")
async def photos(node: Node) -> AsyncIterator[str]:
    """The photos API, protected by the server's tokens and open to browsers; its address is its audience."""

    def api(origin: str) -> CORSMiddleware:
        guarded = create_photos_api(issuer=node.issuer, base_url=origin)
        return CORSMiddleware(guarded, allow_origins=["*"], allow_headers=["authorization"])

    async with serving(api) as origin:
        await node.put_api(definition(origin))
        yield origin


@pytest.fixture
def person(node: Node) -> Person:
    """Ada, at a browser nobody has used yet."""
    return Person(Visitor(node))
