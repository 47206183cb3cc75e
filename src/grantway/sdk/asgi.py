"""The guard before an ASGI application: what the API definition does not allow never reaches it."""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl, quote

import msgspec

from grantway.protocol.apis import Api, TokenFormat
from grantway.protocol.errors import wire_safe
from grantway.protocol.names import ErrorCode
from grantway.protocol.paths import fits, segments_of, template_shape
from grantway.protocol.scope import Scope as TokenScope
from grantway.sdk.certificates import CertificateSource
from grantway.sdk.challenge import challenge
from grantway.sdk.guard import Allowed, BadPath, Refused, canonical_path, is_public, judge, needed_scope
from grantway.sdk.jwks import Jwks, KeysUnavailable
from grantway.sdk.verify import AccessToken, BadToken, TokenVerifier

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_KEY = "grantway.token"

_log = logging.getLogger("grantway.sdk")
_BEARER = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*) *", re.IGNORECASE)  # RFC 6750 §2.1
# Headers by which some frameworks let a client name another method than the one judged here.
_OVERRIDES = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
_TRY_AGAIN = 5  # seconds


class Verifier(Protocol):
    """Whatever can tell a good access token from a bad one."""

    async def verify(self, token: str, *, certificate: bytes | None = None) -> AccessToken:
        """The token. Raises BadToken for a bad one; any other exception is a failure of ours (503).

        `certificate` is that of the request, DER; see `check_confirmation`.
        """


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, str]
    challenge: str | None = None


