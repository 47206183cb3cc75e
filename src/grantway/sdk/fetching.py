"""Calls from an API to its authorization server: https alone, bounded, without redirects."""

import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx2

__all__ = ["checked_address", "http_client", "read_body"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_BYTES = 256 * 1024


def checked_address(name: str, uri: str) -> str:
    """The address, if it is https, or plain http to a loopback name. Raises ValueError otherwise."""
    parts = urlsplit(uri)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{name} {uri!r}: must be https://, or http:// on loopback")
    return uri


def http_client(uri: str, *, certificate: tuple[str, str] | None = None) -> "httpx2.AsyncClient":
    """A client for this address. `certificate`: files of a certificate and its key, PEM, to show."""
    import httpx2

    if not uri.startswith("https:"):  # a loopback address: no TLS, and never asked of a proxy
        return httpx2.AsyncClient(trust_env=False, follow_redirects=False, verify=False)
    context = _context() if certificate is None else httpx2.create_ssl_context()
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return httpx2.AsyncClient(follow_redirects=False, verify=context)


@lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    """Whom to believe: made once, because reading the certificates takes 25 ms."""
    import httpx2

    return httpx2.create_ssl_context()


async def read_body(
    client: "httpx2.AsyncClient",
    method: str,
    uri: str,
    *,
    headers: Mapping[str, str],
    form: Mapping[str, str] | None = None,
    also: frozenset[int] = frozenset(),
) -> "tuple[int, bytes, Mapping[str, str]]":
    """Status, body (at most 256 kB) and headers of the answer.

    Raises ValueError for a longer one, and for a status that is neither 200 nor among `also`.
    """
    async with client.stream(method, uri, headers=dict(headers), data=form) as reply:
        if reply.status_code != 200 and reply.status_code not in also:
            raise ValueError(f"answered {reply.status_code}")
        body = b""
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError(f"more than {_MAX_BYTES} bytes")
        return reply.status_code, body, reply.headers
