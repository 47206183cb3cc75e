"""`grantway api import`, `export`, `log`, `diff`, `rollback`, `matrix`; `grantway token preview`."""

import json
import tomllib

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from grantway.protocol.api_tables import read_apis

AUDIENCE = "https://api.example/photos"
DOCUMENT = """\
openapi: 3.1.0
info: {title: Photos API, version: 1.4.0}
servers: [{url: https://api.example/photos}]
paths:
  /photos:
    get: {security: [{oauth: [photos:read]}]}
    post: {security: [{oauth: [photos:write]}, {oauth: [photos:admin]}]}
  /photos/{id}:
    get: {security: [{oauth: [photos:read]}]}
  /health:
    get: {security: []}
  /albums:
    get: {}
components:
  securitySchemes:
    oauth:
      type: oauth2
      flows:
        authorizationCode:
          authorizationUrl: https://o.example/a
          tokenUrl: https://o.example/t
          scopes: {photos:read: See your photos, photos:write: Add photos, photos:admin: Everything}
"""


@pytest.fixture
def spec(folder):
    path = folder / "photos.yaml"
    path.write_text(DOCUMENT)
    return path


@pytest.fixture
def photos(gw, spec):
    return gw.json("api", "import", spec, "--yes", "--name", "photos")


def test_a_document_is_planned_then_applied_then_nothing(gw, spec):
    """FC1: unprotected operations first, suggestions marked, counts at the end."""
    told = gw("api", "import", spec, "--dry-run", code=5).stdout
    lines = [line.strip() for line in told.splitlines()]
    assert lines[0] == f"Photos API 1.4.0 → photos (audience {AUDIENCE})"
    assert lines[1] == "2 unprotected operations in the document; they come first"
    assert lines[2:4] == ["+ GET /health: no token", "+ GET /albums: albums:read"]
    assert "+ scope albums:read (See albums; read) – suggested" in lines
    assert "+ POST /photos: photos:admin or photos:write" in lines
    assert "9 added, 1 changed, 0 removed; 1 scope suggested by us" in lines
    assert gw.json("api", "list") == []
    gw("api", "import", spec, code=2)  # nobody said yes
    gw("api", "import", spec, "--yes")
    assert "Nothing to do." in gw("api", "import", spec, "--dry-run").stdout
    assert gw("api", "import", spec).exit_code == 0
    shown = gw.json("api", "show", "photos")
    assert shown["servers"] == [AUDIENCE]
    assert {(one["path"], one["access"]) for one in shown["rules"] if one["method"] == "GET"} >= {
        ("/health", "public"),
        ("/photos/{id}", "scopes"),
    }


def test_a_plan_is_json_for_scripts(gw, spec):
    """FC1: the same, with stable keys."""
    plan = gw.json("api", "import", spec, "--dry-run", code=5)
    assert plan["unprotected"] == ["GET /health", "GET /albums"]
    assert (plan["suggested_scopes"], plan["applied"], plan["api"]["new"]) == (["albums:read"], False, True)
    assert gw.json("api", "import", spec, "--yes")["applied"]
    assert gw.json("api", "import", spec)["changes"] == []


def test_who_is_touched_is_told_before_a_scope_goes(gw, spec, photos):
    """FC1: kept unless pruned, refused while an app names it."""
    app = gw.json("app", "create", "P", "--redirect-uri", "https://p.example/cb", "--scope", "photos:admin")
    spec.write_text(DOCUMENT.replace("oauth: [photos:admin]", "oauth: [photos:write]").replace(
        ", photos:admin: Everything", ""))  # fmt: skip
    kept = gw("api", "import", spec, "--dry-run", code=5).stdout
    assert (
        f"scope photos:admin would be removed by --prune: named by {app['client_id']}; 0 live grants" in kept
    )
    assert "--prune removes it" in kept
    told = gw("api", "import", spec, "--prune", "--yes", code=1).stderr
    assert f"photos:admin is still named by: {app['client_id']}" in told
    assert "is removed" in gw("api", "import", spec, "--prune", "--clean", "--yes").stdout
    assert gw.json("app", "show", app["client_id"])["scopes"] == []


def test_each_mistake_has_its_line(gw, spec):
    """FC1: line and JSON pointer."""
    spec.write_text(DOCUMENT.replace("oauth: [photos:read]", "nobody: [photos:read]"))
    told = gw("api", "import", spec, code=1).stderr
    assert "line 6, #/paths/~1photos/get/security/0/nobody: no security scheme is named 'nobody'" in told
    assert "line 9, #/paths/~1photos~1{id}/get/security/0/nobody" in told
    gw("api", "import", "nowhere.yaml", code=1)
    gw("api", "import", "https://169.254.169.254/openapi.json", code=1)


