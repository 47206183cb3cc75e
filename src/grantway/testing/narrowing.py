"""A consent made smaller without ending it, and when its scopes were used last."""

import asyncio
from dataclasses import replace
from typing import Any

from grantway.protocol.grants import ScopeUse
from grantway.protocol.scope import Scope
from grantway.storage.port import Conflict, Dead, IssueOutcome, Won
from grantway.testing.bench import (
    DAY,
    Approval,
    Bench,
    approval,
    checks_of,
    entry,
    expect,
    family,
    issue,
    issued,
    new_id,
    opaque_token,
    raises,
    redeem,
    refresh_token,
    same,
    spend_refresh,
)

_WIDE = Scope(("orders:read", "orders:read_all", "orders", "a.b", "x%_y"))


async def _wide(bench: Bench, *, scope: Scope = _WIDE, **about: Any) -> Approval:
    """An approval of these scopes, stored."""
    given = await approval(bench, **about)
    if given.consent is None:
        raise AssertionError("the approval has a consent")
    given = Approval(given.code, replace(given.grant, scope=scope), replace(given.consent, scope=scope))
    same(await issue(bench, given), IssueOutcome.ISSUED)
    return given


async def _grant_scope(bench: Bench, given: Approval) -> Scope | None:
    facts = await bench.store.token_facts(token_id=new_id(), grant_id=given.grant.id)
    return facts.grant.scope if facts.grant is not None and facts.grant_live else None


async def _narrow(bench: Bench, given: Approval, scope: str, consent_id: str = "") -> bool:
    target = f"person:{given.grant.subject}"
    return await bench.store.narrow_consent(
        given.grant.subject,
        given.grant.client_id,
        scope,
        consent_id=consent_id or new_id(),
        audit=[entry(target)],
    )


async def what_was_taken_back_does_not_come_back_with_an_answer(bench: Bench) -> None:
    """D7, D13: an answer made from a consent that is less by now, or none, is to be made again."""
    narrowed, withdrawn, kept = await _wide(bench), await _wide(bench), await _wide(bench)
    await _narrow(bench, narrowed, "orders")
    await bench.store.revoke_consent(withdrawn.grant.subject, withdrawn.grant.client_id, [])
    for given, left in ((narrowed, _WIDE - Scope(("orders",))), (withdrawn, None), (kept, _WIDE)):
        subject, client_id, read = given.grant.subject, given.grant.client_id, given.consent
        again = await approval(bench, subject=subject, client_id=client_id)
        answer = bench.store.issue_code(
            again.code, again.grant, read, [entry(again.code.id)], replaces=None if read is None else read.id
        )
        if given is kept:
            same(await answer, IssueOutcome.ISSUED)
        else:
            await raises(Conflict, answer, "the consent it was made from is another")
            same(await bench.store.find_code(again.code.id), None)
            same(await bench.audited(again.code.id), [])
        found = await bench.store.find_consent(subject, client_id)
        same(found and found.scope, left)


async def one_scope_goes_and_the_others_stay(bench: Bench) -> None:
    """FN12: out of the consent and of every live grant of the pair; of no other, and of no other scope."""
    given = await _wide(bench)
    subject, client_id = given.grant.subject, given.grant.client_id
    second = await _wide(bench, subject=subject, client_id=client_id)
    revoked = await _wide(bench, subject=subject, client_id=client_id)
    await bench.store.revoke_grant(revoked.grant.id, [])
    elsewhere, theirs = await _wide(bench, subject=subject), await _wide(bench, client_id=client_id)
    left = list(_WIDE)
    for gone in ("orders", "x%_y", "orders:read"):
        left.remove(gone)
        expect(await _narrow(bench, given, gone), f"{gone} was there")
        consent = await bench.store.find_consent(subject, client_id)
        same(consent and consent.scope, Scope(tuple(left)), f"the consent without {gone}")
        for each in (given, second):
            same(await _grant_scope(bench, each), Scope(tuple(left)), f"a grant without {gone}")
    same(await _grant_scope(bench, revoked), None, "what was revoked stays so")
    for each in (elsewhere, theirs):
        same(await _grant_scope(bench, each), _WIDE, "another app, another person")
        consent = await bench.store.find_consent(each.grant.subject, each.grant.client_id)
        same(consent and consent.scope, _WIDE)
    expect(not await _narrow(bench, given, "orders"), "it is gone already")
    expect(not await _narrow(bench, given, "rders:read_al"), "a part of a name is no name")
    same(len(await bench.audited(f"person:{subject}")), 3, "audited when there was anything")


