"""The decision itself: paths that could be read in two ways, rules, scopes (threats O2, O7, G4)."""

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.protocol.names import ErrorCode
from grantway.sdk import (
    AccessToken,
    Allowed,
    Api,
    ApiScope,
    BadPath,
    Refused,
    Rule,
    Scope,
    canonical_path,
    judge,
)
from grantway.sdk.challenge import challenge

READ, WRITE, DELETE = "photos:read", "photos:write", "photos:delete"
API = Api(
    identifier="https://api.example/photos",
    name="photos",
    scopes=tuple(ApiScope(name=name, description="words") for name in (READ, WRITE, DELETE, "admin")),
    rules=(
        Rule("GET", "/photos", frozenset({READ})),
        Rule("POST", "/photos", frozenset({WRITE})),
        Rule("GET", "/photos/{id}", frozenset({READ})),
        Rule("DELETE", "/photos/{photo}", frozenset({DELETE, WRITE})),
        Rule("GET", "/photos/new", frozenset({WRITE})),
        Rule("*", "/admin", frozenset({"admin"})),
        Rule("GET", "/albums/{id}/photos/", frozenset({READ})),
    ),
)


def token(*scopes, audience=API.identifier):
    return AccessToken(
        subject="somebody",
        client_id="printer",
        scope=Scope.of(scopes),
        audience=frozenset({audience}),
        expires_at=0.0,
        token_id="1",
        grant_id=None,
        claims={},
    )


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/", "/"),
        (b"/photos", "/photos"),
        (b"/photos/", "/photos/"),
        (b"/%61dmin", "/admin"),
        (b"/%41DMIN", "/ADMIN"),
        (b"/photos/a%20b", "/photos/a b"),
        (b"/photos/%7Bid%7D", "/photos/{id}"),
        (b"/~ada/a+b,c:d@e=f!$&'()*", "/~ada/a+b,c:d@e=f!$&'()*"),
        (b"/.well-known/...", "/.well-known/..."),
    ],
)
def test_o2_a_path_has_one_reading(raw, canonical):
    """Threat O2: percent-encoding is decoded once."""
    assert canonical == canonical_path(raw)


TWO_READINGS = [
    b"",
    b"*",
    b"photos",
    b"http://api.example/photos",
    b"//admin",
    b"/admin//",
    b"/a//b",
    b"/a/../admin",
    b"/./admin",
    b"/admin/..",
    b"/admin/.",
    b"/%2e%2e/admin",
    b"/a/%2E./admin",
    b"/a%2fadmin",
    b"/a%2Fadmin",
    b"/a%5cadmin",
    b"/a\\admin",
    b"/admin;x",
    b"/admin;",
    b"/admin%3Bx",
    b"/admin%00",
    b"/admin%0a",
    b"/admin\x00",
    b"/admin\x7f",
    b"/admin%7F",
    b"/admin\t",
    b"/%2561dmin",
    b"/admin%",
    b"/admin%4",
    b"/admin%zz",
    b"/admin%u0061",
    b"/admin?x",
    b"/admin%3Fx",
    b"/admin#x",
    b"/admin%23x",
    "/ádmin".encode(),
    b"/%C3%A1dmin",
    b"/%EF%BC%8E%EF%BC%8E/admin",
    b"/%c0%afadmin",
    b"/\xff",
]


@pytest.mark.parametrize("raw", TWO_READINGS, ids=range(len(TWO_READINGS)))
def test_o2_a_path_that_could_be_read_in_two_ways_is_refused(raw):
    """Threat O2: an upstream server may undo, merge or cut what we would not."""
    with pytest.raises(BadPath):
        canonical_path(raw)


@given(
    st.lists(
        st.sampled_from([b"/", b".", b"%", b"2", b"f", b"e", b"5", b"c", b";", b"a", b"\\", b"\xc3", b"%61"])
    )
)
def test_o2_whatever_passes_is_already_plain(pieces):
    """Threat O2: a second reader that decodes, merges or resolves finds the very same path."""
    try:
        path = canonical_path(b"/" + b"".join(pieces))
    except BadPath:
        return
    assert unquote(path) == path
    assert posixpath.normpath(path) == (path.rstrip("/") or "/")
    assert path.isascii()
    assert not {";", "\\", "%"} & set(path)
    assert path == canonical_path(path.encode())


