"""What operators ask on a port of its own: is it alive, is it ready, what has it counted?"""

import ipaddress
from collections.abc import Mapping
from http import HTTPStatus

from grantway.web import machine
from grantway.web.door import Door, Handler
from grantway.web.metrics import PrometheusMetrics
from grantway.web.replies import NO_STORE, Reply, plain_reply, send_reply
from grantway.web.requests import Receive, Request, Scope, Send


async def metrics(door: Door, _request: Request) -> Reply:
    """GET /metrics: what was counted, in Prometheus's text format."""
    if not isinstance(door.metrics, PrometheusMetrics):
        return plain_reply(HTTPStatus.NOT_FOUND, "Nothing is counted here.\n")
    await door.metrics.count(door.server.store)
    door.metrics.measure(door.server.store, door.server.revocations)
    body, content_type = door.metrics.exposition(door.server.snapshots)
    return Reply(HTTPStatus.OK, ((b"content-type", content_type.encode()), NO_STORE), body)


ROUTES: Mapping[str, Handler] = {
    "/livez": machine.liveness,
    "/readyz": machine.readiness,
    "/metrics": metrics,
}


class ManagementApp:
    """The port of the operators. It is bound to loopback unless they choose otherwise, and has no login."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive, scope["path"])
        await send_reply(await self._reply(request), scope, send)

    async def _reply(self, request: Request) -> Reply:
        if not self._knows_host(request):
            return plain_reply(
                HTTPStatus.MISDIRECTED_REQUEST,
                "Ask by IP address, by localhost, or by a name that server.hosts lists.\n",
            )
        handler = ROUTES.get(request.path)
        if handler is None:
            return plain_reply(HTTPStatus.NOT_FOUND, f"There are {', '.join(ROUTES)}.\n")
        if request.method not in {"GET", "HEAD"}:
            return plain_reply(HTTPStatus.METHOD_NOT_ALLOWED, "Use GET.\n", (b"allow", b"GET, HEAD"))
        return await handler(self._door, request)

    def _knows_host(self, request: Request) -> bool:
        """A page of another site can only come by a name of its own (DNS rebinding, threat W9)."""
        named = request.every(b"host")
        if len(named) != 1:
            return False
        host, colon, port = named[0].lower().rpartition(":")
        host = host if colon and port.isdigit() else named[0].lower()
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return host == "localhost" or self._door.lists_host(host, named[0].lower())
        return True
