"""Whatever revokes a token, the API that listens refuses it; real servers, real tokens, no clock moved."""

import asyncio
from dataclasses import replace

import pytest

from grantway.crypto.envelope import MasterKey
from grantway.flows.consents import withdraw
from grantway.flows.people import disable
from grantway.flows.registry import delete_client
from grantway.sdk import Answer
from grantway.sdk.bearer import Brought
from grantway.sdk.protection import Asked
from grantway.settings import SecretsSettings, ServerSettings
from tests.node import Visitor, free_port, running_node, seeded_node
from tests.revocations.conftest import asked, becomes, listening, seed, status

BOTH = "photos:read photos:write"


async def replay(node, tokens):
    """A refresh token that was used before (RFC 9700 §4.14.2); there is no grace here."""
    for wanted in (200, 400):
        reply = await node.token("printer", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert wanted == reply.status_code


async def give_back(node, text):
    assert 200 == (await node.post("/revoke", "printer", token=text)).status_code


async def disconnect(node, _tokens):
    await withdraw(node.server, node.people["ada"], "printer", actor="test")


async def lock_out(node, _tokens):
    await disable(node.server, node.people["ada"], actor="test")


async def cut_off(node, _tokens):
    await node.change_client("printer", tokens_valid_from=node.server.now() + 1)


async def switch_off(node, _tokens):
    await node.change_client("printer", enabled=False)


async def remove(node, _tokens):
    await delete_client(node.server, "printer", actor="test")


async def back_with_refresh(node, tokens):
    await give_back(node, tokens["refresh_token"])


async def back_with_access(node, tokens):
    await give_back(node, tokens["access_token"])


@pytest.mark.parametrize(
    "revoke",
    [
        back_with_refresh,
        back_with_access,
        replay,
        disconnect,
        lock_out,
        cut_off,
        switch_off,
        remove,
    ],
    ids=lambda revoke: revoke.__name__,
)
async def test_a_revoked_token_is_refused_while_it_still_lives(node, revoke):
    """N6, O9: within about two seconds; the framework is told as of any other bad token."""
    tokens = await Visitor(node).tokens(scope="photos:read offline_access")
    with listening(node) as protection:
        assert 200 == await status(protection, tokens["access_token"])
        await revoke(node, tokens)
        await becomes(401, lambda: status(protection, tokens["access_token"]))
        found = await asked(protection, tokens["access_token"])
        assert isinstance(found, Answer)
        assert 'error="invalid_token"' in (found.challenge or "")
        assert "revoked" in str(found.content["error_description"])


async def test_what_is_given_anew_passes(node):
    """N6: a revocation names a grant, a token, or a moment; not the person, not the app."""
    old = await Visitor(node).tokens(scope="photos:read")
    with listening(node) as protection:
        assert 200 == await status(protection, old["access_token"])
        await disconnect(node, old)
        await becomes(401, lambda: status(protection, old["access_token"]))
        new = await Visitor(node).tokens(scope="photos:read")
        await asyncio.sleep(0.6)
        assert 200 == await status(protection, new["access_token"])
        assert 401 == await status(protection, old["access_token"])


async def test_an_app_that_is_enabled_again_starts_anew(node):
    """N6: what was issued before it was disabled stays dead."""
    robot = (await node.token("robot", grant_type="client_credentials")).json()["access_token"]
    with listening(node) as protection:
        assert 200 == await status(protection, robot)
        await node.change_client("robot", enabled=False)
        await becomes(401, lambda: status(protection, robot))
        await node.change_client("robot", enabled=True)
        await asyncio.sleep(1.1)  # the second in which it was disabled is over
        again = (await node.token("robot", grant_type="client_credentials")).json()["access_token"]
        await asyncio.sleep(0.6)
        assert 200 == await status(protection, again)
        assert 401 == await status(protection, robot)


async def test_a_scope_taken_back_is_gone_and_the_others_stay(node):
    """C15: as introspection says it."""
    tokens = await Visitor(node).tokens(scope=BOTH)
    with listening(node) as protection:
        assert 200 == await status(protection, tokens["access_token"], "POST")
        await node.store.narrow_consent(
            node.people["ada"].subject, "printer", "photos:write", consent_id="n" * 16, audit=[]
        )
        await becomes(403, lambda: status(protection, tokens["access_token"], "POST"))
        found = await asked(protection, tokens["access_token"])
        assert "photos:read" == str(found.scope)


async def test_nodes_on_one_database_tell_what_the_others_revoke(postgres_dsn):
    """N6, O9: the API listens at one node; another revokes, and then it is the other way round."""
    ports = (free_port(), free_port())
    shared = {
        "issuer": f"http://127.0.0.1:{ports[0]}",
        "secrets": SecretsSettings(key=MasterKey.generate().to_text()),
        "server": ServerSettings(hosts=tuple(f"127.0.0.1:{port}" for port in ports)),
    }
    async with (
        seeded_node(postgres_dsn, port=ports[0], **shared) as first,
        running_node(postgres_dsn, port=ports[1], **shared) as second,
    ):
        await seed(first)
        await second.server.snapshots.refresh()
        for here, there in ((first, second), (second, first)):
            listens = replace(here, issuer=first.issuer, secrets=first.secrets)
            port = ports[0] if here is first else ports[1]
            with listening(listens, stream=f"http://127.0.0.1:{port}/revocations/stream") as protection:
                kept, gone = [await Visitor(first).tokens(scope="photos:read") for _ in range(2)]
                for one in (kept, gone):
                    assert 200 == await status(protection, one["access_token"])
                grant = protection.verifier.verify(gone["access_token"])
                assert await there.store.revoke_grant((await grant).grant_id, [])
                await becomes(401, lambda text=gone["access_token"]: status(protection, text))
                assert 200 == await status(protection, kept["access_token"])


async def test_threads_without_an_event_loop_are_served_too(node):
    """O9: Flask and Django under WSGI ask in the calling thread."""
    tokens = await Visitor(node).tokens(scope="photos:read offline_access")
    question = (
        Asked(method="GET", path="/photos"),
        Brought(authorization=(f"Bearer {tokens['access_token']}",)),
    )
    with listening(node) as protection:

        async def ask():
            found = await asyncio.to_thread(protection.check_now, *question)
            return found.status if isinstance(found, Answer) else 200

        assert 200 == await ask()
        await give_back(node, tokens["refresh_token"])
        await becomes(401, ask)
