"""The guard before an ASGI application: what the API definition does not allow never reaches it."""

from collections.abc import Iterable
from urllib.parse import quote

from grantway.protocol.apis import Api
from grantway.protocol.names import ErrorCode
from grantway.protocol.paths import fits, segments_of, template_shape
from grantway.sdk.answers import Answer
from grantway.sdk.bearer import Brought
from grantway.sdk.connections import METHOD, App, Receive, Scope, Send, pass_on, refuse_connection
from grantway.sdk.guard import BadPath, Refused, canonical_path
from grantway.sdk.protection import Asked, Protection, failed
from grantway.sdk.verify import AccessToken

TOKEN_KEY = "grantway.token"


class Guard:
    """ASGI middleware that lets a request pass when its access token holds the scopes of its rule.

    Refused by default: a path and method without a rule, a request without a token, a path that could be
    read in two ways. A websocket is judged as the GET that opens it, refused before it opens, and closed when
    its token expires (see `connections`). The token comes from the `Authorization` header and nowhere else
    (RFC 6750 §2.1). The application finds it as `scope["grantway.token"]`, an `AccessToken`.

    Rows that say `public` need no token, and none is looked at. `public` lists more such paths, outside the
    definition: `/docs` is that one path, `/static/*` everything below it.
    Rules and paths start at the application's `root_path`. Raises ValueError when a rule judges a public path
    (of a published definition, which is not known yet, `public` comes first). Put CORS middleware outside: a
    preflight brings no token.
    """

    def __init__(self, app: App, protection: Protection, *, public: Iterable[str] = ()) -> None:
        self._app, self._protection = app, protection
        paths = tuple(public)
        self._public = frozenset(path for path in paths if not path.endswith("/*"))
        self._public_below = tuple(path[:-1] for path in paths if path.endswith("/*"))
        for path in paths:
            _check_public(path, protection.definition)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        outcome = await self._decide(scope)
        if isinstance(outcome, AccessToken):
            known = {**scope, TOKEN_KEY: outcome}
            await pass_on(self._app, known, receive, send, token=outcome, clock=self._protection.clock)
        elif outcome is None:
            await self._app(scope, receive, send)
        else:
            await reply(scope, receive, send, outcome)

    async def _decide(self, scope: Scope) -> AccessToken | Answer | None:
        """The token to pass on, None for a public path, or the answer. Never raises."""
        try:
            path = path_of(scope)
            if self._is_public(path):
                return None
            if path == self._protection.metadata_path or scope["path"] == self._protection.metadata_path:
                return await metadata_answer(self._protection, scope)
            brought = brought_by(self._protection, scope)
        except BadPath as bad:
            return await bad_path(self._protection, bad)
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it must not let the request pass
            return failed(wrong)
        return await self._protection.check(Asked(method=method_of(scope), path=path), brought)

    def _is_public(self, path: str) -> bool:
        return path in self._public or path.startswith(self._public_below)


def method_of(scope: Scope) -> str:
    """The method by which a request is judged."""
    return str(scope["method"]) if scope["type"] == "http" else METHOD


def brought_by(protection: Protection, scope: Scope) -> Brought:
    """What an ASGI request brought to prove itself. Raises ValueError for a malformed certificate header."""
    certificate = None if protection.certificate is None else protection.certificate(scope)
    return Brought.of_headers(scope["headers"], scope["query_string"], certificate)


async def bad_path(protection: Protection, bad: BadPath) -> Answer:
    """The answer to a path that could be read in two ways."""
    try:
        api = await protection.api()
    except Exception as wrong:  # noqa: BLE001 - as above
        return failed(wrong)
    return protection.refuse(api, Refused(400, ErrorCode.INVALID_REQUEST, f"Not accepted: {bad.reason}"))


async def metadata_answer(protection: Protection, scope: Scope) -> Answer:
    """The RFC 9728 document, for everybody."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return Answer(405, {"error": "invalid_request"}, (("allow", "GET, HEAD"),))
    return protection.metadata_answer(await protection.api())


def path_of(scope: Scope) -> str:
    """The canonical path below `root_path`. Raises BadPath where it is not what the application will see."""
    raw = scope.get("raw_path") or quote(scope["path"], safe="/").encode("ascii")
    path = canonical_path(raw)
    if path != scope["path"]:
        raise BadPath("the path was read differently before")
    root: str = scope.get("root_path", "").rstrip("/")
    if not root or not (path == root or path.startswith(root + "/")):
        return path
    return path[len(root) :] or "/"


async def reply(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """Send an answer instead of what the application would say."""
    if scope["type"] != "http":
        await refuse_connection(scope, receive, send, answer)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.asgi_headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


def _check_public(path: str, api: object) -> None:
    """Raise ValueError for a public path that is not canonical, or that some rule judges."""
    try:
        canonical = canonical_path(path.encode())
    except BadPath as bad:
        raise ValueError(f"public path {path!r}: {bad.reason}") from None
    if canonical != path:
        raise ValueError(f"public path {path!r} is not in its canonical form")
    if not isinstance(api, Api):
        return
    below = path.endswith("/*")
    own = segments_of(path.removesuffix("/*"))
    for rule in api.rules:
        theirs = template_shape(rule.path)
        near = all(fits(their, mine) for mine, their in zip(own, theirs, strict=False))
        if (below and near and len(theirs) > len(own)) or (not below and rule.covers(own)):
            raise ValueError(f"{path} is public, and {rule.path} is a rule of the API {api.name!r}")
