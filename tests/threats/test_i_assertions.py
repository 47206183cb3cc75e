"""Assertions of clients under attack (threats I)."""

import asyncio
import hashlib
import time
from dataclasses import replace

import pytest

from grantway.protocol.clients import client_problems
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from tests.node import web_client
from tests.signing import as_form, assertion, claims_of, hmac_jwt, jwks, signer_for

ASKED = {"grant_type": "client_credentials", "scope": "calendar:read"}


async def signing(target):
    """The client `signer`, registered there."""
    await target.put_client(
        web_client(
            "signer",
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            jwks=jwks(),
            grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS}),
            scope=Scope.of(["calendar:read"]),
            optional_scope=Scope(),
        )
    )


async def ask(target, form, path="/token", more=ASKED):
    async with target.http(timeout=30) as http:
        return await http.post(path, data={**more, **form})


async def test_an_assertion_is_good_once_on_two_nodes(nodes):
    """I1: thirty at once, half on each, five times: one is believed; afterwards none."""
    await signing(nodes[0])
    await nodes[1].server.snapshots.refresh()
    for _ in range(5):
        form = assertion(nodes[0].server.policy.issuer, "signer")
        replies = await asyncio.gather(*(ask(nodes[number % 2], form) for number in range(30)))
        statuses = [reply.status_code for reply in replies]
        assert (statuses.count(200), statuses.count(401) + statuses.count(429)) == (1, 29)
        for node in nodes:
            assert (await ask(node, form)).json()["error"] in {"invalid_client", "temporarily_unavailable"}


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
async def test_a_client_with_a_key_gets_in_by_nothing_else(fresh, path):
    """H4: a secret, its name, both, nothing, an unsigned assertion, one for another server."""
    await signing(fresh)
    await fresh.add_secret("signer")
    secret = fresh.secrets["signer"]
    right = assertion(fresh.issuer, "signer")
    claims = claims_of(fresh.issuer, "signer")
    head, _, _ = right["client_assertion"].split(".")
    unsigned = signer_for("ES256").jwt(claims, alg="none").rpartition(".")[0] + "."
    cases = [
        ({"client_id": "signer", "client_secret": secret}, {}, "invalid_client"),
        ({}, fresh.basic("signer", secret), "invalid_client"),
        ({"client_id": "signer"}, {}, "invalid_client"),
        ({}, {}, "invalid_client"),
        ({**right, "client_secret": secret}, {}, "invalid_request"),
        (right, fresh.basic("signer", secret), "invalid_request"),
        (as_form(unsigned), {}, "invalid_client"),
        (as_form(f"{head}.."), {}, "invalid_client"),
        (assertion("https://other.example", "signer"), {}, "invalid_client"),
        (assertion(fresh.issuer, "machine"), {}, "invalid_client"),
    ]
    form = {"token": "x", **ASKED}
    async with fresh.http() as http:
        for extra, headers, error in cases:
            reply = await http.post(path, data={**form, **extra}, headers=headers)
            assert reply.json().get("error") == error, (extra, headers)
        assert (await http.post(path, data={**form, **right})).status_code == 200


async def test_what_is_remembered_of_an_assertion_leaves_when_it_could_not_be_used_any_more(fresh):
    """I4: so the table is as large as an hour of assertions, whatever their end says."""
    await signing(fresh)
    far = {"exp": time.time() + 48 * 3600}
    assert (await ask(fresh, assertion(fresh.issuer, "signer", **far))).status_code == 401
    for _ in range(3):
        assert (await ask(fresh, assertion(fresh.issuer, "signer"))).status_code == 200
    await fresh.pass_time(2 * 3600)
    while await fresh.store.drop_expired():
        pass
    assert fresh.store._reader.all("SELECT count(*) FROM used_assertions") == [(0,)]


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "none"])
async def test_no_secret_signs_anything(fresh, alg):
    """I11: neither an ID token nor an assertion, with the right secret, a hash of it, or an empty one."""
    assert client_problems(replace(web_client(), id_token_signed_response_alg=alg))
    with pytest.raises(ValueError, match="client_secret_jwt"):
        AuthMethod("client_secret_jwt")
    async with fresh.http() as http:
        metadata = (await http.get("/.well-known/openid-configuration")).json()
    named = [value for name, value in metadata.items() if name.endswith("alg_values_supported")]
    assert named
    assert alg not in {each for values in named for each in values}
    claims = claims_of(fresh.issuer, "machine")
    secret = fresh.secrets["machine"].encode()
    for key in (secret, hashlib.sha256(secret).digest(), hashlib.sha256(secret).hexdigest().encode(), b""):
        assert (await ask(fresh, as_form(hmac_jwt(claims, key)))).json()["error"] == "invalid_client"


async def test_nothing_is_written_for_an_assertion_that_proves_nobody(fresh):
    """I1: a stranger fills no table."""
    await signing(fresh)
    forged = signer_for("EdDSA").jwt(claims_of(fresh.issuer, "signer"), alg="EdDSA", kid="ec")
    for form in (
        as_form(forged),
        assertion(f"{fresh.issuer}/token", "signer"),
        assertion(fresh.issuer, "nobody"),
    ):
        assert (await ask(fresh, form)).status_code == 401
    rows = fresh.store._reader.all("SELECT count(*) FROM used_assertions")
    assert rows[0][0] == 0
