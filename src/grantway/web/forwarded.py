"""The request that a gateway asks about, as each family of gateways tells it. One address for each family.

A gateway's word is taken for the method, the host and the path; who counts as a gateway is decided before
(threat O3). Everything has to be there exactly once: of two values, the API might be shown the other.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from grantway.protocol.params import Params
from grantway.protocol.paths import BadPath, canonical_path
from grantway.web.gateway_certificates import TRAEFIK, of_caddy, of_envoy, of_traefik
from grantway.web.requests import Request

NGINX: Final = "/decision/nginx"
FORWARD: Final = "/decision/forward"
ENVOY: Final = "/decision/envoy"  # followed by the path of the request
_URL = re.compile(r"(?P<scheme>https?)://(?P<host>[^/?#@ ]+)(?P<target>[/?].*)?")
_SCHEMES = {"https": "https", "http": "http", "wss": "https", "ws": "http"}  # Traefik tells sockets so
_SOCKETS = frozenset({"wss", "ws"})
_PARAMETERS = frozenset({b"api", b"login", b"certificate", b"mtls"})
_CALLERS_OWN = (
    "the query of the decision's address is the caller's own; in Caddy, end the address with a question mark"
)
_SHORT = 200  # octets of a path whose reading is remembered
_USUAL_PORT = re.compile(r":(?:80|443)\Z")


class BadForwarding(Exception):
    """The gateway did not say, or not in one way, what it is asked for.

    `reason` quotes nothing; `path` is the one that could be read in two ways, for the operator alone.
    """

    def __init__(self, reason: str, path: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = None if path is None else path.decode("latin-1")


class Forwarded(Struct, frozen=True):
    """A request as the gateway received it. `path` is canonical."""

    method: str
    host: str  # with its port, unless that is a usual one
    path: str
    query: bytes
    api: str | None  # the identifier of the API, where the gateway's own configuration names it
    target: str = "/"  # path and query as they came
    origin: str = ""  # of the site, where people may sign in there; else empty
    upgrades: bool = False  # the gateway says that a WebSocket is to be opened
    certificate: bytes | None = None  # DER, of the caller; nginx hands it over in a header of its own


class Configured(Struct, frozen=True):
    """What the gateway's own configuration says, in the query of our address."""

    api: str | None = None
    login: bool = False
    certificate: str | None = None  # what Caddy has written
    mtls: bool = False  # Traefik hands certificates over in its header


NOTHING_SAID: Final = Configured()


@dataclass(frozen=True, slots=True)
class Family:
    """Gateways that ask in one way.

    `read` is told the path at which the server is mounted. It raises BadForwarding, also for a path of two
    readings, and `invalid_request` for a malformed query of our own address.
    """

    name: str
    read: Callable[[Request, str], Forwarded]
    statuses: frozenset[int] | None = None  # all the gateway understands as a decision; None: any
    shows_certificates: bool = False  # does its configuration write the certificate header over the caller's?


def _nginx(request: Request, _base: str) -> Forwarded:
    """Where nginx asks (`auth_request`): the method and the whole address in two headers."""
    headers = _each_once(request, (b"x-original-method", b"x-original-url"))
    url = _URL.fullmatch(headers[b"x-original-url"])
    if url is None:
        raise BadForwarding("X-Original-URL is not an address such as https://api.example/photos")
    own = _configured(request, url["target"] or "/")
    forwarded = _forwarded(headers[b"x-original-method"], url["host"], url["target"] or "/", own.api)
    return _with_login(forwarded, url["scheme"]) if own.login else forwarded


def _forward(request: Request, _base: str) -> Forwarded:
    """Where Traefik and Caddy ask: `X-Forwarded-Method`, `X-Forwarded-Host` and `X-Forwarded-Uri`."""
    headers = _each_once(request, (b"x-forwarded-method", b"x-forwarded-host", b"x-forwarded-uri"))
    own = _configured(request, headers[b"x-forwarded-uri"])
    forwarded = _forwarded(
        headers[b"x-forwarded-method"], headers[b"x-forwarded-host"], headers[b"x-forwarded-uri"], own.api
    )
    if own.certificate is not None or own.mtls:
        shown = of_traefik(request) if own.mtls else of_caddy(own.certificate)
        forwarded = replace(forwarded, certificate=shown)
    if not own.login:
        return forwarded
    return _with_login(forwarded, _each_once(request, (b"x-forwarded-proto",))[b"x-forwarded-proto"])


