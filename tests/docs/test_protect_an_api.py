"""The pages on protecting an API run as they stand, in front of a live server's keys."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from grantway.crypto.jose import SigningKey
from grantway.flows.registry_apis import add_api
from grantway.sdk import Api, RevocationFeed
from tests.node import Visitor, seeded_node, sqlite_url
from tests.sdk.servers import running
from tests.serving import PATIENCE

PAGES = Path(__file__).parents[2] / "docs/howto/protect-an-api"
ASK_DJANGO = """
import os, django
django.setup()
from django.test import Client
good = {"authorization": "Bearer " + os.environ["TOKEN"]}
for path in ("photos/1", "albums", "about", "nowhere"):
    print(path, Client().get("/" + path).status_code, Client().get("/" + path, headers=good).status_code)
print(Client().get("/photos/1", headers=good).json()["owner"])
"""

ASK_FOR_THE_DOCUMENT = """
import django
django.setup()
from django.test import Client
print(Client().get("/openapi.yaml").content.decode())
"""


def blocks(page, kind="python"):
    return re.findall(rf"^```{kind}\n(.*?)^```", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
async def node(tmp_path_factory):
    async with seeded_node(sqlite_url(tmp_path_factory.mktemp("node"))) as node:
        yield node


@pytest.fixture(scope="module")
async def token(node):
    return (await Visitor(node).tokens(scope="photos:read"))["access_token"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the page's definition lies, under the name that its programs read."""
    (tmp_path / "photos.toml").write_text("\n".join(blocks("README.md", "toml")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def statuses(app, token, *paths):
    """What each path answers without a token and with one."""
    transport = httpx2.ASGITransport(app=app)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="https://api.example") as http:
        return {
            path: ((await http.get(path)).status_code, (await http.get(path, headers=headers)).status_code)
            for path in paths
        }


async def greets(node, app, token):
    """The page's websocket: whoever has a token is greeted and heard, and nobody else."""
    async with asyncio.timeout(PATIENCE), running(app) as port:
        address, good = f"ws://127.0.0.1:{port}/live/kitchen", {"authorization": f"Bearer {token}"}
        with pytest.raises(InvalidStatus, match="401"):
            await connect(address, proxy=None)
        async with connect(address, additional_headers=good, proxy=None) as connection:
            assert node.people["ada"].subject == await connection.recv()
            await connection.send("hello")
            assert "hello" == await connection.recv()


async def test_the_blocks_of_the_overview_run(node, token, folder):
    """FN13, FN17: the guard, the server's definition, introspection, step-up."""
    guard, published, introspection, proofs, bound, listening, step_up, beside = blocks("README.md")
    names: dict = {"issuer": node.issuer}
    exec(guard.replace("http://localhost:8600", node.issuer), names)  # noqa: S102 - what the page prints
    told = await statuses(names["app"], token, "/photos/1", "/nowhere")
    assert {"/photos/1": (401, 200), "/nowhere": (401, 403)} == told
    made = await add_api(
        node.server,
        Api(identifier="https://api.example/other", name="other"),
        actor="test",
        credentials=True,
    )
    names |= {"client_id": made.client.id, "client_secret": made.secret}
    exec(published.replace("https://api.example/photos", "https://api.example/other"), names)  # noqa: S102
    assert "other" == (await names["api"].get()).name
    exec(introspection, names)  # noqa: S102 - as above
    (folder / "photos.key").write_bytes(SigningKey.generate("ES256").private_bytes())
    exec(proofs, names)  # noqa: S102 - as above
    assert "photos_api" == names["credentials"].client_id
    exec(bound, names)  # noqa: S102 - as above
    exec(listening.replace("https://api.example/photos", "https://api.example/other"), names)  # noqa: S102
    with pytest.raises(ValueError, match="at least 5"):
        RevocationFeed(node.issuer, "https://api.example/other", names["credentials"], must_be_fresh=4)
    exec(step_up, names)  # noqa: S102 - as above
    exec(beside, names)  # noqa: S102 - as above
    assert (True, False, False) == (
        await names["may"](token, "GET", "/photos/1"),
        await names["may"](token, "POST", "/photos"),
        await names["may"]("a.b.c", "GET", "/photos/1"),
    )


async def test_the_block_of_fastapi_runs(node, token, folder):
    """FN13, FN17"""
    names: dict = {"issuer": node.issuer}
    exec("\n".join(blocks("fastapi.md")), names)  # noqa: S102 - what the page prints
    told = await statuses(names["app"], token, "/photos/1", "/nowhere", "/openapi.json")
    assert {"/photos/1": (401, 200), "/nowhere": (404, 404), "/openapi.json": (200, 200)} == told
    await greets(node, names["app"], token)


async def test_the_block_of_starlette_runs(node, token, folder):
    """FN13, FN17"""
    names: dict = {"issuer": node.issuer}
    exec("\n".join(blocks("starlette.md")), names)  # noqa: S102 - what the page prints
    told = await statuses(names["app"], token, "/photos/1", "/health", "/inner/about", "/nowhere")
    assert (401, 200) == told["/photos/1"]
    assert {(200, 200)} == {told["/health"], told["/inner/about"]}
    assert (401, 403) == told["/nowhere"]
    await greets(node, names["app"], token)


async def test_the_block_of_flask_runs(node, token, folder):
    """FN13, FN17"""
    names: dict = {"issuer": node.issuer}
    exec("\n".join(blocks("flask.md")), names)  # noqa: S102 - what the page prints
    client, good = names["app"].test_client(), {"authorization": f"Bearer {token}"}
    told = {}
    for path in ("/photos/1", "/albums", "/about", "/nowhere"):
        bare = await asyncio.to_thread(client.get, path)
        told[path] = (bare.status_code, (await asyncio.to_thread(client.get, path, headers=good)).status_code)
    assert {
        "/photos/1": (401, 200),
        "/albums": (401, 200),
        "/about": (200, 200),
        "/nowhere": (401, 403),
    } == told


@pytest.mark.parametrize("page", ["django.md", "django-rest-framework.md"])
async def test_the_files_of_a_django_project_run(node, token, folder, page):
    """FN13, FN17"""
    for block in blocks(page):
        name = re.match(r"# (\w+\.py)\n", block)[1]
        (folder / name).write_text(block)
    own = {
        "DJANGO_SETTINGS_MODULE": "settings",
        "ISSUER": node.issuer,
        "TOKEN": token,
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
    }
    command = [sys.executable, "-W", "ignore", "-c", ASK_DJANGO]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=folder,
        env=own,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert 0 == done.returncode, done.stderr
    about = ["about 200 200"] if page == "django.md" else ["about 404 404"]
    wanted = ["photos/1 401 200", "albums 401 200", *about, "nowhere 404 404"]
    assert [*wanted, node.people["ada"].subject] == done.stdout.splitlines()
    if (folder / "documented.py").exists():
        own["DJANGO_SETTINGS_MODULE"] = "documented_settings"
        command = [sys.executable, "-W", "ignore", "-c", ASK_FOR_THE_DOCUMENT]
        said = subprocess.run(
            command, cwd=folder, env=own, capture_output=True, check=True, timeout=PATIENCE
        ).stdout
        paths = yaml.safe_load(said)["paths"]
        assert [{"Grantway": ["photos:read"]}] == paths["/photos/{number}"]["get"]["security"]
        assert [{"Grantway": ["photos:read"]}] == paths["/albums"]["get"]["security"]


async def test_the_blocks_of_mcp_run(node):
    """FN13, FN17"""
    names: dict = {"issuer": node.issuer}
    exec("\n".join(blocks("mcp.md")), names)  # noqa: S102 - what the page prints
    for app in (names["app"], names["fast"]):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://mcp.example") as http:
            refused = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
            address = refused.headers["www-authenticate"].partition('resource_metadata="')[2].rstrip('"')
            document = (await http.get(address)).json()
        assert (401, [node.issuer]) == (refused.status_code, document["authorization_servers"])
