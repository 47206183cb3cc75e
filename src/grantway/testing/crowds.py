"""Crowds of strangers: whoever travels together pays for nobody else (`design` 20)."""

import asyncio
from dataclasses import replace

from grantway.storage.port import Conflict, Dead, IssueOutcome, Replayed, Won
from grantway.testing.bench import (
    Bench,
    approval,
    at_once,
    checks_of,
    count,
    family,
    issue,
    issued,
    opaque_token,
    redeem,
    refresh_token,
    same,
    some_person,
    spend_code,
    spend_refresh,
)

_CROWD = 30


async def silent_approvals_in_a_crowd_are_each_stored_or_refused(bench: Bench) -> None:
    """D13, AZ01: one rests on a consent that is gone, one flow has its code; the others are stored."""
    good = [await approval(bench, consent=False) for _ in range(_CROWD)]
    resting = await issued(bench)
    consent_id, pair = resting.grant.consent_id, (resting.grant.subject, resting.grant.client_id)
    about = {"subject": pair[0], "client_id": pair[1]}
    for place in range(0, _CROWD, 3):
        one = await approval(bench, consent=False, **about)
        good[place] = replace(one, grant=replace(one.grant, consent_id=consent_id))
    withdrawn = await approval(bench, consent=False)
    withdrawn = replace(withdrawn, grant=replace(withdrawn.grant, consent_id="0" * 16))
    twice = await approval(bench, consent=False)
    twice = replace(twice, code=replace(twice.code, flow_id=resting.code.flow_id))

    crowd = [*good[:10], withdrawn, *good[10:20], twice, *good[20:]]
    outcomes = await asyncio.gather(*(issue(bench, each) for each in crowd), return_exceptions=True)
    same(count(outcomes, Conflict), 1, "the withdrawn one")
    same(outcomes[21], IssueOutcome.ALREADY_DONE, "the flow that has its code")
    same(outcomes.count(IssueOutcome.ISSUED), _CROWD)
    for each in good:
        found = await bench.store.find_code(each.code.id)
        same(found and found.grant, each.grant)
    same(await bench.store.find_code(withdrawn.code.id), None)
    same(await bench.store.find_code(twice.code.id), None)


async def spends_in_a_crowd_are_each_judged_for_themselves(bench: Bench) -> None:
    """E1, E3, J1: good codes and tokens beside a dead one, a replayed one, one with a wrong hash."""
    codes = [(await issued(bench)) for _ in range(_CROWD)]
    revoked, spent, forged = codes[3], codes[11], codes[17]
    await bench.store.revoke_grant(revoked.grant.id, [])
    same(await redeem(bench.store, spend_code(spent.code)), Won())
    spends = [spend_code(each.code) for each in codes]
    spends[17] = replace(spends[17], hash=bytes(32))
    bought = [await refresh_token(bench, each.grant) for each in codes]
    outcomes = await at_once(redeem(bench.store, *pair) for pair in zip(spends, bought, strict=True))
    same([count(outcomes, kind) for kind in (Won, Replayed, Dead)], [_CROWD - 3, 1, 2])
    for each, token, outcome in zip(codes, bought, outcomes, strict=True):
        stored = await bench.store.find_refresh_token(token.id)
        same(stored is not None, outcome == Won(), f"what {each.code.id} bought")
    same(await redeem(bench.store, spend_code(forged.code)), Won(), "a wrong hash burns nothing")


async def refreshes_in_a_crowd_are_each_judged_for_themselves(bench: Bench) -> None:
    """J1, J2: each family goes on in its own successor, beside one whose grant is revoked."""
    families = [await family(bench) for _ in range(_CROWD)]
    await bench.store.revoke_grant(families[5][0].grant.id, [])
    successors = [await refresh_token(bench, given.grant) for given, _ in families]
    outcomes = await at_once(
        redeem(bench.store, spend_refresh(token), successor)
        for (_, token), successor in zip(families, successors, strict=True)
    )
    same([count(outcomes, kind) for kind in (Won, Dead)], [_CROWD - 1, 1])
    for (given, _), successor, outcome in zip(families, successors, outcomes, strict=True):
        found = await bench.store.find_refresh_token(successor.id)
        same(found and found.grant.id, given.grant.id if outcome == Won() else None)


async def readers_in_a_crowd_each_find_their_own(bench: Bench) -> None:
    """E3: many look-ups at once, unknown ones and the same one twice among them."""
    codes = [(await issued(bench)).code for _ in range(_CROWD)]
    wanted = [*(code.id for code in codes), "0" * 16, codes[0].id]
    found = await at_once(bench.store.find_code(each) for each in wanted)
    same([each and each.code for each in found], [*codes, None, codes[0]])
    pairs = [(code.client_id, each.grant.subject) for code, each in zip(codes, found, strict=False) if each]
    consents = await at_once(bench.store.find_consent(subject, client) for client, subject in pairs)
    same([each and (each.client_id, each.subject) for each in consents], pairs)


async def questions_about_tokens_in_a_crowd_are_each_answered(bench: Bench) -> None:
    """D13, N6: of living tokens, of one revoked, of one whose grant is, of one without a grant."""
    people = [await some_person(bench) for _ in range(_CROWD)]
    grants = [(await family(bench, subject=person.subject))[0].grant for person in people]
    tokens = [await opaque_token(bench, grant) for grant in grants]
    tokens[2] = await opaque_token(bench, None)
    for token in tokens:
        await bench.store.add_opaque_token(token)
    await bench.store.revoke_opaque_token(tokens[7].id, [])
    await bench.store.revoke_grant(grants[9].id, [])
    found = await at_once(
        bench.store.find_opaque_token(token.id) for token in [*tokens, replace(tokens[0], id="0")]
    )
    same([each and each.id for each in found], [*(token.id for token in tokens), None])
    facts = await at_once(
        bench.store.token_facts(token_id=token.id, grant_id=token.grant_id) for token in tokens
    )
    same([place for place, each in enumerate(facts) if each.token_revoked], [7])
    same([place for place, each in enumerate(facts) if not each.grant_live], [9])
    subjects = [each.person and each.person.subject for each in facts]
    same(subjects, [token.subject for token in tokens])


CHECKS = checks_of(
    silent_approvals_in_a_crowd_are_each_stored_or_refused,
    spends_in_a_crowd_are_each_judged_for_themselves,
    refreshes_in_a_crowd_are_each_judged_for_themselves,
    readers_in_a_crowd_each_find_their_own,
    questions_about_tokens_in_a_crowd_are_each_answered,
)
