"""`grantway keys`, `grantway db`, `grantway healthcheck`."""

import sqlite3

from grantway.crypto.envelope import MasterKey


def test_a_new_key_signs_and_the_old_one_stays_published(gw):
    (old,) = [key["kid"] for key in gw.json("keys", "list") if key["alg"] == "ES256"]
    turned = gw.json("keys", "rotate")
    assert turned["retiring"] == [old]
    states = {key["kid"]: key["state"] for key in gw.json("keys", "list")}
    assert (states[old], states[turned["kid"]]) == ("retiring", "active")


def test_a_key_of_another_algorithm_leaves_the_first_alone(gw):
    assert gw.json("keys", "rotate", "--alg", "EdDSA")["retiring"] == []
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


def test_there_is_no_backup_of_nothing(gw):
    gw("db", "backup", "copy.db", code=1)


def test_postgresql_is_backed_up_by_its_own_tool(gw, monkeypatch):
    monkeypatch.setenv("GRANTWAY_DATABASE__URL", "postgresql://gw@db/gw")
    assert "pg_dump" in gw("db", "backup", "copy.db", code=1).stderr


def test_a_server_that_does_not_answer_is_code_6(gw):
    gw("healthcheck", "--url", "http://127.0.0.1:9/readyz", code=6)
