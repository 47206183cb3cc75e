"""Refresh tokens under attack (threats J)."""

import asyncio

import pytest

from tests.node import PHOTOS, Visitor
from tests.threats.attacks import LOOPBACK, SPA_CALLBACK
from tests.threats.test_e_codes import assert_unusable

RACERS = 8


async def test_a_stolen_token_used_after_its_owner_ends_the_family(fresh):
    """J1: refused, and everything that came from it is dead, on the record; other grants live on."""
    visitor = Visitor(fresh)
    elsewhere = await visitor.tokens(prompt="consent")
    first = await visitor.tokens()
    second = (await fresh.refresh(first["refresh_token"])).json()
    third = (await fresh.refresh(second["refresh_token"])).json()
    await fresh.pass_time(11)
    assert_unusable(await fresh.refresh(first["refresh_token"]))
    for tokens in (first, second, third):
        assert not await fresh.is_alive(tokens["access_token"])
        assert not await fresh.is_alive(tokens["refresh_token"])
        assert_unusable(await fresh.refresh(tokens["refresh_token"]))
    assert await fresh.is_alive(elsewhere["access_token"])
    actions = [entry.action for entry in await fresh.store.read_audit()]
    assert actions.count("refresh_token.replayed") == 1


@pytest.mark.parametrize(("client_id", "redirect_uri"), [("cli", LOOPBACK), ("spa", SPA_CALLBACK)])
async def test_tokens_of_public_clients_rotate(fresh, client_id, redirect_uri):
    """J1: each use gives another one, and the old one is worth nothing (RFC 9700 §4.14.2)."""
    visitor = Visitor(fresh)
    tokens = await visitor.tokens(client_id, redirect_uri=redirect_uri)
    successor = (await fresh.refresh(tokens["refresh_token"], client_id)).json()["refresh_token"]
    assert successor != tokens["refresh_token"]
    await fresh.pass_time(11)
    assert_unusable(await fresh.refresh(tokens["refresh_token"], client_id))
    assert_unusable(await fresh.refresh(successor, client_id))


async def test_parallel_refreshes_leave_one_successor(fresh):
    """J2: all are told the same one, and it is the only one that lives."""
    visitor = Visitor(fresh)
    for _ in range(15):
        tokens = await visitor.tokens()
        replies = await asyncio.gather(*(fresh.refresh(tokens["refresh_token"]) for _ in range(RACERS)))
        successors = {reply.json()["refresh_token"] for reply in replies if reply.status_code == 200}
        assert len(successors) == 1
        assert (await fresh.refresh(successors.pop())).status_code == 200


async def test_a_chain_of_races_never_forks(fresh):
    """J2: generation after generation, with the owner of each generation racing the one before."""
    visitor = Visitor(fresh)
    current = (await visitor.tokens())["refresh_token"]
    previous = current
    for _ in range(10):
        replies = await asyncio.gather(
            *(fresh.refresh(token) for token in (current, previous, current, previous))
        )
        successors = {reply.json()["refresh_token"] for reply in replies if reply.status_code == 200}
        assert len(successors - {current}) == 1
        previous, current = current, (successors - {current}).pop()


async def test_a_lost_answer_is_repeated_and_later_is_not(fresh):
    """J5: within the grace the same successor; with the successor spent, or after it, no longer."""
    visitor = Visitor(fresh)
    first = (await visitor.tokens())["refresh_token"]
    lost = (await fresh.refresh(first)).json()
    await fresh.pass_time(5)
    again = (await fresh.refresh(first)).json()
    assert again["refresh_token"] == lost["refresh_token"]
    assert again["access_token"] != lost["access_token"]
    third = (await fresh.refresh(again["refresh_token"])).json()
    assert_unusable(await fresh.refresh(first))
    assert await fresh.is_alive(third["refresh_token"]), "no punishment inside the grace"
    await fresh.pass_time(11)
    assert_unusable(await fresh.refresh(first))
    assert not await fresh.is_alive(third["refresh_token"])


