"""ID tokens: what an app learns about a sign-in, and that nobody else could have told it."""

from dataclasses import replace
from hashlib import sha256, sha512

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.util import urlsafe_b64encode

from grantway.crypto.secrets import SecretKind, read_secret
from grantway.flows.registry import change_client
from grantway.protocol.names import Prompt
from grantway.protocol.session_clients import sid_of
from tests.checks.answers import (
    bought,
    claims_of,
    fresh_code,
    is_code,
    is_error,
    is_login,
    page_of,
    returned,
    signed_in_visitor,
    tokens_of,
)
from tests.checks.conftest import SSO_CALLBACK
from tests.node import Visitor

TIMES = {"iat", "exp", "at_hash"}


@pytest.fixture(scope="module")
async def ada(node) -> Visitor:
    """A browser signed in as ada."""
    return await signed_in_visitor(node)


async def sign_in(visitor: Visitor, **parameters) -> dict:
    """The tokens of a sign-in at the app `sso`."""
    return await bought(visitor, "sso", SSO_CALLBACK, **{"scope": "openid", **parameters})


async def verified(node, id_token: str, *algorithms: str):
    """The header and claims of an ID token whose signature is that of a published key."""
    keys = KeySet.import_key_set((await node.send("GET", "/jwks")).json())
    token = jwt.decode(id_token, keys, algorithms=list(algorithms))
    assert token.header["kid"] in {key.kid for key in keys}
    return token


async def test_an_id_token_is_signed_by_a_published_key(node, ada):
    """ID01: by RS256, which every client verifies, unless the client wants another."""
    token = await verified(node, (await sign_in(ada))["id_token"], "RS256")
    assert {"alg": "RS256", "typ": "JWT"} == {name: token.header[name] for name in ("alg", "typ")}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize(("alg", "hash_"), [("RS256", sha256), ("ES256", sha256), ("EdDSA", sha512)])
