"""Throttles, the audit log, what leaves by itself, and text that does not belong into a database."""

from collections.abc import Sequence
from dataclasses import replace

from grantway.storage.changes import AuditEntry
from grantway.storage.port import Bucket, Conflict
from grantway.testing.bench import (
    DAY,
    Bench,
    as_stored,
    at_once,
    checks_of,
    entry,
    expect,
    family,
    issued,
    new_id,
    opaque_token,
    rotated,
    same,
    session_of,
    some_person,
)

_ODD = (
    "nul\0nul",
    "lone \ud800 surrogate",
    "\uffff",
    "'; DROP TABLE people; --",
    "{now} %s $1 ?1 \\",
    "x" * 100_000,
)


async def a_bucket_gives_its_burst_and_then_waits(bench: Bench) -> None:
    """C13: one more for every `seconds_each` that pass, never more than the burst."""
    bucket = Bucket(new_id(), burst=3, seconds_each=60.0)
    same([await bench.store.take([bucket]) for _ in range(3)], [0.0, 0.0, 0.0])
    wait = await bench.store.take([bucket])
    expect(59.0 < wait <= 60.0, f"the wait is a minute, not {wait}")
    await bench.pass_time(61)
    same(await bench.store.take([bucket]), 0.0, "one has leaked out")
    expect(await bench.store.take([bucket]) > 0, "one only")
    await bench.pass_time(10 * DAY)
    same([await bench.store.take([bucket]) for _ in range(3)], [0.0, 0.0, 0.0], "never more than the burst")
    expect(await bench.store.take([bucket]) > 0, "never more than the burst")


async def all_buckets_give_or_none(bench: Bench) -> None:
    """C13: an attempt refused by one budget is not charged to the other."""
    wide, narrow = Bucket(new_id(), burst=5, seconds_each=60.0), Bucket(new_id(), burst=1, seconds_each=30.0)
    same(await bench.store.take([wide, narrow]), 0.0)
    for _ in range(10):
        wait = await bench.store.take([narrow, wide])
        expect(0 < wait <= 30.0, f"the wait of the narrow one, not {wait}")
    same([await bench.store.take([wide]) for _ in range(4)], [0.0] * 4, "the wide one was charged once")
    expect(await bench.store.take([wide]) > 0, "and is empty now")
    same(await bench.store.take([]), 0.0)


async def an_honest_attempt_is_put_back_and_no_other(bench: Bench) -> None:
    """C13: one attempt, in these buckets only; what others took stays taken."""
    mine, other = (Bucket(new_id(), burst=2, seconds_each=60.0) for _ in range(2))
    unknown = Bucket(new_id(), burst=1, seconds_each=60.0)
    for _ in range(2):
        same(await bench.store.take([mine, other]), 0.0)
    await bench.store.give_back([mine, unknown])
    same(await bench.store.take([mine]), 0.0)
    expect(await bench.store.take([mine]) > 0, "one attempt was put back, not all")
    expect(await bench.store.take([other]) > 0, "the other stays full")
    same(await bench.store.take([unknown]), 0.0)
    expect(await bench.store.take([unknown]) > 0, "nothing can be put back into a bucket nobody took from")


async def the_audit_log_is_read_newest_first(bench: Bench) -> None:
    """In the order of commit, whatever the entries say of time."""
    target = f"test:{new_id()}"
    entries = [entry(target, f"test.{number}", at=100.0 - number) for number in range(3)]
    await bench.store.add_audit(entries[:2])
    await bench.store.add_audit(entries[2:])
    await bench.store.add_audit([])
    same(await bench.audited(target), entries[::-1])
    same(len(await bench.store.read_audit(limit=2)), 2)


async def expired_rows_leave_and_live_ones_stay(bench: Bench) -> None:
    """U5: in small batches; the second run finds nothing to do."""
    await bench.pass_time(100 * DAY)
    while await bench.store.drop_expired():
        pass
    person = await some_person(bench)
    old, old_token = await family(bench, subject=person.subject)
    await rotated(bench, old_token, old.grant)
    old_opaque = await opaque_token(bench, old.grant)
    await bench.store.add_opaque_token(old_opaque)
    old_session = session_of(person, await bench.now())
    await bench.store.open_session(old_session, proven=person, ends=None, audit=[])
    soon = await bench.now() + 60
    await bench.store.revoke_jwt(old.grant.id, audience=["a"], expires_at=soon, audit=[])
    await bench.store.take([Bucket(new_id(), burst=1, seconds_each=60.0)])
    same(await bench.store.drop_expired(), 0, "nothing has expired")
    await bench.pass_time(3 * DAY)
    live, live_token = await family(bench, subject=person.subject)
    live_opaque = await opaque_token(bench, live.grant)
    await bench.store.add_opaque_token(live_opaque)
    live_session = session_of(person, await bench.now())
    await bench.store.open_session(live_session, proven=await as_stored(bench, person), ends=None, audit=[])
    dropped = 0
    while gone := await bench.store.drop_expired(batch=1):
        expect(gone <= 10, f"a batch of one per table, not {gone}")
        dropped += gone
    same(dropped, 10, "a code, two refresh tokens, a wiped one, opaque, jti, its row, grant, session, bucket")
    same(await bench.store.find_code(old.code.id), None)
    same(await bench.store.find_refresh_token(old_token.id), None)
    same(await bench.store.find_opaque_token(old_opaque.id), None)
    expect(await bench.store.find_code(live.code.id), "the live code stays")
    expect(await bench.store.find_refresh_token(live_token.id), "the live refresh token stays")
    expect(await bench.store.find_opaque_token(live_opaque.id), "the live opaque token stays")
    expect(await bench.store.find_session(live_session.id), "the live session stays")
    expect(await bench.store.find_consent(person.subject, live.grant.client_id), "consents stay")
    expect(
        await bench.store.find_consent(person.subject, old.grant.client_id), "the old one, too: it has no end"
    )


