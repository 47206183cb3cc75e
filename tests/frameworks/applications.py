"""The same API in each framework, as its own documentation would write it."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Security
from flask import Blueprint, Flask, jsonify
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from grantway.sdk import AccessToken
from grantway.sdk.fastapi import Auth
from grantway.sdk.flask import FlaskGuard, current_token, scopes_required
from grantway.sdk.starlette import RouteGuard
from tests.frameworks.definition import WRITE


def fastapi_application(protection):
    auth = Auth(protection)
    app = FastAPI(dependencies=[Security(auth)])
    auth.install(app, client_id="docs")
    router = APIRouter(prefix="/albums")

    @app.get("/health")
    async def health():
        return {"route": "health"}

    @app.get("/photos")
    async def photos(token: Annotated[AccessToken, Security(auth)]):
        return {"route": "photos", "subject": token.subject}

    @app.post("/photos")
    async def add(token: Annotated[AccessToken, Security(auth)]):
        return {"route": "add", "subject": token.subject}

    @app.get("/photos/{number}")
    async def photo(number: int, token: Annotated[AccessToken, Security(auth)]):
        return {"route": "photo", "subject": token.subject}

    @app.delete("/photos/{number}")
    async def delete(number: int):
        return {"route": "delete"}

    @app.get("/admin")
    async def admin():
        return {"route": "admin"}

    @app.get("/files/{rest:path}")
    async def files(rest: str):
        return {"route": "files"}

    inner = APIRouter()

    @router.get("/{name}")
    async def album(name: str):
        return {"route": "album"}

    @inner.get("/admin")
    async def inner_admin():
        return {"route": "admin"}

    inner.include_router(router)
    app.include_router(inner, prefix="/inner")
    return app


def fastapi_by_code(protection):
    """No rules for these: the code says what they need."""
    auth = Auth(protection)
    app = FastAPI()
    auth.install(app)

    @app.get("/extra")
    async def extra(token: Annotated[AccessToken, Security(auth, scopes=[WRITE])]):
        return {"route": "extra", "subject": token.subject}

    @app.get("/forgotten")
    async def forgotten(token: Annotated[AccessToken, Security(auth)]):
        return {"route": "forgotten"}

    return app


def starlette_application(protection):
    def page(name):
        async def answer(request):
            token = request.scope.get("grantway.token")
            seen = None if token is None else request.user.token.subject
            return JSONResponse({"route": name, "subject": seen})

        return answer

    async def files(scope, receive, send):
        await JSONResponse({"route": "files"})(scope, receive, send)

    inner = Starlette(routes=[Route("/albums/{name}", page("album")), Route("/admin", page("admin"))])
    return Starlette(
        routes=[
            Route("/health", page("health")),
            Route("/photos", page("photos")),
            Route("/photos", page("add"), methods=["POST"]),
            Route("/photos/{number:int}", page("photo")),
            Route("/photos/{number:int}", page("delete"), methods=["DELETE"]),
            Route("/admin", page("admin")),
            Route("/files/{rest:path}", page("files")),
            Route("/open/{name}", page("open")),
            Mount("/inner", inner),
            Mount("/static", files),
        ],
        middleware=[Middleware(RouteGuard, protection=protection, public=["/open/{name}"])],
    )


def flask_application(protection):
    app = Flask("photos", static_folder=None)
    FlaskGuard(protection, public=["/open/<name>"]).init_app(app)

    def page(rule, name, *, on=app, methods=("GET",)):
        def view(**_):
            return jsonify(route=name, subject=None if name in {"health", "open"} else current_token.subject)

        on.add_url_rule(rule, name + methods[0], view, methods=list(methods))

    inner = Blueprint("inner", "inner", url_prefix="/inner")
    page("/albums/<name>", "album", on=inner)
    page("/admin", "admin", on=inner)
    page("/health", "health")
    page("/photos", "photos")
    page("/photos", "add", methods=("POST",))
    page("/photos/<int:number>", "photo")
    page("/photos/<int:number>", "delete", methods=("DELETE",))
    page("/admin", "admin")
    page("/files/<path:rest>", "files")
    page("/open/<name>", "open")
    app.register_blueprint(inner)

    @app.get("/extra")
    @scopes_required(WRITE)
    def extra():
        return jsonify(route="extra", subject=current_token.subject)

    return app
