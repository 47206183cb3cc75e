"""The token endpoint under attack (threats G)."""

import itertools
import json
import sqlite3
from dataclasses import replace

import pytest

from grantway.protocol.clients import ClientType
from grantway.protocol.names import AuthMethod
from grantway.protocol.scope import Scope
from tests.node import CALENDAR, PHOTOS, Visitor, answer_of, web_client
from tests.threats.attacks import FORM, NOTES, target_on

BOTH = "photos:read calendar:read"


async def post(target, path, content, headers=None):
    async with target.http() as http:
        return await http.post(path, content=content, headers={**FORM, **(headers or {})})


# --- where parameters may stand ------------------------------------------------


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "FOO", "get"])
async def test_machines_post(target, path, method):
    """G1: any other method is refused before anything is read."""
    async with target.http() as http:
        reply = await http.request(method, path, headers=target.basic("machine"))
    assert reply.status_code in {400, 405}


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded-not",
        "application/xml",
        "",
        "x",
    ],
)
async def test_only_forms_are_read(target, path, content_type):
    """G1: whatever the body holds."""
    fields = {
        "grant_type": "client_credentials",
        "client_id": "machine",
        "scope": "calendar:read",
        "token": "x",
    }
    for body in (json.dumps(fields), "&".join(f"{k}={v}" for k, v in fields.items())):
        reply = await post(target, path, body, {**target.basic("machine"), "content-type": content_type})
        assert reply.status_code in {400, 415}
        assert reply.json()["error"] == "invalid_request"


async def test_parameters_in_the_address_are_not_read(target, visitor):
    """G1: a secret, a code or a token in a query would lie in every log on the way."""
    code = await visitor.code()
    in_address = [
        ("/token", f"grant_type=authorization_code&code={code}&code_verifier={visitor.verifier}"),
        ("/token", "grant_type=client_credentials&scope=calendar:read"),
        ("/token", f"grant_type=client_credentials&client_id=other&client_secret={target.secrets['other']}"),
        ("/introspect", f"token={code}"),
        ("/revoke", f"token={code}"),
    ]
    for path, query in in_address:
        reply = await post(target, f"{path}?{query}", "", target.basic("printer"))
        assert reply.json()["error"] == "invalid_request"
        reply = await post(target, f"{path}?{query}", "")
        assert reply.json()["error"] in {"invalid_request", "invalid_client"}
    assert (await target.redeem(code, visitor.verifier)).status_code == 200


@pytest.mark.parametrize(
    ("path", "form", "names"),
    [
        (
            "/token",
            "grant_type=authorization_code&code=c&redirect_uri=u&code_verifier=v",
            ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "resource"],
        ),
        (
            "/token",
            "grant_type=refresh_token&refresh_token=r&scope=s",
            ["grant_type", "refresh_token", "scope", "client_id"],
        ),
        ("/token", "grant_type=client_credentials&scope=calendar:read", ["scope", "client_secret"]),
        ("/introspect", "token=t", ["token", "client_id"]),
        ("/revoke", "token=t", ["token", "client_id"]),
    ],
)
async def test_a_repeated_parameter_is_refused(target, path, form, names):
    """A3: RFC 6749 §3.2; whichever of the two a proxy in front would have looked at."""
    for name in names:
        twice = f"{form}&{name}=machine&{name}=machine"
        reply = await post(target, path, twice, target.basic("machine"))
        assert reply.status_code == 400
        assert reply.json()["error"] in {"invalid_request", "invalid_target", "unauthorized_client"}


# --- who may ask for what --------------------------------------------------------


@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "AUTHORIZATION_CODE",
        "authorization_code ",
        "__class__",
        "x" * 5000,
    ],
)
async def test_no_other_grant_type_exists(target, grant_type):
    """G2: there is no password grant to find."""
    form = {"username": "ada", "password": "a long walk by the lake", "scope": "photos:read"}
    for client_id in ("printer", "cli", "machine"):
        reply = await target.token(client_id, grant_type=grant_type, **form)
        assert reply.json()["error"] == "unsupported_grant_type"