@pytest.mark.parametrize(
    "raw", [b"/admin", b"/admin/", b"/%61dmin", b"/ADMIN", b"/admin/x", b"/Admin", b"/admin%20"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_o2_no_spelling_is_weaker_than_the_plain_path(raw, method):
    """Threat O2: without the scope of /admin, no spelling of it passes."""
    assert isinstance(judge(API, token(READ, WRITE, DELETE), method, canonical_path(raw)), Refused)


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/photos", [READ]),
        ("HEAD", "/photos", [READ]),
        ("GET", "/photos/7", [READ]),
        ("GET", "/photos/new", [WRITE]),
        ("POST", "/photos", [WRITE]),
        ("DELETE", "/photos/7", [WRITE, DELETE]),
        ("PATCH", "/admin", ["admin"]),
        ("GET", "/albums/7/photos/", [READ]),
    ],
)
def test_a_token_with_the_scopes_of_the_rule_passes(method, path, scopes):
    outcome = judge(API, token(*scopes), method, path)
    assert isinstance(outcome, Allowed)
    assert frozenset(scopes) == outcome.rule.need


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/photos"),
        ("GET", "/photos/"),
        ("GET", "/photos/7/8"),
        ("DELETE", "/photos/new"),
        ("GET", "/orders"),
        ("GET", "/"),
        ("FOO", "/admin"),
        ("get", "/admin"),
        ("*", "/admin"),
        ("", "/admin"),
        ("TRACE", "/admin"),
        ("GET", "/albums/7/photos"),
        ("GET", "/albums//photos/"),
        ("GET", ""),
    ],
)
def test_o7_what_is_not_listed_is_refused(method, path):
    """Threat O7: default deny; an unknown method is covered by no row, `*` included."""
    refused = judge(API, token(READ, WRITE, DELETE, "admin"), method, path)
    assert isinstance(refused, Refused)
    assert (403, ErrorCode.INSUFFICIENT_SCOPE) == (refused.status, refused.error)
    assert Scope() == refused.need


def test_everything_that_is_missing_is_said_at_once():
    """RFC 6750 §3.1: a client asks its user one more time, not twice."""
    refused = judge(API, token(READ), "DELETE", "/photos/1")
    assert isinstance(refused, Refused)
    assert (403, ErrorCode.INSUFFICIENT_SCOPE) == (refused.status, refused.error)
    assert Scope.of([DELETE, WRITE]) == refused.need == refused.missing
    assert (
        "DELETE /photos/1 needs photos:delete and photos:write;"
        " the token lacks photos:delete and photos:write" == refused.why
    )
    partly = judge(API, token(WRITE), "DELETE", "/photos/1")
    assert isinstance(partly, Refused)
    assert (Scope.of([DELETE, WRITE]), Scope.of([DELETE])) == (partly.need, partly.missing)


def test_g4_a_token_for_another_api_is_refused_whatever_it_holds():
    """Threat G4, RFC 8707 §2."""
    refused = judge(API, token(READ, audience="https://api.example/orders"), "GET", "/photos")
    assert isinstance(refused, Refused)
    assert (401, ErrorCode.INVALID_TOKEN) == (refused.status, refused.error)


def test_an_api_known_by_its_identifier_alone_allows_nothing():
    api = Api(identifier=API.identifier, name="bare")
    assert isinstance(judge(api, token(READ), "GET", "/photos"), Refused)


@pytest.mark.parametrize(
    ("members", "header"),
    [
        ({}, 'Bearer realm="photos"'),
        ({"scope": Scope.of(["a", "b"])}, 'Bearer realm="photos", scope="a b"'),
        ({"scope": Scope()}, 'Bearer realm="photos"'),
        ({"description": "unsaid"}, 'Bearer realm="photos"'),
        ({"error": ErrorCode.INVALID_TOKEN}, 'Bearer realm="photos", error="invalid_token"'),
        (
            {
                "error": ErrorCode.INSUFFICIENT_SCOPE,
                "description": 'say "no"\r\nSet-Cookie: ü\\',
                "scope": Scope.of(["a"]),
                "resource_metadata": "https://api.example/.well-known/oauth-protected-resource",
            },
            (
                'Bearer realm="photos", error="insufficient_scope",'
                ' error_description="say ?no???Set-Cookie: ??", scope="a",'
                ' resource_metadata="https://api.example/.well-known/oauth-protected-resource"'
            ),
        ),
    ],
    ids=range(6),
)
def test_a_challenge_says_what_the_rfc_lets_it_say(members, header):
    """RFC 6750 §3, §3.1; RFC 9728 §5.1."""
    assert header == challenge("photos", **members)


@given(st.text(), st.text())
def test_no_text_breaks_out_of_a_challenge(realm, description):
    header = challenge(realm, error=ErrorCode.INVALID_TOKEN, description=description)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') in (4, 6)
    assert "\\" not in header
