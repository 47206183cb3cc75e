"""An API's own definition, told to the API itself: what its guard judges by, as the registry has it now."""

from grantway.flows.client_authentication import Call, authenticated_client
from grantway.flows.server import Server
from grantway.flows.snapshot import PublishedDefinition, Snapshot
from grantway.protocol.apis import Api
from grantway.protocol.client_auth import speaks_for_no_api
from grantway.protocol.client_refusals import failed
from grantway.protocol.clients import Client
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode


async def api_definition(server: Server, call: Call) -> PublishedDefinition:
    """The definition of the API whose credentials the caller has: nobody learns another one's rules (N1).

    Raises `invalid_client`, or `unauthorized_client` for a client that speaks for no API.
    """
    _, api, snapshot = await calling_api(server, call, "read its definition")
    return snapshot.definition_of(api)


async def calling_api(server: Server, call: Call, act: str) -> tuple[Client, Api, Snapshot]:
    """The client that calls, and the API whose credentials it is. `act`: what only those may do, in words.

    Raises as `api_definition`.
    """
    client, snapshot = await authenticated_client(server, call)
    if client.is_public:
        raise failed(speaks_for_no_api(client))
    api = None if client.api is None else snapshot.registry.apis.get(client.api)
    if api is None:
        words = f"only the credentials of an API may {act}"
        raise OAuthError(ErrorCode.UNAUTHORIZED_CLIENT, words, speaks_for_no_api(client))
    return client, api, snapshot
