"""The guard as a dependency of FastAPI: the matched route is judged, its OpenAPI document says the scopes."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.openapi.models import OAuth2, OAuthFlowAuthorizationCode, OAuthFlows
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import Route

from grantway.protocol.apis import Api
from grantway.protocol.paths import BadPath, covers, segments_of
from grantway.protocol.scope import Scope
from grantway.sdk.answers import Answer
from grantway.sdk.asgi import TOKEN_KEY, bad_path, brought_by, method_of
from grantway.sdk.connections import LIFETIME_KEY, Lifetimes, refuse_connection
from grantway.sdk.openapi import code_flow, known_api, scopes_to_say
from grantway.sdk.protection import Asked, Protection, failed
from grantway.sdk.routes import check_routes
from grantway.sdk.starlette import judged, templates_of
from grantway.sdk.verify import AccessToken

__all__ = ["Auth", "RefusedRequest"]

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})


class RefusedRequest(HTTPException):
    """A request that does not pass. `Auth.install` answers it in the form of RFC 6750."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, detail=answer.content, headers=dict(answer.own_headers))
        self.answer = answer


class Auth(SecurityBase):
    """A dependency that answers with the `AccessToken`, or refuses the request.

        auth = Auth(protection)
        app = FastAPI(dependencies=[Security(auth)])      # every operation, by the rules of the definition
        auth.install(app, client_id="docs")

        @app.get("/photos")
        async def photos(token: Annotated[AccessToken, Security(auth, scopes=["photos:read"])]): ...

    What is needed is what the rule for the matched route says, and what `scopes` say besides. An operation
    with neither is refused. A websocket is judged as the GET that opens it, refused before it opens, and
    closed when its token expires.
    """

    def __init__(self, protection: Protection, *, scheme_name: str = "Grantway") -> None:
        self.protection, self.scheme_name = protection, scheme_name
        flow = OAuthFlowAuthorizationCode(**code_flow(protection))
        self.model = OAuth2(flows=OAuthFlows(authorizationCode=flow))
        self._checked: Api | None = None

    async def __call__(self, request: HTTPConnection, security_scopes: SecurityScopes) -> AccessToken | None:
        """The token with which the request may pass; None where its rule says `public`.

        Raises RefusedRequest.
        """
        try:
            api = await self.protection.api()
            self._check(api, request.app)
            declared = Scope.of(security_scopes.scopes)
            asked = Asked(method=method_of(request.scope), path=_matched(request), declared=declared)
            outcome = await self.protection.check(asked, brought_by(self.protection, request.scope))
        except BadPath as bad:
            outcome = await bad_path(self.protection, bad)
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it must not let the request pass
            outcome = failed(wrong)
        if isinstance(outcome, Answer):
            raise RefusedRequest(outcome)
        if outcome is not None:
            request.scope[TOKEN_KEY] = outcome
            if LIFETIME_KEY in request.scope:
                request.scope[LIFETIME_KEY].begin(outcome)
        return outcome

    def install(self, app: FastAPI, *, client_id: str | None = None, scopes: Iterable[str] = ()) -> None:
        """Everything around the dependency, once for an application.

        Refusals in the form of RFC 6750; the end of each websocket with its token; the scopes of every
        operation in the OpenAPI document; the RFC 9728 document, if `serve_metadata`; and, with the
        `client_id` of an app registered for single pages whose redirect URI is
        `<address>/docs/oauth2-redirect`, an Authorize button that works on `/docs`, with `scopes` ticked.
        """

        async def refuse(request: Request | WebSocket, refused: Exception) -> Response | None:
            answer = refused.answer if isinstance(refused, RefusedRequest) else failed(refused)
            if isinstance(request, WebSocket):
                await refuse_connection(request.scope, request.receive, request.send, answer)
                return None
            return Response(answer.body, answer.status, dict(answer.headers))

        app.add_exception_handler(RefusedRequest, refuse)  # type: ignore[arg-type]
        app.add_middleware(Lifetimes, clock=self.protection.clock)
        if self.protection.metadata_path is not None:

            async def metadata(_request: Request) -> Response:
                document = self.protection.metadata(await self.protection.api())
                return JSONResponse(document, headers={"access-control-allow-origin": "*"})

            app.router.routes.insert(
                0, Route(self.protection.metadata_path, metadata, include_in_schema=False)
            )
        if client_id is not None:
            app.swagger_ui_init_oauth = {
                "clientId": client_id,
                "scopes": " ".join(scopes),
                "usePkceWithAuthorizationCodeGrant": True,
                "additionalQueryStringParams": {"resource": self.protection.identifier},
            }
        plain = app.openapi

        def openapi() -> dict[str, Any]:
            schema = plain()
            api = known_api(self.protection)
            if api is not None:
                self._say_scopes(schema, api)
            return schema

        app.openapi = openapi  # type: ignore[method-assign]

    def _say_scopes(self, schema: dict[str, Any], api: Api) -> None:
        """Fill in what each operation needs by its rule, beside what the code says."""
        for template, item in schema.get("paths", {}).items():
            path = judged(template)
            for method in _METHODS & item.keys():
                said = []
                for requirement in item[method].get("security", ()):
                    if self.scheme_name in requirement:
                        declared = Scope.of(requirement[self.scheme_name])
                        scopes = scopes_to_say(api, method.upper(), path, declared)
                        if scopes is not None:
                            said.append({**requirement, self.scheme_name: scopes})
                    else:
                        said.append(requirement)
                if "security" in item[method]:
                    item[method]["security"] = said

    def _check(self, api: Api, app: FastAPI) -> None:
        if api is not self._checked:
            check_routes(api, [one for one in map(judged, _templates(app)) if one is not None])
            self._checked = api


def _matched(request: HTTPConnection) -> str | None:
    """The route that FastAPI has matched, below the application that the server runs, as it is judged.

    Raises BadPath where it does not fit the path: Starlette's patterns let a line break at the end pass.
    """
    scope = request.scope
    context = scope.get("fastapi", {}).get("effective_route_context")  # of an included router
    own: str = getattr(context, "path", None) or scope["route"].path
    root, outer = scope.get("root_path", ""), scope.get("app_root_path", scope.get("root_path", ""))
    below = scope["path"].removeprefix(root.rstrip("/"))
    template = judged(own)
    if template is None:
        return None
    if not covers(template, segments_of(below)):
        raise BadPath("the path was matched by a route that does not stand for it")
    return str(root.removeprefix(outer.rstrip("/"))) + template


def _templates(app: FastAPI) -> Iterator[str]:
    """Every route of the application, included routers and mounts among them."""
    try:
        from fastapi.routing import iter_route_contexts
    except ImportError:  # before FastAPI kept included routers apart
        yield from templates_of(app.routes)
        return
    for context in iter_route_contexts(app.routes):
        path = getattr(context, "path", None)
        if path is not None:
            yield path
    yield from templates_of(app.routes)
