"""`grantway api`."""

import pytest

AUDIENCE = "https://api.example/photos"


@pytest.fixture
def photos(gw):
    return gw.json(
        "api", "create", "photos", "--audience", AUDIENCE, "--credentials", "--token-alg", "RS256",
        "--scope", "photos:read=See your photos", "--scope", "photos:delete=Delete your photos",
        "--default", "photos:read", "--sensitive", "photos:delete", "--token-lifetime", "5m",
        "--rule", "GET /photos/{id} photos:read", "--rule", "DELETE /photos/{id} photos:read photos:delete",
    )  # fmt: skip


def test_an_api_is_registered_with_scopes_rules_and_credentials(gw, photos):
    assert photos["credentials"]["client_secret"].startswith("gwcs_")
    shown = gw.json("api", "show", "photos")
    assert shown == {key: value for key, value in photos.items() if key != "credentials"}
    assert shown["token_lifetime"] == 300
    assert [(s["name"], s["default"], s["sensitivity"]) for s in shown["scopes"]] == [
        ("photos:read", True, "normal"),
        ("photos:delete", False, "sensitive"),
    ]
    assert shown["rules"][1] == {
        "method": "DELETE",
        "path": "/photos/{id}",
        "access": "scopes",
        "needs": ["photos:delete", "photos:read"],
        "any_of": [],
        "max_age": None,
        "acr_values": [],
    }
    assert [one["name"] for one in gw.json("api", "list")] == ["photos"]
    assert {key["alg"] for key in gw.json("keys", "list")} >= {"ES256", "RS256"}


@pytest.mark.parametrize(
    "words",
    [
        ("--scope", "photos:read"),
        ("--scope", "photos read=x"),
        ("--rule", "GET /photos"),
        ("--rule", "FETCH /photos photos:read"),
        ("--default", "photos:read"),
    ],
)
def test_what_is_written_wrongly_is_code_2_with_an_example(gw, words):
    assert "hint: " in gw("api", "create", "photos", "--audience", AUDIENCE, *words, code=2).stderr


@pytest.mark.parametrize("audience", ["photos", "https://api.example/#x"])
def test_an_audience_is_an_absolute_uri_without_fragment(gw, audience):
    """RFC 8707 §2."""
    assert "RFC 8707" in gw("api", "create", "photos", "--audience", audience, code=1).stderr


def test_an_api_without_rules_says_what_to_add(gw):
    assert "edit x --add-rule" in gw("api", "create", "x", "--audience", "urn:x").stderr
    more = ("--scope", "a=A", "--rule", "GET /a a")
    assert gw("api", "create", "y", "--audience", "urn:y", *more).stderr == ""


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("GET", "/photos/1", "--scope", "photos:read"), 0, "ALLOWED"),
        (("get", "/photos/1?size=2", "--scope", "photos:read"), 0, "ALLOWED"),
        (("DELETE", "/photos/1", "--scope", "photos:read"), 4, "the token lacks photos:delete"),
        (("DELETE", "/photos/1", "--scope", "photos:read photos:delete"), 0, "ALLOWED"),
        (("GET", "/albums", "--scope", "photos:read"), 4, "No rule of this API"),
        (("GET", "/albums"), 4, "grantway api edit photos --add-rule 'GET /albums SCOPE'"),
        (("GET", "/photos/1"), 4, "REFUSED"),
    ],
)
def test_a_request_is_decided_with_its_reason(gw, photos, words, code, told):
    assert told in gw("api", "check", "photos", *words, code=code).stdout


def test_a_request_is_asked_about_by_its_address_too(gw, photos):
    """Rules are below the base of the server; who forgets that is told."""
    gw(
        "api",
        "edit",
        "photos",
        "--add-server",
        "https://api.example/v1",
        "--add-server",
        "https://api.example",
    )
    for address in ("https://api.example/v1/photos/1", "https://api.example/photos/1?size=2"):
        gw("api", "check", "photos", "GET", address, "--scope", "photos:read")
    told = gw("api", "check", "photos", "GET", "/v1/photos/1", "--scope", "photos:raed", code=4).stdout
    assert "/v1 is of the server, rules are below it: /photos/1" in told
    assert "photos:raed: no scope of photos" in told
    told = gw("api", "check", "photos", "GET", "https://api.example.evil/photos/1", code=1).stderr
    assert "below no server of photos: https://api.example/v1, https://api.example" in told