@pytest.mark.parametrize(
    ("client_id", "grant_type"),
    [
        ("printer", "client_credentials"),
        ("cli", "client_credentials"),
        ("spa", "client_credentials"),
        ("photos_api", "client_credentials"),
        ("photos_api", "authorization_code"),
        ("machine", "authorization_code"),
        ("machine", "refresh_token"),
        ("code_only", "refresh_token"),
    ],
)
async def test_a_grant_that_is_not_registered_is_refused_before_any_work(target, client_id, grant_type):
    """G2: whatever else is sent."""
    form = {"code": "x", "refresh_token": "x", "scope": "calendar:read"}
    reply = await target.token(client_id, grant_type=grant_type, **form)
    assert reply.json()["error"] == "unauthorized_client"


async def test_a_client_without_the_refresh_grant_holds_no_refresh_token(visitor):
    """G2: not even when offline_access was asked for."""
    tokens = await visitor.tokens(
        "code_only", redirect_uri="https://once.example/cb", scope="photos:read offline_access"
    )
    assert "refresh_token" not in tokens


@pytest.mark.parametrize(
    "scope",
    ["photos:read", "calendar:read photos:read", "admin", "openid", "offline_access", "calendar:read*", "*"],
)
async def test_no_scope_beyond_the_registered(target, scope):
    """G3: client credentials, and refreshing."""
    reply = await target.token("machine", grant_type="client_credentials", scope=scope)
    assert reply.json()["error"] == "invalid_scope"


async def test_refreshing_never_widens(target, visitor):
    """G3: what was not granted is invalid_scope; nothing asked is what was granted."""
    tokens = await visitor.tokens(scope="photos:read photos:write")
    for scope in ("photos:read photos:delete", "calendar:read", "offline_access", "admin"):
        reply = await target.refresh(tokens["refresh_token"], scope=scope)
        assert reply.json()["error"] == "invalid_scope"
    narrow = (await target.refresh(tokens["refresh_token"], scope="photos:read")).json()
    assert narrow["scope"] == "photos:read"
    assert (await target.refresh(narrow["refresh_token"])).json()["scope"] == "photos:read photos:write"


# --- one token, one audience --------------------------------------------------------


@pytest.mark.parametrize(
    "resource", ["https://evil.example", "photos", "*", "", PHOTOS.identifier.upper(), "urn:x"]
)
async def test_an_unknown_resource_is_no_target(target, visitor, resource):
    """G4: at the authorization endpoint and at the token endpoint."""
    if resource:
        answer = answer_of(await visitor.get(visitor.link(resource=resource)))
        assert answer["error"] == "invalid_target"
    code = await visitor.code()
    extra = {"resource": resource} if resource else {"resource": NOTES.identifier}
    assert (await target.redeem(code, visitor.verifier, **extra)).json()["error"] == "invalid_target"
    assert (await target.redeem(code, visitor.verifier)).status_code == 200


async def test_a_token_for_one_api_is_dead_at_another(target, visitor):
    """G4, N1: JWT and opaque; with both consented, resource chooses and only one is served."""
    one, both = await visitor.tokens(), await visitor.tokens(scope=BOTH)
    opaque = await visitor.tokens(scope="notes:read")
    assert await target.is_alive(one["access_token"], "photos_api")
    assert not await target.is_alive(one["access_token"], "calendar_api")
    assert not await target.is_alive(one["access_token"], "notes_api")
    assert await target.is_alive(opaque["access_token"], "notes_api")
    assert not await target.is_alive(opaque["access_token"], "photos_api")
    chosen = (await target.refresh(both["refresh_token"], resource=CALENDAR.identifier)).json()
    claims = await target.introspect(chosen["access_token"], "calendar_api")
    assert (claims["aud"], claims["scope"]) == (CALENDAR.identifier, "calendar:read")
    assert not await target.is_alive(chosen["access_token"], "photos_api")


