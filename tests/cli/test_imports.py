"""`grantway import`."""

import json

import pytest

FILE = """
[[apis]]
name = "photos"
audience = "https://api.example/photos"
scopes = [{ name = "photos:read", description = "See your photos" }]

[[apps]]
id = "printer"
name = "Photo Printer"
redirect_uris = ["https://printer.example/cb"]
scopes = ["photos:read"]
secret_env = "PRINTER_SECRET"
"""


@pytest.fixture
def file(folder, monkeypatch):
    monkeypatch.setenv("PRINTER_SECRET", "Kq7vT2mX9bLw4RzN8cHj")
    path = folder / "registry.toml"
    path.write_text(FILE)
    return path


def test_a_dry_run_shows_the_plan_writes_nothing_and_ends_with_code_5(gw, file):
    result = gw("import", file, "--dry-run", code=5)
    assert "error:" not in result.stderr
    assert [line.strip()[:5] for line in result.stdout.splitlines()] == ["+ api", "+ app", "+ sec"]
    assert "Nothing was written" in result.stderr
    assert "hint: grantway import" in result.stderr
    assert gw.json("app", "list") == []


def test_the_plan_is_applied_and_a_second_run_has_nothing_to_do(gw, file):
    gw("import", file, "--yes")
    assert gw.json("app", "show", "printer")["managed_by_file"] is True
    again = gw("import", file)
    assert "Nothing to do" in again.stderr
    assert gw("import", file, "--dry-run").stdout == ""
    assert gw.json("import", file) == {"changes": [], "applied": False}


def test_nothing_is_applied_unasked(gw, file):
    assert "add --yes" in gw("import", file, code=2).stderr
    assert gw.json("app", "list") == []


def test_scripts_read_the_plan_as_json(gw, file):
    plan = json.loads(gw("import", file, "--dry-run", "--json", code=5).stdout)
    assert plan["applied"] is False
    assert [one["sign"] for one in plan["changes"]] == ["+", "+", "+"]


def test_what_the_file_no_longer_names_goes_with_prune_only(gw, file):
    gw("import", file, "--yes")
    file.write_text("")
    assert "kept (--prune removes it)" in gw("import", file, "--yes").stdout
    gw("import", file, "--prune", "--yes")
    assert gw.json("app", "list") == []


def test_a_file_with_mistakes_tells_all_of_them(gw, file):
    file.write_text(FILE.replace("redirect_uris", "redirect_uri").replace("PRINTER_SECRET", "NOWHERE"))
    told = gw("import", file, code=1).stderr
    assert "did you mean redirect_uris" in told
    assert "the environment has no NOWHERE" in told


def test_the_file_is_one_more_door_to_the_same_rules(gw, file):
    """Threat B5."""
    file.write_text(FILE.replace("https://printer.example/cb", "javascript:alert(1)"))
    assert "javascript" in gw("import", file, "--yes", code=1).stderr


def test_what_the_file_manages_is_left_alone_by_commands(gw, file):
    gw("import", file, "--yes")
    told = gw("app", "edit", "printer", "--name", "x", code=1).stderr
    assert "managed by the registry file" in told
    assert told.splitlines()[-1].startswith("hint: grantway import")


def test_a_plain_password_is_for_development_only(gw, file, monkeypatch):
    """C21."""
    file.write_text('[[people]]\nusername = "ada"\npassword = "a long walk by the lake"\n')
    gw("import", file, "--dry-run", code=5)
    monkeypatch.delenv("GRANTWAY_DEV")
    gw("init", "--issuer", "https://id.example", "--db", "sqlite:///other.db")
    assert "for dev only" in gw("import", file, "--yes", code=1).stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[apps]]\nid = "b"\nname = "B"\ntype = "machine"\nscopes = ["gone:read"]\n',
            "mine.toml: [[apps]] B: no API defines the scope gone:read",
        ),
        (
            '[[apis]]\nname = "n"\naudience = "urn:n"\nrules = [{ path = "/x", GET = ["n:gone"] }]',
            "mine.toml: apis[0] (n): rule GET /x needs n:gone",
        ),
        (
            "[gateways]\ntrusted = []\n\n[gateways]\ntokens_kept = 1\n",
            "mine.toml: cannot be read: line 4: the table [gateways] stands twice; write all of it below",
        ),
    ],
    ids=["scope of an app", "scope of a rule", "table"],
)
def test_a_mistake_names_the_file_and_the_table(gw, folder, text, words):
    """FS31: one knows where to look."""
    (folder / "mine.toml").write_text(text)
    assert words in gw("import", "mine.toml", "--dry-run", code=1).stderr
