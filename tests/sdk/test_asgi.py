"""The guard before a real application, over real sockets (threats O1, O2, O7, K8; RFC 6750 §2, §3)."""

import pytest

from grantway.protocol.apis import Access
from grantway.sdk import Api, Rule
from tests.sdk.callers import bearer
from tests.sdk.guarded import API, KEY, STRANGER, assert_refused, guarded
from tests.sdk.servers import AUDIENCE, KeyServer, token


@pytest.fixture(scope="module")
async def keys():
    async with KeyServer(KEY) as server:
        yield server


@pytest.fixture(scope="module")
async def call(keys):
    async with guarded(keys) as caller:
        yield caller


async def test_a_request_with_the_scope_of_its_rule_reaches_the_application(call):
    reply = await call(b"/photos", bearer(token(KEY)))
    assert (200, {"path": "/photos", "method": "GET", "subject": "gwp_ada"}) == (reply.status, reply.json)


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"Bearer  "])
async def test_the_scheme_is_read_in_any_case(call, scheme):
    """RFC 9110 §11.1."""
    reply = await call(b"/photos", b"authorization: " + scheme + b" " + token(KEY).encode())
    assert 200 == reply.status


@pytest.mark.parametrize("target", [b"/", b"/docs", b"/static/", b"/static/a/b.css", b"/docs?access_token=x"])
async def test_a_public_path_needs_no_token(call, target):
    reply = await call(target)
    assert (200, None) == (reply.status, reply.json["subject"])


@pytest.mark.parametrize(
    "target", [b"/docs/", b"/docs/x", b"/doc", b"/DOCS", b"/static", b"/staticx", b"/static/../admin", b"/x"]
)
async def test_what_is_beside_a_public_path_is_not_public(call, target):
    assert (await call(target)).status in (400, 401)


# ------------------------------------------------------------------------------------------- refusals


ROWS = Api(
    identifier=AUDIENCE,
    name="photos",
    scopes=API.scopes,
    rules=(
        Rule("GET", "/health", access=Access.PUBLIC),
        Rule("DELETE", "/health", frozenset({"admin"})),
        Rule("GET", "/either", any_of=(frozenset({"own"}), frozenset({"photos:read", "admin"}))),
        Rule("GET", "/never", access=Access.DENY),
    ),
)


@pytest.mark.parametrize(
    ("request_", "scope", "status", "need"),
    [
        ("GET /health", None, 200, None),
        ("HEAD /health", None, 200, None),
        ("DELETE /health", None, 401, "admin"),
        ("POST /health", "admin", 403, None),
        ("GET /either", None, 401, "own"),
        ("GET /either", "own", 200, None),
        ("GET /either", "photos:read admin", 200, None),
        ("GET /either", "admin", 403, "admin photos:read"),
        ("GET /never", "admin own photos:read", 403, None),
    ],
)
async def test_rows_may_say_any_of_public_and_deny(keys, request_, scope, status, need):
    """FS45, FS47: a challenge names the scopes that are nearest to what the token has."""
    method, path = request_.encode().split()
    headers = [] if scope is None else [bearer(token(KEY, scope=scope))]
    async with guarded(keys, api=ROWS, public=()) as caller:
        reply = await caller(path, *headers, method=method)
    assert status == reply.status
    assert (need is not None) == ("scope=" in (reply.challenge or ""))
    assert need is None or f'scope="{need}"' in reply.challenge


@pytest.mark.parametrize("name", [b"X-HTTP-Method-Override", b"x-method-override"])
async def test_o7_a_public_row_opens_no_other_method_of_its_path(keys, name):
    async with guarded(keys, api=ROWS, public=()) as caller:
        reply = await caller(b"/health", name + b": DELETE")
    assert reply.status == 400


async def test_a_request_without_token_gets_a_challenge_without_error(call):
    """RFC 6750 §3.1."""
    assert_refused(
        await call(b"/photos"),
        401,
        'Bearer realm="photos", scope="photos:read"',
        {
            "error": "missing_token",
            "error_description": "Send an access token in the Authorization header",
            "scope": "photos:read",
        },
    )


@pytest.mark.parametrize(
    "header", [b"Authorization: Basic YTpi", b"Authorization: DPoP abc", b"Authorization: x"]
)
async def test_another_scheme_is_no_token(call, header):
    """RFC 6750 §3.1: no error member either."""
    reply = await call(b"/photos", header)
    assert (401, 'Bearer realm="photos", scope="photos:read"') == (reply.status, reply.challenge)


async def test_a_path_without_rule_is_not_told_apart_before_there_is_a_token(call):
    """Threat O7."""
    reply = await call(b"/unknown")
    assert (401, 'Bearer realm="photos"') == (reply.status, reply.challenge)


