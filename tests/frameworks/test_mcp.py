"""MCP servers as protected resources: their own SDKs on both sides, tokens from a real flow."""

import socket
from contextlib import asynccontextmanager

import fastmcp
import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import MCPServer

from grantway.protocol.apis import Api, ApiScope
from grantway.protocol.scope import Scope
from grantway.sdk import Protection, Unavailable
from grantway.sdk.fastmcp import auth_provider
from grantway.sdk.mcp import GrantwayTokenVerifier, auth_settings
from tests.bounded import up
from tests.frameworks.definition import API
from tests.node import Visitor, web_client


def of_the_mcp_sdk(protection, _origin, needed):
    verifier, auth = (
        GrantwayTokenVerifier(protection),
        auth_settings(protection, required_scopes=needed),
    )
    server = MCPServer("photos", token_verifier=verifier, auth=auth)

    @server.tool()
    def whose() -> str:
        """Whose photos are these?"""
        return get_access_token().subject

    return server.streamable_http_app()


def of_fastmcp(protection, origin, needed):
    server = fastmcp.FastMCP(
        "photos", auth=auth_provider(protection, base_url=origin, required_scopes=needed)
    )

    @server.tool()
    def whose() -> str:
        """Whose photos are these?"""
        return fastmcp.server.dependencies.get_access_token().subject

    return server.http_app()


SERVERS = {"mcp": of_the_mcp_sdk, "fastmcp": of_fastmcp}


@asynccontextmanager
async def served(make):
    """The application for its own origin, with its lifespan, at a real port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(make(origin), log_level="critical", lifespan="on", ws="none")
        async with up(config, sockets=[listener]):
            yield origin


@pytest.mark.parametrize("kind", SERVERS)
async def test_an_mcp_server_takes_tokens_for_itself_alone(node, kind):
    """FN13, RFC 9728, RFC 8707: found by its document; a tool is called with a token for its address."""
    use, look = f"{kind}:use", f"{kind}:look"
    scopes = tuple(ApiScope(name=name, description="Words") for name in (use, look))
    apis = []

    def make(origin):
        apis.append(Api(identifier=f"{origin}/mcp", name=kind, scopes=scopes))
        return SERVERS[kind](Protection(api=apis[0], issuer=node.issuer), origin, [use])

    async with served(make), httpx2.AsyncClient(trust_env=False) as http:
        await node.put_api(apis[0])
        await node.put_client(web_client(kind, scope=Scope.of([use, look]), optional_scope=Scope()))
        resource = apis[0].identifier
        hello = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        refused = await http.post(resource, json=hello)
        assert 401 == refused.status_code
        address = refused.headers["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
        document = (await http.get(address)).json()
        assert (resource, [node.issuer]) == (document["resource"], document["authorization_servers"])

        async def as_the_bearer_of(client_id, **asked):
            bought = await Visitor(node).tokens(client_id, **asked)
            return {"authorization": f"Bearer {bought['access_token']}"}

        elsewhere = await as_the_bearer_of("printer", scope="photos:read", resource=API.identifier)
        assert 401 == (await http.post(resource, json=hello, headers=elsewhere)).status_code
        little = await as_the_bearer_of(kind, scope=look, resource=resource)
        assert 403 == (await http.post(resource, json=hello, headers=little)).status_code
        enough = await as_the_bearer_of(kind, scope=use, resource=resource)
        async with (
            httpx2.AsyncClient(trust_env=False, headers=enough) as own,
            Client(streamable_http_client(resource, http_client=own)) as client,
        ):
            told = await client.call_tool("whose", {})
        assert node.people["ada"].subject == told.content[0].text


async def test_o8_an_mcp_server_without_keys_lets_nobody_in():
    """O8: whatever the framework answers, it is no pass."""
    api = Api(identifier="https://mcp.example/mcp", name="mcp")
    verifier = GrantwayTokenVerifier(Protection(api=api, issuer="http://127.0.0.1:9"))
    with pytest.raises(Unavailable):
        await verifier.verify_token("a.b.c")
