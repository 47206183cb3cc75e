"""A person changes while something of theirs is under way (threats C6, C15): no race leaves a door open."""

import asyncio
from dataclasses import replace

import pytest

from grantway.flows.people import PersonDraft, add_person, disable, set_password
from tests.crypto.test_imported_hashes import DJANGO_PBKDF2
from tests.crypto.test_imported_hashes import PASSWORD as IMPORTED_PASSWORD
from tests.node import PASSWORD, Visitor
from tests.threats.attacks import Target, login_page, post_form, seal_of
from tests.threats.test_e_codes import assert_unusable

NEW = "quite another long walk"
ROUNDS = 4


async def account(visitor: Visitor):
    """Their own pages, or the sign-in before them."""
    return await visitor.get("/account/sessions")


@pytest.mark.parametrize("door", ["/account", "an app"])
async def test_a_sign_in_under_way_does_not_outlive_a_new_password(fresh, door):
    """C6: the old password was right when it was looked at, and opens nothing once it is not."""
    for number in range(ROUNDS):
        name = f"person{number}"
        person = await fresh.add_person(name)
        thief = Visitor(fresh)
        page = await (login_page(thief) if door == "an app" else thief.get(door))
        await asyncio.gather(thief.sign_in(page, name), set_password(fresh.server, person, NEW, actor="test"))
        assert 'id="login-submit"' in (await account(thief)).text
        assert await fresh.store.list_sessions(person.subject) == []


async def test_a_sign_in_under_way_does_not_outlive_a_disabling(fresh):
    """C15, C6: not even once the person is enabled again."""
    ada = fresh.people["ada"]
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    signing_in = asyncio.create_task(visitor.sign_in(page))
    await asyncio.sleep(0.02)
    await disable(fresh.server, ada, actor="test")
    await signing_in
    assert await fresh.store.list_sessions(ada.subject) == []


async def test_many_sign_ins_with_an_imported_password_all_succeed(fresh):
    """C6: the first makes a better hash of it, which is no other password to those beside it."""
    draft = PersonDraft(username="moved", name="Moved", password_hash=DJANGO_PBKDF2)
    await add_person(fresh.server, draft, actor="test")
    visitors, password = [Visitor(fresh) for _ in range(4)], IMPORTED_PASSWORD.decode()
    pages = [await login_page(each) for each in visitors]
    answers = await asyncio.gather(
        *(each.sign_in(page, "moved", password) for each, page in zip(visitors, pages, strict=True))
    )
    assert all('id="consent-allow"' in each.text for each in answers)


async def test_a_device_that_knew_the_old_password_is_a_stranger_to_the_new_one(fresh):
    """C13, C6: else each sign-in of a thief would be worth ten guesses later, past every throttle."""
    thieves = [Visitor(fresh) for _ in range(4)]
    for each in thieves:
        await each.sign_in(await login_page(each))
    await set_password(fresh.server, fresh.people["ada"], NEW, actor="test")
    answers = []
    for each in thieves:
        page = await login_page(each)
        for _ in range(4):
            fields = {"x": seal_of(page), "username": "ada", "password": "a guess", "answer": "login"}
            answers.append((await post_form(each, "/login", fields)).status_code)
    assert answers == [422] * 5 + [429] * 11


async def cut_off_between(target: Target, code: str) -> None:
    """As if a reset had begun between the sign-in behind this code and the code itself."""
    found = await target.store.find_code(code[5:21])
    ada, grant = await target.store.find_person("ada"), found.grant
    assert grant.auth_time < grant.created_at
    cut = replace(ada, tokens_valid_from=(grant.auth_time + grant.created_at) / 2)
    await target.store.change_person(ada, cut, [], end_sessions=True, revoke_grants=False)


async def test_what_stands_on_a_sign_in_from_before_a_cut_off_buys_nothing(fresh):
    """C6: a stolen session asked for a code in the moment of the reset, which did not see its grant."""
    thief = Visitor(fresh)
    code = await thief.code()
    await cut_off_between(fresh, code)
    assert_unusable(await fresh.redeem(code, thief.verifier))


async def test_tokens_that_stand_on_such_a_sign_in_are_dead(fresh):
    """C6: also where the code was quicker than the end of the reset."""
    thief = Visitor(fresh)
    code = await thief.code()
    tokens = (await fresh.redeem(code, thief.verifier)).json()
    await cut_off_between(fresh, code)
    assert not await fresh.is_alive(tokens["access_token"])
    assert not await fresh.is_alive(tokens["refresh_token"])
    assert_unusable(await fresh.refresh(tokens["refresh_token"]))


async def test_an_operator_wins_against_what_somebody_does_meanwhile(fresh):
    """C6, C15: a thief who keeps changing the account holds neither a reset nor a disabling up."""
    before = fresh.people["ada"]
    await set_password(fresh.server, before, "of the thief, long enough", actor="test")
    await set_password(fresh.server, before, NEW, actor="test")
    await disable(fresh.server, before, actor="test")
    now = await fresh.store.find_person("ada")
    assert now.disabled_at is not None
    assert (await fresh.server.passwords.verify(now.password_hash, NEW)).ok
    assert not (await fresh.server.passwords.verify(now.password_hash, PASSWORD)).ok