class Guard:
    """ASGI middleware that lets a request pass when its access token holds the scopes of its rule.

    Refused by default: a path and method without a rule, a request without a token, a path that could be
    read in two ways, a websocket. The token comes from the `Authorization` header and nowhere else
    (RFC 6750 §2.1). The application finds it as `scope["grantway.token"]`, an `AccessToken`.

    Rows that say `public` need no token, and none is looked at. `public` lists more such paths, outside the
    definition: `/docs` is that one path, `/static/*` everything below it.
    Rules and paths start at the application's `root_path`. `resource_metadata` is the address of the API's
    RFC 9728 document, if it has one. `verifier` replaces the one for JWTs of `issuer` (an API with opaque
    tokens must bring one). `certificate` finds the client certificate of a request, to which tokens may be
    bound; see `certificate_header`. Without it a bound token is refused. Whatever fails on our side answers
    503. Raises ValueError when a rule judges a public path. Put CORS middleware outside: a preflight brings
    no token.
    """

    def __init__(
        self,
        app: App,
        *,
        api: Api,
        issuer: str,
        public: Iterable[str] = (),
        jwks: Jwks | None = None,
        verifier: Verifier | None = None,
        resource_metadata: str | None = None,
        certificate: CertificateSource | None = None,
    ) -> None:
        if verifier is None and api.token_format is not TokenFormat.JWT:
            raise ValueError(f"api {api.name!r}: opaque tokens need a verifier that asks the server")
        self._app, self._api, self._resource_metadata = app, api, resource_metadata
        self._certificate = certificate
        self._verifier = TokenVerifier(issuer, api.identifier, jwks) if verifier is None else verifier
        paths = tuple(public)
        self._public = frozenset(path for path in paths if not path.endswith("/*"))
        self._public_below = tuple(path[:-1] for path in paths if path.endswith("/*"))
        for path in paths:
            _check_public(path, api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        outcome = await self._decide(scope)
        if isinstance(outcome, _Answer):
            await (_reply if scope["type"] == "http" else _close)(scope, outcome, send)
            return
        await self._app(scope if outcome is None else {**scope, TOKEN_KEY: outcome}, receive, send)

    async def _decide(self, scope: Scope) -> AccessToken | _Answer | None:
        """The token to pass on, None for a public path, or the refusal. Never raises."""
        try:
            return await self._judge(scope)
        except BadPath as bad:
            return self._refuse(Refused(400, ErrorCode.INVALID_REQUEST, f"Not accepted: {bad.reason}"))
        except KeysUnavailable as away:
            _log.warning("refused with 503: %s", away)
        except Exception:  # noqa: BLE001 - whatever it was, it must not let the request pass
            _log.exception("refused with 503")
        return _Answer(
            503,
            {
                "error": ErrorCode.TEMPORARILY_UNAVAILABLE.value,
                "error_description": "The token cannot be checked at the moment. Please try again.",
            },
        )

    async def _judge(self, scope: Scope) -> AccessToken | _Answer | None:
        path = _path_of(scope)
        if self._is_public(path):
            return None
        if scope["type"] != "http":
            return self._refuse(Refused(403, ErrorCode.INSUFFICIENT_SCOPE, "No rule allows this connection"))
        method: str = scope["method"]
        rule = self._api.rule_for(method, path)
        if is_public(rule) and not _overrides_method(scope):  # other methods of this path may not be public
            return None
        need = needed_scope(rule)
        token = _token_of(scope)
        if isinstance(token, Refused):
            return self._refuse(token, need)
        try:
            certificate = None if self._certificate is None else self._certificate(scope)
            verified = await self._verifier.verify(token, certificate=certificate)
        except BadToken as bad:
            why = f"The access token is refused: {bad.reason}"
            return self._refuse(Refused(401, ErrorCode.INVALID_TOKEN, why), need)
        outcome = judge(self._api, verified, method, path)
        return verified if isinstance(outcome, Allowed) else self._refuse(outcome)

    def _is_public(self, path: str) -> bool:
        return path in self._public or path.startswith(self._public_below)

    def _refuse(self, refused: Refused, need: TokenScope | None = None) -> _Answer:
        wanted = refused.need or need
        body = {
            "error": "missing_token" if refused.error is None else refused.error.value,
            "error_description": wire_safe(refused.why),
        }
        if wanted:
            body["scope"] = str(wanted)
        return _Answer(
            refused.status,
            body,
            challenge(
                self._api.name,
                error=refused.error,
                description=refused.why,
                scope=wanted,
                resource_metadata=self._resource_metadata,
            ),
        )


def _check_public(path: str, api: Api) -> None:
    """Raise ValueError for a public path that is not canonical, or that some rule judges."""
    try:
        canonical = canonical_path(path.encode())
    except BadPath as bad:
        raise ValueError(f"public path {path!r}: {bad.reason}") from None
    if canonical != path:
        raise ValueError(f"public path {path!r} is not in its canonical form")
    below = path.endswith("/*")
    own = segments_of(path.removesuffix("/*"))
    for rule in api.rules:
        theirs = template_shape(rule.path)
        near = all(fits(their, mine) for mine, their in zip(own, theirs, strict=False))
        if (below and near and len(theirs) > len(own)) or (not below and rule.covers(own)):
            raise ValueError(f"{path} is public, and {rule.path} is a rule of the API {api.name!r}")


def _path_of(scope: Scope) -> str:
    """The canonical path below `root_path`. Raises BadPath where it is not what the application will see."""
    raw = scope.get("raw_path") or quote(scope["path"], safe="/").encode("ascii")
    path = canonical_path(raw)
    if path != scope["path"]:
        raise BadPath("the path was read differently before")
    root: str = scope.get("root_path", "").rstrip("/")
    if not root or not (path == root or path.startswith(root + "/")):
        return path
    return path[len(root) :] or "/"


def _overrides_method(scope: Scope) -> bool:
    """Does a header name another method than the one that is judged?"""
    return not _OVERRIDES.isdisjoint(name.lower() for name, _ in scope["headers"])


def _token_of(scope: Scope) -> str | Refused:
    """The one bearer token of the Authorization header (RFC 6750 §2.1, §3.1)."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if _overrides_method(scope):
        return Refused(400, ErrorCode.INVALID_REQUEST, "A header that overrides the method is not accepted")
    given = [value for name, value in headers if name.lower() == b"authorization"]
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    in_query = any(name == "access_token" for name, _ in query)
    if len(given) > 1 or (given and in_query):
        return Refused(
            400, ErrorCode.INVALID_REQUEST, "Send the access token once, in one Authorization header"
        )
    if not given:
        where = "; a token in the URL is not accepted" if in_query else ""
        return Refused(401, None, f"Send an access token in the Authorization header{where}")
    text = given[0].decode("latin-1")
    scheme = text.strip().partition(" ")[0].lower()
    if scheme != "bearer":
        return Refused(401, None, "Send an access token as Authorization: Bearer")
    bearer = _BEARER.fullmatch(text.strip())
    if bearer is None:
        return Refused(400, ErrorCode.INVALID_REQUEST, "The Authorization header is malformed")
    return bearer[1]


async def _reply(scope: Scope, answer: _Answer, send: Send) -> None:
    body = msgspec.json.encode(answer.body)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if answer.challenge is not None:
        headers.append((b"www-authenticate", answer.challenge.encode("ascii")))
    if answer.status == 503:
        headers.append((b"retry-after", str(_TRY_AGAIN).encode("ascii")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _close(_scope: Scope, _answer: _Answer, send: Send) -> None:
    """Refuse a websocket before it is accepted: the server answers 403."""
    await send({"type": "websocket.close", "code": 1008})
