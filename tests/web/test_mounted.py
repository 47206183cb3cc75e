"""The server as a part of another ASGI application."""

import re
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from grantway.app import create_app
from grantway.settings import DatabaseSettings, Settings
from tests.node import (
    CALENDAR,
    PHOTOS,
    Node,
    Visitor,
    answer_of,
    free_port,
    native_client,
    sqlite_url,
    web_client,
)
from tests.serving import listening

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "mount-it.md"
WELL_KNOWN = "/.well-known/oauth-authorization-server"


class MountedVisitor(Visitor):
    """A browser that comes by the links of the mounted server."""

    def link(self, *arguments, **parameters):
        return "/id" + super().link(*arguments, **parameters)


class Stripping:
    """A host that hands on only the rest of the path, as some do."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"].startswith("/id/"):
            scope = {**scope, "root_path": "/id", "path": scope["path"].removeprefix("/id")}
        await self.app(scope, receive, send)


def beside_others(server):
    """Starlette with a page of its own."""

    @asynccontextmanager
    async def lifespan(_):
        async with server.running():
            yield

    return Starlette(
        routes=[
            Route("/", lambda _: PlainTextResponse("the shop")),
            Route(server.metadata_path, endpoint=server),
            Mount("/id", app=server),
        ],
        lifespan=lifespan,
    )


@asynccontextmanager
async def served(host, server, port):
    async with listening(host, port=port, lifespan="on"):
        node = Node(server=server.server, issuer=f"http://127.0.0.1:{port}")
        for api in (PHOTOS, CALENDAR):
            await node.put_api(api)
        await node.put_client(web_client())
        await node.put_client(native_client())
        await node.add_person()
        try:
            yield node
        finally:
            for http in node.opened:
                await http.aclose()


def mounted_at(port, folder):
    return create_app(
        Settings(
            issuer=f"http://127.0.0.1:{port}/id",
            dev=True,
            database=DatabaseSettings(url=sqlite_url(folder)),
        )
    )


@pytest.mark.parametrize("how", ["starlette", "stripping"])
async def test_a_whole_flow_under_a_path(tmp_path, how):
    """RFC 8414 §3.1, design: metadata at the host's root, everything else below the path."""
    port = free_port()
    server = mounted_at(port, tmp_path)
    host = beside_others(server) if how == "starlette" else Stripping(server)
    async with served(host, server, port) as node, node.http() as http:
        metadata = (await http.get(f"{WELL_KNOWN}/id")).json()
        assert f"{node.issuer}/id" == metadata["issuer"]
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            assert metadata[name].startswith(f"{node.issuer}/id/")
        assert {"ES256", "RS256"} == {
            key["alg"] for key in (await http.get(metadata["jwks_uri"])).json()["keys"]
        }
        if how == "starlette":
            assert "the shop" == (await http.get("/")).text
            assert 404 == (await http.get("/token")).status_code
        visitor = MountedVisitor(node)
        page = await visitor.sign_in(await visitor.get(visitor.link()))
        for address in re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text):
            assert address.startswith("/id/"), address
            if "/static/" in address:
                assert 200 == (await http.get(address)).status_code
        answer = answer_of(await visitor.submit(page, answer="allow"))
        assert metadata["issuer"] == answer["iss"]
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": "https://printer.example/callback",
            "code_verifier": visitor.verifier,
        }
        tokens = await http.post(metadata["token_endpoint"], data=form, headers=node.basic("printer"))
        assert 200 == tokens.status_code


async def test_without_its_lifespan_it_says_what_is_missing(tmp_path):
    """Hosts do not pass their lifespan on."""
    app = mounted_at(8600, tmp_path)
    transport = httpx2.ASGITransport(app=Starlette(routes=[Mount("/id", app=app)]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8600") as http:
        with pytest.raises(RuntimeError, match=r"async with app.running\(\)"):
            await http.get("/id/jwks")


async def test_the_page_about_mounting_runs_as_printed(tmp_path, monkeypatch):
    """Its program answers, at both addresses."""
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRANTWAY_DEV", "true")
    monkeypatch.setenv("GRANTWAY_ISSUER", "http://localhost:8000/id")
    names = {}
    exec(source, names)  # noqa: S102 - what the page prints
    app = names["app"]
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost:8000") as http,
    ):
        metadata = (await http.get(f"{WELL_KNOWN}/id")).json()
        assert "http://localhost:8000/id" == metadata["issuer"]
        assert 200 == (await http.get(metadata["jwks_uri"])).status_code
