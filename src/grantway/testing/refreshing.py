"""Refresh tokens: rotated without loss, replayed at a price; and what ends a grant."""

from grantway.protocol.grants import RefreshToken
from grantway.storage.port import Dead, Repeated, Replayed, Won
from grantway.testing.bench import (
    DAY,
    GRACE,
    Bench,
    checks_of,
    entry,
    expect,
    family,
    new_hash,
    new_id,
    opaque_token,
    raises,
    redeem,
    refresh_token,
    rotated,
    same,
    some_person,
    spend_refresh,
)


async def a_refresh_token_is_rotated(bench: Bench) -> None:
    """J1: the successor continues the grant, the spent one says when it was spent."""
    person = await some_person(bench)
    given, token = await family(bench, subject=person.subject)
    opaque = await opaque_token(bench, given.grant)
    successor = await refresh_token(bench, given.grant)
    outcome = await bench.store.spend_and_issue(
        spend_refresh(token), refresh_token=successor, opaque_token=opaque
    )
    same(outcome, Won())
    old, new = (
        await bench.store.find_refresh_token(token.id),
        await bench.store.find_refresh_token(successor.id),
    )
    expect(old is not None and old.token.spent_at is not None, "the old one is spent")
    if new is None:
        raise AssertionError("the new one is found")
    same(new.token, successor)
    same(new.grant, given.grant)
    same(new.person, person)
    same(await bench.store.find_opaque_token(opaque.id), opaque)
    same(await bench.store.find_refresh_token(new_id()), None, "an unknown one is not found")


async def an_honest_retry_gets_the_same_successor(bench: Bench) -> None:
    """J5: within the grace, as often as it asks, and nothing is written."""
    given, token = await family(bench)
    spend, successor = await rotated(bench, token, given.grant)
    await bench.pass_time(GRACE - 2)
    for number in range(3):
        loot = await refresh_token(bench, given.grant)
        outcome = await redeem(bench.node(number), spend_refresh(token), loot)
        same(outcome, Repeated(spend.locked_successor))
        same(await bench.store.find_refresh_token(loot.id), None, "a repetition stores nothing")
    same(await redeem(bench.store, spend_refresh(successor), await refresh_token(bench, given.grant)), Won())


async def a_repetition_after_the_grace_is_a_replay(bench: Bench) -> None:
    """J1, J5: at 11 s it is punished."""
    given, token = await family(bench)
    await rotated(bench, token, given.grant)
    await bench.pass_time(GRACE + 1)
    loot = await refresh_token(bench, given.grant)
    same(await redeem(bench.store, spend_refresh(token), loot), Replayed())
    same(await bench.store.find_refresh_token(loot.id), None, "a replay buys nothing")


async def a_repetition_whose_successor_is_spent_is_dead(bench: Bench) -> None:
    """J2: inside the grace nobody is punished, and the family does not fork."""
    given, token = await family(bench)
    _, successor = await rotated(bench, token, given.grant)
    await rotated(bench, successor, given.grant)
    loot = await refresh_token(bench, given.grant)
    expect(isinstance(await redeem(bench.store, spend_refresh(token), loot), Dead), "dead, not replayed")
    await bench.pass_time(GRACE + 1)
    same(await redeem(bench.store, spend_refresh(token), loot), Replayed(), "after the grace it is a replay")


async def a_refresh_token_is_dead_where_it_should_be(bench: Bench) -> None:
    """E5, J6: unknown, of another hash, past its idle end or the grant's absolute end, or revoked."""
    given, token = await family(bench)
    loot = await refresh_token(bench, given.grant)

    async def dead(words: str, presented: RefreshToken, **changes: object) -> None:
        outcome = await redeem(bench.store, spend_refresh(presented, **changes), loot)
        expect(isinstance(outcome, Dead), f"{words} is dead, not {outcome!r}")

    await dead("an unknown token", token, token_id=new_id())
    await dead("a token of another hash", token, hash=new_hash())
    await bench.pass_time(DAY / 2 + 1)
    await dead("a token past its idle end", token)
    given, token = await family(bench)
    await bench.store.revoke_grant(given.grant.id, [])
    await dead("a token of a revoked grant", token)
    given, token = await family(bench)
    long_lived = await refresh_token(bench, given.grant, lifetime=10 * DAY)
    same(await redeem(bench.store, spend_refresh(token), long_lived), Won())
    await bench.pass_time(DAY + 1)
    await dead("a token past the absolute end of its grant", long_lived)
    same(await bench.store.find_refresh_token(loot.id), None, "the dead buy nothing")


