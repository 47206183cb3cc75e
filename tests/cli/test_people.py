"""`grantway user` and `grantway grants`."""

from dataclasses import replace

import pytest

from grantway.protocol.scope import Scope
from grantway.testing.bench import Bench, approval
from tests.cli.test_sessions import in_store

PASSWORD = "a long walk by the lake"


@pytest.fixture
def ada(gw):
    return gw.json("user", "add", "Ada", "--name", "Ada Lovelace", "--password-stdin", input=PASSWORD + "\n")


def test_an_account_is_added_under_one_spelling_of_its_name(gw, ada):
    assert (ada["username"], ada["name"]) == ("ada", "Ada Lovelace")
    assert [one["subject"] for one in gw.json("user", "list")] == [ada["subject"]]
    assert PASSWORD not in gw("user", "list", "--json").output


def test_a_name_is_taken_once(gw, ada):
    done = gw("user", "add", "ADA", "--password-stdin", input=PASSWORD, code=5)
    assert "already a person ada" in done.stderr


@pytest.mark.parametrize("password", ["admin", "password", "grantway", "", "12345678"])
def test_a_password_that_others_would_try_first_is_refused(gw, password):
    """C21: nobody is admin/admin."""
    told = gw("user", "add", "admin", "--password-stdin", input=password + "\n", code=1).stderr
    assert "hint: choose another one" in told
    assert gw.json("user", "list") == []


@pytest.mark.parametrize(
    ("typed", "code"),
    [(["password", "short", "a long walk by the sea"], 0), (["password", "12345678", "qwertyuiop"], 1)],
    ids=["third try", "no more tries"],
)
def test_a_password_that_will_not_do_is_asked_for_again(gw, monkeypatch, typed, code):
    """C6: up to three times; what else was typed on the command line is not lost."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    lines = "".join(f"{one}\n{one}\n" for one in typed)
    done = gw("user", "add", "ada", code=code, input=lines)
    assert "This password is one of the first that others would try." in done.stderr
    assert [one["username"] for one in gw.json("user", "list")] == ([] if code else ["ada"])


@pytest.mark.parametrize(
    ("redirect_uri", "changes", "asked"),
    [
        ("https://printer.example/cb", [], "when it asks for more"),
        ("https://printer.example/cb", ["--first-party"], "never: it is first-party"),
        ("http://127.0.0.1:8700/cb", [], "every time"),  # anybody could listen there (RFC 8252 §8.6)
    ],
)
def test_what_was_allowed_says_when_it_is_asked_again(gw, redirect_uri, changes, asked):
    """FN12: as on the person's own page, with what a grant holds beside what is remembered."""
    gw("user", "add", "ada", "--password-stdin", input="a long walk by the sea\n")
    scope = ["photos:read=See your photos", "photos:write=Add photos"]
    gw("api", "create", "p", "--audience", "https://api.example", "--scope", scope[0], "--scope", scope[1])
    app = ["app", "create", "Printer", "--id", "printer", "--redirect-uri", redirect_uri, *changes]
    gw(*app, "--scope", "photos:read", "--optional-scope", "photos:write")

    async def act(store):
        (ada,) = await store.list_people()
        given = await approval(Bench((store,), None), subject=ada.subject, client_id="printer")
        grant = replace(given.grant, scope=Scope.of(["photos:read", "photos:write"]))
        kept = replace(given.consent, expires_at=None, scope=Scope.of(["photos:read"]))
        await store.issue_code(given.code, grant, kept, [])

    in_store(gw, act)
    assert asked in gw("grants", "list", "ada").stdout
    assert gw.json("grants", "list", "ada")[0]["scopes"] == ["photos:read", "photos:write"]


def test_without_a_terminal_nobody_is_asked_for_a_password(gw):
    assert "--password-stdin" in gw("user", "add", "ada", code=2).stderr


def test_a_fresh_server_has_no_account_at_all(gw):
    """C21."""
    assert gw.json("user", "list") == []


def test_an_account_is_disabled_and_enabled(gw, ada):
    gw("user", "disable", "ada", code=2)
    gw("user", "disable", "ada", "--yes")
    assert gw.json("user", "list")[0]["disabled_at"] is not None
    gw("user", "enable", "ada")
    assert gw.json("user", "list")[0]["disabled_at"] is None


def test_a_password_is_changed(gw, ada):
    gw("user", "password", "ada", "--password-stdin", input="password", code=1)
    gw("user", "password", "ada", "--password-stdin", input="another long walk")


def test_all_are_listed_however_many(gw):
    for number in range(3):
        gw("user", "add", f"p{number}", "--password-stdin", input=PASSWORD)
    assert [one["username"] for one in gw.json("user", "list")] == ["p0", "p1", "p2"]


@pytest.mark.parametrize("verb", ["disable", "enable"])
def test_nobody_is_code_3(gw, verb):
    gw("user", verb, "nobody", "--yes", code=3)
    gw("grants", "list", "nobody", code=3)
    gw("grants", "revoke", "nobody", "printer", "--yes", code=3)


def test_who_has_allowed_nothing_has_nothing_to_take_back(gw, ada):
    assert gw.json("grants", "list", "ada") == []
    assert gw.json("grants", "revoke", "ada", "printer", "--yes") == {"revoked": 0}
    gw("grants", "revoke", "ada", "printer", code=2)


def test_what_apps_may_learn_is_written_down_and_changed(gw, ada):
    """UI05: the standard claims by their names; what is not named stays."""
    words = ["--email", "ada@id.example", "--email-verified", "--claim", "given_name=Ada"]
    gw("user", "edit", "ada", *words, "--claim", "address.locality=London")
    gw("user", "edit", "ada", "--claim", "birthdate=1815-12-10")
    found = gw.json("user", "list")[0]
    profile = found["profile"]
    assert profile.pop("updated_at") > 0
    assert ("ada@id.example", True, "Ada Lovelace") == (
        found["email"],
        found["email_verified"],
        found["name"],
    )
    assert ("Ada", "1815-12-10") == (profile["given_name"], profile["birthdate"])
    assert "London" == profile["address"]["locality"]


def test_a_claim_that_cannot_stand_is_refused(gw, ada):
    """UI05"""
    assert "birthdate" in gw("user", "edit", "ada", "--claim", "birthdate=today", code=1).stderr
    assert "did you mean nickname" in gw("user", "edit", "ada", "--claim", "nikname=A", code=1).stderr
