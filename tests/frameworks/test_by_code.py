"""What the code of an application says itself: scopes, OpenAPI, step-up, rules that nobody asks."""

from dataclasses import replace

import httpx2
import pytest

from grantway.protocol.apis import ApiMistakes, Rule
from grantway.sdk import Protection, StepUp, check_routes
from tests.frameworks.applications import fastapi_application, fastapi_by_code, flask_application
from tests.frameworks.conftest import FRAMEWORKS, GUARD, django, wsgi
from tests.frameworks.definition import API, READ, WRITE
from tests.sdk.callers import Caller, bearer
from tests.sdk.servers import running


@pytest.fixture
def protection(node):
    return Protection(api=API, issuer=node.issuer)


async def test_fastapi_operations_say_and_ask_for_scopes_of_their_own(protection, tokens):
    """FS45: `Security(auth, scopes=[…])` in the code, seen in the document; nothing said is refused."""
    app = fastapi_by_code(protection)
    async with running(app) as port:
        call = Caller(port)
        assert 403 == (await call(b"/extra", bearer(tokens["read"]))).status
        reply = await call(b"/extra", bearer(tokens["photos:write"]))
        assert (200, "extra") == (reply.status, reply.json["route"])
        assert 403 == (await call(b"/forgotten", bearer(tokens["photos:write"]))).status
    assert [{"Grantway": [WRITE]}] == app.openapi()["paths"]["/extra"]["get"]["security"]


async def test_fastapi_says_the_scopes_of_the_rules_in_its_document(protection, node):
    """FS45: per operation, and the flow with its addresses and sentences."""
    document = fastapi_application(protection).openapi()
    wanted = {("/photos", "get"): READ, ("/photos", "post"): WRITE, ("/inner/albums/{name}", "get"): READ}
    for (path, method), scope in wanted.items():
        assert {"Grantway": [scope]} in document["paths"][path][method]["security"]
    flow = document["components"]["securitySchemes"]["Grantway"]["flows"]["authorizationCode"]
    assert (f"{node.issuer}/authorize", f"{node.issuer}/token") == (
        flow["authorizationUrl"],
        flow["tokenUrl"],
    )
    assert "Words for photos:read" == flow["scopes"]["photos:read"]


async def test_swagger_is_ready_to_authorize(protection):
    """FS45: one call to `install`; the page knows client, PKCE and resource."""
    async with running(fastapi_application(protection)) as port:
        page = (await Caller(port)(b"/docs")).body.decode()
    for told in ('"clientId": "docs"', '"usePkceWithAuthorizationCodeGrant": true', API.identifier):
        assert told in page


@pytest.mark.parametrize("framework", ["flask", "django", "django-asgi", "drf"])
async def test_scopes_that_a_view_asks_for_itself(framework, protection, tokens):
    """FS45"""
    async with FRAMEWORKS[framework](protection) as port:
        call = Caller(port)
        assert 403 == (await call(b"/extra", bearer(tokens["read"]))).status
        reply = await call(b"/extra", bearer(tokens["photos:write"]))
        assert (200, "extra") == (reply.status, reply.json["route"])


