"""Where a guard finds the client certificate of a request: tokens may be bound to it (RFC 8705 §3)."""

import ipaddress
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from grantway.crypto.certificate_header import der_of_header

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
CertificateSource: TypeAlias = Callable[[MutableMapping[str, Any]], bytes | None]
"""From an ASGI scope to the certificate, DER, or None where the caller showed none."""


def certificate_header(name: str, *, proxies: Iterable[str]) -> CertificateSource:
    """The certificate in a header that a TLS proxy sets.

    It holds percent-encoded PEM, as nginx's `$ssl_client_escaped_cert`, or what RFC 9440 says. `proxies` are
    the addresses or networks that may say so; the header of anybody else counts for nothing, and of a peer
    without an address (a Unix socket). The proxy must set it on every request, or drop what callers send;
    before Flask and Django under WSGI, where `X_Client_Cert` becomes the same header, it must drop that too,
    as nginx does. Raises ValueError for no proxies.
    """
    networks = tuple(ipaddress.ip_network(text) for text in proxies)
    if not networks:
        raise ValueError("name the proxies whose certificate header is believed")
    wanted = name.lower().encode("ascii")

    def source(scope: MutableMapping[str, Any]) -> bytes | None:
        found = [value for header, value in scope["headers"] if header.lower() == wanted]
        client = scope.get("client")
        if not found or not client or not _is_among(client[0], networks):
            return None
        if len(found) > 1:
            raise ValueError("the certificate header came more than once")
        return der_of_header(found[0].decode("latin-1"))

    return source


def _is_among(address: str | None, networks: Iterable[Network]) -> bool:
    try:
        peer = ipaddress.ip_address(address or "")
    except ValueError:  # a Unix socket, or a name
        return False
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer.version == network.version and peer in network for network in networks)
