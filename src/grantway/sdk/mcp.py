"""The token verifier of the MCP Python SDK (`mcp` 2): an MCP server as a protected resource.

Such as:

    verifier, auth = GrantwayTokenVerifier(protection), auth_settings(protection)
    server = MCPServer("photos", token_verifier=verifier, auth=auth)
"""

import logging
from typing import Annotated

from mcp.server.auth.provider import AccessToken as McpToken
from mcp.server.auth.settings import AuthSettings
from pydantic import AnyHttpUrl, TypeAdapter, UrlConstraints

from grantway.sdk.protection import Protection
from grantway.sdk.verify import AccessToken, BadToken

__all__ = ["GrantwayTokenVerifier", "auth_settings", "mcp_token"]

_EXACT = TypeAdapter(Annotated[AnyHttpUrl, UrlConstraints(preserve_empty_path=True)])
_log = logging.getLogger("grantway.sdk")


class GrantwayTokenVerifier:
    """What `token_verifier` of an MCP server wants: good tokens of the issuer for this resource, else None.

    The identifier of the API is the address of the MCP server, its path included (RFC 8707 §2). Tokens bound
    to a client certificate are refused: the framework does not tell which one came. What a token may do is
    asked by `required_scopes`. A failure of ours raises, which the framework answers with 500: never a pass.
    """

    def __init__(self, protection: Protection) -> None:
        self._protection = protection

    async def verify_token(self, token: str) -> McpToken | None:
        """The token in the framework's own form, or None for a bad one."""
        try:
            found = await self._protection.verifier.verify(token)
        except BadToken as bad:
            _log.info("a token was refused: %s", bad.reason)
            return None
        if self._protection.identifier not in found.audience:
            return None
        return mcp_token(token, found, self._protection.identifier)


def mcp_token(text: str, token: AccessToken, resource: str) -> McpToken:
    """A verified token in the framework's form."""
    return McpToken(
        token=text,
        client_id=token.client_id,
        scopes=list(token.scope),
        expires_at=int(token.expires_at),
        resource=resource,
        subject=token.subject,
        claims=dict(token.claims),
    )


def auth_settings(protection: Protection, *, required_scopes: list[str] | None = None) -> AuthSettings:
    """`auth` of an MCP server: it publishes its RFC 9728 document and challenges with its address.

    `required_scopes` are needed for every request.
    """
    return AuthSettings(
        issuer_url=exact_url(protection.issuer),
        resource_server_url=exact_url(protection.identifier),
        required_scopes=required_scopes,
        validate_token_resource=True,
    )


def exact_url(text: str) -> AnyHttpUrl:
    """The address as it is written: clients compare issuers letter by letter (RFC 8414 §3.3)."""
    return _EXACT.validate_python(text)
