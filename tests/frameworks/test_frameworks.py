"""Every framework, guarded end to end: tokens from a real flow, real servers, requests byte by byte."""

import pytest

from grantway.crypto.jose import SigningKey
from tests.frameworks.definition import IDENTIFIER, METADATA
from tests.sdk.callers import bearer
from tests.sdk.servers import token as forged_token

WELL_KNOWN = f', resource_metadata="https://api.example{METADATA}"'


async def test_a_request_with_the_scope_of_its_rule_reaches_its_view(call, node, tokens):
    """FN13: the token of a real flow; the view knows whose it is."""
    for target, route in ((b"/photos", "photos"), (b"/photos/7", "photo")):
        reply = await call(target, bearer(tokens["read"]))
        assert (200, route) == (reply.status, reply.json["route"])
        assert node.people["ada"].subject == reply.json["subject"]
    added = await call(b"/photos", bearer(tokens["photos:write"]), method=b"POST")
    assert (200, "add") == (added.status, added.json["route"])
    gone = await call(b"/photos/7", bearer(tokens["photos:read photos:delete"]), method=b"DELETE")
    assert (200, "delete") == (gone.status, gone.json["route"])


async def test_a_route_is_judged_whole_with_what_it_is_included_by(call, tokens):
    """O2: prefixes of routers, blueprints, mounts and includes belong to it."""
    reply = await call(b"/inner/albums/summer", bearer(tokens["read"]))
    assert (200, "album") == (reply.status, reply.json["route"])
    assert 403 == (await call(b"/inner/admin", bearer(tokens["read"]))).status


async def test_without_a_token_the_challenge_says_what_is_needed(call):
    """FN13, RFC 6750 §3.1: no error member, every scope, and where the document is (RFC 9728 §5.1)."""
    reply = await call(b"/photos")
    challenge = f'Bearer realm="Photos", scope="photos:read"{WELL_KNOWN}'
    assert (401, challenge) == (reply.status, reply.challenge)
    assert reply.json == {
        "error": "missing_token",
        "error_description": "Send an access token in the Authorization header",
        "scope": "photos:read",
    }


async def test_too_little_scope_is_403_with_all_that_is_needed(call, tokens):
    """FN13, RFC 6750 §3.1."""
    reply = await call(b"/photos/7", bearer(tokens["read"]), method=b"DELETE")
    why = "DELETE /photos/{number} needs photos:delete; the token lacks photos:delete"
    words = f'error="insufficient_scope", error_description="{why}", scope="photos:delete"'
    assert (403, f'Bearer realm="Photos", {words}{WELL_KNOWN}') == (reply.status, reply.challenge)
    assert {"error": "insufficient_scope", "error_description": why, "scope": "photos:delete"} == reply.json


@pytest.mark.parametrize(
    "fault", ["expired", "another audience", "another issuer", "a stranger's key", "no JWT"]
)
async def test_a_bad_token_is_401_with_its_reason(call, node, fault):
    """FN13, K8, RFC 6750 §3.1."""
    signing = next(iter(node.server.snapshots.newest.signing_keys.values()))
    good = {"iss": node.issuer, "aud": IDENTIFIER}
    text = {
        "expired": lambda: forged_token(signing, **good, exp=1),
        "another audience": lambda: forged_token(signing, **good | {"aud": "https://api.example/other"}),
        "another issuer": lambda: forged_token(signing, **good | {"iss": "https://other.example"}),
        "a stranger's key": lambda: forged_token(SigningKey.generate("ES256"), **good),
        "no JWT": lambda: "opaque",
    }[fault]()
    reply = await call(b"/photos", bearer(text))
    assert (401, "invalid_token") == (reply.status, reply.json["error"])
    assert 'error="invalid_token"' in reply.challenge
    assert 200 == (await call(b"/photos", bearer(forged_token(signing, **good)))).status


