"""Calls from an API to its authorization server: https alone, bounded, without redirects."""

import re
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx2

__all__ = ["answered", "checked_address", "edition", "http_client", "read_body"]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_BYTES = 256 * 1024
_REFERENCE = re.compile(r"[0-9A-F]{4}-[0-9A-F]{2}")


def checked_address(name: str, uri: str) -> str:
    """The address, if it is https, or plain http to a loopback name. Raises ValueError otherwise."""
    parts = urlsplit(uri)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError(f"{name} {uri!r}: must be https://, or http:// on loopback")
    return uri


def http_client(uri: str, *, certificate: tuple[str, str] | None = None) -> "httpx2.AsyncClient":
    """A client for this address. `certificate`: files of a certificate and its key, PEM, to show.

    Raises OSError when they cannot be read or do not belong together, and ValueError where nobody would see
    them: a loopback address without TLS.
    """
    import httpx2

    if not uri.startswith("https:"):  # a loopback address: no TLS, and never asked of a proxy
        if certificate is not None:
            raise ValueError(f"a client certificate is shown over https alone, not to {uri}")
        return httpx2.AsyncClient(trust_env=False, follow_redirects=False, verify=False)
    context = _context(certificate, edition(certificate))
    return httpx2.AsyncClient(follow_redirects=False, verify=context)


def edition(certificate: tuple[str, str] | None) -> tuple[int, ...]:
    """Another one when the files have changed: certificates are renewed while an API runs. Raises OSError."""
    return tuple(Path(file).stat().st_mtime_ns for file in certificate or ())


@lru_cache(maxsize=8)
def _context(certificate: tuple[str, str] | None, _edition: tuple[int, ...]) -> ssl.SSLContext:
    """Whom to believe and what to show: made once, because reading the authorities takes 25 ms."""
    import httpx2

    context = httpx2.create_ssl_context()
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context


def answered(reply: "httpx2.Response") -> str:
    """An answer of the server that is none, in words: its status, and where its operator reads why."""
    reference = reply.headers.get("grantway-flow", "")
    why = f"; why: grantway logs show {reference}" if _REFERENCE.fullmatch(reference) else ""
    return f"answered {reply.status_code}{why}"


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
            raise ValueError(answered(reply))
        body = b""
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError(f"more than {_MAX_BYTES} bytes")
        return reply.status_code, body, reply.headers
