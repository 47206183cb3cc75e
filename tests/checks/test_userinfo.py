"""Userinfo: what the person lets an app know, told to whoever holds the token, and to nobody else."""

from dataclasses import replace

import pytest

from grantway.flows.people import change_person, disable
from grantway.protocol.people import Address, Profile
from grantway.protocol.scope import Scope
from tests.checks.answers import FORM, bought, claims_of, signed_in_visitor
from tests.checks.conftest import SIGN_IN, SSO_CALLBACK

PROFILE = Profile(
    given_name="Ada",
    family_name="Lovelace",
    birthdate="1815-12-10",
    picture="https://id.example/ada.png",
    phone_number="+44 20 7946 0000",
    address=Address(formatted="12 St James's Square\nLondon", country="United Kingdom"),
)
CLAIMS = {
    "openid": {},
    "email": {"email": "ada@id.example", "email_verified": True},
    "phone": {"phone_number": "+44 20 7946 0000", "phone_number_verified": False},
    "address": {"address": {"formatted": "12 St James's Square\nLondon", "country": "United Kingdom"}},
    "profile": {
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "preferred_username": "ada",
        "birthdate": "1815-12-10",
        "picture": "https://id.example/ada.png",
    },
}


@pytest.fixture(scope="module")
async def ada(node):
    """A browser signed in as ada, about whom much is known."""
    person = node.people["ada"]
    await change_person(
        node.server,
        person,
        replace(person, email="ada@id.example", email_verified=True, profile=PROFILE),
        actor="test",
    )
    return await signed_in_visitor(node)


async def asked(node, token: str | None, method: str = "GET", scheme: str = "Bearer", **headers: str):
    given = {} if token is None else {"authorization": f"{scheme} {token}"}
    return await node.send(method, "/userinfo", headers={**given, **headers})


async def token_for(visitor, scope: str = "openid") -> str:
    return (await bought(visitor, "sso", SSO_CALLBACK, scope=scope))["access_token"]


def refused(reply, status: int, error: str | None, *more: str) -> None:
    """The challenge of RFC 6750 §3: no error where there was no token (§3.1)."""
    assert status == reply.status_code, reply.text
    assert "no-store" == reply.headers["cache-control"]
    challenge = reply.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="grantway"')
    assert (f'error="{error}"' in challenge) if error else ("error" not in challenge)
    assert [part for part in more if part not in challenge] == []
    assert "sub" not in reply.json()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("scheme", ["Bearer", "bEARER", "bearer"])
async def test_userinfo_tells_the_subject_of_the_id_token(node, ada, method, scheme):
    """UI01, ID06"""
    tokens = await bought(ada, "sso", SSO_CALLBACK, scope="openid")
    reply = await asked(node, tokens["access_token"], method, scheme)
    assert (200, "application/json") == (reply.status_code, reply.headers["content-type"])
    assert "no-store" == reply.headers["cache-control"]
    assert {"sub": claims_of(tokens["id_token"])["sub"]} == reply.json()


async def test_a_form_that_holds_no_token_does_no_harm(node, ada):
    """UI01"""
    reply = await node.send(
        "POST",
        "/userinfo",
        headers={**FORM, "authorization": f"Bearer {await token_for(ada)}"},
        more="x",
    )
    assert 200 == reply.status_code


@pytest.mark.parametrize("scope", CLAIMS)
async def test_a_scope_opens_its_own_claims_and_no_others(node, ada, scope):
    """UI05, O1: what is not known about somebody is left out."""
    asked_for = scope if scope == "openid" else f"openid {scope}"
    told = (await asked(node, await token_for(ada, asked_for))).json()
    told.pop("updated_at", None)
    assert {"sub": node.people["ada"].subject, **CLAIMS[scope]} == told


async def test_what_the_person_unticked_is_not_told(node, visitor):
    """UI05, FN7"""
    await node.change_client("sso", optional_scope=SIGN_IN)
    answer = await visitor.approve(
        "sso", redirect_uri=SSO_CALLBACK, scope="openid email", prompt="consent", scope_ticked=["openid"]
    )
    await node.change_client("sso", optional_scope=Scope())
    reply = await node.redeem(answer["code"], visitor.verifier, "sso", redirect_uri=SSO_CALLBACK)
    assert "openid" == reply.json()["scope"]
    told = await asked(node, reply.json()["access_token"])
    assert {"sub"} == told.json().keys()


