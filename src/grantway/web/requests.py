"""One HTTP request, read strictly: headers as bytes, a bounded body, where it comes from."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_BODY = 64 * 1024  # bytes
_FORM = b"application/x-www-form-urlencoded"
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 §2.1


class TooLarge(Exception):
    """The body is longer than `MAX_BODY`."""


class Request:
    """A thin reading of an ASGI scope. `path` is below the issuer's own path."""

    __slots__ = ("_headers", "_named", "_receive", "method", "path", "peer", "query", "raw_path", "sent")

    def __init__(self, scope: Scope, receive: Receive, path: str) -> None:
        self.method: str = scope["method"]
        self.path = path
        self.raw_path: bytes = scope.get("raw_path") or b""  # as it came, and not cut off
        self.query: bytes = scope["query_string"]
        self.peer: str = scope["client"][0] if scope.get("client") else ""
        self._headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        self._named: dict[bytes, list[bytes]] | None = None
        self._receive = receive
        self.sent: Params | None = None  # its parameters, once they were read

    def every(self, name: bytes) -> tuple[str, ...]:
        """All values of a header (lower-case name), as Latin-1 text."""
        values = self._by_name().get(name, ())
        if len(values) == 1:
            return (values[0].decode("latin-1"),)
        return tuple([value.decode("latin-1") for value in values])

    def has_any(self, names: AbstractSet[bytes]) -> bool:
        """Is one of these headers there (lower-case names)?"""
        return not names.isdisjoint(self._by_name())

    def _by_name(self) -> Mapping[bytes, Sequence[bytes]]:
        """All headers, gone through once."""
        if self._named is None:
            self._named = {}
            for header, value in self._headers:
                self._named.setdefault(header, []).append(value)
        return self._named

    def header(self, name: bytes) -> str | None:
        """The first value of a header (lower-case name)."""
        for header, value in self._headers:
            if header == name:
                return value.decode("latin-1")
        return None

    async def body(self) -> bytes:
        """The whole body. Raises TooLarge as soon as that is known (threat U2)."""
        declared = self.header(b"content-length")
        if declared is not None and (not declared.isdigit() or int(declared[:9]) > MAX_BODY):
            raise TooLarge
        parts: list[bytes] = []
        length = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionResetError("the caller went away")
            part: bytes = message.get("body", b"")
            length += len(part)
            if length > MAX_BODY:
                raise TooLarge
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def is_form(self) -> bool:
        """Does it say that its body is a form?"""
        content_type = (self.header(b"content-type") or "").partition(";")[0].strip().lower()
        return content_type.encode() == _FORM

    async def form(self) -> Params:
        """The parameters of a form body. Raises `invalid_request` for any other content type (threat G1)."""
        if not self.is_form:
            raise _unreadable(
                "the body must be application/x-www-form-urlencoded",
                received=f"content-type: {shown(self.header(b'content-type'))}",
                expected="content-type: application/x-www-form-urlencoded",
            )
        self.sent = Params.parse(await self.body())
        return self.sent

    def query_params(self) -> Params:
        """The parameters of the query string. Raises `invalid_request`."""
        self.sent = Params.parse(self.query)
        return self.sent


async def bearer_token(request: Request) -> str | None:
    """The access token of a request, from its Authorization header; None when it has none (RFC 6750 §2.1).

    Not from the query, which ends up in logs, and not from a form; with the header they are one way too many.
    Raises `invalid_request` for more than one way, and for a header that is malformed.
    """
    given = request.every(b"authorization")
    elsewhere = [*request.query_params().every("access_token"), *(await _posted_tokens(request))]
    if not given:
        return None
    scheme, _, token = given[0].partition(" ")
    if scheme.lower() != "bearer":
        return None
    if len(given) > 1 or elsewhere:
        raise _unreadable(
            "only one access token, in one way",
            received="several access tokens",
            expected="one, in the Authorization header",
        )
    if not _B64TOKEN.fullmatch(token.strip(" ")):
        raise _unreadable(
            "the Authorization header holds no token",
            received="an Authorization header of another form",
            expected="Authorization: Bearer, a space, and the access token",
        )
    return token.strip(" ")


def _unreadable(words: str, *, received: str, expected: str) -> OAuthError:
    found = Diagnosis(Gw.UNREADABLE, words, received, expected, words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


async def _posted_tokens(request: Request) -> tuple[str, ...]:
    if request.method != "POST" or not request.is_form:
        return ()
    return (await request.form()).every("access_token")


def caller_network(request: Request, trusted: Sequence[Network]) -> str:
    """The network a request comes from: /32 of IPv4, /64 of IPv6 (threat C14).

    `X-Forwarded-For` counts only from trusted peers, read from the right up to the first address that is not
    trusted itself.
    """
    address = _address(request.peer)
    if trusted and address is not None and _within(address, trusted):
        hops = [hop.strip() for value in request.every(b"x-forwarded-for") for hop in value.split(",")]
        for hop in reversed(hops):
            forwarded = _address(hop)
            if forwarded is None:
                break
            address = forwarded
            if not _within(address, trusted):
                break
    if address is None:
        return "unknown"
    return _network_of(address)


def connecting_network(peer: str, uncounted: Sequence[Network]) -> str | None:
    """The network a connection comes from, as above; None for those that are not counted."""
    address = _address(peer)
    return None if address is None or _within(address, uncounted) else _network_of(address)


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks, as the settings write them."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def comes_from(request: Request, networks: Sequence[Network]) -> bool:
    """Is whoever is connected to us, whatever the headers say, in one of these networks?"""
    address = _address(request.peer)
    return address is not None and _within(address, networks)


@lru_cache(maxsize=4096)
def _network_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@lru_cache(maxsize=4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
