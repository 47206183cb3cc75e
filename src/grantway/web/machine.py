"""Endpoints of machines: token, revocation, introspection, userinfo, keys, metadata, readiness."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from grantway.flows.api_definition import api_definition as definition_for
from grantway.flows.client_authentication import Call
from grantway.flows.introspect import introspect
from grantway.flows.revoke import revoke
from grantway.flows.token import exchange
from grantway.flows.userinfo import userinfo as claims_for
from grantway.protocol import endpoints as at
from grantway.protocol.client_auth import read_credentials
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params
from grantway.storage.port import Unavailable
from grantway.web.bounded_log import BoundedLog
from grantway.web.door import Door
from grantway.web.refusals import origin_refused, too_large, unavailable
from grantway.web.replies import (
    FLOW,
    Header,
    Reply,
    challenge_reply,
    flow_header,
    json_reply,
    jwt_reply,
    no_token_reply,
    private_json,
    public_json,
    refusal_reply,
)
from grantway.web.requests import Request, TooLarge, bearer_token

METADATA_KEPT = 300  # seconds
_away = BoundedLog(logging.getLogger("grantway.refusals"))
_VARY: Header = (b"vary", b"Origin")
_ALLOWED_HEADERS = b"authorization, content-type, x-requested-with"  # the last is sent by Swagger UI


async def token(door: Door, request: Request) -> Reply:
    """POST /token (RFC 6749 §3.2)."""

    async def answer(call: Call) -> Reply:
        reply = await exchange(door.server, call)
        door.metrics.token_request(call.params.get("grant_type"), "granted")
        door.metrics.issued("access_token")
        body: dict[str, str | int] = {
            "access_token": reply.access_token,
            "token_type": "Bearer",
            "expires_in": reply.expires_in,
            "scope": str(reply.scope),
        }
        if reply.refresh_token is not None:
            body["refresh_token"] = reply.refresh_token
            door.metrics.issued("refresh_token")
        if reply.id_token is not None:
            body["id_token"] = reply.id_token
        return json_reply(body)

    return await answered(door, request, answer, shared=True)


async def revocation(door: Door, request: Request) -> Reply:
    """POST /revoke (RFC 7009)."""

    async def answer(call: Call) -> Reply:
        await revoke(door.server, call)
        door.metrics.revoked()
        return json_reply({})

    return await answered(door, request, answer, shared=True)


async def introspection(door: Door, request: Request) -> Reply:
    """POST /introspect (RFC 7662)."""

    async def answer(call: Call) -> Reply:
        claims = await introspect(door.server, call)
        door.metrics.introspected(active=claims["active"] is True)
        return json_reply(claims)

    return await answered(door, request, answer)


async def api_definition(door: Door, request: Request) -> Reply:
    """GET /api-definition, sent only when it has changed (RFC 9110 §13.1.2). POST for proofs in a form."""

    async def answer(call: Call) -> Reply:
        published = await definition_for(door.server, call)
        given = (request.header(b"if-none-match") or "").split(",")
        known = [one.strip().removeprefix("W/") for one in given]
        own = ((b"etag", published.etag.encode("ascii")), (b"cache-control", b"private, no-cache"))
        if request.method != "POST" and published.etag in known:
            return Reply(HTTPStatus.NOT_MODIFIED, own)
        return private_json(published.body, *own)

    return await answered(door, request, answer)


async def userinfo(door: Door, request: Request) -> Reply:
    """GET or POST /userinfo (OpenID Connect Core §5.3)."""
    try:
        token = await bearer_token(request)
        if token is None:
            return _shared(door, request, no_token_reply(door.noted(request, _no_token())))
        claims = await claims_for(door.server, token, door.certificate_of(request))
        return _shared(door, request, jwt_reply(claims) if isinstance(claims, str) else json_reply(claims))
    except OAuthError as refusal:
        return _shared(door, request, challenge_reply(refusal, door.noted(request, refusal)))
    except TooLarge:
        return _too_large(door, request)
    except Unavailable as away:
        return _unavailable(door, request, away)


def _no_token() -> OAuthError:
    words = "there is no access token"
    found = Diagnosis(
        Gw.TOKEN_REFUSED,
        words,
        received="no Authorization header with a Bearer token",
        expected="Authorization: Bearer, a space, and the access token",
        difference="an access token in the query or in a form does not count here",
    )
    return OAuthError(ErrorCode.INVALID_TOKEN, words, found)


def _too_large(door: Door, request: Request) -> Reply:
    error = too_large()
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return refusal_reply(error, door.noted(request, error), status=status)


def _unavailable(door: Door, request: Request, away: Unavailable) -> Reply:
    _away.warning("%s unavailable: %s", request.path, away)
    error = unavailable(str(away))
    return refusal_reply(error, door.noted(request, error), status=HTTPStatus.SERVICE_UNAVAILABLE)


async def preflight_post(door: Door, request: Request) -> Reply:
    """OPTIONS of what browsers may post to."""
    return _preflight(door, request, b"POST")


async def preflight_userinfo(door: Door, request: Request) -> Reply:
    """OPTIONS /userinfo."""
    return _preflight(door, request, b"GET, POST")


def _preflight(door: Door, request: Request, methods: bytes) -> Reply:
    """What browsers may call: registered origins only, never with credentials (threat G6)."""
    reply = Reply(HTTPStatus.NO_CONTENT, (_VARY,))
    origin = request.header(b"origin")
    if origin is None:
        return reply
    if origin not in door.server.snapshots.newest.registry.origins:
        return _not_shared(door, request, reply, origin, None)
    return reply.plus(
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", _ALLOWED_HEADERS),
        (b"access-control-max-age", b"600"),
    )


async def jwks(door: Door, _request: Request) -> Reply:
    """GET /jwks (RFC 7517 §5): prepared bytes."""
    return public_json(door.server.snapshots.newest.jwks, max_age=door.policy.keys_cached)


async def metadata(door: Door, _request: Request) -> Reply:
    """GET the metadata document (RFC 8414 §3, OpenID Connect Discovery §4): prepared bytes."""
    return public_json(door.server.snapshots.newest.metadata, max_age=METADATA_KEPT)


async def readiness(door: Door, _request: Request) -> Reply:
    """GET /readyz: 200 when this node may get requests, 503 with the reason when not."""
    checks = await door.readiness()
    ready = all(check["status"] == "ok" for check in checks)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return json_reply({"status": "ready" if ready else "not ready", "checks": checks}, status=status)


async def liveness(_door: Door, _request: Request) -> Reply:
    """GET /livez: the event loop turns."""
    return json_reply({"status": "alive"})


async def answered(
    door: Door, request: Request, answer: Callable[[Call], Awaitable[Reply]], *, shared: bool = False
) -> Reply:
    """The same skeleton for each: form → flow → JSON; every refusal is one JSON shape and one log line.

    `shared`: pages of the client that is named may read the reply.
    """
    params: Params | None = None
    try:
        params = await request.form() if request.method == "POST" else Params.parse(b"")
        call = Call(
            params=params,
            authorization=request.every(b"authorization"),
            network=door.network_of(request),
            certificate=door.certificate_of(request),
        )
        reply = await answer(call)
    except OAuthError as refusal:
        _count_refusal(door, request, params, refusal)
        reply = refusal_reply(refusal, door.noted(request, refusal))
    except TooLarge:
        reply = _too_large(door, request)
    except Unavailable as away:
        reply = _unavailable(door, request, away)
    return _shared(door, request, reply, params) if shared else reply


def _count_refusal(door: Door, request: Request, params: Params | None, refusal: OAuthError) -> None:
    if request.path == at.TOKEN:
        values = () if params is None else params.values.get("grant_type", ())
        door.metrics.token_request(values[0] if values else None, "refused", refusal.code.value)
    if refusal.retry_after is not None:
        streams = refusal.diagnosis.gw is Gw.TOO_MANY_STREAMS
        door.metrics.rate_limited("revocation_streams" if streams else "client_authentication")


def _client_named(door: Door, request: Request, params: Params) -> Client | None:
    """The client that a request names, proven or not; None where it names nobody whom we know."""
    try:
        presented = read_credentials(request.every(b"authorization"), params)
    except OAuthError:
        return None
    return door.server.snapshots.newest.registry.clients.get(presented.client_id)


def _shared(door: Door, request: Request, reply: Reply, params: Params | None = None) -> Reply:
    """Let a registered browser origin read the reply; where the client is known, its own pages alone.

    Else a page of one app could read what is said to another (threat G6). Who cannot be told, as with a
    misspelt client_id, is told so on any registered page, or nobody would find the mistake.
    """
    origin = request.header(b"origin")
    if origin is None:
        return reply.plus(_VARY)
    client = None if params is None else _client_named(door, request, params)
    if origin not in door.server.snapshots.newest.registry.origins or (
        client is not None and origin not in client.origins
    ):
        return _not_shared(door, request, reply.plus(_VARY), origin, client)
    # What a script may see of the headers: the reference, so that it can say what to ask for.
    return reply.plus(
        _VARY,
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-expose-headers", FLOW),
    )


def _not_shared(door: Door, request: Request, reply: Reply, origin: str, client: Client | None) -> Reply:
    """The browser will keep this reply from the page and say "Failed to fetch": only here is known why.

    A refusal keeps the reference it has.
    """
    given = next((value.decode() for name, value in reply.headers if name == FLOW), None)
    found = origin_refused(origin, door.server.snapshots.newest.registry.origins, client)
    reference = door.refused(request, found, error="", reference=given)
    return reply if given else reply.plus(flow_header(reference))
