"""`grantway sessions`, and how an app is registered to hear that one has ended."""

import asyncio

import pytest

from grantway.protocol.people import Session
from grantway.storage import open_store

PASSWORD = "a long walk by the lake"
CALLBACK = "https://club.example/cb"


@pytest.fixture
def ada(gw):
    return gw.json("user", "add", "ada", "--password-stdin", input=PASSWORD + "\n")


@pytest.fixture
def club(gw):
    return gw.json(
        *("app", "create", "Club House", "--id", "club", "--redirect-uri", CALLBACK, "--scope", "openid"),
        *("--backchannel-logout-uri", "https://club.example/back", "--backchannel-logout-session-required"),
        *(
            "--frontchannel-logout-uri",
            "https://club.example/front",
            "--frontchannel-logout-session-required",
        ),
    )


def in_store(gw, act):
    """Do something to the database the commands use."""

    async def run():
        store = await open_store(gw.json("config", "show")["database.url"]["value"])
        try:
            return await act(store)
        finally:
            await store.close()

    return asyncio.run(run())


def session_of(ada, number: int) -> Session:
    now = 4_000_000_000.0
    return Session(
        id=f"session{number}",
        sso_id=f"sso{number}",
        hash=b"x" * 32,
        subject=ada["subject"],
        auth_time=now,
        created_at=now,
        seen_at=now + number,
        expires_at=now + 1000,
        browser="Firefox on Linux",
        network="192.0.2.1",
    )


@pytest.fixture
def two_sessions(gw, ada):
    """Ada is signed in with two browsers."""

    async def act(store):
        person = await store.find_person("ada")
        for number in (1, 2):
            await store.open_session(session_of(ada, number), proven=person, ends=None, audit=[])

    in_store(gw, act)


def test_where_somebody_is_signed_in_is_listed_and_ended(gw, two_sessions):
    """FN12, LO06: one, or all of them."""
    assert "Firefox on Linux" in gw("sessions", "list", "ada").stdout
    assert ["session2", "session1"] == [one["id"] for one in gw.json("sessions", "list", "ada")]
    gw("sessions", "revoke", "ada", "session1", code=2)
    assert gw.json("sessions", "revoke", "ada", "session1", "--yes") == {"revoked": 1}
    assert "sessions list ada" in gw("sessions", "revoke", "ada", "session1", "--yes", code=3).stderr
    assert gw.json("sessions", "revoke", "ada", "--yes") == {"revoked": 1}
    assert gw.json("sessions", "list", "ada") == []
    gw("sessions", "list", "nobody", code=3)


def test_what_apps_have_not_been_told_is_shown_with_the_reason(gw, ada, club, two_sessions):
    """LO08: who, since when, how often, when again, and why not."""
    assert gw.json("sessions", "untold") == []

    async def act(store):
        db = store._writer
        await db.run(
            lambda writing: (
                writing.execute(
                    "INSERT INTO session_clients (sso_id, client_id, subject, joined_at, expires_at) "
                    "VALUES ('sso1', 'club', ?, 1, 5e9)",
                    (ada["subject"],),
                )
                and None
            )
        )
        await store.end_session("session1", [])
        (due,) = await store.take_logouts(limit=1, lease=30, each=1, under_way=())
        await store.put_off_logout(due, wait=60, problem="no answer within 5 s", with_others=True)

    in_store(gw, act)
    (one,) = gw.json("sessions", "untold")
    assert ("club", ada["subject"], 1) == (one["client_id"], one["subject"], one["tries"])
    assert "no answer within 5 s" in gw("sessions", "untold").stdout
    assert one["next_try_at"] > one["ended_at"]

    async def give_up(store):
        (due,) = await store.list_logouts()
        await store.put_off_logout(due, wait=None, problem="it answered 400", with_others=False)

    in_store(gw, give_up)
    assert gw.json("sessions", "untold")[0]["next_try_at"] is None
    assert "given up" in gw("sessions", "untold").stdout


def test_an_app_is_registered_to_hear_of_the_end(gw, club):
    """LO11: shown, changed, and taken away again."""
    assert club["backchannel_logout_uri"] == "https://club.example/back"
    assert club["frontchannel_logout_session_required"] is True
    assert "https://club.example/front" in gw("app", "show", "club").stdout
    edited = gw.json("app", "edit", "club", "--no-frontchannel-logout-session-required")
    assert edited["frontchannel_logout_session_required"] is False
    edited = gw.json("app", "edit", "club", "--backchannel-logout-uri", "")
    assert (None, False) == tuple(edited[f"backchannel_logout_{end}"] for end in ("uri", "session_required"))
    refused = gw("app", "edit", "club", "--frontchannel-logout-uri", "https://evil.example/front", code=1)
    assert "must be those of a redirect_uri" in refused.stderr


def test_a_file_says_where_an_app_hears_of_the_end(gw, folder):
    """LO11: and a second run finds nothing to do."""
    (folder / "apps.toml").write_text(
        f"""
[[apps]]
id = "club"
redirect_uris = ["{CALLBACK}"]
scopes = ["openid"]
backchannel_logout_uri = "https://club.example/back"
backchannel_logout_session_required = true
frontchannel_logout_uri = "https://club.example/front"
frontchannel_logout_session_required = true
"""
    )
    gw("import", "apps.toml", "--yes")
    app = gw.json("app", "show", "club")
    for channel, required in (("back", True), ("front", True)):
        assert app[f"{channel}channel_logout_uri"] == f"https://club.example/{channel}"
        assert app[f"{channel}channel_logout_session_required"] is required
    text = (folder / "apps.toml").read_text().replace("example/back", "example/other")
    (folder / "apps.toml").write_text(text)
    plan = gw("import", "apps.toml", "--dry-run", code=5)
    assert "https://club.example/other" in plan.stdout + plan.stderr
