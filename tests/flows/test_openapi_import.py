"""Bringing an OpenAPI document in: the plan, whom it touches, and the second time."""

import asyncio
import json
from dataclasses import replace

import pytest

from grantway.egress import Egress
from grantway.flows.openapi_import import (
    BadDocument,
    Wishes,
    apply_import,
    fetch_document,
    load_document,
    plan_import,
)
from grantway.flows.registry_apis import add_api, change_api
from grantway.flows.rejections import Rejected
from grantway.flows.throttles import Throttles
from grantway.protocol.apis import Access, Api, ApiScope, Rule
from grantway.protocol.openapi_api import Unprotected
from grantway.protocol.scope import Scope
from grantway.storage.changes import PutApi
from tests.node import Visitor, seeded_node, sqlite_url
from tests.serving import serving

PHOTOS = Wishes(name="photos", audience="https://api.example/photos")


def document(*rows, scopes=("read", "write"), sentences=None):
    """Rows such as `GET /photos read`; with `-` for `security: []` and nothing for a silent operation."""
    paths = {}
    for row in rows:
        method, path, *needs = row.split()
        security = {} if not needs else {"security": [] if needs == ["-"] else [{"o": needs}]}
        paths.setdefault(path, {})[method.lower()] = security
    words = {one: f"Use {one}" for one in scopes} | (sentences or {})
    flow = {"authorizationUrl": "https://o.example/a", "tokenUrl": "https://o.example/t", "scopes": words}
    schemes = {"o": {"type": "oauth2", "flows": {"authorizationCode": flow}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Photos API", "version": "2"},
        "paths": paths,
        "components": {"securitySchemes": schemes},
    }


def loaded(*rows, **members):
    return load_document(json.dumps(document(*rows, **members)).encode(), "photos.json")


def lines(plan):
    return [str(line) for line in plan.lines]


async def bring_in(server, found, wishes=PHOTOS):
    return await apply_import(server, found, wishes, actor="cli:ada")


def api_of(server):
    return server.snapshots.current().registry.apis[PHOTOS.audience]


def rows_of(server):
    return [f"{rule} {' '.join(sorted(rule.need)) or rule.access}" for rule in api_of(server).rules]


async def test_a_document_becomes_an_api_and_a_second_import_plans_nothing(server):
    """FC1, FS48: with the document it came from in its version."""
    found = loaded("GET /photos read", "POST /photos write", "GET /health -", "GET /albums")
    plan = await plan_import(server, found, PHOTOS)
    assert lines(plan) == [
        "+ GET /health: no token",
        "+ GET /albums: albums:read",
        "+ scope read (Use read; read)",
        "+ scope write (Use write; write)",
        "+ scope albums:read (See albums; read) – suggested",
        "+ GET /photos: read",
        "+ POST /photos: write",
    ]
    assert [str(one) for one in plan.unprotected] == ["GET /health", "GET /albums"]
    assert server.snapshots.current().registry.apis == {}, "a plan changes nothing"
    await bring_in(server, found)
    assert rows_of(server) == [
        "GET /photos read",
        "POST /photos write",
        "GET /health public",
        "GET /albums albums:read",
    ]
    (version,) = await server.store.list_api_versions(PHOTOS.audience)
    assert (version.actor, version.note, version.source.address) == (
        "cli:ada",
        "imported from photos.json",
        "photos.json",
    )
    assert (version.source.digest, version.source.title) == (found.digest, "Photos API 2")
    again = await bring_in(server, found)
    assert (again.is_known, again.has_changes, again.kept, again.impact) == (True, False, (), ())
    assert len(await server.store.list_api_versions(PHOTOS.audience)) == 1


async def test_what_is_gone_is_kept_until_it_is_pruned(server):
    """FC1: nothing is removed unasked."""
    await bring_in(server, loaded("GET /photos read", "POST /photos write"))
    less = loaded("GET /photos read", scopes=("read",))
    plan = await bring_in(server, less)
    assert (lines(plan), [line.words for line in plan.kept]) == (
        [],
        ["POST /photos: kept", "scope write: kept"],
    )
    assert rows_of(server) == ["GET /photos read", "POST /photos write"]
    pruned = await bring_in(server, less, replace(PHOTOS, prune=True))
    assert lines(pruned) == ["− scope write (Use write; write)", "− POST /photos: write"]
    assert rows_of(server) == ["GET /photos read"]
    assert (await bring_in(server, less, replace(PHOTOS, prune=True))).is_known


async def test_what_was_changed_by_hand_stays_while_the_document_says_what_it_said(server):
    """FC1: also over a second import of the same document, and of one that changed something else."""
    first = loaded("GET /photos read", "POST /photos write")
    await bring_in(server, first)
    by_hand = (Rule("GET", "/photos", access=Access.PUBLIC), Rule("GET", "/mine", frozenset({"read"})))
    await change_api(server, "photos", lambda old: replace(old, rules=(*by_hand, old.rules[1])), actor="x")
    assert (await bring_in(server, first)).is_known
    more = loaded("GET /photos read", "POST /photos read write", "GET /new read")
    assert lines(await bring_in(server, more, replace(PHOTOS, prune=True))) == [
        "~ POST /photos: write → POST /photos: read and write",
        "+ GET /new: read",
    ]
    assert rows_of(server) == [
        "GET /photos public",
        "GET /mine read",
        "POST /photos read write",
        "GET /new read",
    ]
    changed = loaded("GET /photos write", "POST /photos read write", "GET /new read")
    assert lines(await bring_in(server, changed)) == [
        "~ scope read (Use read; read) → read (Use read; write)",  # which of the two changes? nobody can tell
        "~ GET /photos: no token → GET /photos: write",
    ]


async def test_a_new_document_that_says_what_is_there_is_remembered(server):
    """Else the next import would compare with one that is too old."""
    await bring_in(server, loaded("GET /a read", "GET /photos read"))
    public = Rule("GET", "/photos", access=Access.PUBLIC)
    await change_api(server, "photos", lambda old: replace(old, rules=(old.rules[0], public)), actor="x")
    plan = await bring_in(server, loaded("GET /a read", "GET /photos -"))
    assert (plan.has_changes, plan.is_known) == (False, False)
    source = await server.store.find_api_source(PHOTOS.audience)
    assert source.read.rules[1] == public


async def the_plan_names_those_whom_a_scope_touches(url):
    async with seeded_node(url) as node:
        for _ in range(2):
            await Visitor(node).tokens(scope="photos:read photos:write")
        await Visitor(node).tokens(scope="photos:read")
        wishes = Wishes(audience="https://api.example/photos")
        rows = ("GET /photos photos:read", "POST /photos photos:write", "DELETE /photos/{id} photos:delete")
        every = ("photos:read", "photos:write", "photos:delete")
        await bring_in(node.server, loaded(*rows, scopes=every), wishes)
        later = loaded(rows[0], "POST /photos photos.add", scopes=("photos:read", "photos.add"))
        kept = await plan_import(node.server, later, wishes)
        assert {one.scope: (one.removed, one.renamed, one.apps, dict(one.grants)) for one in kept.impact} == {
            "photos:write": (False, "photos.add", ("cli", "printer"), {"printer": 2}),
            "photos:delete": (False, None, ("cli", "printer"), {}),
        }
        pruning = replace(wishes, prune=True)
        with pytest.raises(Rejected, match="photos:write is still named by: cli, printer"):
            await bring_in(node.server, later, pruning)
        done = await bring_in(node.server, later, replace(pruning, clean=True))
        assert all(one.removed for one in done.impact)
        client = node.server.snapshots.current().registry.clients["printer"]
        assert client.scope == Scope.of(["photos:read", "offline_access"])


async def test_the_plan_names_the_apps_and_counts_the_live_grants_that_a_scope_touches(tmp_path):
    """FC1: of a removed scope and of a renamed one, before anything is done."""
    await the_plan_names_those_whom_a_scope_touches(sqlite_url(tmp_path))


async def test_it_names_and_counts_them_on_postgresql_too(postgres_dsn):
    """FC1: as on SQLite."""
    await the_plan_names_those_whom_a_scope_touches(postgres_dsn)


async def test_a_plan_that_somebody_overtook_is_not_applied(server, monkeypatch):
    """What is written is what was shown."""
    await bring_in(server, loaded("GET /photos read"))
    import grantway.flows.openapi_import as room

    plan = room.plan_import

    async def overtaken(*given):
        made = await plan(*given)
        await change_api(server, "photos", lambda old: replace(old, token_lifetime=60), actor="other")
        return made

    monkeypatch.setattr(room, "plan_import", overtaken)
    with pytest.raises(Rejected, match="was changed meanwhile"):
        await bring_in(server, loaded("GET /photos write"))


async def test_an_api_of_the_registry_file_is_changed_there(server):
    await add_api(server, Api(identifier=PHOTOS.audience, name="photos"), actor="x")
    api = replace(api_of(server), managed_by_file=True)
    await server.snapshots.change([PutApi(api)], [])
    with pytest.raises(Rejected, match="managed by the registry file"):
        await plan_import(server, loaded("GET /photos read"), PHOTOS)


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        (Wishes(), "names no https server"),
        (Wishes(audience="photos"), "absolute URI"),
        (
            Wishes(audience="https://x.example", name="photos"),
            "its audience is https://api.example/photos, and it stays",
        ),
    ],
)
async def test_an_audience_is_needed_and_stays(server, wishes, why):
    if wishes.name:
        await bring_in(server, loaded("GET /photos read"))
    with pytest.raises(Rejected, match=why):
        await bring_in(server, loaded("GET /photos read"), wishes)