async def test_a_narrower_token_opens_less(node, ada):
    """UI05: as much as the token says, whatever the person once allowed."""
    tokens = await bought(ada, "sso", SSO_CALLBACK, scope="openid email offline_access")
    less = (await node.refresh(tokens["refresh_token"], "sso", scope="openid")).json()
    assert {"sub"} == (await asked(node, less["access_token"])).json().keys()


async def test_without_a_token_there_is_a_challenge_and_no_error(node):
    """UI03: RFC 6750 §3.1."""
    for method in ("GET", "POST"):
        refused(await asked(node, None, method), 401, None)
    refused(await asked(node, "YTpi", scheme="Basic"), 401, None)


@pytest.mark.parametrize("junk", ["junk", "a.b.c", "gwat_x", "x" * 5000, "e30.e30.x"])
async def test_junk_is_an_invalid_token(node, junk):
    """UI03"""
    refused(await asked(node, junk), 401, "invalid_token")


@pytest.mark.parametrize("junk", ["a b", '"quoted"', "x,y"])
async def test_a_header_that_holds_no_token_is_malformed(node, junk):
    """UI03"""
    refused(await asked(node, junk), 400, "invalid_request")


async def test_no_other_credential_opens_it(node, ada):
    """RT08, K8: neither the refresh token nor the ID token."""
    tokens = await bought(ada, "sso", SSO_CALLBACK, scope="openid offline_access")
    for kind in ("refresh_token", "id_token"):
        refused(await asked(node, tokens[kind]), 401, "invalid_token")


async def test_a_token_in_the_address_or_the_form_is_not_taken(node, ada):
    """UI04, O1: addresses are logged; with the header it is one way too many."""
    token = await token_for(ada)
    header = {"authorization": f"Bearer {token}"}
    address = f"/userinfo?access_token={token}"
    refused(await node.send("GET", address, headers={}), 401, None)
    refused(await node.send("POST", "/userinfo", access_token=token), 401, None)
    refused(await node.send("GET", address, headers=header), 400, "invalid_request")
    both = await node.send("POST", "/userinfo", headers={**FORM, **header}, access_token=token)
    refused(both, 400, "invalid_request")


async def test_a_token_without_openid_is_not_enough(node, ada):
    """UI06: and the challenge names what is missing."""
    for token in (
        await token_for(ada, "photos:read profile"),
        (await node.token("machine", grant_type="client_credentials", scope="calendar:read")).json()[
            "access_token"
        ],
    ):
        refused(await asked(node, token), 403, "insufficient_scope", 'scope="openid"')


async def test_a_dead_token_opens_nothing(node, ada):
    """UI03, C15: revoked, expired, or of somebody who is disabled."""
    revoked = await token_for(ada)
    await node.post("/revoke", "sso", token=revoked)
    refused(await asked(node, revoked), 401, "invalid_token")
    grace = await node.add_person("grace", "Grace")
    visitor = await signed_in_visitor(node, "grace")
    token = await token_for(visitor)
    assert 200 == (await asked(node, token)).status_code
    await disable(node.server, grace, actor="test")
    refused(await asked(node, token), 401, "invalid_token")


async def test_an_opaque_token_opens_it_too(node, ada):
    """UI01: whatever the format of the API's tokens."""
    api = node.server.snapshots.current().registry.apis["https://api.example/photos"]
    await node.put_api(replace(api, token_format="opaque"))
    token = await token_for(ada, "openid photos:read")
    await node.put_api(api)
    assert token.startswith("gwat_")
    assert 200 == (await asked(node, token)).status_code


async def test_a_registered_page_may_read_it_and_no_other(node, ada):
    """MD11: a browser app asks who has signed in."""
    token = await token_for(ada)
    for origin, allowed in (("https://spa.example", "https://spa.example"), ("https://evil.example", None)):
        for reply in (
            await asked(node, token, origin=origin),
            await asked(node, None, origin=origin),
            await asked(node, None, "OPTIONS", origin=origin),
        ):
            assert allowed == reply.headers.get("access-control-allow-origin")
            assert "access-control-allow-credentials" not in reply.headers
