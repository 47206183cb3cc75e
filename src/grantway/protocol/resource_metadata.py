"""What an API tells about itself: protected resource metadata (RFC 9728), from its definition alone.

Shared with the SDK: the API serves the document, the gateway's decision names its address.
"""

from urllib.parse import urlsplit

from grantway.protocol.apis import Api, scopes_needed

WELL_KNOWN = "/.well-known/oauth-protected-resource"


def resource_metadata_url(identifier: str) -> str | None:
    """Where the document of this resource is: the well-known name before its own path (RFC 9728 §3.1).

    None when the identifier is no http(s) address.
    """
    parts = urlsplit(identifier)
    if parts.scheme not in {"https", "http"} or not parts.netloc:
        return None
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{path}{query}"


def resource_metadata(api: Api, *, issuer: str) -> dict[str, str | list[str]]:
    """The document (RFC 9728 §2). `scopes_supported` names the scopes that some row needs, in their order."""
    needed = scopes_needed(api.rules)
    scopes = [scope.name for scope in api.scopes if scope.name in needed]
    return {
        "resource": api.identifier,
        "authorization_servers": [issuer],
        **({"scopes_supported": scopes} if scopes else {}),
        "bearer_methods_supported": ["header"],
        "resource_name": api.spoken_name,
    }