async def test_scopes_of_one_api_open_no_other(visitor):
    """G4: the person reads about photos, so there is no token for the calendar, not even an empty one."""
    for scope in ("photos:read", "photos:read notes:read offline_access"):
        page = await visitor.get(visitor.link(scope=scope, resource=CALENDAR.identifier))
        assert answer_of(page)["error"] == "invalid_target"
        two = f"&resource={PHOTOS.identifier}&resource={CALENDAR.identifier}"
        assert answer_of(await visitor.get(visitor.link(scope=scope) + two))["error"] == "invalid_target"


async def test_two_resources_at_once_are_refused(target, visitor):
    """G4: one audience a token, though both are consented."""
    code = await visitor.code(scope=BOTH)
    two = f"resource={PHOTOS.identifier}&resource={CALENDAR.identifier}"
    form = f"grant_type=authorization_code&code={code}&code_verifier={visitor.verifier}&{two}"
    reply = await post(target, "/token", form, target.basic("printer"))
    assert reply.json()["error"] == "invalid_target"
    tokens = await visitor.tokens(scope="photos:read")
    for resource in (CALENDAR.identifier, NOTES.identifier):
        refused = await target.refresh(tokens["refresh_token"], resource=resource)
        assert refused.json()["error"] == "invalid_target"


async def test_a_change_of_token_format_changes_no_audience(fresh):
    """G4: tokens of both formats for one API stay with that API."""
    visitor = Visitor(fresh)
    before = await visitor.tokens(scope="notes:read")
    await fresh.put_api(replace(NOTES, token_format=PHOTOS.token_format))
    after = (await fresh.refresh(before["refresh_token"])).json()
    assert before["access_token"].startswith("gwat_")
    assert after["access_token"].startswith("ey")
    for token in (before["access_token"], after["access_token"]):
        assert await fresh.is_alive(token, "notes_api")
        assert not await fresh.is_alive(token, "photos_api")


# --- what an answer gives away ---------------------------------------------------------


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://spa.example", "https://spa.example:8"]
)
async def test_no_foreign_origin_reads_an_answer_and_nobody_keeps_it(target, origin):
    """G6: on success, on refusal and on preflight; a registered origin reads it without credentials."""
    headers = {} if origin is None else {"origin": origin}
    grant = "grant_type=client_credentials&scope=calendar:read"
    async with target.http() as http:
        preflight = await http.options("/token", headers={**headers, "access-control-request-method": "POST"})
    replies = [
        await post(target, "/token", grant, {**headers, **target.basic("machine")}),
        await post(target, "/token", grant, {**headers, **target.basic("machine", "wrong")}),
        await post(target, "/token", "grant_type=x", {**headers, **target.basic("machine")}),
        await post(target, "/introspect", "token=x", {**headers, **target.basic("photos_api")}),
        await post(target, "/revoke", "token=x", {**headers, **target.basic("printer")}),
    ]
    for reply in replies:
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["x-content-type-options"] == "nosniff"
    for reply in [*replies, preflight]:
        assert not [name for name in reply.headers if name.startswith("access-control")]


async def test_a_registered_origin_reads_the_token_answer_alone(target):
    """G6: never with credentials, never the introspection."""
    headers = {"origin": "https://spa.example"}
    token = await post(target, "/token", "grant_type=x&client_id=spa", headers)
    assert token.headers["access-control-allow-origin"] == "https://spa.example"
    assert "origin" in token.headers["vary"].lower()
    introspection = await post(target, "/introspect", "token=x", {**headers, **target.basic("photos_api")})
    assert "access-control-allow-origin" not in introspection.headers
    assert "access-control-allow-credentials" not in token.headers


