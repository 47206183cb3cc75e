"""A server, an API that listens to what it revokes, and tokens of every kind."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from grantway.protocol.apis import Api
from grantway.protocol.names import GrantType
from grantway.protocol.scope import Scope
from grantway.sdk import Answer, ClientSecret, Protection, RevocationFeed
from grantway.sdk.bearer import Brought
from grantway.sdk.protection import Asked
from grantway.sdk.verify import AccessToken
from grantway.settings import TokenSettings
from tests.node import CALENDAR, PHOTOS, Node, seeded_node, sqlite_url, web_client

PATIENCE = 20.0  # seconds: others use this machine too; what is promised is 2, and measured elsewhere


async def seed(node: Node) -> Node:
    """Credentials for both APIs, and a machine."""
    for api, name in ((PHOTOS, "photos_api"), (CALENDAR, "calendar_api")):
        about = {"redirect_uris": (), "scope": Scope(), "optional_scope": Scope()}
        client = web_client(
            name, type="resource_server", api=api.identifier, grant_types=frozenset(), **about
        )
        await node.put_client(client)
    await node.put_client(
        web_client(
            "robot",
            type="machine",
            grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}),
            redirect_uris=(),
            scope=Scope.of(["photos:read"]),
            optional_scope=Scope(),
        )
    )
    return node


@pytest.fixture
async def node(tmp_path) -> AsyncIterator[Node]:
    async with seeded_node(sqlite_url(tmp_path), tokens=TokenSettings(refresh_grace=0)) as node:
        yield await seed(node)


def credentials(node: Node, api: Api = PHOTOS) -> ClientSecret:
    name = "photos_api" if api is PHOTOS else "calendar_api"
    return ClientSecret(name, node.secrets[name])


@contextmanager
def listening(node: Node, api: Api = PHOTOS, **options) -> Iterator[Protection]:
    """The protection of an API that listens; the stream ends with it."""
    feed = RevocationFeed(node.issuer, api.identifier, credentials(node, api), **options)
    protection = Protection(api=api, issuer=node.issuer, revocations=feed)
    protection.feed = feed  # type: ignore[attr-defined]
    try:
        yield protection
    finally:
        feed.close()


async def asked(
    protection: Protection, token: str, method: str = "GET", path: str = "/photos"
) -> AccessToken | Answer:
    """What becomes of a request with this token."""
    brought = Brought(authorization=(f"Bearer {token}",))
    found = await protection.check(Asked(method=method, path=path), brought)
    assert found is not None
    return found


async def status(protection: Protection, token: str, method: str = "GET", path: str = "/photos") -> int:
    found = await asked(protection, token, method, path)
    return found.status if isinstance(found, Answer) else 200


async def becomes(wanted: int, ask: Callable[[], Awaitable[int]]) -> float:
    """Wait until that is the answer; seconds it took."""
    began = time.monotonic()
    while (found := await ask()) != wanted:
        assert time.monotonic() - began < PATIENCE, f"still {found}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began