@pytest.mark.parametrize("path", ["/photos/../x", "/photos/%2e%2e/x", "photos", "/photos//1", "/photos;x"])
def test_a_path_that_could_be_read_in_two_ways_is_not_decided(gw, photos, path):
    """Threat O2."""
    assert "path" in gw("api", "check", "photos", "GET", path, code=1).stderr


def test_an_api_is_edited(gw, photos):
    gw("api", "edit", "photos", "--add-scope", "photos:write=Add photos",
       "--add-rule", "POST /photos photos:write", "--add-rule", "GET /photos/{id} photos:write",
       "--remove-rule", "DELETE /photos/{id}")  # fmt: skip
    shown = gw.json("api", "show", "photos")
    assert [one["name"] for one in shown["scopes"]] == ["photos:read", "photos:delete", "photos:write"]
    assert {(one["method"], *one["needs"]) for one in shown["rules"]} == {
        ("POST", "photos:write"),
        ("GET", "photos:write"),
    }


def test_a_scope_that_apps_name_is_taken_away_on_purpose_only(gw, photos):
    app = gw.json("app", "create", "P", "--redirect-uri", "https://p.example/cb", "--scope", "photos:delete")
    words = (
        "api",
        "edit",
        "photos",
        "--remove-scope",
        "photos:delete",
        "--remove-rule",
        "DELETE /photos/{id}",
    )
    told = gw(*words, code=1).stderr
    assert f"still named by: {app['client_id']}" in told
    assert "--clean" in told
    gw(*words, "--clean")
    assert gw.json("app", "show", app["client_id"])["scopes"] == []


def test_a_rule_cannot_outlive_its_scope(gw, photos):
    told = gw("api", "edit", "photos", "--remove-scope", "photos:delete", code=1).stderr
    assert "not among the scopes" in told


def test_an_api_is_deleted_with_its_credentials(gw, photos):
    gw("api", "delete", "photos", code=2)
    gw("api", "delete", "photos", "--yes")
    assert gw.json("api", "list") == []
    gw("app", "show", photos["credentials"]["client_id"], code=3)
    gw("api", "show", "photos", code=3)


def test_what_is_demanded_of_a_sign_in_is_shown_everywhere(gw, photos):
    """DC07: show, matrix, diff and log; a row, and the whole API."""
    gw("api", "edit", "photos", "--add-rule", "DELETE /photos/{id} photos:delete max_age=300 acr=gold")
    row = next(one for one in gw.json("api", "show", "photos")["rules"] if one["method"] == "DELETE")
    assert (300, ["gold"], ["photos:delete"]) == (row["max_age"], row["acr_values"], row["needs"])
    gw("api", "edit", "photos", "--max-age", "1d", "--acr", "urn:grantway:acr:1")
    shown = gw("api", "show", "photos").stdout
    assert "a sign-in as urn:grantway:acr:1 at most 86400 s ago" in shown
    assert "no sign-in here is gold" in shown
    (cells,) = [one["methods"] for one in gw.json("api", "matrix", "photos")]
    assert "photos:read; a sign-in as urn:grantway:acr:1 at most 86400 s ago" == cells["GET"]
    assert "photos:delete; a sign-in as gold at most 300 s ago" == cells["DELETE"]
    assert "step_up none → a sign-in" in gw("api", "diff", "photos", "2", "3", code=5).stdout
    gw("api", "edit", "photos", "--max-age", "0s", "--acr", "")
    assert gw.json("api", "show", "photos")["max_age"] is None


@pytest.mark.parametrize("row", ["max_age=5m", "max_age=0", "max_age=1 max_age=2"])
def test_a_demand_that_cannot_be_read_is_code_2(gw, photos, row):
    """DC07."""
    gw("api", "edit", "photos", "--add-rule", f"GET /photos/{{id}} photos:read {row}", code=2)


def test_an_api_is_listed_for_everybody_only_when_it_is_said(gw, photos):
    """MD12: the switch, and what shows it."""
    assert photos["listed"] is False
    gw("api", "edit", "photos", "--listed")
    assert gw.json("api", "show", "photos")["listed"] is True
    gw("api", "edit", "photos", "--add-rule", "GET /new photos:read")
    assert gw.json("api", "show", "photos")["listed"] is True
    gw("api", "edit", "photos", "--unlisted")
    assert gw.json("api", "show", "photos")["listed"] is False
