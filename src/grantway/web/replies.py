"""The only place where results and refusals become responses."""

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec import Struct

from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.registry import OPENID
from grantway.protocol.scope import Scope
from grantway.sdk.challenge import challenge
from grantway.web.requests import Scope as AsgiScope
from grantway.web.requests import Send

Header = tuple[bytes, bytes]
FLOW = b"grantway-flow"
WHOLE_REPLY: Final = "grantway.whole_reply"  # an extension of the ASGI scope: `cli.whole_replies`
_NONE: Final[Mapping[str, Any]] = {}
_WITHOUT_CONTENT: Final = frozenset({204, 304})  # and without a length of it (RFC 9110 §8.6)
NO_STORE: Header = (b"cache-control", b"no-store")
_NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
_JSON: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    _NOSNIFF,
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_LATER: Header = (b"retry-after", b"30")  # when the dead address of somebody else is tried again
_CHALLENGE: Header = (b"www-authenticate", b'Basic realm="grantway", charset="UTF-8"')
REALM = "grantway"
_BEARER_STATUS_OF = {
    ErrorCode.INVALID_TOKEN: HTTPStatus.UNAUTHORIZED,
    ErrorCode.INSUFFICIENT_SCOPE: HTTPStatus.FORBIDDEN,
}
_STATUS_OF = {
    ErrorCode.INVALID_CLIENT: HTTPStatus.UNAUTHORIZED,
    ErrorCode.SERVER_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.TEMPORARILY_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    "{form_action} base-uri 'none'; frame-ancestors 'none'"
)
_POLICY_BYTES = {
    True: _POLICY.format(form_action=" form-action 'self';").encode(),
    False: _POLICY.format(form_action="").encode(),
}


class Reply(Struct, frozen=True):
    """A whole response."""

    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    at_once: bool = False  # made without waiting for anything: may leave with others of the same turn

    def plus(self, *headers: Header) -> "Reply":
        """The same response with more headers."""
        return Reply(self.status, self.headers + headers, self.body, self.at_once)


class Noted(Struct, frozen=True):
    """A refusal that was noted: by these the developer of the app, and the operator, find out more."""

    reference: str
    error_uri: str

    @property
    def header(self) -> Header:
        """The reference, for those who look at headers."""
        return flow_header(self.reference)


def flow_header(reference: str) -> Header:
    """The one header that carries a reference, on every refusal."""
    return FLOW, reference.encode("ascii")


async def send_reply(reply: Reply, scope: AsgiScope, send: Send) -> None:
    """Write it out: in one piece where the server in front of us takes that, else as ASGI says."""
    headers = reply.headers
    if reply.status not in _WITHOUT_CONTENT:
        headers = (*headers, (b"content-length", b"%d" % len(reply.body)))
    write = scope.get("extensions", _NONE).get(WHOLE_REPLY)
    if write is not None and write(int(reply.status), headers, reply.body, together=reply.at_once):
        return
    await send({"type": "http.response.start", "status": int(reply.status), "headers": [*headers]})
    await send({"type": "http.response.body", "body": reply.body})


def json_reply(content: object, *, status: int = HTTPStatus.OK, headers: Sequence[Header] = ()) -> Reply:
    """JSON that nobody keeps."""
    return Reply(status, (*_JSON, NO_STORE, *headers), msgspec.json.encode(content))


def jwt_reply(token: str) -> Reply:
    """A signed answer that nobody keeps (OpenID Connect Core §5.3.2)."""
    return Reply(
        HTTPStatus.OK, ((b"content-type", b"application/jwt"), _NOSNIFF, NO_STORE), token.encode("ascii")
    )


def public_json(body: bytes, *, max_age: int) -> Reply:
    """Prepared JSON for everyone, readable from any origin, kept for `max_age` seconds."""
    caching = (b"cache-control", b"public, max-age=%d" % max_age)
    return Reply(HTTPStatus.OK, (*_JSON, caching, (b"access-control-allow-origin", b"*")), body, at_once=True)


def private_json(body: bytes, *headers: Header) -> Reply:
    """Prepared JSON for one caller; `headers` say how long it is kept."""
    return Reply(HTTPStatus.OK, (*_JSON, *headers), body)


