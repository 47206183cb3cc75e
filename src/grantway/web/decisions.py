"""The decision endpoint: a gateway asks whether a request may pass, and is answered in its own family's way.

A pass is 200 and always carries every identity header, `-` where there is nothing to tell: a header of the
caller's own under that name is overwritten, never passed on (threat O3). Whatever goes wrong is a refusal
(threat O8).
"""

import logging
from functools import lru_cache
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import msgspec

from grantway.flows.decision import Passes, Question, TurnedAway, decide_request
from grantway.protocol.diagnosis import shown
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.resource_metadata import resource_metadata, resource_metadata_url
from grantway.sdk.answers import answer_to
from grantway.sdk.bearer import OVERRIDES, Brought
from grantway.sdk.guard import Refused
from grantway.storage.port import Unavailable
from grantway.web.bounded_log import BoundedLog
from grantway.web.door import Door
from grantway.web.forwarded import BadForwarding, Family, Forwarded
from grantway.web.gateway_diagnoses import diagnosis_of
from grantway.web.refusals import unavailable
from grantway.web.replies import (
    NO_STORE,
    REALM,
    Header,
    Reply,
    flow_header,
    json_reply,
    public_json,
    refusal_reply,
)
from grantway.web.requests import Request
from grantway.web.sites import Site

DOCUMENT_KEPT = 300  # seconds
NOTHING: Final = b"-"
_PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
_OVERRIDES = frozenset(name.encode() for name in OVERRIDES)
_log = logging.getLogger("grantway.decisions")
_away = BoundedLog(_log)


async def decision(door: Door, request: Request, family: Family) -> Reply:
    """May the request pass that this one is about? Never raises, and never passes by mistake."""
    try:
        outcome, reply = await _answer(door, request, family)
    except Unavailable as away:
        _away.warning("no decision: %s", away)
        outcome, reply = "unavailable", _unavailable(door, request, str(away))
    except Exception:  # noqa: BLE001 - whatever it was, it must not let the request pass
        _log.exception("no decision")
        outcome, reply = "unavailable", _unavailable(door, request, "a fault of this server")
    door.metrics.decided(family.name, outcome)
    if family.statuses is None or reply.status in family.statuses:
        return reply
    status = str(int(reply.status)).encode()  # what it would be, for configurations that can use it
    return Reply(HTTPStatus.FORBIDDEN, (*reply.headers, (b"x-grantway-status", status)), reply.body)


def _unavailable(door: Door, request: Request, why: str) -> Reply:
    error = unavailable(why)
    return refusal_reply(error, door.noted(request, error), status=HTTPStatus.SERVICE_UNAVAILABLE)


async def _answer(door: Door, request: Request, family: Family) -> tuple[str, Reply]:
    if not door.trusts_gateway(request):
        words = "This address is not one of a gateway known here"
        stranger = TurnedAway(
            Refused(403, ErrorCode.ACCESS_DENIED, words),
            None,
            f"{request.peer} is not among gateways.trusted",
        )
        return "untrusted", _refused(door, request, stranger, None)
    try:
        asked = family.read(request, door.base)
        certificate = door.certificate_behind(request) if family.shows_certificates else asked.certificate
    except ValueError as bad:  # of a certificate that the gateway has written
        return "malformed", _refused(door, request, _malformed(str(bad)), None)
    except BadForwarding as bad:
        at = "" if bad.path is None else f"Not accepted: {bad.reason}: {shown(bad.path)}"
        return "malformed", _refused(door, request, _malformed(bad.reason, at), None)
    except OAuthError as bad:
        return "malformed", _refused(door, request, _malformed(bad.tell_client, bad.tell_operator), None)
    site = Site(door, request, asked) if asked.origin else None
    if site is not None and (page := await site.own_page()) is not None:
        return "signs_in", page
    found = await decide_request(door.server, _question(request, asked, certificate, site))
    if isinstance(found, Passes):
        cookies = () if site is None else site.other_cookies
        return "passes", Reply(HTTPStatus.OK, (*_identity(found), *cookies, NO_STORE), at_once=True)
    if site is not None:
        if (instead := site.instead(found)) is not None:
            return "signs_in", instead
        found = site.explained(found)
    return "refused", _refused(door, request, found, asked)


def _question(request: Request, asked: Forwarded, certificate: bytes | None, site: Site | None) -> Question:
    brought = Brought(
        authorization=request.every(b"authorization"),
        query=asked.query.decode("latin-1"),
        overrides_method=request.has_any(_OVERRIDES),
        certificate=certificate,
    )
    return Question(
        method=asked.method,
        host=asked.host,
        path=asked.path,
        brought=brought,
        api=asked.api,
        cookie=None if site is None else site.cookie,
    )


def _malformed(why: str, tell_operator: str = "") -> TurnedAway:
    words = f"Not accepted: {why}"
    return TurnedAway(Refused(400, ErrorCode.INVALID_REQUEST, words), None, tell_operator or words)


def _identity(passed: Passes) -> tuple[Header, ...]:
    """Who is let through, for the API. All of it, always."""
    token, person = passed.token, passed.person
    email = person.email if person is not None and "email" in passed.scope else None
    return (
        (b"x-grantway-subject", _header_value(None if token is None else token.subject)),
        (b"x-grantway-client", _header_value(None if token is None else token.client_id)),
        (b"x-grantway-scopes", _header_value(str(passed.scope))),
        (b"x-grantway-email", _header_value(email)),
        (b"x-grantway-api", _header_value(passed.api.identifier)),
    )


@lru_cache(maxsize=8192)
def _header_value(text: str | None) -> bytes:
    """A header value: printable ASCII as it is, all else percent-encoded UTF-8; `-` for nothing."""
    return quote(text, safe=_PLAIN).encode() if text else NOTHING


def _refused(door: Door, request: Request, found: TurnedAway, asked: Forwarded | None) -> Reply:
    """What the caller is told, in the words of the SDK's guards; for the operator, why."""
    api = found.api
    answer = answer_to(
        found.refused,
        realm=REALM if api is None else api.name,
        resource_metadata=None if api is None else resource_metadata_url(api.identifier),
    )
    diagnosis = diagnosis_of(found, asked, door.server.snapshots.newest.registry)
    reference = door.refused_behind_gateway(request, diagnosis, error=str(answer.content["error"]))
    headers = [(name.encode(), value.encode()) for name, value in answer.own_headers]
    return json_reply(answer.content, status=answer.status, headers=[*headers, flow_header(reference)])


def resource_document(door: Door, request: Request, path: str) -> Reply | None:
    """The RFC 9728 document of the API whose it is, where a gateway passes its address on to us.

    The Host is the API's: for any other there is no such document, and None is answered.
    """
    hosts = request.every(b"host")
    api = None
    if len(hosts) == 1 and request.method in {"GET", "HEAD"}:
        documents = door.server.snapshots.newest.registry.resource_documents
        api = documents.get((hosts[0].lower(), path))
    if api is None:
        return None
    body = msgspec.json.encode(resource_metadata(api, issuer=door.policy.issuer))
    return public_json(body, max_age=DOCUMENT_KEPT)