async def test_an_async_view_of_django(protection, tokens):
    async with FRAMEWORKS["django-asgi"](protection) as port:
        call = Caller(port)
        assert 403 == (await call(b"/waiting/7", bearer(tokens["read"]))).status
        assert "waiting" == (await call(b"/waiting/7", bearer(tokens["photos:write"]))).json["route"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_scope_that_wants_a_fresh_sign_in(framework, node, tokens):
    """RFC 9470 §3: 401 insufficient_user_authentication with what is wanted; met, it passes."""
    strict = Protection(api=API, issuer=node.issuer, step_up={READ: StepUp(max_age=0, acr_values=("gold",))})
    async with FRAMEWORKS[framework](strict) as port:
        reply = await Caller(port)(b"/photos", bearer(tokens["read"]))
        assert (401, "insufficient_user_authentication") == (reply.status, reply.json["error"])
        assert 'acr_values="gold", max_age="0"' in reply.challenge
    kind = StepUp(max_age=3600, acr_values=("urn:grantway:acr:1",))
    easy = Protection(api=API, issuer=node.issuer, step_up={READ: kind})
    async with FRAMEWORKS[framework](easy) as port:
        assert 200 == (await Caller(port)(b"/photos", bearer(tokens["read"]))).status


HIDDEN = replace(API, rules=(*API.rules, Rule("GET", "/photos/new", frozenset({"admin"}))))


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_o2_a_rule_that_a_wider_route_hides_stops_everything(framework, node, tokens):
    """O2, O8: /photos/new would be judged by the rule for /photos/{id}, which needs less."""
    async with FRAMEWORKS[framework](Protection(api=HIDDEN, issuer=node.issuer)) as port:
        assert 503 == (await Caller(port)(b"/photos", bearer(tokens["read"]))).status


def test_rules_and_routes_that_agree_or_not():
    """O2"""
    check_routes(API, ["/photos/{number}", "/photos", "/other"])
    check_routes(HIDDEN, ["/photos/{number}", "/photos/new"])
    with pytest.raises(ApiMistakes, match="GET /photos/new is never asked"):
        check_routes(HIDDEN, ["/photos/{number}"])


def test_rules_that_leave_out_what_the_routes_begin_with_are_told(caplog):
    """FS45: an application below the base path of its API is refused everything; the log says why."""
    based = replace(API, servers=("https://api.example/v2",))
    check_routes(based, ["/photos/{number}", "/photos", "/other"])
    check_routes(based, ["/v3/photos"])
    assert caplog.messages == []
    check_routes(based, ["/v2/photos/{number}", "/v2/photos", "/v2/other"])
    (said,) = caplog.messages
    assert "so none speaks of /v2/photos, /v2/photos/{number}: give below='/v2'" in said


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_o8_without_keys_nothing_passes(framework, tokens):
    """O8: a failure of ours is 503, with Retry-After and without a challenge."""
    away = Protection(api=API, issuer="http://127.0.0.1:9")
    async with FRAMEWORKS[framework](away) as port:
        reply = await Caller(port)(b"/photos", bearer(tokens["read"]))
        assert (503, "5", None) == (reply.status, reply.headers["retry-after"], reply.challenge)
        assert "temporarily_unavailable" == reply.json["error"]


async def test_below_a_root_path_and_mounted_rules_start_at_the_application(node, tokens):
    """O2: a prefix that a proxy strips is no part of the rules."""
    protection = Protection(api=API, issuer=node.issuer)
    for app in (fastapi_application(protection), flask_application(protection)):
        if hasattr(app, "wsgi_app"):
            from werkzeug.middleware.dispatcher import DispatcherMiddleware

            served = wsgi(DispatcherMiddleware(lambda _, start: (start("404 x", []), [b""])[1], {"/v1": app}))
        else:
            served = running(app, root_path="/v1")
        async with served as port:
            target = b"/v1/photos" if hasattr(app, "wsgi_app") else b"/photos"
            admin = target.replace(b"photos", b"admin")
            assert 200 == (await Caller(port)(target, bearer(tokens["read"]))).status
            assert 403 == (await Caller(port)(admin, bearer(tokens["read"]))).status


async def test_a_django_project_without_the_guard_in_its_settings_says_so(node):
    with pytest.raises(TypeError, match="GRANTWAY"):
        async with django("nothing", None, GUARD, is_asgi=False):
            pass


async def test_the_document_of_fastapi_is_the_one_a_client_fetches(protection):
    transport = httpx2.ASGITransport(app=fastapi_application(protection))
    async with httpx2.AsyncClient(transport=transport, base_url="https://api.example") as http:
        served = (await http.get("/openapi.json")).json()
    assert {"Grantway": [WRITE]} in served["paths"]["/photos"]["post"]["security"]