def refusal_reply(error: OAuthError, noted: Noted, *, status: HTTPStatus | None = None) -> Reply:
    """A refusal for a machine (RFC 6749 §5.2).

    400, 401 with a challenge, 429 with Retry-After, 5xx; or the status that is given.
    """
    chosen, status = status, status or _STATUS_OF.get(error.code, HTTPStatus.BAD_REQUEST)
    headers: list[Header] = [noted.header]
    if error.code is ErrorCode.INVALID_CLIENT:
        headers.append(_CHALLENGE)
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
        if chosen is None and status is HTTPStatus.SERVICE_UNAVAILABLE:
            status = HTTPStatus.TOO_MANY_REQUESTS
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(_LATER)
    return json_reply(_members(error, noted), status=status, headers=headers)


def _members(error: OAuthError, noted: Noted) -> dict[str, str]:
    return {"error": error.code.value, "error_description": error.tell_client, "error_uri": noted.error_uri}


def no_token_reply(noted: Noted) -> Reply:
    """Where an access token is asked for and there was none at all: no error code (RFC 6750 §3.1)."""
    headers = [noted.header, (b"www-authenticate", challenge(REALM).encode())]
    return json_reply({}, status=HTTPStatus.UNAUTHORIZED, headers=headers)


def challenge_reply(error: OAuthError, noted: Noted) -> Reply:
    """A refusal where an access token is asked for (RFC 6750 §3, §3.1)."""
    status = _BEARER_STATUS_OF.get(error.code, HTTPStatus.BAD_REQUEST)
    scope = Scope((OPENID,)) if error.code is ErrorCode.INSUFFICIENT_SCOPE else None
    words = challenge(REALM, error=error.code, description=error.tell_client, scope=scope)
    headers = [noted.header, (b"www-authenticate", words.encode())]
    return json_reply(_members(error, noted), status=status, headers=headers)


def page_reply(
    body: bytes,
    *,
    status: int = HTTPStatus.OK,
    https: bool,
    posts_to_us: bool,
    framed_origins: Collection[str] = (),
) -> Reply:
    """A page for a person. `posts_to_us`: forms on it may only be sent to this server (`design` 4).

    `framed_origins`: what it may show in frames; nothing else, and by default nothing at all.
    """
    policy = _POLICY_BYTES[posts_to_us]
    if framed_origins:
        policy += f"; frame-src {' '.join(sorted(framed_origins))}".encode("ascii")
    return _page(body, status=status, https=https, policy=policy)


def _page(body: bytes, *, status: int, https: bool, policy: bytes) -> Reply:
    headers: list[Header] = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy),
        (b"x-frame-options", b"DENY"),
        _NOSNIFF,
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
        NO_STORE,
    ]
    if https:
        headers.append((b"strict-transport-security", b"max-age=63072000"))
    return Reply(status, tuple(headers), body)


def site_page_reply(body: bytes, *, status: int, assets_at: str) -> Reply:
    """A page at a site behind a gateway, whose files come from our own origin."""
    policy = f"default-src 'none'; style-src {assets_at}; img-src {assets_at}; base-uri 'none'; "
    policy += "form-action 'none'; frame-ancestors 'none'"
    return _page(body, status=status, https=False, policy=policy.encode("ascii"))


def public_page(page: Reply, *, max_age: int) -> Reply:
    """The same page, for everyone to keep for `max_age` seconds."""
    kept = tuple(header for header in page.headers if header != NO_STORE)
    return Reply(page.status, (*kept, (b"cache-control", b"public, max-age=%d" % max_age)), page.body)


def see_other(url: str) -> Reply:
    """303: the browser goes on with GET, and never sends a password along (threat B13; RFC 9700 §4.12)."""
    location = url.encode("ascii")
    return Reply(
        HTTPStatus.SEE_OTHER, ((b"location", location), NO_STORE, (b"referrer-policy", b"no-referrer"))
    )


def asset_reply(body: bytes, content_type: str, caching: str) -> Reply:
    """A file whose address names its content."""
    headers = ((b"content-type", content_type.encode()), (b"cache-control", caching.encode()), _NOSNIFF)
    return Reply(HTTPStatus.OK, headers, body)


def plain_reply(status: HTTPStatus, words: str, *headers: Header) -> Reply:
    """A line of text, for refusals that are about HTTP rather than OAuth."""
    return Reply(
        status,
        ((b"content-type", b"text/plain; charset=utf-8"), _NOSNIFF, NO_STORE, *headers),
        words.encode(),
    )
