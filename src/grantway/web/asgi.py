"""The ASGI application: host check, one look into the table of routes, one reply."""

import logging
import sys
from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter

from grantway.protocol import endpoints, metadata
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import ERRORS, OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.resource_metadata import WELL_KNOWN
from grantway.web import error_pages
from grantway.web.decisions import decision, resource_document
from grantway.web.door import Door
from grantway.web.forwarded import ENVOY, FAMILIES, Family
from grantway.web.refusals import nothing_here, printable
from grantway.web.render import CACHE_FOR_EVER
from grantway.web.replies import Reply, asset_reply, flow_header, plain_reply, refusal_reply, send_reply
from grantway.web.requests import Receive, Request, Scope, Send
from grantway.web.routes import PROBES, ROUTES, Methods
from grantway.web.streams import StreamReply, send_stream

_log = logging.getLogger("grantway.web")
_MAX_SHOWN = 200
_MOST_NAMED = 5
_OF_AN_API = (
    "If it is the host of an API: its description is at this address with the path of its audience at the "
    f"end, {WELL_KNOWN}/PATH (RFC 9728, section 3.1).\n"
)


class WebApp:
    """Answers HTTP for one server. The lifespan is the business of `grantway.app`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._routes: Mapping[str, Methods] = {door.base + path: methods for path, methods in ROUTES.items()}
        # RFC 8414 §3.1 inserts the well-known name before the issuer's path, at the root of the host.
        inserted = metadata.metadata_path(door.policy.issuer)
        self._routes = {**self._routes, inserted: ROUTES[endpoints.WELL_KNOWN], **PROBES}
        self._families = {door.base + path: family for path, family in FAMILIES.items()}
        self._envoy = f"{door.base}{ENVOY}/"  # what follows is the path of somebody else's request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if (
            self._door.base
            and scope.get("root_path") == self._door.base
            and not path.startswith(self._door.base)
        ):
            path = self._door.base + path  # a host that cuts off the path at which it has mounted us
        began = perf_counter()
        request = Request(scope, receive, path.removeprefix(self._door.base) or "/")
        try:
            reply = await self._reply(request, path)
        except ConnectionResetError:
            return
        except Exception:  # noqa: BLE001 - the last resort: logged whole, answered without detail
            reply = self._failed(request, path)
        seconds = perf_counter() - began
        if isinstance(reply, StreamReply):
            await send_stream(reply, receive, send)
        else:
            await send_reply(reply, scope, send)
            seconds = perf_counter() - began
        metrics = self._door.metrics
        if metrics.counts:
            metrics.answered(self._route_of(request, path), request.method, reply.status, seconds)

    def _route_of(self, request: Request, path: str) -> str:
        """What the request was for, as a label: a few words, whatever is asked for."""
        if path in self._routes:
            if request.path.startswith(ERRORS):
                return ERRORS
            return request.path if path not in PROBES else path
        if (family := self._family_of(path)) is not None:
            return f"/decision/{family.name}"
        return "asset" if request.path in self._door.renderer.assets else "other"

    def _family_of(self, path: str) -> Family | None:
        """Whose decision is asked for at this address."""
        return FAMILIES[ENVOY] if path.startswith(self._envoy) else self._families.get(path)

    async def _reply(self, request: Request, path: str) -> Reply:
        if (family := self._family_of(path)) is not None:
            return await decision(self._door, request, family)  # the Host may be the one of the API
        if path.startswith(WELL_KNOWN) and (document := resource_document(self._door, request, path)):
            return document
        if path not in PROBES and not self._door.knows_host(request):
            return self._misdirected(request)
        if (asset := self._door.renderer.assets.get(request.path)) is not None and request.method in {
            "GET",
            "HEAD",
        }:
            return asset_reply(asset.body, asset.content_type, CACHE_FOR_EVER)
        methods = self._routes.get(path)
        if methods is None:
            return self._nowhere(request)
        handler = methods.get(request.method)
        if handler is None:
            allowed = ", ".join(sorted(methods)).encode()
            error = _wrong_method(request, ", ".join(sorted(methods)))
            noted = self._door.noted(request, error)
            return refusal_reply(error, noted, status=HTTPStatus.METHOD_NOT_ALLOWED).plus((b"allow", allowed))
        return await handler(self._door, request)

    def _nowhere(self, request: Request) -> Reply:
        """404, as a page to people and as JSON to programs."""
        if "text/html" in (request.header(b"accept") or ""):
            return error_pages.nowhere_page(self._door, request)
        error = nothing_here(request)
        return refusal_reply(error, self._door.noted(request, error), status=HTTPStatus.NOT_FOUND)

    def _failed(self, request: Request, path: str) -> Reply:
        """A fault of ours: the log has all of it, the caller a reference (threat G7)."""
        error = _fault(sys.exception())
        noted = self._door.noted(request, error)
        _log.exception(
            "%s failed",
            request.method,
            extra={"reference": noted.reference, "path": printable(path[:_MAX_SHOWN])},
        )
        if "text/html" in (request.header(b"accept") or ""):
            return error_pages.failed_page(self._door, request, error, noted.reference)
        return refusal_reply(error, noted)

    def _misdirected(self, request: Request) -> Reply:
        """421, with what was seen and what is configured: so that a proxy can be put right (W1, W9)."""
        seen = ", ".join(request.every(b"host")) or "none"
        reference = self._door.refused(request, _another_host(self._door, request, seen), error="")
        words = (
            "This server does not answer for this host.\n"
            f"Host received: {printable(seen[:_MAX_SHOWN])}\n"
            f"Issuer configured: {self._door.policy.issuer}\n"
            f"Set the proxy to pass the Host header on{', with its port' * _lacks_port(self._door, seen)}, "
            "or add the host to server.hosts.\n"
            f"{_OF_AN_API if request.path.startswith(WELL_KNOWN) else ''}"
            f"Reference: {reference}\n"
        )
        return plain_reply(HTTPStatus.MISDIRECTED_REQUEST, words, flow_header(reference))


def _lacks_port(door: Door, seen: str) -> bool:
    """Was our own name sent without the port that the issuer has? nginx's $host does it."""
    return any(host.startswith(f"{seen.lower()}:") for host in door.hosts)


