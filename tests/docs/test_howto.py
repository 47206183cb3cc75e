"""The code in the how-to pages runs, as it stands, against a live server."""

import asyncio
import os
import re
import shlex
import subprocess
from pathlib import Path

import httpx2
import pytest

from grantway.flows.people import end_sessions
from grantway.protocol.scope import Scope
from tests.clients.relying_party import relying_party
from tests.node import CALLBACK, Visitor, leaving_url, seeded_node, sqlite_url, web_client
from tests.printed import DOCS, blocks, commands, grantway, program
from tests.serving import PATIENCE


async def run_as_printed(page: str, node, client_id: str, monkeypatch) -> dict:
    """Run the program of a page for this client, with ada at the browser. Returns its variables."""
    loop = asyncio.get_running_loop()
    monkeypatch.setenv("ISSUER", node.issuer)
    monkeypatch.setenv("CLIENT_ID", client_id)
    monkeypatch.setenv("CLIENT_SECRET", node.secrets[client_id])
    monkeypatch.setenv("REDIRECT_URI", CALLBACK)

    async def person(link: str) -> str:
        visitor = Visitor(node)
        page = await visitor.sign_in(await visitor.get(link.removeprefix(node.issuer)))
        url = leaving_url(await visitor.submit(page, answer="allow"))
        assert url is not None
        return url

    def open_in_browser(link: str) -> str:
        return asyncio.run_coroutine_threadsafe(person(link), loop).result(timeout=30)

    names = {"open_in_browser": open_in_browser, "os": os}
    await asyncio.to_thread(exec, compile(program(page), Path(page).name, "exec"), names)
    return names


async def test_the_requests_of_connect_an_app_run_as_printed(tmp_path, monkeypatch):
    """FN17, FN21: whoever types the page gets a token, renews it and gives it back."""
    async with seeded_node(sqlite_url(tmp_path)) as node:
        await run_as_printed("docs/howto/connect-an-app.md", node, "printer", monkeypatch)
        audit = await node.store.read_audit(limit=3)
        assert "refresh_token.revoked" in {entry.action for entry in audit}


async def test_the_requests_of_sign_people_in_run_as_printed(tmp_path, monkeypatch):
    """FN17: whoever types the page knows who has signed in."""
    async with seeded_node(sqlite_url(tmp_path)) as node, relying_party() as party:
        scope = Scope.of(["openid", "profile", "email"])
        optional = Scope.of(["email"])
        club = web_client("club", scope=scope, optional_scope=optional, backchannel_logout_uri=party.back)
        await node.put_client(club)
        names = await run_as_printed("docs/howto/sign-people-in.md", node, "club", monkeypatch)
        assert "Hello Ada Lovelace" == names["greeting"]
        assert node.people["ada"].subject == names["person"]["sub"]
        await end_sessions(node.server, node.people["ada"], None, actor="test")
        (token,) = await party.tokens()
        known = names["id_token"].claims
        assert {"sub": known["sub"], "sid": known["sid"]} == names["session_to_end"](token)


def test_the_commands_of_the_readme_make_a_server(tmp_path):
    """FN21: each command of "A server of your own" does what it says, in an empty folder."""
    _, *typed, serve = commands("README.md", "## A server of your own")
    for _, *words in typed:
        extra = ["--password-stdin"] if words[0] == "user" else []
        grantway([*words, *extra], tmp_path, typed="a long walk by the lake\n")
    assert ["grantway", "serve"] == serve
    question = shlex.split("api check photos POST /photos --scope photos:write")
    assert "ALLOWED" in grantway(question, tmp_path)