async def test_a_token_without_the_scope_learns_all_that_is_needed(call):
    """RFC 6750 §3.1."""
    why = "DELETE /photos/1 needs photos:delete and photos:read; the token lacks photos:delete"
    assert_refused(
        await call(b"/photos/1", bearer(token(KEY)), method=b"DELETE"),
        403,
        f'Bearer realm="photos", error="insufficient_scope", error_description="{why}",'
        ' scope="photos:delete photos:read"',
        {"error": "insufficient_scope", "error_description": why, "scope": "photos:delete photos:read"},
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: token(KEY, exp=1), "expired"),
        (lambda: token(KEY, iss="https://other.example"), "issued by another server"),
        (lambda: token(KEY, aud="https://api.example/orders"), "meant for another audience"),
        (lambda: token(KEY, typ="JWT"), "not a token of type at+jwt"),
        (lambda: token(STRANGER), "signed with a key that is not published"),
        (lambda: "opaque", "not a signed JWT in compact form"),
        (lambda: "a" * 9000, "longer than 8192 characters"),
    ],
    ids=range(7),
)
async def test_a_bad_token_is_refused_with_its_reason(call, make, reason):
    """RFC 6750 §3.1; threats G4, K8."""
    why = f"The access token is refused: {reason}"
    assert_refused(
        await call(b"/photos", bearer(make())),
        401,
        f'Bearer realm="photos", error="invalid_token", error_description="{why}", scope="photos:read"',
        {"error": "invalid_token", "error_description": why, "scope": "photos:read"},
    )


@pytest.mark.parametrize("name", [b"access_token", b"access%5Ftoken", b"a=1&access_token"])
async def test_o1_a_token_in_the_query_is_not_accepted(call, name):
    """Threat O1, RFC 6750 §2.3."""
    reply = await call(b"/photos?" + name + b"=" + token(KEY).encode())
    assert (401, 'Bearer realm="photos", scope="photos:read"') == (reply.status, reply.challenge)
    assert "in the URL is not accepted" in reply.json["error_description"]


async def test_o1_a_token_in_the_body_is_not_accepted(call):
    """RFC 6750 §2.2."""
    reply = await call(b"/photos", method=b"GET", body=b"access_token=" + token(KEY).encode())
    assert 401 == reply.status


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (b"/photos?access_token=x", [bearer("GOOD")]),
        (b"/photos", [bearer("GOOD"), bearer("GOOD")]),
        (b"/photos", [bearer("GOOD"), b"authorization: Basic YTpi"]),
    ],
    ids=range(3),
)
async def test_more_than_one_way_of_sending_a_token(call, target, headers):
    """RFC 6750 §2: at most one; whichever we chose, something behind us might choose the other."""
    reply = await call(target, *(header.replace(b"GOOD", token(KEY).encode()) for header in headers))
    assert_refused(
        reply,
        400,
        'Bearer realm="photos", error="invalid_request",'
        ' error_description="Send the access token once, in one Authorization header", scope="photos:read"',
        {
            "error": "invalid_request",
            "error_description": "Send the access token once, in one Authorization header",
            "scope": "photos:read",
        },
    )


@pytest.mark.parametrize(
    "value", [b"Bearer", b"Bearer ", b"Bearer a b", b"Bearer a,b", b"Bearer \xff", b"Bearer =a"]
)
async def test_a_malformed_authorization_header(call, value):
    """RFC 6750 §2.1, §3.1."""
    reply = await call(b"/photos", b"Authorization: " + value)
    assert 400 == reply.status
    assert 'error="invalid_request"' in reply.challenge


@pytest.mark.parametrize(
    "target",
    [
        b"/admin",
        b"/admin/",
        b"/%61dmin",
        b"/ADMIN",
        b"/admin;x",
        b"//admin",
        b"/a/../admin",
        b"/./admin",
        b"/a%2f..%2fadmin",
        b"/%2e%2e/admin",
        b"/admin%00",
        b"/admin%0a",
        b"/admin%2561",
        b"/photos%2f..%2fadmin",
        b"/static/%2e%2e/admin",
        b"/static/..%5cadmin",
        b"/docs/..;/admin",
        b"/photos?x=/admin",
        b"http://api.example/admin",
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"DELETE"])
async def test_o2_no_spelling_of_a_path_is_weaker_than_the_plain_one(call, target, method):
    """Threat O2: a token for photos reaches /admin by no spelling."""
    reply = await call(target, bearer(token(KEY, scope="photos:read photos:delete")), method=method)
    if reply.status == 200:
        assert (b"/photos?x=/admin", "/photos") == (target, reply.json["path"])
    else:
        assert reply.status in (400, 403)


@pytest.mark.parametrize("target", [b"/admin", b"/%61dmin", b"/%61%64%6d%69%6E"])
async def test_o2_the_application_sees_the_path_that_was_judged(call, target):
    """Threat O2."""
    reply = await call(target, bearer(token(KEY, scope="admin")))
    assert (200, "/admin") == (reply.status, reply.json["path"])


async def test_a_path_with_two_readings_says_so(call):
    why = "Not accepted: the path holds an empty segment"
    assert_refused(
        await call(b"//photos", bearer(token(KEY))),
        400,
        f'Bearer realm="photos", error="invalid_request", error_description="{why}"',
        {"error": "invalid_request", "error_description": why},
    )


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        (b"GET", b"/unknown", b"X-A: b"),
        (b"FOO", b"/admin", b"X-A: b"),
        (b"PUT", b"/photos", b"X-A: b"),
        (b"GET", b"/photos", b"X-HTTP-Method-Override: DELETE"),
        (b"GET", b"/photos", b"x-method-override: DELETE"),
        (b"GET", b"/photos", b"X-HTTP-Method: DELETE"),
    ],
)
async def test_o7_unknown_paths_methods_and_overrides_are_refused(call, method, target, header):
    """Threat O7."""
    every = bearer(token(KEY, scope="photos:read photos:delete admin"))
    assert (await call(target, every, header, method=method)).status in (400, 403)


async def test_a_refused_head_has_no_body(call):
    reply = await call(b"/photos", method=b"HEAD")
    assert (401, b"") == (reply.status, reply.body)