def _another_host(door: Door, request: Request, seen: str) -> Diagnosis:
    """Which of the headers a proxy sends say what, and which of them are believed."""
    forwarded = {
        name: ", ".join(request.every(name.lower().encode()))[:_MAX_SHOWN]
        for name in ("X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded")
    }
    table = [f"Host: {seen[:_MAX_SHOWN]}", *(f"{name}: {text}" for name, text in forwarded.items() if text)]
    table.append(f"from {request.peer}, {'a trusted proxy' if door.trusts(request) else 'no trusted proxy'}")
    known = forwarded["X-Forwarded-Host"].lower() in door.hosts
    if known:
        difference = "the proxy passes our name on in X-Forwarded-Host, but not in Host"
        fix = "nginx: proxy_set_header Host $host; Caddy and Traefik do it by themselves."
    elif _lacks_port(door, seen):
        difference = "the port is missing"
        fix = "nginx: proxy_set_header Host $http_host, which has the port."
    else:
        difference = "the host, or its port"
        fix = f"If it is another name of this server: server.hosts = [{seen[:_MAX_SHOWN]!r}]."
        fix += _fix_of_an_api(door, seen) if request.path.startswith(WELL_KNOWN) else ""
    return Diagnosis(
        Gw.HOST,
        f"Host {seen[:_MAX_SHOWN]!r} is none of ours",
        received="; ".join(table),
        expected=f"Host: {' or '.join(door.hosts)}, as the issuer {door.policy.issuer} says",
        difference=difference,
        fix=fix,
    )


def _fix_of_an_api(door: Door, seen: str) -> str:
    """Where the descriptions of the APIs at this host are: whoever asks has left the path of one out."""
    documents = door.server.snapshots.newest.registry.resource_documents
    there = sorted(path for host, path in documents if host == seen.lower())
    if not there:
        return " If it is the host of an API: none has an audience there (`grantway api list`)."
    more = f" and {len(there) - _MOST_NAMED} more" if len(there) > _MOST_NAMED else ""
    named = ", ".join(path[:_MAX_SHOWN] for path in there[:_MOST_NAMED])
    return f" If the description of an API is meant: at this host there is {named}{more}, and nothing else."


def _wrong_method(request: Request, allowed: str) -> OAuthError:
    words = f"use {allowed}"
    found = Diagnosis(Gw.WRONG_METHOD, words, f"{request.method[:20]} {request.path[:100]}", allowed, words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


def _fault(cause: BaseException | None) -> OAuthError:
    found = Diagnosis(
        Gw.FAILED,
        f"a fault of ours: {type(cause).__name__}",
        received="a request that is maybe in order",
        expected="an answer",
        difference=f"{type(cause).__name__}; the line of the log before or after this one has all of it",
    )
    return OAuthError(ErrorCode.SERVER_ERROR, "something failed on our side", found)