async def a_repetition_on_a_revoked_grant_is_dead(bench: Bench) -> None:
    """J5: withdrawn between the answer that was lost and the retry."""
    given, token = await family(bench)
    await rotated(bench, token, given.grant)
    await bench.store.revoke_grant(given.grant.id, [])
    expect(isinstance(await redeem(bench.store, spend_refresh(token), token), Dead), "dead")


async def a_refresh_attempt_recognises_its_own_win(bench: Bench) -> None:
    """N5: never a replay of itself, on whichever node it asks again."""
    given, token = await family(bench)
    spend, successor = await rotated(bench, token, given.grant)
    same(await redeem(bench.node(1), spend, successor), Won())
    await bench.pass_time(GRACE + 1)
    same(await redeem(bench.node(1), spend, successor), Won(), "however late")


async def a_refresh_token_is_not_spent_without_a_successor(bench: Bench) -> None:
    """J5: there would be nothing to repeat."""
    _, token = await family(bench)
    await raises(ValueError, redeem(bench.store, spend_refresh(token)), "no successor, no spending")
    found = await bench.store.find_refresh_token(token.id)
    expect(found is not None and found.token.spent_at is None, "it is not spent")


async def a_locked_successor_is_kept_for_the_grace_only(bench: Bench) -> None:
    """S1: after the sweep not even the encrypted successor is left."""
    given, token = await family(bench)
    spend, _ = await rotated(bench, token, given.grant)
    while await bench.store.drop_expired():
        pass
    same(await redeem(bench.store, spend_refresh(token), token), Repeated(spend.locked_successor), "kept")
    await bench.pass_time(GRACE + 1)
    while await bench.store.drop_expired():
        pass
    outcome = await redeem(bench.store, spend_refresh(token, grace=1000.0), token)
    expect(isinstance(outcome, Dead), f"wiped, so dead even for a longer grace, not {outcome!r}")
    same(await redeem(bench.store, spend_refresh(token), token), Replayed(), "and a replay all the same")


async def a_grant_is_revoked_once(bench: Bench) -> None:
    """E2, J1, N6: True once, audited once, and everything it gave is dead."""
    given, token = await family(bench)
    target = f"grant:{given.grant.id}"
    expect(await bench.store.revoke_grant(given.grant.id, [entry(target)]), "it was alive")
    expect(not await bench.store.revoke_grant(given.grant.id, [entry(target)]), "it was revoked already")
    expect(not await bench.store.revoke_grant(new_id(), [entry(target)]), "there is no such grant")
    same(len(await bench.audited(target)), 1, "audited once")
    found = await bench.store.find_refresh_token(token.id)
    expect(found is not None and found.grant.revoked_at is not None, "the grant says when")
    facts = await bench.store.token_facts(token_id=new_id(), grant_id=given.grant.id)
    expect(not facts.grant_live, "its access tokens are dead")


async def a_withdrawal_ends_the_consent_and_all_its_grants(bench: Bench) -> None:
    """D13, N6: of this person and client only."""
    first, token = await family(bench)
    subject, client_id = first.grant.subject, first.grant.client_id
    second, _ = await family(bench, subject=subject, client_id=client_id)
    other, _ = await family(bench, subject=subject)
    target = f"consent:{first.grant.consent_id}"
    same(await bench.store.revoke_consent(subject, client_id, [entry(target)]), 2)
    same(await bench.store.find_consent(subject, client_id), None)
    for approval_ in (first, second):
        facts = await bench.store.token_facts(token_id=new_id(), grant_id=approval_.grant.id)
        expect(not facts.grant_live, "a grant of the pair is dead")
    expect(isinstance(await redeem(bench.store, spend_refresh(token), token), Dead), "and so is its token")
    facts = await bench.store.token_facts(token_id=new_id(), grant_id=other.grant.id)
    expect(facts.grant_live, "a grant of another client lives on")
    expect(await bench.store.find_consent(subject, other.grant.client_id), "so does its consent")
    same(await bench.store.revoke_consent(subject, client_id, [entry(target)]), 0)
    same(len(await bench.audited(target)), 1, "what changes nothing is not audited")


CHECKS = checks_of(
    a_refresh_token_is_rotated,
    an_honest_retry_gets_the_same_successor,
    a_repetition_after_the_grace_is_a_replay,
    a_repetition_whose_successor_is_spent_is_dead,
    a_refresh_token_is_dead_where_it_should_be,
    a_repetition_on_a_revoked_grant_is_dead,
    a_refresh_attempt_recognises_its_own_win,
    a_refresh_token_is_not_spent_without_a_successor,
    a_locked_successor_is_kept_for_the_grace_only,
    a_grant_is_revoked_once,
    a_withdrawal_ends_the_consent_and_all_its_grants,
)
