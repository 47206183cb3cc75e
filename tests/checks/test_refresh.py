"""The refresh grant: rotation, its grace, and what a refresh token cannot buy."""

import pytest

from grantway.protocol.clients import RefreshPolicy
from tests.checks.answers import (
    FORM,
    bought,
    claims_of,
    is_code,
    is_error,
    is_unauthenticated,
    page_of,
    returned,
    tokens_of,
)
from tests.node import CALLBACK

SPA = "https://spa.example/cb"


@pytest.mark.parametrize(("client_id", "to"), [("printer", CALLBACK), ("spa", SPA)])
async def test_a_refresh_token_buys_a_new_access_token(node, member, client_id, to):
    """RT01"""
    first = await bought(member, client_id, to)
    second = tokens_of(await node.refresh(first["refresh_token"], client_id))
    assert second["access_token"] != first["access_token"]
    before, after = claims_of(first["access_token"]), claims_of(second["access_token"])
    same = ("iss", "sub", "aud", "client_id", "scope", "auth_time", "grant_id")
    assert [before[name] for name in same] == [after[name] for name in same]
    assert before["jti"] != after["jti"]


@pytest.mark.parametrize(
    ("client_id", "to"), [("spa", SPA), ("cli", "http://127.0.0.1:5123/cb"), ("printer", CALLBACK)]
)
async def test_a_refresh_token_is_good_once_and_leaves_another(node, member, client_id, to):
    """RT02: for public clients it must be so, for the others it is."""
    token = (await bought(member, client_id, to))["refresh_token"]
    for _ in range(3):
        renewed = tokens_of(await node.refresh(token, client_id))["refresh_token"]
        assert renewed != token
        token = renewed


async def test_a_retry_within_the_grace_gets_the_same_successor(node, member):
    """RT03: the first answer may have been lost on its way."""
    token = (await bought(member))["refresh_token"]
    first = tokens_of(await node.refresh(token))
    again = tokens_of(await node.refresh(token))
    assert again["refresh_token"] == first["refresh_token"]
    assert again["access_token"] != first["access_token"]
    assert await node.lives(first["access_token"])
    tokens_of(await node.refresh(again["refresh_token"]))


async def test_after_the_grace_a_retry_is_a_replay_and_ends_the_grant(node, member):
    """RT03: two hold the token, and one of them is a thief (RFC 9700 §4.14.2)."""
    token = (await bought(member))["refresh_token"]
    renewed = tokens_of(await node.refresh(token))
    await node.pass_time(11)
    is_error(await node.refresh(token), "invalid_grant")
    is_error(await node.refresh(renewed["refresh_token"]), "invalid_grant")
    assert not await node.lives(renewed["access_token"])


async def test_once_the_successor_was_used_a_retry_is_refused_without_punishment(node, member):
    """RT03: the answer did arrive, so this is no lost one; but inside the grace it may be a race."""
    token = (await bought(member))["refresh_token"]
    second = tokens_of(await node.refresh(token))["refresh_token"]
    third = tokens_of(await node.refresh(second))["refresh_token"]
    is_error(await node.refresh(token), "invalid_grant")
    tokens_of(await node.refresh(third))


@pytest.mark.parametrize("scope", ["photos:read photos:write", "photos:delete", "calendar:read", "nonsense"])
async def test_more_than_was_granted_is_refused_and_burns_nothing(node, member, scope):
    """RT06"""
    token = (await bought(member))["refresh_token"]
    is_error(await node.refresh(token, scope=scope), "invalid_scope")
    tokens_of(await node.refresh(token))


async def test_less_than_was_granted_narrows_this_access_token_alone(node, member):
    """RT06: RFC 6749 §6."""
    first = await bought(member, scope="photos:read photos:write")
    narrow = tokens_of(await node.refresh(first["refresh_token"], scope="photos:read"))
    assert narrow["scope"] == "photos:read"
    whole = tokens_of(await node.refresh(narrow["refresh_token"]))
    assert set(whole["scope"].split()) == {"photos:read", "photos:write"}


@pytest.mark.parametrize("thief", ["other", "single", "spa", "cli"])
async def test_a_refresh_token_is_bound_to_its_client(node, member, thief):
    """RT07: and is not burnt by the attempt of another."""
    token = (await bought(member))["refresh_token"]
    is_error(await node.refresh(token, thief), "invalid_grant")
    tokens_of(await node.refresh(token))


async def test_nothing_else_is_a_refresh_token(node, member):
    """RT08"""
    tokens = await bought(member)
    code = is_code(returned(await page_of(member)), node)
    strange = ["x", "x" * 20_000, "' OR 1=1 --", "é", "\0", "gwrt_" + "0" * 65]
    for text in (*strange, code, tokens["access_token"], node.secrets["printer"]):
        is_error(await node.refresh(text), "invalid_grant", "invalid_request")
    is_error(await node.token("printer", grant_type="refresh_token"), "invalid_request")
    is_error(await node.refresh(""), "invalid_request")
    tokens_of(await node.redeem(code, member.verifier))
    tokens_of(await node.refresh(tokens["refresh_token"]))


async def test_a_refresh_token_is_no_code(node, member):
    """RT08"""
    token = (await bought(member))["refresh_token"]
    is_error(await node.redeem(token, member.verifier), "invalid_grant")
    tokens_of(await node.refresh(token))


@pytest.mark.parametrize(
    ("policy", "scope", "expected"),
    [
        (RefreshPolicy.AUTOMATIC, "photos:read", True),
        (RefreshPolicy.ALWAYS, "photos:read", True),
        (RefreshPolicy.OFFLINE_ACCESS, "photos:read", False),
        (RefreshPolicy.OFFLINE_ACCESS, "photos:read offline_access", True),
        (RefreshPolicy.NEVER, "photos:read offline_access", False),
    ],
)
async def test_the_owner_of_a_client_decides_when_it_gets_a_refresh_token(
    node, member, policy, scope, expected
):
    """RT11: that of openid is told by tests/protocol, until the server offers openid."""
    await node.change_client("single", refresh=policy)
    tokens = await bought(member, "single", "https://single.example/cb", scope=scope)
    assert ("refresh_token" in tokens) is expected


async def test_a_confidential_client_that_proves_nothing_burns_nothing(node, member):
    """RT12"""
    token = (await bought(member))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    is_unauthenticated(await node.send("POST", "/token", **form))
    is_unauthenticated(await node.send("POST", "/token", **form, client_id="printer"))
    wrong = {**FORM, **node.basic("printer", "x")}
    is_unauthenticated(await node.send("POST", "/token", headers=wrong, **form))
    tokens_of(await node.refresh(token))
