"""Revocation: a client gives back what it holds."""

from dataclasses import replace

import pytest

from grantway.protocol.apis import TokenFormat
from tests.checks.answers import (
    FORM,
    bought,
    is_code,
    is_error,
    is_unauthenticated,
    page_of,
    returned,
    tokens_of,
)
from tests.node import CALENDAR

SPA = "https://spa.example/cb"


async def revoke(node, token: str, client_id: str = "printer", **form: str) -> None:
    reply = await node.post("/revoke", client_id, token=token, **form)
    assert reply.status_code == 200, reply.text
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense", "\0"])
async def test_a_revoked_access_token_is_dead_and_stays_so(node, member, hint):
    """RV01: whatever the hint; the rest of its grant lives."""
    tokens = await bought(member)
    form = {} if hint is None else {"token_type_hint": hint}
    for _ in range(2):
        await revoke(node, tokens["access_token"], **form)
        assert not await node.lives(tokens["access_token"])
    tokens_of(await node.refresh(tokens["refresh_token"]))


@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
async def test_a_revoked_refresh_token_takes_its_grant_along(node, member, hint):
    """RV01: RFC 7009 §2.1."""
    tokens = await bought(member)
    form = {} if hint is None else {"token_type_hint": hint}
    for _ in range(2):
        await revoke(node, tokens["refresh_token"], **form)
        assert not await node.lives(tokens["access_token"])
        is_error(await node.refresh(tokens["refresh_token"]), "invalid_grant")


async def test_an_older_refresh_token_of_the_family_takes_it_along_as_well(node, member):
    """RV01: a client that lost the newest can still give everything back."""
    first = await bought(member)
    second = tokens_of(await node.refresh(first["refresh_token"]))
    await revoke(node, first["refresh_token"])
    is_error(await node.refresh(second["refresh_token"]), "invalid_grant")
    assert not await node.lives(second["access_token"])


async def test_a_revoked_opaque_token_is_dead(node):
    """RV01"""
    await node.put_api(replace(CALENDAR, token_format=TokenFormat.OPAQUE))
    request = {"grant_type": "client_credentials", "scope": "calendar:read"}
    token, other = [tokens_of(await node.token("machine", **request))["access_token"] for _ in range(2)]
    for _ in range(2):
        await revoke(node, token, "machine")
        assert not await node.lives(token, "machine")
    assert await node.lives(other, "machine")


async def test_a_public_client_gives_back_its_own(node, member):
    """RV01: its name is enough, for the token is the proof."""
    tokens = await bought(member, "spa", SPA)
    await revoke(node, tokens["refresh_token"], "spa")
    is_error(await node.refresh(tokens["refresh_token"], "spa"), "invalid_grant")


async def test_other_approvals_of_the_same_app_live_on(node, member):
    """RV01"""
    first, second = await bought(member), await bought(member)
    await revoke(node, first["refresh_token"])
    assert await node.lives(second["access_token"])
    tokens_of(await node.refresh(second["refresh_token"]))


@pytest.mark.parametrize(
    "token",
    ["x", "\0", "x" * 5000, "çødé", "a.b.c", "gwat_" + "0" * 65, "gwrt_" + "0" * 65, "' OR 1=1 --"],
    ids=lambda token: ascii(token[:20]),
)
async def test_what_is_no_token_is_revoked_in_peace(node, token):
    """RV03: the caller wanted it dead, and so it is (RFC 7009 §2.2)."""
    await revoke(node, token)


@pytest.mark.parametrize("thief", ["other", "spa", "photos_api"])
async def test_the_token_of_another_is_not_touched_and_nobody_is_told(node, member, thief):
    """RV03"""
    tokens = await bought(member)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        await revoke(node, token, thief)
    assert await node.lives(tokens["access_token"])
    tokens_of(await node.refresh(tokens["refresh_token"]))


async def test_a_code_cannot_be_revoked(node, member):
    """RV03"""
    code = is_code(returned(await page_of(member)), node)
    await revoke(node, code)
    tokens_of(await node.redeem(code, member.verifier))


async def test_nobody_revokes_without_saying_who_they_are(node, member):
    """RV05: and a confidential client proves it."""
    tokens = await bought(member)
    token = tokens["refresh_token"]
    is_unauthenticated(await node.send("POST", "/revoke", token=token))
    is_unauthenticated(await node.send("POST", "/revoke", token=token, client_id="printer"))
    wrong = {**FORM, **node.basic("printer", "x")}
    is_unauthenticated(await node.send("POST", "/revoke", headers=wrong, token=token))
    tokens_of(await node.refresh(token))


async def test_a_revocation_names_a_token(node):
    """RV05"""
    is_error(await node.post("/revoke", "printer"), "invalid_request")
    is_error(await node.post("/revoke", "printer", token=""), "invalid_request")
    headers = {**FORM, **node.basic("printer")}
    is_error(await node.send("POST", "/revoke", raw="token=a&token=b", headers=headers), "invalid_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_revocation_answers_posts_only(node, member, method):
    """RV05: no link, no picture revokes anything."""
    token = (await bought(member))["refresh_token"]
    headers = {**FORM, **node.basic("printer")}
    reply = await node.send(method, f"/revoke?token={token}", headers=headers)
    assert reply.status_code == 405
    is_error(await node.send("POST", f"/revoke?token={token}", headers=headers), "invalid_request")
    tokens_of(await node.refresh(token))