async def test_a_scope_of_another_api_is_not_taken(server):
    """One scope means one thing: a suggestion gives way, what the document says is refused."""
    other = Api(identifier="urn:o", name="other", scopes=(ApiScope(name="photos:read", description="x"),))
    await add_api(server, other, actor="x")
    await bring_in(server, loaded("GET /photos"))
    assert rows_of(server) == ["GET /photos photos.photos:read"]
    assert (await bring_in(server, loaded("GET /photos"))).is_known
    with pytest.raises(Rejected, match="belongs to the API other already"):
        await bring_in(server, loaded("GET /photos photos:read", scopes=("photos:read",)))


async def test_what_is_unprotected_may_be_denied_altogether(server):
    await bring_in(server, loaded("GET /health -", "GET /x"), replace(PHOTOS, unprotected=Unprotected.DENY))
    assert rows_of(server) == ["GET /health deny", "GET /x deny"]


def test_each_mistake_has_its_line_and_pointer():
    """FC1: all of them, in the order of the document."""
    raw = b"""openapi: 3.1.0
info: {version: '1'}
paths:
  /photos:
    get:
      security:
        - nobody: []
    post: 7
"""
    with pytest.raises(BadDocument) as bad:
        load_document(raw, "photos.yaml")
    assert str(bad.value).splitlines() == [
        "photos.yaml: line 2, #/info/title: is missing",
        (
            "photos.yaml: line 7, #/paths/~1photos/get/security/0/nobody:"
            " no security scheme is named 'nobody'; there: none"
        ),
        "photos.yaml: line 8, #/paths/~1photos/post: must be an object",
    ]
    with pytest.raises(BadDocument, match=r"photos.yaml: line \d: not YAML"):
        load_document(b"a: [", "photos.yaml")


async def test_a_document_is_fetched_through_the_egress_guard_alone(server):
    """L1: an address within is not called, whatever the operator was told to type."""
    hits = []

    def application(_origin):
        async def answer(scope, receive, send):
            hits.append(scope["path"])
            body = json.dumps(document("GET /photos read")).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        return answer

    async with serving(application) as origin:
        raw = await fetch_document(server, f"{origin}/openapi.json")
        assert [str(one) for one in load_document(raw, origin).reading.operations] == ["GET /photos"]
        assert hits == ["/openapi.json"]
        guarded = replace(
            server,
            documents=Egress(
                budget=Throttles(burst=9, seconds_each=1, clock=asyncio.get_running_loop().time)
            ),
        )
        for address in (origin, "https://169.254.169.254/x", "https://[::1]/x", "https://user@api.example/x"):
            with pytest.raises(BadDocument):
                await fetch_document(guarded, address)
        assert len(hits) == 1
