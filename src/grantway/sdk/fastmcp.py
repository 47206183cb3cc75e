"""The token verifier of FastMCP (`fastmcp` 4): an MCP server as a protected resource.

Such as:

    mcp = FastMCP("photos", auth=auth_provider(protection, base_url="https://mcp.example"))
"""

from fastmcp.server.auth import AccessToken, RemoteAuthProvider, TokenVerifier

from grantway.protocol.apis import Api
from grantway.sdk.mcp import GrantwayTokenVerifier, exact_url
from grantway.sdk.protection import Protection

__all__ = ["FastMcpTokenVerifier", "auth_provider"]


class FastMcpTokenVerifier(TokenVerifier):
    """Good tokens of the issuer for this resource, else None; as `grantway.sdk.mcp.GrantwayTokenVerifier`."""

    def __init__(self, protection: Protection, *, required_scopes: list[str] | None = None) -> None:
        super().__init__(required_scopes=required_scopes)
        self._verifier = GrantwayTokenVerifier(protection)

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token in the framework's own form, or None for a bad one."""
        found = await self._verifier.verify_token(token)
        return None if found is None else AccessToken(**found.model_dump())


def auth_provider(
    protection: Protection, *, base_url: str, required_scopes: list[str] | None = None
) -> RemoteAuthProvider:
    """`auth` of a FastMCP server at `base_url`: verifier, RFC 9728 document and the issuer's address.

    The identifier of the API is the address of the MCP endpoint, such as `https://mcp.example/mcp`.
    """
    definition = protection.definition
    known = [scope.name for scope in definition.scopes] if isinstance(definition, Api) else None
    return RemoteAuthProvider(
        token_verifier=FastMcpTokenVerifier(protection, required_scopes=required_scopes),
        authorization_servers=[exact_url(protection.issuer)],
        base_url=base_url,
        scopes_supported=known,
        resource_name=definition.spoken_name if isinstance(definition, Api) else None,
    )
