"""The clients of a session: remembered while it lives, told once it has ended, by one node at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from grantway.protocol.people import Person, Session
from grantway.protocol.session_clients import SessionClient
from grantway.storage.port import IssueOutcome
from grantway.testing.bench import (
    DAY,
    Bench,
    approval,
    as_stored,
    at_once,
    checks_of,
    expect,
    new_id,
    same,
    session_of,
    some_person,
)

LEASE = 30.0
EACH = 100  # of one client at once: as many as there are, where a check is about something else


async def signed_in(bench: Bench, person: Person, *clients: str) -> Session:
    """A session in which somebody has signed in to these clients."""
    session = session_of(person, await bench.now())
    await bench.store.open_session(session, proven=person, ends=None, audit=[])
    for number, client_id in enumerate(clients):
        await join(bench, session, client_id, consent=number % 2 == 0)
    return session


async def join(bench: Bench, session: Session, client_id: str, *, consent: bool = True) -> None:
    """Sign in to a client: by an answer of the person, or without a question."""
    given = await approval(bench, subject=session.subject, client_id=client_id, consent=consent)
    grant = replace(given.grant, session_id=session.sso_id)
    outcome = await bench.store.issue_code(
        given.code, grant, given.consent, [], session_ends_at=session.expires_at
    )
    same(outcome, IssueOutcome.ISSUED)


async def emptied(bench: Bench) -> None:
    """Nothing is to be told that an earlier check has left."""
    while left := await bench.store.list_logouts():
        for one in left:
            await bench.store.logout_told(one)


async def taken_at(
    bench: Bench, *, limit: int = 100, each: int = EACH, under_way: Sequence[str] = ()
) -> Sequence[SessionClient]:
    """What a node that looks now is given."""
    return await bench.store.take_logouts(limit=limit, lease=LEASE, each=each, under_way=under_way)


async def due_at(bench: Bench) -> list[str]:
    """Who is to be told now."""
    return sorted(one.client_id for one in await taken_at(bench))


def names(count: int) -> list[str]:
    """Ids of clients, in order."""
    return sorted(f"client-{new_id()}" for _ in range(count))


async def clients_of_a_session_are_remembered(bench: Bench) -> None:
    """LO04: each once, however often; a code for an API alone takes no part in it."""
    person = await some_person(bench)
    one, two = names(2)
    session = await signed_in(bench, person, one, two, one)
    same(await bench.store.list_session_clients(session.sso_id), [one, two])
    given = await approval(bench, subject=person.subject)
    await bench.store.issue_code(
        given.code, replace(given.grant, session_id=session.sso_id), given.consent, []
    )
    same(await bench.store.list_session_clients(session.sso_id), [one, two], "an API is no sign-in")
    same(await bench.store.list_session_clients(new_id()), [])


async def many_sign_in_at_once_and_each_is_remembered(bench: Bench) -> None:
    """LO04: approvals travel together; each client of each session is there afterwards, once."""
    person = await some_person(bench)
    sessions = [await signed_in(bench, person) for _ in range(4)]
    clients = names(5)
    await at_once(
        join(bench, sessions[number % 4], clients[number % 5], consent=False) for number in range(40)
    )
    for session in sessions:
        same(await bench.store.list_session_clients(session.sso_id), clients)


async def clients_are_told_when_their_session_ends(bench: Bench) -> None:
    """LO06: those of this session, with the end in one transaction; a second end tells nobody."""
    await emptied(bench)
    person = await some_person(bench)
    one, two, three = names(3)
    here, there = await signed_in(bench, person, one, two), await signed_in(bench, person, three)
    same(await due_at(bench), [], "nothing has ended")
    same(await bench.store.end_session(here.id, []), [one, two], "for the browser that is at hand")
    same(await bench.store.end_session(here.id, []), (), "it had ended")
    same(await bench.store.list_session_clients(here.sso_id), [])
    due = await taken_at(bench, limit=10)
    same({each.client_id for each in due}, {one, two})
    same({(each.sso_id, each.subject, each.tries) for each in due}, {(here.sso_id, person.subject, 1)})
    same(await bench.store.list_session_clients(there.sso_id), [three], "another session goes on")


async def every_end_of_a_session_tells_its_clients(bench: Bench) -> None:
    """LO06: the others of a person, all of a person, and the one that somebody else took the place of."""
    await emptied(bench)
    person, other = await some_person(bench), await some_person(bench)
    one, two, three, four = names(4)
    kept, lost = await signed_in(bench, person, one), await signed_in(bench, person, two)
    theirs = await signed_in(bench, other, three)
    same(await bench.store.end_sessions(person.subject, but=kept.id, audit=[]), 1)
    same(await due_at(bench), [two])
    same(await bench.store.end_sessions(person.subject, but=kept.id, audit=[]), 0)
    same(await due_at(bench), [], lost.id)
    await bench.store.change_person(person, person, [], end_sessions=False, revoke_grants=True)
    same(await due_at(bench), [], "no session ended")
    await bench.store.change_person(person, person, [], end_sessions=True, revoke_grants=False)
    same(await due_at(bench), [one])
    taken_over = session_of(person, await bench.now())
    await bench.store.open_session(taken_over, proven=person, ends=theirs.id, audit=[])
    same(await due_at(bench), [three])
    await join(bench, taken_over, four)
    same(await bench.store.end_sessions(person.subject, but="", audit=[]), 1)
    same(await due_at(bench), [four])


async def a_session_that_goes_on_under_a_new_id_keeps_its_clients(bench: Bench) -> None:
    """LO05: signing in again is no end, and its clients are remembered as long as the new one lives."""
    await emptied(bench)
    person = await some_person(bench)
    one, two = names(2)
    session = await signed_in(bench, person, one)
    await bench.pass_time(DAY / 2)
    again = session_of(person, await bench.now(), sso_id=session.sso_id)
    await bench.store.open_session(again, proven=await as_stored(bench, person), ends=session.id, audit=[])
    same(await due_at(bench), [])
    await join(bench, again, two)
    await bench.pass_time(DAY * 0.75)
    while await bench.store.drop_expired():
        pass
    same(await bench.store.end_session(again.id, []), [one, two])


async def one_node_tells_a_client(bench: Bench) -> None:
    """LO07: of many that look at once each message is given to one, until its lease is over."""
    await emptied(bench)
    person = await some_person(bench)
    clients = names(30)
    session = await signed_in(bench, person, *clients)
    await bench.store.end_session(session.id, [])
    taken = await at_once(
        bench.node(number).take_logouts(limit=5, lease=LEASE, each=EACH, under_way=()) for number in range(10)
    )
    given = [one.client_id for few in taken for one in few]
    same(len(given), len(set(given)), "nobody was given to two")
    rest = await due_at(bench)
    same(sorted([*given, *rest]), clients, "all were given, none twice")
    same(await due_at(bench), [], "while the leases last")
    await bench.pass_time(LEASE + 1)
    again = await taken_at(bench)
    same(len(again), 30, "a node that died leaves its messages to the others")
    same({one.tries for one in again}, {2})


async def one_client_takes_few_places(bench: Bench) -> None:
    """LO08: however much is to be told to it, and counting the calls to it that have not ended."""
    await emptied(bench)
    person = await some_person(bench)
    many, fine = names(2)
    sessions = [await signed_in(bench, person, many) for _ in range(9)]
    sessions.append(await signed_in(bench, person, fine))
    for session in sessions:
        await bench.store.end_session(session.id, [])

    async def given(*under_way: str) -> dict[str, int]:
        return Counter(one.client_id for one in await taken_at(bench, each=3, under_way=under_way))

    same(await given(many, many, many), {fine: 1}, "it has all its places")
    same(await given(many, fine), {many: 2}, "one place is taken")
    same(await given(), {many: 3})
    same(await given(), {many: 3})
    same(await given(), {many: 1}, "all were given in the end")


async def a_client_that_was_told_is_forgotten(bench: Bench) -> None:
    """LO07"""
    await emptied(bench)
    person = await some_person(bench)
    session = await signed_in(bench, person, *names(1))
    await bench.store.end_session(session.id, [])
    (due,) = await taken_at(bench, limit=9)
    await bench.store.logout_told(due)
    await bench.pass_time(LEASE + 1)
    same(await due_at(bench), [])
    expect(due.sso_id not in {one.sso_id for one in await bench.store.list_logouts()}, "nothing is left")


async def one_that_takes_part_is_not_forgotten_by_an_old_message(bench: Bench) -> None:
    """LO07: a message told late does not take a living session's client away."""
    person = await some_person(bench)
    (one,) = names(1)
    session = await signed_in(bench, person, one)
    now = await bench.now()
    stale = SessionClient(
        sso_id=session.sso_id, client_id=one, subject=person.subject, joined_at=now, expires_at=now
    )
    await bench.store.logout_told(stale)
    await bench.store.put_off_logout(stale, wait=1.0, problem="x", with_others=False)
    same(await bench.store.list_session_clients(session.sso_id), [one])