def test_a_bar_is_shown_above_2000_operations(gw, folder, monkeypatch):
    """FC1: and none below; never on stdout."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR")

    def imported(count, *more):
        paths = {f"/p{number}": {"get": {}} for number in range(count)}
        document = {"openapi": "3.0.0", "info": {"title": f"x{count}", "version": "1"}, "paths": paths}
        path = folder / f"{count}.json"
        path.write_text(json.dumps(document))
        return gw("api", "import", path, "--audience", f"urn:{count}", "--yes", *more)

    assert "Reading operations" not in imported(2000).stderr
    shown = imported(2001)
    assert "Reading operations" in shown.stderr
    assert "Reading operations" not in shown.stdout
    assert "Reading operations" not in imported(2001, "--json").stderr


def test_versions_are_listed_compared_and_brought_back(gw, photos):
    """FS48: log, diff, rollback."""
    gw("api", "edit", "photos", "--add-rule", "GET /health deny", "--server", "x", code=2)
    gw("api", "edit", "photos", "--add-rule", "GET /health deny")
    first, second = gw.json("api", "log", "photos")[::-1]
    assert (first["version"], first["source"]["title"], first["note"][:13]) == (
        1,
        "Photos API 1.4.0",
        "imported from",
    )
    assert (second["version"], second["source"]) == (2, None)
    assert (
        "~ GET /health: no token → GET /health: nothing passes" in gw("api", "diff", "photos", code=5).stdout
    )
    assert gw.json("api", "diff", "photos", "2", "2")["changes"] == []
    gw("api", "diff", "photos", "7", code=3)
    gw("api", "rollback", "photos", "1", code=2)
    gw("api", "rollback", "photos", "1", "--yes")
    assert gw.json("api", "log", "photos")[0]["note"] == "back to version 1"
    assert gw.json("api", "diff", "photos", "1", "3")["changes"] == []


def test_a_definition_is_exported_as_openapi_and_as_a_table(gw, spec, photos, folder):
    """FC1, FS48: what comes out goes in again."""
    document = gw.json("api", "export", "photos")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["paths"]["/photos"]["post"]["security"] == [
        {"grantway": ["photos:admin"]},
        {"grantway": ["photos:write"]},
    ]
    table = tomllib.loads(gw("api", "export", "photos", "--format", "toml").stdout)["apis"]
    (api,) = read_apis(table)
    assert api.identifier == AUDIENCE
    (folder / "out.json").write_text(json.dumps(document))
    assert "Nothing to do." in gw("api", "import", "out.json", "--name", "photos", "--dry-run").stdout
    filled = gw.json("api", "export", "photos", "--into", spec)
    assert filled["info"] == {"title": "Photos API", "version": "1.4.0"}
    assert filled["paths"]["/albums"]["get"]["security"] == [{"grantway": ["albums:read"]}]


def test_a_document_in_yaml_comes_out_in_yaml(gw, photos, folder):
    """FC1, FS48: filled in, keys in their order; in JSON where a script asks for it."""
    document = folder / "mine.yaml"
    document.write_text(
        "openapi: 3.1.0\ninfo: {title: Фото, version: 1.4.0}\npaths:\n  /photos:\n    get: {responses: {}}\n"
    )
    written = gw("api", "export", "photos", "--into", document).stdout
    assert written.startswith("openapi: 3.1.0\ninfo:\n  title: Фото\n")
    filled = yaml.safe_load(written)
    assert filled["paths"]["/photos"]["get"]["security"] == [{"grantway": ["photos:read"]}]
    assert filled == gw.json("api", "export", "photos", "--into", document)


def test_a_version_beside_itself_is_the_same_version(gw, photos):
    """FS47: not an arrow from one to one."""
    assert gw("api", "diff", "photos", "1", "1").stdout.strip() == "photos: version 1, the same version"


def test_the_table_of_an_api_is_seen_at_a_glance(gw, photos):
    """FS47: resources down, methods across."""
    rows = {one["path"]: one["methods"] for one in gw.json("api", "matrix", "photos")}
    assert rows["/photos"] == {"GET": "photos:read", "POST": "photos:admin or photos:write"}
    head, *_ = gw("api", "matrix", "photos").stdout.splitlines()
    assert head.split() == ["RESOURCE", "GET", "POST"]


def test_a_row_may_say_any_of_public_and_deny(gw):
    """FS45, FS47: and what is odd is named where the API is shown."""
    gw("api", "create", "x", "--audience", "urn:x", "--scope", "a=A", "--scope", "b=B", "--scope", "c=C",
       "--read", "a", "--write", "b", "--alias", "https://x.example", "--server", "https://x.example/v1",
       "--rule", "GET /p/{id} a b or c", "--rule", "GET /p/new public",
       "--rule", "* /p/{id} deny")  # fmt: skip
    shown = gw.json("api", "show", "x")
    assert shown["rules"][0] | {"any_of": [["a", "b"], ["c"]], "needs": []} == shown["rules"][0]
    assert (shown["aliases"], shown["servers"]) == (["https://x.example"], ["https://x.example/v1"])
    assert [one["sensitivity"] for one in shown["scopes"]] == ["read", "write", "normal"]
    assert [one["kind"] for one in shown["findings"]] == ["overlap"]
    assert "/p/new and /p/{id} overlap" in gw("api", "show", "x").stdout
    for words, outcome, code in (
        (("GET", "/p/1", "--scope", "c"), "allowed", 0),
        (("GET", "/p/1", "--scope", "b"), "lacks_scope", 4),
        (("GET", "/p/new"), "public", 0),
        (("PUT", "/p/1", "--scope", "a,b,c"), "denied", 4),
        (("PUT", "/p/new"), "unlisted", 4),
    ):
        assert gw.json("api", "check", "x", *words, code=code)["outcome"] == outcome
    gw("api", "edit", "x", "--remove-alias", "https://x.example", "--add-server", "https://y.example")
    shown = gw.json("api", "show", "x")
    assert (shown["aliases"], len(shown["servers"])) == ([], 2)


def test_a_token_is_previewed_with_its_reasons(gw, photos):
    """FC1: and what would be refused is code 4."""
    app = gw.json("app", "create", "P", "--redirect-uri", "https://p.example/cb", "--scope", "photos:read",
                  "--optional-scope", "photos:write")["client_id"]  # fmt: skip
    gw("user", "add", "ada", "--name", "Ada", "--password-stdin", input="a long walk by the lake\n")
    words = ("token", "preview", "--client", app, "--person", "ada", "--scope", "photos:read photos:write")
    found = gw.json(*words, "--untick", "photos:write")
    assert (found["issued"], found["claims"]["scope"], found["claims"]["aud"]) == (
        True,
        "photos:read",
        AUDIENCE,
    )
    assert [one["in"] for one in found["scopes"]] == [True, False]
    told = gw(*words).stdout
    assert "✓ photos:write  asked for; ada is asked, and leaves it ticked" in told
    refused = gw("token", "preview", "--client", app, "--person", "ada", "--scope", "nope", code=4).stdout
    assert refused.startswith("No token: invalid_scope")
    assert "✗ nope  no API defines it" in refused
    gw("token", "preview", "--client", "nobody", code=3)
    gw("token", "preview", "--client", app, "--person", "eve", code=3)


@pytest.mark.parametrize(
    ("spec", "told", "way"),
    [
        ("here.yaml", "names no https server", "add --audience https://"),
        ("https://127.0.0.1:1/openapi.json", "127.0.0.1", "a file does as well"),
        ("broken.yaml", "line 1", "mend it there"),
    ],
)
def test_a_document_that_cannot_be_brought_in_says_what_to_do(gw, folder, spec, told, way):
    """FC1"""
    here = "openapi: 3.1.0\ninfo: {title: X, version: '1'}\nservers: [{url: /v1}]\npaths: {/x: {get: {}}}\n"
    (folder / "here.yaml").write_text(here)
    (folder / "broken.yaml").write_text("swagger: '2.0'\n")
    said = gw("api", "import", spec, code=1).stderr
    assert told in said
    assert way in said.splitlines()[-1]


def test_one_unprotected_operation_comes_first_and_where_nothing_is_to_do_none_does(gw, folder):
    """FC1"""
    paths = "{/x: {get: {security: []}}, /y: {get: {}}}"
    (folder / "x.yaml").write_text(
        "openapi: 3.1.0\ninfo: {title: X, version: '1'}\nservers: [{url: https://x.example}]\n"
        f"security: [{{k: []}}]\npaths: {paths}\n"
        "components: {securitySchemes: {k: {type: apiKey, in: header, name: k}}}\n"
    )
    first = gw("api", "import", "x.yaml", "--yes").stdout
    assert "1 unprotected operation in the document; it comes first\n" in first
    again = gw("api", "import", "x.yaml", "--yes").stdout
    assert "1 unprotected operation in the document\n" in again