async def test_a_repetition_proves_itself_like_the_first(target, visitor):
    """J5, H1: inside the grace no other client and no wrong secret is told the successor."""
    tokens = await visitor.tokens()
    await target.refresh(tokens["refresh_token"])
    for thief in ("other", "cli", "spa"):
        assert_unusable(await target.refresh(tokens["refresh_token"], thief))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    async with target.http() as http:
        reply = await http.post("/token", data=form, headers=target.basic("printer", "wrong"))
    assert reply.json()["error"] == "invalid_client"
    assert (await target.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_token_is_worth_nothing_to_another_client(target, visitor):
    """J6: and the thief's try takes nothing from the owner."""
    tokens = await visitor.tokens()
    for thief in ("other", "cli", "spa", "app"):
        assert_unusable(await target.refresh(tokens["refresh_token"], thief))
    wider = await target.refresh(tokens["refresh_token"], scope="photos:read photos:delete")
    assert wider.json()["error"] == "invalid_scope"
    elsewhere = await target.refresh(tokens["refresh_token"], resource="https://api.example/calendar")
    assert elsewhere.json()["error"] == "invalid_target"
    assert (await target.refresh(tokens["refresh_token"], resource=PHOTOS.identifier)).status_code == 200


async def test_an_idle_token_ends_and_rotation_extends_no_absolute_end(fresh):
    """J6: thirty days unused, or a hundred and eighty in use."""
    visitor = Visitor(fresh)
    day = 86400
    idle = (await visitor.tokens())["refresh_token"]
    used = (await visitor.tokens(prompt="consent"))["refresh_token"]
    for _ in range(8):
        await fresh.pass_time(20 * day)
        used = (await fresh.refresh(used)).json()["refresh_token"]
    assert_unusable(await fresh.refresh(idle))
    await fresh.pass_time(15 * day)
    used = (await fresh.refresh(used)).json()["refresh_token"]
    await fresh.pass_time(6 * day)  # the token is six days old, its grant a hundred and eighty-one
    assert_unusable(await fresh.refresh(used))


async def test_a_revocation_that_races_a_refresh_leaves_nothing_alive(fresh):
    """J2, N4: whichever commits first, no token of the grant is usable afterwards."""
    visitor = Visitor(fresh)
    for _ in range(15):
        tokens = await visitor.tokens()
        race = [fresh.refresh(tokens["refresh_token"]) for _ in range(4)]
        race.insert(2, fresh.post("/revoke", "printer", token=tokens["refresh_token"]))
        replies = await asyncio.gather(*race)
        held = [tokens, *(reply.json() for reply in replies if "refresh_token" in reply.text)]
        for each in held:
            assert not await fresh.is_alive(each["access_token"])
            assert not await fresh.is_alive(each["refresh_token"])
            assert_unusable(await fresh.refresh(each["refresh_token"]))


async def test_a_token_from_before_a_cut_off_of_its_client_is_dead(fresh):
    """J6: everything the client obtained until then, code and tokens, JWT and opaque, client's own too."""
    visitor = Visitor(fresh)
    tokens, opaque = await visitor.tokens(), await visitor.tokens(scope="notes:read")
    own = await fresh.token("machine", grant_type="client_credentials", scope="calendar:read")
    code = await visitor.code()
    await asyncio.sleep(1.1)  # a JWT knows only the second it was issued in
    now = fresh.server.now()
    await fresh.change_client("printer", tokens_valid_from=now)
    await fresh.change_client("machine", tokens_valid_from=now)
    assert_unusable(await fresh.redeem(code, visitor.verifier))
    assert_unusable(await fresh.refresh(tokens["refresh_token"]))
    assert not await fresh.is_alive(tokens["access_token"])
    assert not await fresh.is_alive(opaque["access_token"])
    assert not await fresh.is_alive(tokens["refresh_token"])
    assert not await fresh.is_alive(own.json()["access_token"], "calendar_api")
    assert (await visitor.tokens())["access_token"]