async def test_the_guard_of_the_readme_lets_in_who_may_and_nobody_else(tmp_path, monkeypatch):
    """FN13: the printed definition and the printed app, in front of a real server's keys."""
    definition, source = (blocks("README.md", kind, "## Protect an API")[0] for kind in ("toml", "python"))
    (tmp_path / "photos.toml").write_text(definition)
    monkeypatch.chdir(tmp_path)
    async with seeded_node(sqlite_url(tmp_path)) as node:
        names = {}
        exec(source.replace("http://localhost:8600", node.issuer), names)  # noqa: S102 - what the page prints
        token = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
        transport = httpx2.ASGITransport(app=names["app"])
        async with httpx2.AsyncClient(transport=transport, base_url="https://api.example") as api:
            stranger = await api.get("/photos/1")
            ada = await api.get("/photos/1", headers={"authorization": f"Bearer {token}"})
            unlisted = await api.get("/albums/1", headers={"authorization": f"Bearer {token}"})
        assert (401, 200, 403) == (stranger.status_code, ada.status_code, unlisted.status_code)
        assert node.people["ada"].subject == ada.text


PAGES = sorted(path.relative_to(DOCS.parent) for path in (*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_between_our_pages_leads_somewhere(page):
    """A page moved or renamed is found before a reader finds it missing."""
    folder = (DOCS.parent / page).parent
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", (DOCS.parent / page).read_text())
    assert [target for target in targets if not (folder / target).exists()] == []


async def test_the_assertion_of_authenticate_an_app_is_accepted_as_printed(tmp_path, monkeypatch):
    """FS31, FN17: the key is made, registered by the printed command, and signs; the guard is set up."""
    monkeypatch.chdir(tmp_path)
    make, ask, guard = blocks("docs/howto/authenticate-an-app.md", "python")
    async with seeded_node(sqlite_url(tmp_path)) as node:
        monkeypatch.setenv("ISSUER", node.issuer)
        names: dict = {}
        exec(make, names)  # noqa: S102 - what the page prints
        await asyncio.to_thread(run_commands, tmp_path, node.issuer)
        await node.server.snapshots.refresh()
        clients = node.server.snapshots.newest.registry.clients
        assert {"report_builder", "printer_backend", "own_backend"} <= clients.keys()
        await asyncio.to_thread(exec, ask, names)
        assert names["tokens"]["scope"] == "photos:read"
        (definition,) = blocks("README.md", "toml", "## Protect an API")
        (tmp_path / "photos.toml").write_text(definition)
        exec(guard, names)  # noqa: S102 - what the page prints


def run_commands(folder: Path, issuer: str) -> None:
    """The commands of the page that register apps, and what they need; the one that calls out is left out."""
    own = {"GRANTWAY_DEV": "true", "GRANTWAY_ISSUER": issuer}
    own["GRANTWAY_DATABASE__URL"] = sqlite_url(folder)
    for name, *words in commands("docs/howto/authenticate-an-app.md"):
        if name == "grantway":
            grantway(words, folder, **own)
        elif name != "curl":
            subprocess.run([name, *words], cwd=folder, capture_output=True, check=True, timeout=PATIENCE)


def test_the_commands_of_describe_an_api_run_as_printed(tmp_path):
    """FN17, FC1, FS48: in their order, in an empty folder, with the document of the page."""
    page = "docs/howto/describe-an-api.md"
    (document,), (table,) = blocks(page, "yaml"), blocks(page, "toml")
    (tmp_path / "openapi.yaml").write_text(document)
    (tmp_path / "albums.toml").write_text(table)
    own = {"GRANTWAY_DEV": "true", "GRANTWAY_DATABASE__URL": sqlite_url(tmp_path)}

    def run(*words: str) -> str:
        if words[0] == "user":
            return grantway([*words, "--password-stdin"], tmp_path, typed="a long walk by the lake\n", **own)
        return grantway(words, tmp_path, **own)

    told = {}
    for _, *words in commands(page):
        if "APP" in words:
            words[words.index("APP")] = run("app", "list", "--quiet").strip()
        told[" ".join(words[:2])] = run(*words)
    assert "ALLOWED" in told["api check"]
    assert "✗ photos:delete" not in told["token preview"], "the rollback made it an ordinary scope again"
    assert 'name = "photos"' in told["api export"]
    run("import", "albums.toml", "--yes")
    assert "albums:read or albums:share" in run("api", "matrix", "albums")
