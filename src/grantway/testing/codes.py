"""Consents, and authorization codes: stored once per flow, spent once at all."""

from dataclasses import replace

from grantway.protocol.grants import LiveGrants
from grantway.protocol.scope import Scope
from grantway.storage.port import Conflict, Dead, IssueOutcome, Replayed, Won
from grantway.testing.bench import (
    DAY,
    Bench,
    approval,
    checks_of,
    entry,
    expect,
    family,
    issue,
    issued,
    new_hash,
    new_id,
    opaque_token,
    raises,
    redeem,
    refresh_token,
    same,
    some_person,
    spend_code,
)


async def an_approval_is_kept_whole(bench: Bench) -> None:
    """E3: the code knows its client, redirect URI, challenge, person and grant."""
    person = await some_person(bench)
    given = await issued(bench, subject=person.subject)
    found = await bench.store.find_code(given.code.id)
    if found is None:
        raise AssertionError("a stored code is found")
    same(found.code, given.code)
    same(found.grant, given.grant)
    same(found.person, person)
    same(await bench.store.find_code(new_id()), None, "an unknown code is not found")


async def a_code_without_its_person_is_still_found(bench: Bench) -> None:
    """The caller refuses it, and can say why (C15)."""
    given = await issued(bench)
    found = await bench.store.find_code(given.code.id)
    expect(found is not None and found.person is None, "the code is found without a person")


async def a_flow_has_one_code(bench: Bench) -> None:
    """E1: a second Allow stores nothing: no code, no grant, no consent, no audit."""
    given = await issued(bench)
    again = await approval(bench, subject=given.grant.subject, client_id=given.grant.client_id)
    wider = again.consent and replace(again.consent, scope=Scope(("admin",)))
    again = replace(again, code=replace(again.code, flow_id=given.code.flow_id), consent=wider)
    target = f"grant:{again.grant.id}"
    same(await issue(bench, again, entry(target)), IssueOutcome.ALREADY_DONE)
    same(await bench.store.find_code(again.code.id), None, "no second code")
    same(
        await bench.store.find_consent(given.grant.subject, given.grant.client_id),
        given.consent,
        "consent as before",
    )
    same(await bench.audited(target), [], "no audit of what did not happen")


async def a_consent_in_force_keeps_its_id_and_takes_the_new_scope(bench: Bench) -> None:
    """One consent per person and client, holding many grants."""
    first = await issued(bench)
    second = await approval(bench, subject=first.grant.subject, client_id=first.grant.client_id)
    if first.consent is None or second.consent is None:
        raise AssertionError("both approvals have a consent")
    wider = replace(
        second.consent, scope=Scope(("openid", "orders:write")), expires_at=second.grant.expires_at
    )
    same(await issue(bench, replace(second, consent=wider)), IssueOutcome.ISSUED)
    kept = await bench.store.find_consent(first.grant.subject, first.grant.client_id)
    same(kept, replace(wider, id=first.consent.id, created_at=first.consent.created_at))
    found = await bench.store.find_code(second.code.id)
    same(found and found.grant.consent_id, first.consent.id, "the grant hangs on the consent that stayed")


async def an_expired_consent_is_not_found_and_replaced_by_the_next(bench: Bench) -> None:
    """Consent can expire (design 9)."""
    first = await approval(bench)
    if first.consent is None:
        raise AssertionError("the approval has a consent")
    first = replace(first, consent=replace(first.consent, expires_at=first.grant.created_at + 100))
    await issue(bench, first)
    subject, client_id = first.grant.subject, first.grant.client_id
    expect(await bench.store.find_consent(subject, client_id), "it is in force before its end")
    await bench.pass_time(101)
    same(await bench.store.find_consent(subject, client_id), None, "it is not found after its end")
    same(list(await bench.store.list_consents(subject)), [])
    second = await issued(bench, subject=subject, client_id=client_id)
    same(await bench.store.find_consent(subject, client_id), second.consent, "the new one is new altogether")


async def consents_are_listed_newest_first(bench: Bench) -> None:
    """What a person sees of their own."""
    first = await issued(bench)
    subject = first.grant.subject
    await bench.pass_time(10)
    second = await issued(bench, subject=subject)
    await issued(bench)
    listed = await bench.store.list_consents(subject)
    same([consent.client_id for consent in listed], [second.grant.client_id, first.grant.client_id])


async def live_grants_are_listed_those_that_are_alike_as_one(bench: Bench) -> None:
    """FN12: what apps hold of a person; what was revoked or has ended is not among it."""
    first = await issued(bench)
    subject, client_id = first.grant.subject, first.grant.client_id
    await bench.pass_time(10)
    second = await issued(bench, subject=subject, client_id=client_id)
    revoked = await issued(bench, subject=subject, client_id=client_id)
    await bench.store.revoke_grant(revoked.grant.id, [])
    await issued(bench)
    grant = second.grant
    alike = LiveGrants(
        client_id=client_id,
        scope=grant.scope,
        resources=grant.resources,
        count=2,
        first_at=first.grant.created_at - 10,
        last_at=grant.created_at,
    )
    listed = await bench.store.list_live_grants(subject)
    same(
        [replace(each, first_at=round(each.first_at, 3)) for each in listed],
        [replace(alike, first_at=round(alike.first_at, 3))],
    )
    same(list(await bench.store.list_live_grants(f"u_{new_id()}0000")), [], "nobody's")
    counted = [one for one in await bench.store.count_live_grants() if one[0] == client_id]
    same(counted, [(client_id, grant.scope, 2)], "counted by app and scope")
    await bench.pass_time(DAY)
    same(list(await bench.store.list_live_grants(subject)), [], "ended")
    same([one for one in await bench.store.count_live_grants() if one[0] == client_id], [], "ended")


