"""APIs in the registry: their scopes are unique, their keys exist, and no app is left naming nothing."""

from dataclasses import replace

import pytest

from grantway.flows.registry import ClientDraft, add_client, find_api
from grantway.flows.registry_apis import add_api, change_api, delete_api
from grantway.flows.rejections import NotFound, Rejected
from grantway.protocol.apis import Api, ApiScope, Rule
from grantway.protocol.clients import ClientType
from grantway.protocol.scope import Scope


def scope(name):
    return ApiScope(name=name, description=f"Use {name}")


READ, DELETE = scope("photos:read"), scope("photos:delete")
PHOTOS = Api(
    identifier="https://api.example/photos",
    name="photos",
    scopes=(READ, DELETE),
    rules=(Rule("GET", "/photos", frozenset({"photos:read"})),),
)
CALENDAR = Api(identifier="https://api.example/calendar", name="calendar", scopes=(scope("calendar:read"),))
PRINTER = ClientDraft(
    name="Photo Printer",
    type=ClientType.WEB,
    redirect_uris=("https://printer.example/cb",),
    scope=Scope.of(["photos:read"]),
    optional_scope=Scope.of(["photos:delete"]),
    default_api="photos",
)


def registry(server):
    return server.snapshots.current().registry


async def test_an_api_is_in_force_when_it_is_registered(server):
    await add_api(server, PHOTOS, actor="cli:ada")
    assert registry(server).apis == {PHOTOS.identifier: PHOTOS}
    (entry,) = await server.store.read_audit(limit=1)
    assert (entry.actor, entry.action) == ("cli:ada", "api.added")


async def test_an_api_gets_the_credentials_with_which_it_asks_about_its_tokens(server):
    """RFC 7662 §2.1: the endpoint wants to know who asks."""
    done = await add_api(server, PHOTOS, actor="x", credentials=True)
    client = registry(server).clients[done.client.id]
    assert (client.type, client.api) == (ClientType.RESOURCE_SERVER, PHOTOS.identifier)
    assert client.grant_types == frozenset()
    assert done.secret.startswith("gwcs_")
    assert done.secret not in repr(done)


async def test_an_algorithm_that_no_key_signs_with_gets_a_key(server):
    """RS256 is there from the first start, for ID tokens."""
    assert set(server.snapshots.current().signing_keys) == {"ES256", "RS256"}
    await add_api(server, PHOTOS, actor="x")
    assert set(server.snapshots.current().signing_keys) == {"ES256", "RS256"}
    await change_api(server, "photos", lambda old: replace(old, token_alg="EdDSA"), actor="x")
    assert "EdDSA" in server.snapshots.current().signing_keys


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"scopes": (READ,)}, "the scope photos:read belongs to the API photos already"),
        ({"scopes": (scope("openid"),)}, "means something else"),
        ({"scopes": (scope("offline_access"),)}, "means something else"),
        ({"scopes": (scope("email"),)}, "means something else"),
        ({"name": "Photos"}, "another API has this name"),
        ({"name": " "}, "printable characters"),
        ({"identifier": "https://api.example/photos/"}, "registered already"),
        ({"identifier": "http://localhost:8600"}, "issuer"),
        ({"scopes": (ApiScope(name="x", description=" "),)}, "people read at consent"),
    ],
)
async def test_an_api_that_could_be_taken_for_another_is_refused(server, changes, why):
    """One scope means one thing, and one audience one API: else a token meant for one opens the other."""
    await add_api(server, PHOTOS, actor="x")
    with pytest.raises(Rejected, match=why):
        await add_api(server, replace(CALENDAR, **changes), actor="x")
    assert list(registry(server).apis) == [PHOTOS.identifier]


async def test_an_api_is_registered_once(server):
    await add_api(server, PHOTOS, actor="x")
    with pytest.raises(Rejected, match="registered already"):
        await add_api(server, PHOTOS, actor="x")


async def test_an_api_is_found_by_name_in_any_case_or_by_audience(server):
    await add_api(server, PHOTOS, actor="x")
    for name in ("photos", "PHOTOS", PHOTOS.identifier, PHOTOS.identifier + "/"):
        assert find_api(registry(server), name) == PHOTOS
    with pytest.raises(NotFound, match="there are: photos"):
        find_api(registry(server), "phots")


async def test_a_scope_that_an_app_names_is_not_taken_away_unasked(server):
    await add_api(server, PHOTOS, actor="x")
    client = (await add_client(server, PRINTER, actor="x")).client
    with pytest.raises(Rejected, match=f"photos:delete is still named by: {client.id}"):
        await change_api(server, "photos", lambda old: replace(old, scopes=(READ,)), actor="x")
    assert registry(server).apis[PHOTOS.identifier] == PHOTOS


async def test_a_scope_taken_away_on_purpose_leaves_the_apps_too(server):
    await add_api(server, PHOTOS, actor="x")
    client = (await add_client(server, PRINTER, actor="x")).client
    await change_api(server, "photos", lambda old: replace(old, scopes=(READ,)), actor="x", clean=True)
    kept = registry(server).clients[client.id]
    assert (kept.scope, kept.optional_scope) == (Scope.of(["photos:read"]), Scope())


async def test_a_scope_may_move_to_another_api_only_by_leaving_the_first(server):
    await add_api(server, PHOTOS, actor="x")
    await change_api(server, "photos", lambda old: replace(old, scopes=(READ,)), actor="x")
    await add_api(server, replace(CALENDAR, scopes=(DELETE,)), actor="x")
    assert registry(server).api_of_scope["photos:delete"].name == "calendar"


async def test_the_audience_of_an_api_stays(server):
    await add_api(server, PHOTOS, actor="x")
    changed = await change_api(
        server, "photos", lambda old: replace(old, identifier="https://other.example", name="p"), actor="x"
    )
    assert (changed.identifier, changed.name) == (PHOTOS.identifier, "p")


async def test_an_api_that_apps_name_is_not_deleted_unasked(server):
    await add_api(server, PHOTOS, actor="x", credentials=True)
    await add_client(server, PRINTER, actor="x")
    with pytest.raises(Rejected, match="still named by"):
        await delete_api(server, "photos", actor="x")


async def test_with_an_api_go_its_credentials_and_what_apps_say_of_it(server):
    api = await add_api(server, PHOTOS, actor="x", credentials=True)
    printer = (await add_client(server, PRINTER, actor="x")).client
    await delete_api(server, "photos", actor="x", clean=True)
    assert registry(server).apis == {}
    assert api.client.id not in registry(server).clients
    kept = registry(server).clients[printer.id]
    assert (kept.scope, kept.default_api) == (Scope(), None)


async def test_an_app_that_only_has_the_api_as_default_does_not_hold_it(server):
    await add_api(server, PHOTOS, actor="x")
    draft = replace(PRINTER, scope=Scope(), optional_scope=Scope())
    printer = (await add_client(server, draft, actor="x")).client
    await delete_api(server, "photos", actor="x")
    assert registry(server).clients[printer.id].default_api is None