async def codes_and_grants_stay_while_they_matter(bench: Bench) -> None:
    """E1, E2: an expired code still tells a replay, and its flow gets no second one for an hour."""
    given, _ = await family(bench)
    await bench.pass_time(60 + 3500)
    while await bench.store.drop_expired():
        pass
    expect(await bench.store.find_code(given.code.id), "the code stays for an hour after its expiry")
    await bench.pass_time(200)
    while await bench.store.drop_expired():
        pass
    same(await bench.store.find_code(given.code.id), None)
    facts = await bench.store.token_facts(token_id=new_id(), grant_id=given.grant.id)
    expect(facts.grant_live, "the grant stays to its end")
    await bench.pass_time(DAY)
    while await bench.store.drop_expired():
        pass
    facts = await bench.store.token_facts(token_id=new_id(), grant_id=given.grant.id)
    expect(facts.grant_live, "and a day longer, for the last access token")


async def a_grant_whose_code_was_never_exchanged_leaves_with_it(bench: Bench) -> None:
    """Nothing was bought with it, so that nobody is shown access which no app has."""
    given = await issued(bench)
    await bench.pass_time(60 + 3500)
    while await bench.store.drop_expired():
        pass
    facts = await bench.store.token_facts(token_id=new_id(), grant_id=given.grant.id)
    expect(facts.grant_live, "the grant stays as long as its code")
    await bench.pass_time(200)
    while await bench.store.drop_expired(batch=1):
        pass
    same(await bench.store.find_code(given.code.id), None)
    facts = await bench.store.token_facts(token_id=new_id(), grant_id=given.grant.id)
    expect(not facts.grant_live, "and no longer")
    same(await bench.store.list_live_grants(given.grant.subject), [])


async def odd_text_is_kept_exactly_or_refused_whole(bench: Bench) -> None:
    """U6: a clean ValueError and nothing written, or the very same text back; never a crash."""
    for text in _ODD:
        target = f"test:{new_id()}"
        kept = await _kept(
            bench, [AuditEntry(at=1.0, actor=text, action="a", target=target, details={"t": text})]
        )
        found = await bench.audited(target)
        same([(each.actor, each.details) for each in found], [(text, {"t": text})] if kept else [])
        person = await some_person(bench)
        changed = replace(person, name=text)
        try:
            await bench.store.change_person(person, changed, [], end_sessions=False, revoke_grants=False)
        except ValueError:
            changed = person
        same(await bench.store.find_person(person.username), changed)
        try:
            same(await bench.store.find_person(text), None, "nobody has that name")
            same(await bench.store.find_code(text), None, "no code has that selector")
            await bench.store.take([Bucket(text + new_id(), burst=1, seconds_each=1.0)])
        except ValueError:
            expect(not kept, "what can be kept can be looked for")
        await bench.store.ping()


async def _kept(bench: Bench, entries: Sequence[AuditEntry]) -> bool:
    try:
        await bench.store.add_audit(entries)
    except ValueError:
        return False
    return True


async def a_verb_that_fails_leaves_the_store_usable(bench: Bench) -> None:
    """N5: a conflict is an answer, not an end."""
    person = await some_person(bench)

    async def again(number: int) -> bool:
        try:
            await bench.node(number).add_person(person, [])
        except Conflict:
            return True
        return False

    expect(all(await at_once(again(number) for number in range(40))), "every one is a conflict")
    same(await bench.store.find_person(person.username), person)
    for node in bench.nodes:
        await node.ping()


CHECKS = checks_of(
    a_bucket_gives_its_burst_and_then_waits,
    all_buckets_give_or_none,
    an_honest_attempt_is_put_back_and_no_other,
    the_audit_log_is_read_newest_first,
    expired_rows_leave_and_live_ones_stay,
    codes_and_grants_stay_while_they_matter,
    a_grant_whose_code_was_never_exchanged_leaves_with_it,
    odd_text_is_kept_exactly_or_refused_whole,
    a_verb_that_fails_leaves_the_store_usable,
)
