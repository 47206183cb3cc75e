"""Races: many at once, on all nodes, and one winner."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from grantway.protocol.grants import RefreshToken
from grantway.storage.port import Bucket, Dead, IssueOutcome, Outcome, Repeated, Replayed, Won
from grantway.testing.bench import (
    Approval,
    Bench,
    approval,
    at_once,
    checks_of,
    count,
    entry,
    expect,
    family,
    issued,
    new_id,
    redeem,
    refresh_token,
    same,
    session_of,
    some_person,
    spend_code,
    spend_refresh,
)

_ROUNDS = 40


async def one_of_many_redeems_a_code(bench: Bench) -> None:
    """E1, RX9: one is won, all others are replayed, and one refresh token is stored."""
    for crowd in (10, 50):
        given = await issued(bench)
        tokens = [await refresh_token(bench, given.grant) for _ in range(crowd)]
        outcomes = await at_once(
            redeem(bench.node(number), spend_code(given.code), token) for number, token in enumerate(tokens)
        )
        same((count(outcomes, Won), count(outcomes, Replayed)), (1, crowd - 1), f"{crowd} at once")
        stored = [token for token in tokens if await bench.store.find_refresh_token(token.id)]
        same(stored, [tokens[outcomes.index(Won())]], "what the winner bought, and nothing else")


async def many_codes_are_each_redeemed_once(bench: Bench) -> None:
    """E1, RX9: eight redeemers of each of fifty codes, all at the same time."""
    codes = [(await issued(bench)).code for _ in range(50)]
    outcomes = await at_once(
        redeem(bench.node(number), spend_code(code)) for number in range(8) for code in codes
    )
    same((count(outcomes, Won), count(outcomes, Replayed)), (50, 350))
    for offset in range(50):
        same(count(outcomes[offset::50], Won), 1, "each code once")


async def many_refreshes_leave_one_successor(bench: Bench) -> None:
    """J2, RX10: one is won, all others repeat its successor, and the family does not fork."""
    for crowd in (10, 50):
        given, token = await family(bench)
        spends = [spend_refresh(token) for _ in range(crowd)]
        successors = [await refresh_token(bench, given.grant) for _ in range(crowd)]
        outcomes = await at_once(
            redeem(bench.node(number), spend, successors[number]) for number, spend in enumerate(spends)
        )
        winner = outcomes.index(Won())
        repeated = Repeated(spends[winner].locked_successor)
        same((count(outcomes, Won), outcomes.count(repeated)), (1, crowd - 1), f"{crowd} at once")
        stored = [each for each in successors if await bench.store.find_refresh_token(each.id)]
        same(stored, [successors[winner]])


async def one_allow_of_many_makes_the_code(bench: Bench) -> None:
    """E1: ten Allows of one flow, and ten of ten flows on one consent."""
    first = await approval(bench)
    subject, client_id = first.grant.subject, first.grant.client_id
    given = [await approval(bench, subject=subject, client_id=client_id) for _ in range(10)]
    same_flow = [replace(each, code=replace(each.code, flow_id=first.code.flow_id)) for each in given]
    outcomes = await at_once(_issue(bench, each, number) for number, each in enumerate(same_flow))
    same(outcomes.count(IssueOutcome.ISSUED), 1)
    same(outcomes.count(IssueOutcome.ALREADY_DONE), 9)
    others = [await approval(bench, subject=subject, client_id=client_id) for _ in range(10)]
    outcomes = await at_once(_issue(bench, each, number) for number, each in enumerate(others))
    same(outcomes, [IssueOutcome.ISSUED] * 10)
    consent = await bench.store.find_consent(subject, client_id)
    for each in others:
        found = await bench.store.find_code(each.code.id)
        same(found and found.grant.consent_id, consent and consent.id, "all hang on the one consent")


async def _issue(bench: Bench, given: Approval, number: int) -> IssueOutcome:
    return await bench.node(number).issue_code(given.code, given.grant, given.consent, [])


async def a_grant_is_revoked_by_one_of_many(bench: Bench) -> None:
    """E2: the replay cascade is recorded once."""
    given, _ = await family(bench)
    target = f"grant:{given.grant.id}"
    answers = await at_once(
        bench.node(number).revoke_grant(given.grant.id, [entry(target)]) for number in range(10)
    )
    same(sum(answers), 1)
    same(len(await bench.audited(target)), 1)


async def a_revocation_leaves_no_refresh_alive(bench: Bench) -> None:
    """J1, D13, N6: refreshed again and again while it is revoked; nothing begun afterwards is won."""

    async def revoke(given: Approval, node: int) -> None:
        expect(await bench.node(node).revoke_grant(given.grant.id, []), "it was alive")

    await _refresh_while(bench, revoke)


async def a_withdrawal_leaves_no_refresh_alive(bench: Bench) -> None:
    """D13: the same for the withdrawal of the consent."""

    async def withdraw(given: Approval, node: int) -> None:
        same(await bench.node(node).revoke_consent(given.grant.subject, given.grant.client_id, []), 1)

    await _refresh_while(bench, withdraw)


async def _refresh_while(bench: Bench, end: Callable[[Approval, int], Awaitable[None]]) -> None:
    for round_ in range(_ROUNDS):
        given, token = await family(bench)
        ended = asyncio.Event()

        async def chain(token: RefreshToken, given: Approval, ended: asyncio.Event) -> RefreshToken:
            """Refresh until refused; returns the last token stored."""
            for step in range(1000):
                late, successor = ended.is_set(), await refresh_token(bench, given.grant)
                outcome: Outcome = await redeem(bench.node(step), spend_refresh(token), successor)
                if not isinstance(outcome, Won):
                    expect(isinstance(outcome, Dead), f"revoked is dead, not {outcome!r}")
                    return token
                expect(not late, "nothing begun after the revocation is won")
                token = successor
            raise AssertionError("the revocation was never seen")

        async def stop(given: Approval, ended: asyncio.Event, round_: int) -> None:
            for _ in range(round_ % 7):
                await bench.store.ping()
            await end(given, round_)
            ended.set()

        last, _ = await asyncio.gather(chain(token, given, ended), stop(given, ended, round_))
        found = await bench.store.find_refresh_token(last.id)
        expect(found is not None and found.grant.revoked_at is not None, "its grant is revoked")
        outcome = await redeem(bench.store, spend_refresh(last), await refresh_token(bench, given.grant))
        expect(isinstance(outcome, Dead), f"the last token is dead, not {outcome!r}")


async def an_approval_beside_a_withdrawal_is_whole_or_withdrawn(bench: Bench) -> None:
    """D13: a grant is alive only if its consent is in force."""
    for round_ in range(_ROUNDS):
        first = await issued(bench)
        subject, client_id = first.grant.subject, first.grant.client_id
        beside = [await approval(bench, subject=subject, client_id=client_id) for _ in range(3)]
        silent = await approval(bench, subject=subject, client_id=client_id, consent=False)
        silent = replace(silent, grant=replace(silent.grant, consent_id=first.grant.consent_id))
        attempts = [_issue(bench, each, number) for number, each in enumerate((*beside, silent))]
        withdrawal = bench.node(round_ + 1).revoke_consent(subject, client_id, [])
        await asyncio.gather(*attempts[:2], withdrawal, *attempts[2:], return_exceptions=True)
        consent = await bench.store.find_consent(subject, client_id)
        for each in (first, *beside, silent):
            found = await bench.store.find_code(each.code.id)
            alive = found is not None and found.grant.revoked_at is None
            if found is not None and alive:
                same(consent and consent.id, found.grant.consent_id, "alive without a consent")


async def a_new_password_ends_the_sign_ins_beside_it(bench: Bench) -> None:
    """C6: whichever commits first, no session of the old password is left."""
    for round_ in range(_ROUNDS):
        person = await some_person(bench, password_hash="old")
        sessions = [session_of(person, await bench.now()) for _ in range(4)]
        opening = [
            bench.node(number).open_session(one, proven=person, ends=None, audit=[])
            for number, one in enumerate(sessions)
        ]
        changed = replace(person, password_hash="new")
        change = bench.node(round_).change_person(person, changed, [], end_sessions=True, revoke_grants=False)
        await asyncio.gather(*opening[:2], change, *opening[2:], return_exceptions=True)
        same((await bench.store.find_person(person.username)), changed)
        for one in sessions:
            same(await bench.store.find_session(one.id), None, "a session of the old password")


async def a_budget_is_not_exceeded_by_a_crowd(bench: Bench) -> None:
    """C13: 200 guesses at once over all nodes, and 5 are let through."""
    account, network = Bucket(new_id(), 5, 3600.0), Bucket(new_id(), 1000, 3600.0)
    waits = await at_once(
        bench.node(number).take([account, network] if number % 3 else [network, account])
        for number in range(200)
    )
    same(waits.count(0.0), 5)
    expect(all(0 <= wait <= 3600.0 for wait in waits), "the wait is at most one drop")


async def a_cancelled_caller_leaves_a_whole_transaction(bench: Bench) -> None:
    """N5: spent with its successor, or not spent and without one."""
    for round_ in range(_ROUNDS):
        given = await issued(bench)
        token = await refresh_token(bench, given.grant)
        task = asyncio.ensure_future(redeem(bench.store, spend_code(given.code), token))
        for _ in range(round_ % 5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        outcome = await redeem(bench.store, spend_code(given.code), await refresh_token(bench, given.grant))
        bought = await bench.store.find_refresh_token(token.id) is not None
        same(isinstance(outcome, Replayed), bought, "spent and stored, or neither")


async def sweeping_beside_traffic_drops_nothing_alive(bench: Bench) -> None:
    """U5: every node sweeps while credentials are spent."""
    families = [await family(bench) for _ in range(20)]

    async def sweep(number: int) -> None:
        for _ in range(5):
            await bench.node(number).drop_expired(batch=7)

    async def rotate(number: int, given: Approval, token: RefreshToken) -> Outcome:
        return await redeem(bench.node(number), spend_refresh(token), await refresh_token(bench, given.grant))

    rotations = [rotate(number, given, token) for number, (given, token) in enumerate(families)]
    _, outcomes = await asyncio.gather(at_once(sweep(number) for number in range(4)), at_once(rotations))
    same(outcomes, [Won()] * len(families))


CHECKS = checks_of(
    one_of_many_redeems_a_code,
    many_codes_are_each_redeemed_once,
    many_refreshes_leave_one_successor,
    one_allow_of_many_makes_the_code,
    a_grant_is_revoked_by_one_of_many,
    a_revocation_leaves_no_refresh_alive,
    a_withdrawal_leaves_no_refresh_alive,
    an_approval_beside_a_withdrawal_is_whole_or_withdrawn,
    a_new_password_ends_the_sign_ins_beside_it,
    a_budget_is_not_exceeded_by_a_crowd,
    a_cancelled_caller_leaves_a_whole_transaction,
    sweeping_beside_traffic_drops_nothing_alive,
)