async def what_waits_for_a_silent_client_waits_together(bench: Bench) -> None:
    """LO08: it holds up nobody else, and what was given up on is kept for a week."""
    await emptied(bench)
    person = await some_person(bench)
    silent, fine = names(2)
    sessions = [await signed_in(bench, person, silent) for _ in range(3)]
    sessions.append(await signed_in(bench, person, fine))
    for session in sessions:
        await bench.store.end_session(session.id, [])
    first = next(one for one in await taken_at(bench, limit=1))
    same(first.client_id, silent, "the longest waiting first")
    await bench.store.put_off_logout(first, wait=100.0, problem="no answer", with_others=True)
    same(await due_at(bench), [fine])
    await bench.pass_time(101)
    waiting = [one for one in await taken_at(bench, limit=9) if one.client_id == silent]
    same(sorted(one.tries for one in waiting), [1, 1, 2])
    same({one.problem for one in waiting}, {"no answer"})
    await bench.store.put_off_logout(waiting[0], wait=100.0, problem="says no", with_others=False)
    await bench.store.put_off_logout(waiting[1], wait=None, problem="given up", with_others=True)
    await bench.pass_time(LEASE + 1)
    same(await due_at(bench), sorted([silent, fine]), "one waits longer, one is never due again")

    async def listed() -> dict[str | None, bool]:
        mine = [one for one in await bench.store.list_logouts() if one.client_id == silent]
        return {one.problem: one.due_at is None for one in mine}

    same(await listed(), {"no answer": False, "says no": False, "given up": True})
    await bench.pass_time(8 * DAY)
    while await bench.store.drop_expired():
        pass
    same(await listed(), {})


CHECKS = checks_of(
    clients_of_a_session_are_remembered,
    many_sign_in_at_once_and_each_is_remembered,
    clients_are_told_when_their_session_ends,
    every_end_of_a_session_tells_its_clients,
    a_session_that_goes_on_under_a_new_id_keeps_its_clients,
    one_node_tells_a_client,
    one_client_takes_few_places,
    a_client_that_was_told_is_forgotten,
    one_that_takes_part_is_not_forgotten_by_an_old_message,
    what_waits_for_a_silent_client_waits_together,
)