async def test_what_has_no_rule_is_refused(call, tokens):
    """O7: a route without a rule, one that may hold slashes, and a method without a row."""
    for target, method in ((b"/files/a", b"GET"), (b"/files/a/b", b"GET"), (b"/admin", b"GET")):
        reply = await call(target, bearer(tokens["read"]), method=method)
        assert 403 == reply.status, target
        assert (await call(target, method=method)).status == 401, target
    assert (await call(b"/photos", bearer(tokens["read"]), method=b"PUT")).status in {403, 404, 405}
    assert (await call(b"/nowhere", bearer(tokens["read"]))).status in {403, 404}


async def test_a_public_row_needs_no_token(call):
    """FS44"""
    reply = await call(b"/health")
    assert (200, "health") == (reply.status, reply.json["route"])


TRICKS = [
    b"/admin", b"/admin/", b"/%61dmin", b"/ADMIN", b"/admin;x", b"//admin", b"/a/../admin", b"/./admin",
    b"/a%2f..%2fadmin", b"/%2e%2e/admin", b"/admin%00", b"/admin%0a", b"/admin%2561", b"/%2561dmin",
    b"/photos%2f..%2fadmin", b"/photos/..%2fadmin", b"/photos/7/../../admin", b"/health/../admin",
    b"/health/..;/admin", b"/health%2f..%2fadmin", b"/health/%2e%2e/admin", b"/health;/../admin",
    b"/inner/../admin", b"/inner//admin", b"/inner/admin/", b"/inner/%61dmin", b"/inner%2fadmin",
    b"/inner/albums/../admin", b"/inner/albums/%2e%2e/admin", b"/inner/albums/..%5cadmin", b"/INNER/admin",
    b"/open/../admin", b"/open/..%2fadmin", b"/photos?x=/admin", b"http://api.example/admin", b"/admin?x=y",
]  # fmt: skip


@pytest.mark.parametrize("target", TRICKS, ids=[repr(target) for target in TRICKS])
async def test_o2_no_spelling_of_a_path_reaches_what_the_plain_one_does_not(call, tokens, target):
    """O2: neither with a token for photos, nor with none; and what answers was judged as itself."""
    for headers in ([bearer(tokens["read"])], []):
        reply = await call(target, *headers)
        assert reply.status in {200, 307, 400, 401, 403, 404}
        if reply.status == 200:
            told = reply.json["route"]
            assert told in ({"photo", "photos", "album", "open"} if headers else {"open"})


async def test_o1_a_token_is_taken_from_the_header_alone(call, tokens):
    """O1, RFC 6750 §2."""
    text = tokens["read"].encode()
    reply = await call(b"/photos?access_token=" + text)
    assert 401 == reply.status
    assert "in the URL is not accepted" in reply.json["error_description"]
    assert 400 == (await call(b"/photos?access_token=x", bearer(tokens["read"]))).status
    assert 400 == (await call(b"/photos", b"Authorization: Bearer a b")).status
    assert 401 == (await call(b"/photos", b"Authorization: Basic YTpi")).status
    twice = await call(b"/photos", bearer(tokens["read"]), bearer(tokens["read"]))
    assert twice.status in {400, 401}


@pytest.mark.parametrize("name", [b"X-HTTP-Method-Override", b"X-HTTP-Method", b"x-method-override"])
async def test_o7_no_header_changes_the_method(call, tokens, name):
    """O7"""
    reply = await call(b"/photos/7", bearer(tokens["read"]), name + b": DELETE")
    assert (400, "invalid_request") == (reply.status, reply.json["error"])


async def test_the_resource_metadata_is_where_the_challenge_says(call, node):
    """RFC 9728 §3: for everybody, with the issuer."""
    reply = await call(METADATA.encode())
    assert 200 == reply.status
    assert (IDENTIFIER, [node.issuer]) == (reply.json["resource"], reply.json["authorization_servers"])
    assert "photos:read" in reply.json["scopes_supported"]
    assert "*" == reply.headers["access-control-allow-origin"]


async def test_a_name_in_a_public_route_stays_within_it(call, framework):
    """O2: what the code says is public is one route."""
    if framework in {"fastapi", "drf"}:
        return  # there a public operation is one without the dependency
    assert "open" == (await call(b"/open/house")).json["route"]
    assert (await call(b"/open/a/b")).status in {401, 404}
