"""The guard inside a Starlette application: the route that its router matches is judged."""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.authentication import AuthCredentials, BaseUser
from starlette.routing import BaseRoute, Host, Match, Mount, Route, WebSocketRoute

from grantway.protocol.apis import Api
from grantway.sdk.answers import Answer
from grantway.sdk.asgi import TOKEN_KEY, brought_by, metadata_answer, method_of, reply
from grantway.sdk.connections import App, Receive, Scope, Send, pass_on
from grantway.sdk.protection import Asked, Protection, failed
from grantway.sdk.routes import check_routes, route_template
from grantway.sdk.verify import AccessToken

__all__ = ["RouteGuard", "TokenUser"]

# Starlette's own converters; others may hold slashes.
_WITHIN_A_SEGMENT = frozenset({None, "str", "int", "float", "uuid"})


class TokenUser(BaseUser):
    """`request.user` behind the guard: the subject of the access token."""

    def __init__(self, token: AccessToken) -> None:
        self.token = token

    @property
    def is_authenticated(self) -> bool:
        """Always: nobody else gets here."""
        return True

    @property
    def display_name(self) -> str:
        """The subject."""
        return self.token.subject

    @property
    def identity(self) -> str:
        """The subject."""
        return self.token.subject


class RouteGuard:
    """Middleware of a Starlette application that judges the route its router will take.

        Starlette(routes, middleware=[Middleware(RouteGuard, protection=protection, public=["/health"])])

    The router's own matching is asked, mounts included, and the rule for that route decides: the path is not
    read a second time. What has no route or no rule is refused. A websocket is judged as the GET that opens
    it, and closed when its token expires. `public` are routes as they are written in the code (`/static/*`
    for an application mounted at `/static`). Endpoints find the token as `request.user.token` and
    `request.scope["grantway.token"]`, its scopes in `request.auth`. Raises ApiMistakes at the first request
    when a rule is hidden by a wider route (`check_routes`).
    """

    def __init__(self, app: App, protection: Protection, public: Iterable[str] = ()) -> None:
        self._app, self._protection, self._public = app, protection, frozenset(public)
        self._checked: Api | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        outcome = await self._decide(scope)
        if isinstance(outcome, Answer):
            await reply(scope, receive, send, outcome)
        elif outcome is None:
            await self._app(scope, receive, send)
        else:
            auth = AuthCredentials(list(outcome.scope))
            known = {**scope, TOKEN_KEY: outcome, "user": TokenUser(outcome), "auth": auth}
            await pass_on(self._app, known, receive, send, token=outcome, clock=self._protection.clock)

    async def _decide(self, scope: Scope) -> AccessToken | Answer | None:
        try:
            if scope["path"] == self._protection.metadata_path:
                return await metadata_answer(self._protection, scope)
            routes: Sequence[BaseRoute] = scope["app"].router.routes
            template = matched_template(routes, dict(scope))
            if template in self._public:
                return None
            await self._check(routes)
            path = None if template is None else judged(template)
            asked = Asked(method=method_of(scope), path=path)
            return await self._protection.check(asked, brought_by(self._protection, scope))
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it must not let the request pass
            return failed(wrong)

    async def _check(self, routes: Sequence[BaseRoute]) -> None:
        api = await self._protection.api()
        if api is not self._checked:
            check_routes(api, [one for one in map(judged, templates_of(routes)) if one is not None])
            self._checked = api


def judged(template: str) -> str | None:
    """A route of Starlette's, as the rules are asked about it."""
    return route_template(template, within_a_segment=_WITHIN_A_SEGMENT.__contains__)


def matched_template(routes: Sequence[BaseRoute], scope: dict[str, Any], prefix: str = "") -> str | None:
    """The route that the router will take, whole, as it is written in the code; None without one."""
    partial: tuple[BaseRoute, Any] | None = None
    for route in routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return _template_below(route, {**scope, **child}, prefix)
        if match is Match.PARTIAL and partial is None:
            partial = (route, child)
    return None if partial is None else _template_below(partial[0], {**scope, **partial[1]}, prefix)


def _template_below(route: BaseRoute, scope: dict[str, Any], prefix: str) -> str | None:
    if isinstance(route, Mount | Host):
        own = prefix + (route.path if isinstance(route, Mount) else "")
        inner = route.routes
        return matched_template(inner, scope, own) if inner else own + "/*"
    path = getattr(route, "path", None)
    return None if path is None else prefix + path


def templates_of(routes: Sequence[BaseRoute], prefix: str = "") -> list[str]:
    """Every route, mounts included, as it is written in the code."""
    found: list[str] = []
    for route in routes:
        if isinstance(route, Mount | Host):
            found += templates_of(route.routes, prefix + (route.path if isinstance(route, Mount) else ""))
        elif isinstance(route, Route | WebSocketRoute):
            found.append(prefix + route.path)
    return found