async def a_grant_needs_the_consent_it_names(bench: Bench) -> None:
    """D13: a withdrawal between looking at a consent and issuing on it is not overlooked."""
    first = await issued(bench)
    subject, client_id = first.grant.subject, first.grant.client_id
    silent = await approval(bench, subject=subject, client_id=client_id, consent=False)
    silent = replace(silent, grant=replace(silent.grant, consent_id=first.grant.consent_id))
    same(await issue(bench, silent), IssueOutcome.ISSUED, "issued silently on a consent in force")
    same(await issue(bench, silent), IssueOutcome.ALREADY_DONE)
    await bench.store.revoke_consent(subject, client_id, [])
    late = await approval(bench, subject=subject, client_id=client_id, consent=False)
    late = replace(late, grant=replace(late.grant, consent_id=first.grant.consent_id))
    await raises(Conflict, issue(bench, late), "a consent withdrawn meanwhile carries no grant")
    same(await bench.store.find_code(late.code.id), None)
    first_party = await approval(bench, consent=False)
    same(await issue(bench, first_party), IssueOutcome.ISSUED, "a first-party client needs no consent")


async def a_code_is_won_once_and_buys_what_is_named_with_it(bench: Bench) -> None:
    """E1, E2: spent and issued together; spent again it is replayed and buys nothing."""
    given = await issued(bench)
    refresh, opaque = await refresh_token(bench, given.grant), await opaque_token(bench, given.grant)
    first = await bench.store.spend_and_issue(
        spend_code(given.code), refresh_token=refresh, opaque_token=opaque
    )
    same(first, Won())
    found = await bench.store.find_code(given.code.id)
    expect(found is not None and found.code.spent_at is not None, "a spent code says when")
    stored = await bench.store.find_refresh_token(refresh.id)
    same(stored and stored.token, refresh)
    same(stored and stored.grant, given.grant)
    same(await bench.store.find_opaque_token(opaque.id), opaque)
    loot = await refresh_token(bench, given.grant)
    soon = await redeem(bench.store, spend_code(given.code), loot)
    same(soon, Replayed())
    same(await bench.store.find_refresh_token(loot.id), None, "a replay buys nothing")
    await bench.pass_time(DAY)
    late = await redeem(bench.store, spend_code(given.code), loot)
    same(late, Replayed(), "however late")
    told = isinstance(soon, Replayed) and isinstance(late, Replayed) and DAY <= late.ago - soon.ago < 2 * DAY
    expect(told, "a replay says how long ago it was spent, by the database's clock")


async def a_spent_code_is_replayed_even_when_its_grant_is_revoked(bench: Bench) -> None:
    """E2: who replays twice is told the same twice."""
    given, _ = await family(bench)
    await bench.store.revoke_grant(given.grant.id, [])
    same(await redeem(bench.store, spend_code(given.code)), Replayed())


async def an_attempt_recognises_its_own_win(bench: Bench) -> None:
    """N5: after an unknown outcome the same attempt asks again and is not taken for a replay."""
    given = await issued(bench)
    token = await refresh_token(bench, given.grant)
    spend = spend_code(given.code)
    same(await redeem(bench.store, spend, token), Won())
    same(await redeem(bench.node(1), spend, token), Won(), "its own attempt")
    same(await redeem(bench.store, spend_code(given.code), token), Replayed(), "another attempt")


async def a_code_is_dead_where_it_should_be(bench: Bench) -> None:
    """E5, E7: unknown, of another hash, expired by the database's clock, or of a revoked grant."""
    given = await issued(bench)
    unknown = spend_code(given.code, code_id=new_id())
    expect(isinstance(await redeem(bench.store, unknown), Dead), "an unknown code is dead")
    mutated = spend_code(given.code, hash=new_hash())
    expect(isinstance(await redeem(bench.store, mutated), Dead), "a code of another hash is dead")
    await bench.store.revoke_grant(given.grant.id, [])
    expect(isinstance(await redeem(bench.store, spend_code(given.code)), Dead), "revoked, so dead")
    late = await issued(bench)
    token = await refresh_token(bench, late.grant)
    await bench.pass_time(61)
    expect(isinstance(await redeem(bench.store, spend_code(late.code), token), Dead), "dead at 61 s")
    same(await bench.store.find_refresh_token(token.id), None, "a dead code buys nothing")


CHECKS = checks_of(
    an_approval_is_kept_whole,
    a_code_without_its_person_is_still_found,
    a_flow_has_one_code,
    a_consent_in_force_keeps_its_id_and_takes_the_new_scope,
    an_expired_consent_is_not_found_and_replaced_by_the_next,
    consents_are_listed_newest_first,
    live_grants_are_listed_those_that_are_alike_as_one,
    a_grant_needs_the_consent_it_names,
    a_code_is_won_once_and_buys_what_is_named_with_it,
    a_spent_code_is_replayed_even_when_its_grant_is_revoked,
    an_attempt_recognises_its_own_win,
    a_code_is_dead_where_it_should_be,
)
