"""What an app asks for beside scopes: single claims, one person and no other; and what it may not ask."""

import json
from dataclasses import replace

import pytest

from grantway.crypto.jwk import SigningKey
from grantway.flows.people import change_person
from tests.checks.answers import (
    bought,
    claims_of,
    is_code,
    is_consent,
    is_login,
    is_refusal,
    page_of,
    returned,
    signed_in_visitor,
    tokens_of,
)
from tests.checks.conftest import SSO_CALLBACK
from tests.node import Visitor


@pytest.fixture(scope="module")
async def ada(node) -> Visitor:
    """A browser signed in as ada, who has an address for mail."""
    person = node.people["ada"]
    await change_person(node.server, person, replace(person, email="ada@id.example"), actor="test")
    return await signed_in_visitor(node)


def asking(visitor: Visitor, scope: str = "openid", **parameters):
    return page_of(visitor, "sso", redirect_uri=SSO_CALLBACK, scope=scope, **parameters)


async def bought_with(visitor: Visitor, claims: dict, scope: str = "openid", **parameters) -> dict:
    return await bought(visitor, "sso", SSO_CALLBACK, scope=scope, claims=json.dumps(claims), **parameters)


async def told(node, access_token: str) -> dict:
    reply = await node.send("GET", "/userinfo", headers={"authorization": f"Bearer {access_token}"})
    assert 200 == reply.status_code
    return reply.json()


async def test_single_claims_are_told_where_they_were_asked_for(node, ada):
    """ID09: in the ID token or at userinfo; neither is a scope of the token."""
    claims = {"id_token": {"email": {"essential": True}}, "userinfo": {"name": None, "birthdate": None}}
    tokens = await bought_with(ada, claims)
    assert "openid" == tokens["scope"] == claims_of(tokens["access_token"])["scope"]
    in_token, from_userinfo = claims_of(tokens["id_token"]), await told(node, tokens["access_token"])
    assert ("ada@id.example", False) == (in_token["email"], "name" in in_token)
    assert {"sub": in_token["sub"], "name": "Ada Lovelace"} == from_userinfo


async def test_single_claims_stay_with_the_grant(node, ada):
    """ID09, RT10: a refresh tells what the first answer told."""
    tokens = await bought_with(ada, {"id_token": {"email": None}}, "openid offline_access")
    again = tokens_of(await node.refresh(tokens["refresh_token"], "sso"))
    assert "ada@id.example" == claims_of(again["id_token"])["email"]
    found = (await node.introspect(again["refresh_token"], "sso")).json()
    assert {"openid", "offline_access"} == set(found["scope"].split())


async def test_the_person_reads_which_claims_are_asked_for(node):
    """ID09, FS16: nothing is told that was not read, and what was allowed is not asked again."""
    visitor = await signed_in_visitor(node, "eve")
    claims = json.dumps({"id_token": {"nickname": None}, "userinfo": {"gender": None}})
    page = await asking(visitor, claims=claims)
    assert is_consent(page)
    assert ("See your nickname" in page.text, "See your gender" in page.text) == (True, True)
    await visitor.submit(page, answer="allow")
    is_code(returned(await asking(visitor, claims=claims, prompt="none"), SSO_CALLBACK), node)
    more = json.dumps({"userinfo": {"gender": None, "locale": None}})
    page = await asking(visitor, claims=more, prompt="none")
    is_refusal(returned(page, SSO_CALLBACK), node, "consent_required")


async def test_no_request_names_a_claim_as_a_scope(node, ada):
    """ID09, AZ16"""
    page = await asking(ada, "openid claim:email")
    is_refusal(returned(page, SSO_CALLBACK), node, "invalid_scope")


@pytest.mark.parametrize(
    "claims", ["{", "[]", '{"userinfo": {"name": 1}}', '{"id_token": {"sub": {"value": 7}}}']
)
async def test_malformed_claims_are_refused(node, ada, claims):
    """ID09"""
    is_refusal(returned(await asking(ada, claims=claims), SSO_CALLBACK), node, "invalid_request")


async def test_a_sign_in_that_cannot_be_sure_enough_is_refused(node, visitor):
    """ID09: before anybody signs in for nothing."""
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": ["phr"]}}})
    answer = returned(await asking(visitor, claims=claims), SSO_CALLBACK)
    is_refusal(answer, node, "unmet_authentication_requirements")


async def test_a_hint_names_who_may_answer(node, ada):
    """AZ29: the same person answers silently."""
    hint = (await bought(ada, "sso", SSO_CALLBACK, scope="openid"))["id_token"]
    page = await asking(ada, id_token_hint=hint, prompt="none")
    is_code(returned(page, SSO_CALLBACK), node)


async def test_nobody_else_answers_in_their_place(node, ada, visitor):
    """AZ29, A10: silently never; otherwise the one named signs in, or the app hears that nobody did."""
    hint = (await bought(ada, "sso", SSO_CALLBACK, scope="openid"))["id_token"]
    eve = await signed_in_visitor(node, "eve")
    sub = json.dumps({"id_token": {"sub": {"value": node.people["ada"].subject}}})
    for named in ({"id_token_hint": hint}, {"claims": sub}):
        page = await asking(eve, prompt="none", **named)
        is_refusal(returned(page, SSO_CALLBACK), node, "login_required")
    page = await asking(eve, id_token_hint=hint)
    assert is_login(page)
    page = await eve.sign_in(page, "eve")
    is_refusal(returned(page, SSO_CALLBACK), node, "login_required")
    page = await asking(eve, id_token_hint=hint)
    is_code(returned(await eve.sign_in(page, "ada"), SSO_CALLBACK), node)


async def test_a_hint_that_proves_nothing_is_refused(node, ada):
    """AZ29, K1: malformed, forged, unsigned, of another client, or another kind of token."""
    tokens = await bought(ada, "sso", SSO_CALLBACK, scope="openid")
    hint = tokens["id_token"]
    head, body, signature = hint.split(".")
    claims = claims_of(hint)
    ours = node.server.snapshots.current().signing_keys["RS256"]
    stranger = SigningKey.generate("ES256", ours.kid)
    for bad in (
        "junk",
        f"eyJhbGciOiJub25lIn0.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        stranger.sign(claims, typ="JWT"),
        ours.sign({**claims, "aud": "printer"}, typ="JWT"),
        ours.sign({**claims, "iss": "https://elsewhere.example"}, typ="JWT"),
        tokens["access_token"],
    ):
        page = await asking(ada, id_token_hint=bad, prompt="none")
        is_refusal(returned(page, SSO_CALLBACK), node, "invalid_request")


async def test_an_old_hint_still_names_somebody(node, ada):
    """AZ29: OpenID Connect Core §3.1.2.1; it says who, not until when."""
    claims = claims_of((await bought(ada, "sso", SSO_CALLBACK, scope="openid"))["id_token"])
    key = node.server.snapshots.current().signing_keys["RS256"]
    old = key.sign({**claims, "iat": 1, "exp": 2}, typ="JWT")
    is_code(returned(await asking(ada, id_token_hint=old, prompt="none"), SSO_CALLBACK), node)


async def test_a_registration_in_passing_is_refused(node, ada):
    """AZ31"""
    page = await asking(ada, registration="{}")
    is_refusal(returned(page, SSO_CALLBACK), node, "registration_not_supported")


async def test_a_login_hint_fills_in_the_name(node, visitor):
    """AZ30"""
    assert 'value="grace"' in (await asking(visitor, login_hint="grace")).text
