"""`grantway keys`, `grantway db`, `grantway healthcheck`."""

import sqlite3
from contextlib import closing
from datetime import datetime

from grantway.crypto.envelope import MasterKey


def states(gw):
    return {key["kid"]: key["state"] for key in gw.json("keys", "list")}


def test_a_new_key_waits_until_everybody_can_know_it(gw):
    """K13: published first; `keys list` says from when it signs."""
    (old,) = [key["kid"] for key in gw.json("keys", "list") if key["alg"] == "ES256"]
    turned = gw.json("keys", "rotate")
    assert (turned["state"], turned["retiring"]) == ("next", [])
    assert (states(gw)[old], states(gw)[turned["kid"]]) == ("active", "next")
    assert "active from" in gw("keys", "list").stdout
    made, signs = (
        datetime.fromisoformat(key[name])
        for key in gw.json("keys", "list")
        if key["kid"] == turned["kid"]
        for name in ("created_at", "until")
    )
    assert 300 < (signs - made).total_seconds() < 330


def test_a_new_key_signs_at_once_and_the_old_one_stays_published(gw):
    """K13: by --now."""
    (old,) = [key["kid"] for key in gw.json("keys", "list") if key["alg"] == "ES256"]
    turned = gw.json("keys", "rotate", "--now")
    assert turned["retiring"] == [old]
    assert (states(gw)[old], states(gw)[turned["kid"]]) == ("retiring", "active")


def test_in_an_emergency_every_older_key_is_revoked_and_destroyed(gw, folder):
    """K13: asked first; other algorithms are left alone; nothing private of them stays in the database."""
    gw("keys", "rotate", "--emergency", code=2)
    gw("keys", "rotate", "--now")
    gw("keys", "rotate")
    before = states(gw)
    turned = gw.json("keys", "rotate", "--emergency", "--yes")
    es256 = {key["kid"] for key in gw.json("keys", "list") if key["alg"] == "ES256"} - {turned["kid"]}
    assert (3, set(turned["revoked"])) == (len(es256), es256)
    assert {kid: state for kid, state in states(gw).items() if kid not in es256 | {turned["kid"]}} == {
        kid: state for kid, state in before.items() if kid not in es256
    }
    with closing(sqlite3.connect(folder / "grantway.db")) as database:
        left = database.execute("SELECT kid FROM stored_keys WHERE length(envelope) > 0").fetchall()
    assert es256 & {kid for (kid,) in left} == set()


def test_the_master_key_is_changed_with_both_accepted_meanwhile(gw, monkeypatch):
    """S2, K13: start with both, rewrap, start with the new one alone."""
    old, new = MasterKey.generate().to_text(), MasterKey.generate().to_text()
    monkeypatch.setenv("GRANTWAY_SECRETS__KEY", old)
    kids = set(states(gw))
    monkeypatch.setenv("GRANTWAY_SECRETS__KEY", new)
    gw("keys", "list", code=1)
    monkeypatch.setenv("GRANTWAY_SECRETS__PREVIOUS_KEY", old)
    assert kids == set(gw.json("keys", "rewrap")["rewrapped"])
    assert [] == gw.json("keys", "rewrap")["rewrapped"]
    monkeypatch.delenv("GRANTWAY_SECRETS__PREVIOUS_KEY")
    assert kids == set(states(gw))


def test_a_key_of_another_algorithm_leaves_the_first_alone(gw):
    assert gw.json("keys", "rotate", "--now", "--alg", "EdDSA")["retiring"] == []
    assert {key["alg"]: key["state"] for key in gw.json("keys", "list")}["ES256"] == "active"


def test_a_fresh_master_key_is_printed_alone_so_that_it_can_be_piped(gw):
    """Threat S3: never the same twice."""
    first, second = (gw("keys", "master").stdout for _ in range(2))
    assert first != second
    MasterKey.from_text(first)
    assert "without it" in gw("keys", "master").stderr


def test_no_private_key_lies_in_the_database(gw, folder):
    """Threat S2."""
    gw("keys", "rotate", "--alg", "RS256")
    raw = b"".join(path.read_bytes() for path in folder.glob("grantway.db*"))
    assert b"PRIVATE KEY" not in raw
    assert b'"d":' not in raw


def test_the_database_is_checked_and_upgraded(gw, folder):
    found = gw("db", "check", "--json", code=5)
    assert '"state": "pending"' in found.stdout
    assert not (folder / "grantway.db").exists()
    assert gw.json("db", "upgrade")["applied"][0].startswith("0001_")
    assert gw.json("db", "check")["state"] == "current"
    assert "Nothing to do" in gw("db", "upgrade").stderr


def test_pending_migrations_are_drift_unless_they_are_applied_by_themselves(gw, monkeypatch):
    monkeypatch.setenv("GRANTWAY_DATABASE__AUTO_MIGRATE", "no")
    assert "grantway db" in gw("app", "list", code=5).stderr


def test_a_backup_is_a_whole_database_for_its_owner_alone(gw, folder):
    gw("user", "add", "ada", "--password-stdin", input="a long walk by the lake")
    gw("db", "backup", "copy.db")
    assert (folder / "copy.db").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(folder / "copy.db") as copy:
        assert copy.execute("SELECT username FROM people").fetchall() == [("ada",)]
    copy.close()
    gw("db", "backup", "copy.db", code=1)  # never over an older one


def test_a_backup_is_put_back_as_the_page_says(gw, folder):
    """docs/howto/run-it.md: what lies beside the file goes, the copy takes its place."""
    gw("user", "add", "ada", "--password-stdin", input="a long walk by the lake")
    gw("db", "backup", "copy.db")
    gw("user", "add", "grace", "--password-stdin", input="a long walk by the lake")
    for beside in ("grantway.db-wal", "grantway.db-shm"):
        (folder / beside).unlink(missing_ok=True)
    (folder / "copy.db").replace(folder / "grantway.db")
    assert [one["username"] for one in gw.json("user", "list")] == ["ada"]


def test_there_is_no_backup_of_nothing(gw):
    gw("db", "backup", "copy.db", code=1)


def test_postgresql_is_backed_up_by_its_own_tool(gw, monkeypatch):
    monkeypatch.setenv("GRANTWAY_DATABASE__URL", "postgresql://gw@db/gw")
    assert "pg_dump" in gw("db", "backup", "copy.db", code=1).stderr


def test_a_server_that_does_not_answer_is_code_6(gw):
    gw("healthcheck", "--url", "http://127.0.0.1:9/readyz", code=6)