async def test_a_client_chooses_what_its_id_tokens_are_signed_with(node, ada, alg, hash_):
    """ID01, ID04: `at_hash` is made with the hash of that algorithm."""
    metadata = (await node.send("GET", "/.well-known/openid-configuration")).json()
    assert alg in metadata["id_token_signing_alg_values_supported"]
    await _choose(node, alg)
    tokens = await sign_in(ada)
    await _choose(node, "RS256")
    token = await verified(node, tokens["id_token"], alg)
    digest = hash_(tokens["access_token"].encode()).digest()
    assert urlsafe_b64encode(digest[: len(digest) // 2]).decode() == token.claims["at_hash"]


async def _choose(node, alg: str) -> None:
    """As its owner does: an algorithm nobody has used yet gets its key."""
    edited = await change_client(
        node.server, "sso", lambda old: replace(old, id_token_signed_response_alg=alg), actor="test"
    )
    assert alg == edited.id_token_signed_response_alg


async def test_the_claims_say_who_signed_in_where_when_and_how(node, ada):
    """ID02: one audience, so no azp; a sub of at most 255 ASCII characters."""
    tokens = await sign_in(ada)
    claims = claims_of(tokens["id_token"])
    session = await node.store.find_session(_selector(ada))
    now = int(node.server.now())
    iat, exp = claims.pop("iat"), claims.pop("exp")
    assert (now - 5 <= iat <= now, 600) == (True, exp - iat)
    claims.pop("at_hash")
    assert {
        "iss": node.issuer,
        "sub": node.people["ada"].subject,
        "aud": "sso",
        "auth_time": int(session.session.auth_time),
        "acr": "urn:grantway:acr:1",
        "amr": ["pwd"],
        "sid": sid_of(session.session.sso_id, "sso"),
    } == claims
    assert claims["sub"].isascii()


def _selector(visitor: Visitor) -> str:
    found = read_secret(SecretKind.SESSION, visitor.http.cookies["gw_s"])
    assert found is not None
    return found.selector


NONCES = ["n" * 64, "a&b=c#d+e%20f", '"quoted" \\ back', "ÄØ 日本 🦊", "0"]


@pytest.mark.parametrize("nonce", NONCES)
async def test_the_nonce_comes_back_as_it_was_sent(ada, nonce):
    """ID03"""
    assert nonce == claims_of((await sign_in(ada, nonce=nonce))["id_token"])["nonce"]


async def test_without_a_nonce_there_is_none(ada):
    """ID03"""
    assert "nonce" not in claims_of((await sign_in(ada))["id_token"])


async def test_a_new_sign_in_has_a_later_time_and_the_same_person(node):
    """ID05"""
    visitor = await signed_in_visitor(node)
    await node.pass_time(5)
    first = claims_of((await sign_in(visitor))["id_token"])
    page = await page_of(visitor, "sso", redirect_uri=SSO_CALLBACK, scope="openid", prompt=Prompt.LOGIN)
    assert is_login(page)
    code = is_code(returned(await visitor.sign_in(page), SSO_CALLBACK), node)
    reply = await node.redeem(code, visitor.verifier, "sso", redirect_uri=SSO_CALLBACK)
    second = claims_of(tokens_of(reply)["id_token"])
    assert first["sub"] == second["sub"]
    assert first["auth_time"] < second["auth_time"]


async def test_a_person_has_one_name_in_every_token_of_an_app(node, ada):
    """ID06: public subjects are the same everywhere."""
    tokens = [await sign_in(ada), await sign_in(ada, scope="openid photos:read")]
    found = {claims_of(one[kind])["sub"] for one in tokens for kind in ("id_token", "access_token")}
    assert {node.people["ada"].subject} == found


async def test_without_openid_there_is_no_id_token(ada):
    """ID07: `tokens_of` holds every answer of these tests to that."""
    assert "id_token" not in await sign_in(ada, scope="photos:read profile")


async def test_keys_are_public_and_strong(node):
    """ID08: an RSA key beside the elliptic one, from the first start."""
    keys = (await node.send("GET", "/jwks")).json()["keys"]
    assert {"RS256", "ES256"} <= {key["alg"] for key in keys}
    assert len(keys) == len({key["kid"] for key in keys})
    private = {"d", "p", "q", "dp", "dq", "qi", "k"}
    assert [key for key in keys if private & key.keys()] == []
    assert {len(key["n"]) * 6 // 8 * 8 >= 2048 for key in keys if key["kty"] == "RSA"} == {True}


async def test_a_refresh_brings_an_id_token_about_the_same_sign_in(node, ada):
    """RT10: same issuer, subject, audience and time of sign-in; no nonce."""
    tokens = await sign_in(ada, scope="openid offline_access", nonce="once")
    before = claims_of(tokens["id_token"])
    again = tokens_of(await node.refresh(tokens["refresh_token"], "sso"))
    after = claims_of(again["id_token"])
    kept = {name: value for name, value in before.items() if name not in TIMES | {"nonce"}}
    assert kept == {name: value for name, value in after.items() if name not in TIMES}
    assert after["at_hash"] != before["at_hash"]


async def test_a_retried_refresh_has_an_id_token_too(node, ada):
    """RT10: a lost answer is given again."""
    tokens = await sign_in(ada, scope="openid offline_access")
    for _ in range(2):
        again = tokens_of(await node.refresh(tokens["refresh_token"], "sso"))
        assert claims_of(tokens["id_token"])["sub"] == claims_of(again["id_token"])["sub"]


async def test_a_refresh_for_less_than_openid_has_none(node, ada):
    """RT10, ID07"""
    tokens = await sign_in(ada, scope="openid photos:read offline_access")
    again = tokens_of(await node.refresh(tokens["refresh_token"], "sso", scope="photos:read"))
    assert "id_token" not in again
    assert "https://api.example/photos" == claims_of(again["access_token"])["aud"]


async def test_with_openid_a_refresh_token_needs_offline_access(ada):
    """RT11"""
    assert "refresh_token" not in await sign_in(ada, scope="openid photos:read")
    assert "refresh_token" in await sign_in(ada, scope="openid photos:read offline_access")


async def test_an_access_token_to_sign_in_is_for_userinfo_alone(node, ada):
    """UI06: with openid its audience holds the issuer, beside the API if there is one."""
    alone = claims_of((await sign_in(ada))["access_token"])
    both = claims_of((await sign_in(ada, scope="openid photos:read"))["access_token"])
    api = "https://api.example/photos"
    assert (node.issuer, [api, node.issuer]) == (alone["aud"], both["aud"])
    found = (await node.introspect((await sign_in(ada))["access_token"], "sso")).json()
    assert (True, node.issuer) == (found["active"], found["aud"])


async def test_an_id_token_is_no_access_token(node, ada):
    """K8: neither for introspection nor for anything else."""
    token = (await sign_in(ada))["id_token"]
    assert not await node.lives(token, "sso")


async def test_an_id_token_is_refused_where_nothing_was_redeemed(node, ada):
    """ID07: a refused exchange says no word about the person."""
    code, _ = await fresh_code(ada, "sso", SSO_CALLBACK, scope="openid")
    is_error(await node.redeem(code, "x" * 43, "sso", redirect_uri=SSO_CALLBACK), "invalid_grant")


async def test_the_consent_page_says_what_signing_in_shares(node, visitor):
    """FS16: each scope of OpenID Connect has its sentence."""
    page = await visitor.sign_in(
        await page_of(
            visitor, "sso", redirect_uri=SSO_CALLBACK, scope="openid profile email", prompt="consent"
        )
    )
    for sentence in ("Know that it is you who signs in", "See your name", "See your e-mail address"):
        assert sentence in page.text
    assert "postal address" not in page.text