async def test_a_page_of_one_app_reads_nothing_that_is_said_to_another(target):
    """G6: both origins are registered; each reads what its own app is told, and a mistake in the name."""
    await target.put_client(
        web_client(
            "other_spa",
            type=ClientType.SPA,
            auth_method=AuthMethod.NONE,
            redirect_uris=("https://other-spa.example/cb",),
            origins=("https://other-spa.example",),
        )
    )
    allowed = "access-control-allow-origin"
    for path in ("/token", "/revoke"):
        for origin, client_id, reads in (
            ("https://spa.example", "spa", True),
            ("https://spa.example", "other_spa", False),
            ("https://other-spa.example", "spa", False),
            ("https://other-spa.example", "other_spa", True),
            ("https://spa.example", "spaa", True),
        ):
            body = f"grant_type=refresh_token&refresh_token=x&token=x&client_id={client_id}"
            reply = await post(target, path, body, {"origin": origin})
            assert (reply.headers.get(allowed) == origin) == reads, (path, origin, client_id)
            assert "origin" in reply.headers["vary"].lower()
        secret = {**target.basic("machine"), "origin": "https://spa.example"}
        assert allowed not in (await post(target, path, "grant_type=client_credentials", secret)).headers


async def test_garbage_is_answered_in_fixed_words(target):
    """G7: no class, path, SQL or host name, whatever arrives."""
    garbage = [
        "",
        "=",
        "&&&",
        "%",
        "%zz",
        "a=%ff",
        "a=\u00e9".encode().decode("latin-1"),
        "x" * 60_000,
        "a&" * 200,
    ]
    for path, body in itertools.product(
        ("/token", "/introspect", "/revoke", "/authorize", "/login"), garbage
    ):
        for headers in ({}, target.basic("machine"), {"authorization": "Basic !!!"}, {"authorization": "x"}):
            reply = await post(target, path, body.encode("latin-1"), headers)
            assert 400 <= reply.status_code < 500
            assert_says_nothing(reply.text)


_INSIDE = ("Traceback", "sqlite", "SELECT ", "INSERT ", "asyncpg", "/src/", "grantway/", ".py", "object at")


def assert_says_nothing(text: str) -> None:
    for inside in _INSIDE:
        assert inside not in text, text[:500]


async def test_a_broken_database_is_not_described(tmp_path):
    """G7, N5: 503 in fixed words; what was not kept is not promised, and a later try succeeds."""
    async with target_on(f"sqlite:///{tmp_path}/a.db") as target:
        visitor = Visitor(target)
        visitor.http.event_hooks["response"].clear()
        tokens = await visitor.tokens()
        code = await visitor.code()
        with sqlite3.connect(target.file, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")  # somebody else holds the file: nothing can be written
            form = {"redirect_uri": "https://printer.example/callback", "code_verifier": visitor.verifier}
            async with super(type(target), target).http(timeout=30) as http:
                basic = target.basic("printer")
                redemption = {"grant_type": "authorization_code", "code": code, **form}
                replies = [
                    await http.post("/token", data=redemption, headers=basic),
                    await http.post("/revoke", data={"token": tokens["refresh_token"]}, headers=basic),
                ]
            assert [reply.status_code for reply in replies] == [503, 503]
            for reply in replies:
                assert reply.json()["error"] == "temporarily_unavailable"
                assert "retry-after" in reply.headers
                assert_says_nothing(reply.text)
            assert await target.is_alive(tokens["access_token"])
            other.execute("ROLLBACK")
        other.close()
        assert (await target.redeem(code, visitor.verifier)).status_code == 200
        assert (await target.post("/revoke", "printer", token=tokens["refresh_token"])).status_code == 200
        assert not await target.is_alive(tokens["access_token"])


async def test_a_client_that_loses_all_its_scopes_gets_no_token(fresh):
    """G3: nothing is filled in from elsewhere."""
    await fresh.change_client("machine", scope=Scope())
    reply = await fresh.token("machine", grant_type="client_credentials")
    assert reply.json()["error"] == "invalid_scope"