def _envoy(request: Request, base: str) -> Forwarded:
    """Where Envoy asks (`ext_authz` over HTTP): the request itself, its path behind this one.

    Its query is the caller's own, so that the API is named in a header, which Envoy sets over the caller's.
    """
    headers = _each_once(request, (b"host",))
    before, found, path = request.raw_path.partition(ENVOY.encode())
    if not found or before not in (b"", base.encode()):
        raise BadForwarding("the path is not the one of the gateway's configuration")
    query = b"?" + request.query if request.query else b""
    named = request.every(b"x-grantway-api")
    if len(named) > 1:
        raise BadForwarding("X-Grantway-Api came more than once")
    target = (path or b"/") + query
    api = named[0] if named else None
    forwarded = _forwarded(request.method, headers[b"host"], target.decode("latin-1"), api)
    shown = of_envoy(request)
    return forwarded if shown is None else replace(forwarded, certificate=shown)


FAMILIES: Final = {
    NGINX: Family("nginx", _nginx, frozenset({200, 401, 403}), shows_certificates=True),
    FORWARD: Family("forward", _forward),
    ENVOY: Family("envoy", _envoy),
}


def _each_once(request: Request, names: Iterable[bytes]) -> dict[bytes, str]:
    """The values of these headers. Raises BadForwarding unless each came once."""
    headers = {}
    for name in names:
        values = request.every(name)
        if len(values) != 1:
            often = "more than once" if values else "not at all"
            raise BadForwarding(f"{name.decode()} came {often}")
        headers[name] = values[0]
    return headers


def _configured(request: Request, target: str) -> Configured:
    """`api=`: the API that it stands before, whatever Host the caller writes. `login=1`: people sign in.

    `certificate=` and `mtls=traefik`: see `gateway_certificates`. Where a gateway's configuration writes no
    query, some put the caller's in its place (Caddy does): then it is the one of `target`, and no word of it
    is the gateway's. (Our own query ends where a `#` begins, and a header's does not.)
    """
    if not request.query:
        return NOTHING_SAID
    if target.encode("latin-1").partition(b"?")[2].partition(b"#")[0] == request.query:
        raise BadForwarding(_CALLERS_OWN)
    return _said_in(request.query)


@lru_cache(maxsize=256)  # it stands in the gateway's configuration
def _said_in(query: bytes) -> Configured:
    params = Params.parse(query)
    named = {pair.partition(b"=")[0] for pair in query.split(b"&")}
    if unknown := sorted(named - _PARAMETERS):
        words = f"the address of the decision has no parameter {unknown[0].decode('ascii')[:40]}"
        raise BadForwarding(words)
    if b"login" in named and params.need("login") != "1":
        raise BadForwarding("login has no value but 1")
    if b"mtls" in named and (params.need("mtls") != TRAEFIK or b"certificate" in named):
        raise BadForwarding(f"mtls has no value but {TRAEFIK}, and certificate does not stand beside it")
    return Configured(
        api=params.need("api") if b"api" in named else None,
        login=b"login" in named,
        certificate=params.get("certificate"),
        mtls=b"mtls" in named,
    )


def _with_login(forwarded: Forwarded, scheme: str) -> Forwarded:
    if scheme not in _SCHEMES:
        raise BadForwarding("X-Forwarded-Proto is neither https nor http")
    upgrades = scheme in _SOCKETS
    return replace(forwarded, origin=f"{_SCHEMES[scheme]}://{forwarded.host}", upgrades=upgrades)


def _forwarded(method: str, host: str, target: str, api: str | None) -> Forwarded:
    raw, _, query = target.encode("latin-1").partition(b"?")
    if b" " in raw:
        raise BadForwarding("the path holds a space: two values in one header", raw)
    read = _once_read if len(raw) <= _SHORT else canonical_path
    try:
        path = read(raw)
    except BadPath as bad:
        raise BadForwarding(bad.reason, raw) from None
    return Forwarded(method, _USUAL_PORT.sub("", host.lower()), path, query, api, target)


_once_read = lru_cache(maxsize=4096)(canonical_path)
