"""Introspection: whom it concerns learns whether a token lives, and nobody else anything."""

from dataclasses import replace

import pytest

from grantway.protocol.apis import TokenFormat
from tests.checks.answers import (
    FORM,
    INACTIVE,
    bought,
    claims_of,
    is_code,
    is_error,
    is_unauthenticated,
    page_of,
    returned,
    tokens_of,
)
from tests.node import CALENDAR

STRANGE = [
    "x",
    "\0",
    "a\0b",
    "\x1b[31m",
    "x" * 5000,
    "çødé",
    "🐟",
    " ",
    "..",
    "a.b.c",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
    "gwat_" + "0" * 65,
    "gwrt_" + "0" * 65,
    "' OR 1=1 --",
]


async def test_a_client_learns_about_its_own_access_token(node, member):
    """IN01"""
    token = (await bought(member))["access_token"]
    reply = await node.introspect(token)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    claims = claims_of(token)
    assert reply.json() == {
        "active": True,
        "scope": "photos:read",
        "client_id": "printer",
        "username": "ada",
        "token_type": "Bearer",
        "exp": claims["exp"],
        "iat": claims["iat"],
        "sub": node.people["ada"].subject,
        "aud": "https://api.example/photos",
        "iss": node.issuer,
        "jti": claims["jti"],
        "auth_time": claims["auth_time"],
        "acr": claims["acr"],
    }


async def test_an_opaque_token_says_the_same(node, member):
    """IN01"""
    request = {"grant_type": "client_credentials", "scope": "calendar:read"}
    as_jwt = tokens_of(await node.token("machine", **request))["access_token"]
    await node.put_api(replace(CALENDAR, token_format=TokenFormat.OPAQUE))
    as_opaque = tokens_of(await node.token("machine", **request))["access_token"]
    assert as_opaque.startswith("gwat_")
    told = [(await node.introspect(token, "machine")).json() for token in (as_jwt, as_opaque)]
    assert told[0].keys() == told[1].keys()
    same = ("active", "scope", "client_id", "aud", "sub", "iss", "token_type")
    assert [told[0][name] for name in same] == [told[1][name] for name in same]
    await node.put_api(CALENDAR)


async def test_the_api_a_token_is_for_learns_about_it_and_no_other(node, member):
    """IN01: whoever else asks hears what they hear about junk."""
    token = (await bought(member))["access_token"]
    assert (await node.introspect(token, "photos_api")).json()["active"] is True
    for stranger in ("calendar_api", "other", "machine"):
        assert (await node.introspect(token, stranger)).content == INACTIVE


async def test_nobody_asks_without_a_proof(node, member):
    """IN02"""
    token = (await bought(member))["access_token"]
    for form in ({"token": token}, {"token": token, "client_id": "printer"}, {}):
        is_unauthenticated(await node.send("POST", "/introspect", **form))
    wrong = {**FORM, **node.basic("printer", "x")}
    is_unauthenticated(await node.send("POST", "/introspect", headers=wrong, token=token))


async def test_a_public_client_cannot_ask(node, member):
    """IN02: its name proves nothing."""
    token = (await bought(member, "spa", "https://spa.example/cb"))["access_token"]
    is_unauthenticated(await node.introspect(token, "spa"))


async def test_a_question_names_a_token(node):
    """IN02"""
    for form in ({}, {"token": ""}):
        is_error(await node.post("/introspect", "printer", **form), "invalid_request")
    headers = {**FORM, **node.basic("printer")}
    is_error(
        await node.send("POST", "/introspect", raw="token=a&token=b", headers=headers), "invalid_request"
    )
    for method in ("GET", "PUT"):
        reply = await node.send(method, "/introspect?token=x", headers=headers)
        assert reply.status_code == 405
        assert "active" not in reply.text


@pytest.mark.parametrize("token", STRANGE, ids=lambda token: ascii(token[:20]))
async def test_what_is_no_token_is_inactive_and_nothing_more(node, token):
    """IN03"""
    reply = await node.introspect(token)
    assert reply.status_code == 200
    assert reply.content == INACTIVE


async def test_a_token_changed_anywhere_is_inactive(node, member):
    """IN03: header, claims and signature; and a refresh token likewise."""
    tokens = await bought(member)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        for at in (3, len(token) // 3, len(token) // 2, len(token) - 20):
            changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
            assert (await node.introspect(changed)).content == INACTIVE
        assert (await node.introspect(token + "x")).content == INACTIVE
        assert (await node.introspect(token[:-1])).content == INACTIVE


async def test_a_code_is_no_token(node, member):
    """IN03"""
    code = is_code(returned(await page_of(member)), node)
    assert (await node.introspect(code)).content == INACTIVE
    tokens_of(await node.redeem(code, member.verifier))


async def test_a_revoked_token_is_inactive(node, member):
    """IN04: the access token by itself; the refresh token with all of its grant."""
    tokens = await bought(member)
    await node.post("/revoke", "printer", token=tokens["access_token"])
    assert (await node.introspect(tokens["access_token"])).content == INACTIVE
    assert (await node.introspect(tokens["refresh_token"])).json()["active"] is True
    tokens = await bought(member)
    await node.post("/revoke", "printer", token=tokens["refresh_token"])
    for token in (tokens["access_token"], tokens["refresh_token"]):
        for caller in ("printer", "photos_api"):
            assert (await node.introspect(token, caller)).content == INACTIVE


async def test_a_spent_refresh_token_is_inactive(node, member):
    """IN04"""
    tokens = await bought(member)
    tokens_of(await node.refresh(tokens["refresh_token"]))
    assert (await node.introspect(tokens["refresh_token"])).content == INACTIVE


async def test_tokens_of_a_disabled_client_are_inactive(node, member):
    """IN04: asked by the API, since the client itself may ask no more."""
    token = (await bought(member, "single", "https://single.example/cb"))["access_token"]
    assert (await node.introspect(token, "photos_api")).json()["active"] is True
    await node.change_client("single", enabled=False)
    assert (await node.introspect(token, "photos_api")).content == INACTIVE
    await node.change_client("single", enabled=True)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense", "", "\0", "x" * 3000])
async def test_a_wrong_hint_hides_no_token(node, member, hint):
    """IN05: a hint is a hint (RFC 7662 §2.1)."""
    tokens = await bought(member)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        reply = await node.introspect(token, token_type_hint=hint)
        assert reply.status_code == 200
        assert reply.json()["active"] is True


async def test_a_client_learns_about_its_own_refresh_token_and_nobody_else_does(node, member):
    """IN05"""
    token = (await bought(member))["refresh_token"]
    told = (await node.introspect(token)).json()
    assert told["active"] is True
    assert (told["client_id"], told["scope"]) == ("printer", "photos:read")
    assert told["exp"] > told["iat"]
    for stranger in ("photos_api", "other"):
        assert (await node.introspect(token, stranger)).content == INACTIVE