async def what_held_nothing_else_ends(bench: Bench) -> None:
    """FN12: an empty consent is none, and an empty grant is revoked."""
    given = await _wide(bench, scope=Scope(("orders:read",)))
    token = await refresh_token(bench, given.grant)
    expect(await _narrow(bench, given, "orders:read"), "it was there")
    same(await bench.store.find_consent(given.grant.subject, given.grant.client_id), None)
    same(await _grant_scope(bench, given), None)
    same(await bench.store.list_live_grants(given.grant.subject), [])
    expect(isinstance(await redeem(bench.store, spend_refresh(token), token), Dead), "and buys nothing")


async def grants_without_a_consent_are_narrowed_too(bench: Bench) -> None:
    """FN12: those of a first-party app, or of a consent that has expired."""
    given = await approval(bench, consent=False)
    await issue(bench, given)
    expect(await _narrow(bench, given, "openid"), "it was there")
    same(await _grant_scope(bench, given), Scope(("orders:read",)))


async def whoever_looked_before_cannot_issue_on_what_they_saw(bench: Bench) -> None:
    """D7: a silent approval decided on the wider consent is a conflict, and is decided again."""
    given = await issued(bench)
    subject, client_id = given.grant.subject, given.grant.client_id
    await _narrow(bench, given, "openid", consent_id := new_id())
    late = await approval(bench, subject=subject, client_id=client_id, consent=False)
    late = replace(late, grant=replace(late.grant, consent_id=given.grant.consent_id))
    await raises(Conflict, issue(bench, late), "the consent is not the one that was read")
    again = replace(late, grant=replace(late.grant, consent_id=consent_id))
    same(await issue(bench, again), IssueOutcome.ISSUED)
    found = await bench.store.find_code(given.code.id)
    same(found and found.grant.consent_id, consent_id, "its grants moved along")


async def a_refresh_token_outlives_the_narrowing(bench: Bench) -> None:
    """FN12: the app is not disconnected: it refreshes, and finds less."""
    given, token = await family(bench)
    opaque = await opaque_token(bench, given.grant)
    await bench.store.add_opaque_token(opaque)
    await _narrow(bench, given, "openid")
    found = await bench.store.find_refresh_token(token.id)
    same(found and found.grant.scope, Scope(("orders:read",)))
    successor = await refresh_token(bench, given.grant)
    same(await redeem(bench.store, spend_refresh(token), successor), Won())


async def narrowing_and_refreshing_at_once_wait_for_each_other(bench: Bench) -> None:
    """J1: neither is lost, and nobody waits in a circle."""
    for number in range(10):
        given, token = await family(bench)
        successor = await refresh_token(bench, given.grant)
        narrowed, outcome = await asyncio.gather(
            bench.node(number).narrow_consent(
                given.grant.subject, given.grant.client_id, "openid", consent_id=new_id(), audit=[]
            ),
            redeem(bench.node(number + 1), spend_refresh(token), successor),
        )
        same((narrowed, outcome), (True, Won()))
        same(await _grant_scope(bench, given), Scope(("orders:read",)))


async def uses_are_kept_the_later_counts_and_leave_with_the_consent(bench: Bench) -> None:
    """FN12: written by many nodes, in any order."""
    given = await issued(bench)
    now = await bench.now()
    use = ScopeUse(
        subject=given.grant.subject,
        client_id=given.grant.client_id,
        scope="orders:read",
        used_at=now,
        expires_at=now + DAY,
    )
    other = replace(use, scope="openid", expires_at=now + 10)
    await bench.store.note_uses([use, other])
    await bench.node(1).note_uses([replace(use, used_at=now - 50, expires_at=now + 20)])
    same(sorted(await bench.store.list_uses(use.subject), key=lambda one: one.scope), [other, use])
    await bench.store.note_uses([])
    await bench.pass_time(11)
    same([one.scope for one in await bench.store.list_uses(use.subject)], ["orders:read"], "one expired")
    same(list(await bench.store.list_uses(f"u_{new_id()}0000")), [])
    while await bench.store.drop_expired():
        pass
    await bench.store.revoke_consent(use.subject, use.client_id, [])
    same(list(await bench.store.list_uses(use.subject)), [], "withdrawn")


CHECKS = checks_of(
    what_was_taken_back_does_not_come_back_with_an_answer,
    one_scope_goes_and_the_others_stay,
    what_held_nothing_else_ends,
    grants_without_a_consent_are_narrowed_too,
    whoever_looked_before_cannot_issue_on_what_they_saw,
    a_refresh_token_outlives_the_narrowing,
    narrowing_and_refreshing_at_once_wait_for_each_other,
    uses_are_kept_the_later_counts_and_leave_with_the_consent,
)
