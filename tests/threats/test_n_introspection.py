"""Introspection and revocation under attack (threats N)."""

import pytest

from tests.node import Visitor
from tests.threats.attacks import LOOPBACK
from tests.threats.test_e_codes import assert_unusable

INACTIVE = {"active": False}


@pytest.mark.parametrize("scope", ["photos:read", "notes:read"])
async def test_only_whom_a_token_concerns_learns_about_it(target, visitor, scope):
    """N1: its client and its API; everybody else gets two words, as for garbage."""
    tokens = await visitor.tokens(scope=scope)
    api, stranger = ("photos_api", "notes_api") if scope == "photos:read" else ("notes_api", "photos_api")
    assert (await target.introspect(tokens["access_token"], api))["active"] is True
    assert (await target.introspect(tokens["access_token"], "printer"))["active"] is True
    for caller in ("other", "machine", "code_only", "calendar_api", stranger):
        for hint in ({}, {"token_type_hint": "access_token"}, {"token_type_hint": "x"}):
            assert await target.introspect(tokens["access_token"], caller, **hint) == INACTIVE


async def test_a_refresh_token_concerns_its_client_alone(target, visitor):
    """N1: not even the API."""
    tokens = await visitor.tokens()
    for caller in ("other", "photos_api", "machine"):
        assert await target.introspect(tokens["refresh_token"], caller) == INACTIVE
    assert (await target.introspect(tokens["refresh_token"]))["active"] is True


@pytest.mark.parametrize("client_id", ["cli", "spa", "app"])
async def test_a_client_without_a_secret_introspects_nothing(target, visitor, client_id):
    """N1: not even its own tokens."""
    reply = await target.post("/introspect", client_id, token="x")
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")


async def test_codes_secrets_and_cookies_are_not_introspected(target, visitor):
    """N1, E4: whatever is no token is inactive, for the one it belongs to as well."""
    code = await visitor.code()
    session = next(c.value for c in visitor.http.cookies.jar if c.name.endswith("gw_s"))
    for text in (code, target.secrets["printer"], session, target.people["ada"].subject, "printer"):
        assert await target.introspect(text) == INACTIVE
    assert (await target.redeem(code, visitor.verifier)).status_code == 200


@pytest.mark.parametrize("scope", ["photos:read", "notes:read"])
async def test_nobody_revokes_a_token_of_another_client(target, visitor, scope):
    """N4: answered 200 like any unknown token, and nothing happens."""
    tokens = await visitor.tokens(scope=scope)
    for thief in ("other", "cli", "machine", "photos_api", "notes_api"):
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert (await target.post("/revoke", thief, token=token)).status_code == 200
    assert await target.is_alive(tokens["access_token"])
    assert await target.is_alive(tokens["refresh_token"])


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "bogus"])
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("scope", ["photos:read", "notes:read"])
async def test_a_public_client_revokes_its_own(target, visitor, hint, which, scope):
    """N4: proven by possession, found despite a wrong hint, at once."""
    await target.change_client(
        "cli", scope=target.server.snapshots.current().registry.clients["printer"].scope
    )
    tokens = await visitor.tokens("cli", redirect_uri=LOOPBACK, scope=scope)
    form = {"token": tokens[which]} if hint is None else {"token": tokens[which], "token_type_hint": hint}
    assert (await target.post("/revoke", "cli", **form)).status_code == 200
    api = "photos_api" if scope == "photos:read" else "notes_api"
    assert not await target.is_alive(tokens["access_token"], api)
    if which == "refresh_token":
        assert_unusable(await target.refresh(tokens["refresh_token"], "cli"))
    else:
        assert (await target.refresh(tokens["refresh_token"], "cli")).status_code == 200


async def test_a_revoked_refresh_token_takes_its_whole_grant_along(target, visitor):
    """N6: also when it is not the newest of its family."""
    first = await visitor.tokens()
    second = (await target.refresh(first["refresh_token"])).json()
    assert (await target.post("/revoke", "printer", token=first["refresh_token"])).status_code == 200
    for tokens in (first, second):
        assert not await target.is_alive(tokens["access_token"])
        assert not await target.is_alive(tokens["refresh_token"])
        assert_unusable(await target.refresh(tokens["refresh_token"]))


async def test_a_revoked_token_stays_dead(fresh):
    """N4: after the node has tidied up, and however often it is revoked or asked about."""
    visitor = Visitor(fresh)
    tokens = await visitor.tokens()
    for _ in range(3):
        assert (await fresh.post("/revoke", "printer", token=tokens["access_token"])).status_code == 200
    await fresh.store.drop_expired()
    await fresh.pass_time(300)
    await fresh.store.drop_expired()
    assert not await fresh.is_alive(tokens["access_token"])
    entries = [e for e in await fresh.store.read_audit() if e.action == "access_token.revoked"]
    assert len(entries) == 1
