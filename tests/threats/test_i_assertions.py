"""Assertions of clients under attack (threats I)."""

import asyncio

import pytest

from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from tests.node import web_client
from tests.signing import as_form, assertion, claims_of, jwks, signer_for

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
