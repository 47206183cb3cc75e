"""API definitions in TOML: what they become, and every mistake at once."""

from dataclasses import replace

import msgspec
import pytest

from grantway.protocol.api_tables import read_apis
from grantway.protocol.apis import Api, ApiMistakes, ApiScope, Rule, Sensitivity, TokenFormat
from grantway.sdk import load_api

PHOTOS = """
[[apis]]
name = "photos"
audience = "http://127.0.0.1:8602"
token_format = "jwt"
[[apis.scopes]]
name = "photos:read"
description = "See your photos"
sensitivity = "normal"
default = true
[[apis.scopes]]
name = "photos:delete"
description = "Delete your photos"
sensitivity = "sensitive"
[[apis.rules]]
path = "/photos/{id}"
GET = ["photos:read"]
DELETE = ["photos:delete", "photos:read"]
[[apis.rules]]
path = "/photos"
"*" = ["photos:read"]

[[apis]]
name = "orders"
audience = "https://api.example/orders"
token_format = "opaque"
token_alg = "RS256"
token_lifetime = 60
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "grantway.toml"
    path.write_text(PHOTOS)
    return path


def test_a_definition_is_read(file):
    photos = load_api(file, "photos")
    assert (
        Api(
            name="photos",
            identifier="http://127.0.0.1:8602",
            scopes=(
                ApiScope(name="photos:read", description="See your photos", default=True),
                ApiScope(
                    name="photos:delete", description="Delete your photos", sensitivity=Sensitivity.SENSITIVE
                ),
            ),
            rules=(
                Rule("GET", "/photos/{id}", frozenset({"photos:read"})),
                Rule("DELETE", "/photos/{id}", frozenset({"photos:delete", "photos:read"})),
                Rule("*", "/photos", frozenset({"photos:read"})),
            ),
        )
        == photos
    )
    orders = load_api(str(file), "orders")
    assert (TokenFormat.OPAQUE, "RS256", 60) == (
        orders.token_format,
        orders.token_alg,
        orders.token_lifetime,
    )


def test_rules_are_moved_to_where_the_application_has_its_routes(file):
    """FS45: the base path of an OpenAPI document is in the routes of most applications."""
    moved = load_api(file, "photos", below="/v2")
    plain = load_api(file, "photos")
    assert [rule.path for rule in moved.rules] == [f"/v2{rule.path}" for rule in plain.rules]
    assert replace(moved, rules=plain.rules) == plain
    for wrong in ("v2", "/v2/"):
        with pytest.raises(ApiMistakes, match=f"below '{wrong}'"):
            load_api(file, "photos", below=wrong)


def test_a_definition_survives_being_stored(file):
    """The look-up table that an Api builds for itself is no part of what is stored."""
    api = load_api(file, "photos")
    assert api.rule_for("GET", "/photos/1") is not None
    stored = msgspec.json.encode(api)
    assert b"_templates" not in stored
    assert api == msgspec.json.decode(stored, type=Api)


def test_a_name_that_is_not_there_is_told_with_those_that_are(file):
    with pytest.raises(ApiMistakes, match="no API is named 'photo'; there: photos, orders"):
        load_api(file, "photo")


@pytest.mark.parametrize("content", [b"[[apis]", b"\xff"])
def test_a_file_that_is_not_toml(file, content):
    file.write_bytes(content)
    with pytest.raises(ApiMistakes, match="not TOML"):
        load_api(file, "photos")


def test_every_mistake_is_told_at_once_with_its_place():
    tables = [
        {
            "name": "photos",
            "audience": "photos",
            "token_fromat": "jwt",
            "token_format": "paper",
            "token_alg": "HS256",
            "token_lifetime": True,
            "scopes": [
                {"name": "photos read", "description": "x"},
                {"name": "photos:read", "description": "x", "sensitivity": "high", "default": 1},
                {"name": "photos:read", "description": "x"},
                {"name": "photos:write"},
                {"description": "x"},
                "photos:delete",
            ],
            "rules": [
                {"path": "/photos", "GET": ["photos:raed"], "get": ["photos:read"]},
                {"path": "/photos", "GET": ["photos:read"]},
                {"path": "photos", "GET": ["photos:read"]},
                {"path": "/{id}{b}", "GET": ["photos:read"]},
                {"path": "/a//b", "GET": ["photos:read"]},
                {"path": "/a/../b", "GET": ["photos:read"]},
                {"path": "/a;b", "GET": ["photos:read"]},
                {"path": "/c", "GET": [], "POST": "photos:read", "PUT": [1]},
                {"path": "/d"},
                {"GET": ["photos:read"]},
                7,
            ],
        },
        {"name": "photos", "audience": "https://api.example/"},
        {"name": "others", "audience": "https://api.example/"},
        {"audience": "urn:x", "scopes": {}, "rules": "no"},
        "api",
    ]
    with pytest.raises(ApiMistakes) as told:
        read_apis(tables)
    assert {
        "apis[0] (photos).scopes[0].name: scope 'photos read': not a scope token (RFC 6749 §3.3)",
        (
            "apis[0] (photos).scopes[1].sensitivity:"
            " must be 'normal', 'read', 'write' or 'sensitive', not 'high'"
        ),
        "apis[0] (photos).scopes[1].default: must be true or false",
        "apis[0] (photos).scopes[3].description: is missing",
        "apis[0] (photos).scopes[4].name: is missing",
        "apis[0] (photos).scopes[5]: must be a table",
        "apis[0] (photos).rules[0].get: is not known; did you mean GET?",
        "apis[0] (photos).rules[2]: rule GET photos: a path starts with /",
        (
            "apis[0] (photos).rules[3]: rule GET /{id}{b}: '{id}{b}' is no segment of a canonical path,"
            " nor one with a {name} in it"
        ),
        (
            "apis[0] (photos).rules[4]: rule GET /a//b: '' is no segment of a canonical path,"
            " nor one with a {name} in it"
        ),
        (
            "apis[0] (photos).rules[5]: rule GET /a/../b: '..' is no segment of a canonical path,"
            " nor one with a {name} in it"
        ),
        (
            "apis[0] (photos).rules[6]: rule GET /a;b: 'a;b' is no segment of a canonical path,"
            " nor one with a {name} in it"
        ),
        *(
            f'apis[0] (photos).rules[7].{method}: must be a list of scopes such as ["photos:read"],'
            " and hold at least one"
            for method in ("GET", "PUT")
        ),
        "apis[0] (photos).rules[7].POST: must be a list of scopes, 'public' or 'deny', not 'photos:read'",
        (
            "apis[0] (photos).rules[8]: names no method;"
            " known: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY or *"
        ),
        "apis[0] (photos).rules[9].path: is missing",
        "apis[0] (photos).rules[10]: must be a table",
        "apis[0] (photos).token_format: must be 'jwt' or 'opaque', not 'paper'",
        "apis[0] (photos).token_alg: must be one of ES256, RS256, EdDSA, not 'HS256'",
        "apis[0] (photos).token_lifetime: must be a whole number of seconds above 0",
        "apis[0] (photos): scope photos:read is defined twice",
        "apis[0] (photos): identifier 'photos' is not an absolute URI without fragment (RFC 8707 §2)",
        "apis[0] (photos): two rules judge GET /photos",
        "apis[0] (photos): rule GET /photos needs photos:raed, not among the scopes",
        "apis[0] (photos).token_fromat: is not known; did you mean token_format?",
        "apis[3].name: is missing",
        "apis[3].scopes: must be a list of tables",
        "apis[3].rules: must be a list of tables",
        "apis[4]: must be a table",
        "apis: audience 'https://api.example/' is used by more than one API",
    } == set(told.value.mistakes)
    assert len(told.value.mistakes) == len(set(told.value.mistakes))


@pytest.mark.parametrize("tables", [None, {}, "apis", 1], ids=str)
def test_what_is_not_a_list_of_tables(tables):
    with pytest.raises(ApiMistakes, match="must be a list of tables"):
        read_apis(tables)


def test_names_are_unique():
    tables = [{"name": "a", "audience": f"urn:{n}"} for n in range(3)]
    with pytest.raises(ApiMistakes) as told:
        read_apis(tables)
    assert ("apis: name 'a' is used by more than one API",) == told.value.mistakes


def test_no_tables_are_no_apis():
    assert () == read_apis([])
