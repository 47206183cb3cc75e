"""What differs from client to client: by which subject it knows people, and whether userinfo is signed."""

import json
from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from grantway.flows.registry import ClientDraft, add_client
from grantway.protocol.clients import Client, ClientType
from grantway.protocol.names import SubjectType
from grantway.protocol.scope import Scope
from tests.checks.answers import (
    bought,
    claims_of,
    is_code,
    is_refusal,
    page_of,
    returned,
    signed_in_visitor,
    tokens_of,
)
from tests.checks.conftest import SIGN_IN
from tests.node import Visitor

SHOP, SHOP_TWO = "https://shop.example/cb", "https://shop.example/second"
BLOG = "https://blog.example/cb"


@pytest.fixture(scope="module")
async def ada(node) -> Visitor:
    """A browser signed in as ada."""
    return await signed_in_visitor(node)


async def registered(node, name: str, redirect_uri: str, **members) -> Client:
    """As an owner does it."""
    draft = ClientDraft(
        name=name,
        id=name,
        type=ClientType.WEB,
        redirect_uris=(redirect_uri,),
        scope=SIGN_IN,
        **{"subject_type": SubjectType.PAIRWISE, **members},
    )
    if name in node.secrets:
        return node.server.snapshots.current().registry.clients[name]
    done = await add_client(node.server, draft, actor="test")
    node.secrets[name] = done.secret
    return done.client


async def subjects(node, ada: Visitor, client_id: str, to: str) -> set[str]:
    """Every subject of ada that a client is told, anywhere."""
    tokens = await bought(ada, client_id, to, scope="openid photos:read offline_access")
    renewed = tokens_of(await node.refresh(tokens["refresh_token"], client_id))
    header = {"authorization": f"Bearer {tokens['access_token']}"}
    found = [
        claims_of(one[kind])["sub"] for one in (tokens, renewed) for kind in ("id_token", "access_token")
    ]
    found.append((await node.send("GET", "/userinfo", headers=header)).json()["sub"])
    for token in (renewed["refresh_token"], renewed["access_token"]):
        told = (await node.introspect(token, client_id)).json()
        assert "username" not in told
        found.append(told["sub"])
    return set(found)


async def test_sectors_know_people_by_different_subjects(node, ada):
    """ID06: one subject in all a client is told; another sector cannot tell that it is the same person."""
    await registered(node, "shop", SHOP)
    await registered(node, "shop_too", SHOP_TWO)
    await registered(node, "blog", BLOG)
    shop = await subjects(node, ada, "shop", SHOP)
    too = await subjects(node, ada, "shop_too", SHOP_TWO)
    blog = await subjects(node, ada, "blog", BLOG)
    assert (1, shop, 1) == (len(shop), too, len(blog))
    assert shop.isdisjoint(blog)
    assert node.people["ada"].subject not in shop | blog


async def test_a_sector_can_be_registered_by_hand(node, ada):
    """ID06: apps at several hosts that belong together."""
    await registered(node, "shop", SHOP)
    await registered(node, "shop_abroad", "https://shop.test/cb", sector_identifier="shop.example")
    abroad = await subjects(node, ada, "shop_abroad", "https://shop.test/cb")
    assert abroad == await subjects(node, ada, "shop", SHOP)


async def test_subjects_stay_when_keys_and_pictures_change(node, ada):
    """ID06: the salt is read from the database again."""
    await registered(node, "shop", SHOP)
    before = await subjects(node, ada, "shop", SHOP)
    await node.change_client("shop", name="Shop, renamed")
    assert before == await subjects(node, ada, "shop", SHOP)
    kinds = [key.purpose for key in (await node.store.load_registry()).keys]
    assert 1 == kinds.count("pairwise")


async def test_a_hint_names_somebody_by_the_subject_the_client_knows(node, ada):
    """AZ29, ID06"""
    await registered(node, "shop", SHOP)
    hint = (await bought(ada, "shop", SHOP, scope="openid"))["id_token"]

    def asked(**named):
        return page_of(ada, "shop", redirect_uri=SHOP, scope="openid", prompt="none", **named)

    is_code(returned(await asked(id_token_hint=hint), SHOP), node)
    public = json.dumps({"id_token": {"sub": {"value": node.people["ada"].subject}}})
    is_refusal(returned(await asked(claims=public), SHOP), node, "login_required")


async def test_userinfo_is_signed_for_who_wants_it(node, ada):
    """UI01: with issuer and audience, by a published key; and it passes for no ID token."""
    await registered(node, "signed", BLOG, userinfo_signed_response_alg="ES256")
    tokens = await bought(ada, "signed", BLOG, scope="openid profile")
    header = {"authorization": f"Bearer {tokens['access_token']}"}
    reply = await node.send("POST", "/userinfo", headers=header)
    assert (200, "application/jwt") == (reply.status_code, reply.headers["content-type"])
    keys = KeySet.import_key_set((await node.send("GET", "/jwks")).json())
    claims = jwt.decode(reply.text, keys, algorithms=["ES256"]).claims
    assert (node.issuer, "signed", claims_of(tokens["id_token"])["sub"]) == tuple(
        claims[name] for name in ("iss", "aud", "sub")
    )
    assert "Ada Lovelace" == claims["name"]
    page = await page_of(
        ada, "signed", redirect_uri=BLOG, scope="openid", prompt="none", id_token_hint=reply.text
    )
    is_refusal(returned(page, BLOG), node, "invalid_request")


async def test_a_client_that_hides_nothing_is_told_the_username(node, ada):
    """IN01"""
    token = (await bought(ada))["access_token"]
    assert "ada" == (await node.introspect(token)).json()["username"]


def test_what_an_owner_may_not_register(node):
    """ID06: two hosts have no sector in common unless one is named."""
    from grantway.protocol.clients import client_problems

    client = node.server.snapshots.current().registry.clients["sso"]
    pairwise = replace(client, subject_type=SubjectType.PAIRWISE)
    assert [] == client_problems(pairwise)
    for wrong, about in (
        (replace(pairwise, redirect_uris=(SHOP, BLOG)), "subject_type"),
        (replace(client, sector_identifier="shop.example"), "sector_identifier"),
        (replace(pairwise, sector_identifier="https://shop.example"), "sector_identifier"),
        (replace(client, userinfo_signed_response_alg="HS256"), "userinfo_signed_response_alg"),
        (replace(client, id_token_signed_response_alg="none"), "id_token_signed_response_alg"),
        (replace(client, id="p_" + "a" * 40), "id"),
    ):
        assert [about] == [problem.split()[0].rstrip(":") for problem in client_problems(wrong)]
    assert [] == client_problems(
        replace(pairwise, redirect_uris=(SHOP, BLOG), sector_identifier="shop.example")
    )
    assert Scope() == client.optional_scope
