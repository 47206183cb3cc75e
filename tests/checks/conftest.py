"""One running node for each module of checks, on each database."""

import logging
import time
from collections.abc import AsyncIterator

import pytest

from grantway.flows.throttles import Throttles
from grantway.protocol.clients import ClientType
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from tests.checks.answers import CheckedNode, signed_in_visitor
from tests.node import Visitor, asking_client, machine_client, native_client, seeded_node, web_client
from tests.signing import jwks

OTHER_CALLBACK = "https://other.example/callback"
TENANT_CALLBACK = "https://tenant.example/cb?tenant=7"
SSO_CALLBACK = "https://sso.example/callback"
SIGN_IN = Scope.of(["openid", "profile", "email", "address", "phone", "offline_access", "photos:read"])
EVERYTHING = Scope.of(["photos:read", "photos:write", "photos:delete", "calendar:read", "offline_access"])


@pytest.fixture(scope="module")
async def node(database: str) -> AsyncIterator[CheckedNode]:
    """A node with every kind of client, ada and eve. Tests that change it use what is theirs alone."""
    async with seeded_node(database) as started:
        node = CheckedNode(**vars(started), database=database)
        await node.add_person("eve", "Eve")
        for client in CLIENTS:
            await node.put_client(client)
        # Hundreds of refusals from one address in one module; that they are throttled is tested by threat H6.
        patient = Throttles(burst=100_000, seconds_each=0.1, clock=time.monotonic)
        object.__setattr__(node.server, "failures", patient)  # frozen, as it is made once
        yield node


@pytest.fixture
def visitor(node: CheckedNode) -> Visitor:
    """A browser that has never been here."""
    return Visitor(node)


@pytest.fixture(scope="module")
async def member(node: CheckedNode) -> Visitor:
    """A browser signed in as ada, who has allowed `printer` to read photos. Must stay so."""
    return await signed_in_visitor(node)


CLIENTS = (
    web_client(
        "other",
        name="Other",
        redirect_uris=(OTHER_CALLBACK, "https://other.example/second"),
        auth_method=AuthMethod.CLIENT_SECRET_POST,
        scope=EVERYTHING,
    ),
    web_client("single", name="Single", redirect_uris=("https://single.example/cb",)),
    web_client(
        "filled_in",
        name="Filled in",
        redirect_uris=("https://filled.example/cb",),
        redirect_uri_optional=True,
    ),
    web_client("tenant", name="Tenant", redirect_uris=(TENANT_CALLBACK,)),
    web_client(
        "sso", name="Single Sign-On", redirect_uris=(SSO_CALLBACK,), scope=SIGN_IN, optional_scope=Scope()
    ),
    web_client("relaxed", name="Relaxed", redirect_uris=("https://relaxed.example/cb",), require_pkce=False),
    web_client(
        "spa",
        name="Photo Viewer",
        type=ClientType.SPA,
        auth_method=AuthMethod.NONE,
        redirect_uris=("https://spa.example/cb",),
        origins=("https://spa.example",),
    ),
    native_client(
        "on_device",
        redirect_uris=("http://127.0.0.1/cb", "http://[::1]/cb", "http://127.0.0.1:7000/q?a=b"),
    ),
    native_client("by_name", redirect_uris=("http://localhost/cb",)),
    machine_client("machine", "calendar:read"),
    *(
        web_client(
            name,
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            jwks=jwks(),
            legacy_audience=name == "legacy",
            grant_types=frozenset(GrantType),
            scope=Scope.of(["calendar:read", "photos:read"]),
            optional_scope=Scope(),
        )
        for name in ("signer", "legacy")
    ),
    *(
        asking_client(name, f"https://api.example/{api}")
        for name, api in (("photos_api", "photos"), ("calendar_api", "calendar"))
    ),
)


@pytest.fixture
def why(node, caplog):
    """What the operator reads about the last refusal."""
    caplog.set_level(logging.INFO, "grantway.refusals")

    def last() -> str:
        return caplog.records[-1].getMessage()

    return last
