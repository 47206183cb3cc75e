"""Versions of an API's definition: who changed what, and the way back."""

from dataclasses import replace

import pytest

from grantway.flows.api_history import difference, roll_back, versions_of
from grantway.flows.registry import ClientDraft, add_client
from grantway.flows.registry_apis import add_api, change_api, delete_api
from grantway.flows.rejections import NotFound, Rejected
from grantway.protocol.apis import Access, Api, ApiScope, Rule, Sensitivity
from grantway.protocol.clients import ClientType
from grantway.protocol.scope import Scope

READ, WRITE = (ApiScope(name=f"photos:{one}", description=f"{one} photos") for one in ("read", "write"))
PHOTOS = Api(
    identifier="https://api.example/photos",
    name="photos",
    scopes=(READ, WRITE),
    rules=(Rule("GET", "/photos", frozenset({"photos:read"})),),
)


def words(found):
    return [str(line) for line in found.lines]


async def test_every_change_makes_a_version_with_who_and_what(server):
    """FS48: and what changes nothing makes none."""
    await add_api(server, PHOTOS, actor="cli:ada", note="first")
    await change_api(server, "photos", lambda old: replace(old, token_lifetime=60), actor="cli:bob")
    await change_api(server, "photos", lambda old: old, actor="cli:eve")
    found = await versions_of(server, "photos")
    assert [(one.number, one.actor, one.note) for one in found] == [
        (2, "cli:bob", ""),
        (1, "cli:ada", "first"),
    ]
    assert [one.api.token_lifetime for one in found] == [60, None]
    with pytest.raises(NotFound, match="there is no API 'phots'"):
        await versions_of(server, "phots")


async def test_two_versions_are_compared_line_by_line(server):
    """FS48: fields, scopes and rows, each in words."""
    await add_api(server, PHOTOS, actor="x")
    changed = replace(
        PHOTOS,
        servers=("https://api.example",),
        scopes=(
            replace(READ, sensitivity=Sensitivity.READ),
            ApiScope(name="x", description="X", default=True),
        ),
        rules=(
            Rule("GET", "/photos", access=Access.PUBLIC),
            Rule("PUT", "/photos", any_of=(frozenset({"x"}), frozenset({"photos:read"}))),
        ),
    )
    await change_api(server, "photos", lambda _: changed, actor="x")
    await change_api(server, "photos", lambda old: replace(old, rules=old.rules[::-1]), actor="x")
    assert words(await difference(server, "photos", old=1, new=2)) == [
        "~ servers none → https://api.example",
        "~ scope photos:read (read photos; normal) → photos:read (read photos; read)",
        "+ scope x (X; normal, default)",
        "− scope photos:write (write photos; normal)",
        "~ GET /photos: photos:read → GET /photos: no token",
        "+ PUT /photos: photos:read or x",
    ]
    newest = await difference(server, "photos")
    assert (newest.old.number, newest.new.number, words(newest)) == (2, 3, ["~ the same, in another order"])
    assert words(await difference(server, "photos", old=3)) == []
    with pytest.raises(NotFound, match="no version 9: they go from 1 to 3"):
        await difference(server, "photos", old=9)


async def test_a_version_is_brought_back_as_a_new_one(server):
    """FS48: nothing is forgotten."""
    await add_api(server, PHOTOS, actor="x")
    await change_api(server, "photos", lambda old: replace(old, rules=()), actor="x")
    back = await roll_back(server, "photos", 1, actor="cli:ada")
    assert back == PHOTOS == server.snapshots.current().registry.apis[PHOTOS.identifier]
    newest = (await versions_of(server, "photos"))[0]
    assert (newest.number, newest.note, newest.actor) == (3, "back to version 1", "cli:ada")
    (entry,) = await server.store.read_audit(limit=1)
    assert entry.action == "api.changed"


async def test_a_rollback_takes_no_scope_from_an_app_unasked(server):
    """What holds for a change holds for this one."""
    await add_api(server, replace(PHOTOS, scopes=(READ,)), actor="x")
    await change_api(server, "photos", lambda old: replace(old, scopes=(READ, WRITE)), actor="x")
    draft = ClientDraft(
        name="P", type=ClientType.WEB, redirect_uris=("https://p.example",), scope=Scope.of(["photos:write"])
    )
    app = (await add_client(server, draft, actor="x")).client
    with pytest.raises(Rejected, match=f"photos:write is still named by: {app.id}"):
        await roll_back(server, "photos", 1, actor="x")
    await roll_back(server, "photos", 1, actor="x", clean=True)
    assert server.snapshots.current().registry.clients[app.id].scope == Scope()


async def test_an_api_that_was_removed_comes_back_by_its_address(server):
    await add_api(server, PHOTOS, actor="x")
    await delete_api(server, "photos", actor="cli:eve")
    found = await versions_of(server, PHOTOS.identifier)
    assert [(one.number, one.api is None, one.actor) for one in found] == [
        (2, True, "cli:eve"),
        (1, False, "x"),
    ]
    assert words(await difference(server, PHOTOS.identifier)) == ["− the API was removed"]
    with pytest.raises(Rejected, match="version 2 says that the API was removed"):
        await roll_back(server, PHOTOS.identifier, 2, actor="x")
    assert await roll_back(server, PHOTOS.identifier, 1, actor="x") == PHOTOS
    assert words(await difference(server, "photos")) == ["+ the API was registered again"]
