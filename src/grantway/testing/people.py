"""Local accounts, and the browsers they are signed in with."""

from dataclasses import replace

from grantway.protocol.people import Address, Profile, SignedIn
from grantway.storage.port import Conflict
from grantway.testing.bench import (
    DAY,
    Bench,
    checks_of,
    entry,
    expect,
    family,
    new_id,
    raises,
    same,
    session_of,
    some_person,
)


async def a_person_is_kept_whole(bench: Bench) -> None:
    """And found by their canonical username only."""
    person = await some_person(
        bench,
        name="Ada Łovelace",
        email="ada@example.com",
        email_verified=True,
        disabled_at=12.5,
        tokens_valid_from=3.25,
        profile=Profile(
            given_name="Ada",
            birthdate="1815-12-10",
            phone_number="+44 20 7946 0000",
            phone_number_verified=True,
            address=Address(formatted="12 St James's Square\nLondon", country="United Kingdom"),
            updated_at=1.5,
        ),
    )
    same(await bench.store.find_person(person.username), person)
    same(await bench.store.find_person(person.username.upper()), None)
    same(await bench.store.find_person(""), None)


async def a_username_and_a_subject_belong_to_one_person(bench: Bench) -> None:
    """And what is refused leaves nothing."""
    person = await some_person(bench)
    target = f"person:{person.subject}"
    namesake = replace(person, subject=f"u_{new_id()}0000")
    await raises(Conflict, bench.store.add_person(namesake, [entry(target)]), "the username is taken")
    double = replace(person, username=f"grace{new_id()}")
    await raises(Conflict, bench.store.add_person(double, [entry(target)]), "the subject is taken")
    same(await bench.store.find_person(double.username), None)
    same(await bench.audited(target), [], "no audit of what did not happen")


async def people_are_listed_by_username_in_byte_order(bench: Bench) -> None:
    """Page by page, the same on every database and in every locale."""
    prefix = f"p{new_id()}"
    names = [prefix + end for end in ("-", "1", "B", "a", "aa", "b", "é", "日本")]
    for name in reversed(names):
        await some_person(bench, username=name)
    first = await bench.store.list_people(after=prefix, limit=3)
    same([person.username for person in first], names[:3])
    rest = await bench.store.list_people(after=names[2], limit=5)
    same([person.username for person in rest], names[3:])


async def a_person_is_changed_with_all_that_follows(bench: Bench) -> None:
    """D13, N6: with the flags, sessions end and grants are revoked in the same commit; without, they stay."""
    person = await some_person(bench)
    other = await some_person(bench)
    now = await bench.now()
    sessions = [session_of(person, now), session_of(person, now), session_of(other, now)]
    for session, whose in zip(sessions, (person, person, other), strict=True):
        await bench.store.open_session(session, proven=whose, ends=None, audit=[])
    given, _ = await family(bench, subject=person.subject)
    theirs, _ = await family(bench, subject=other.subject)
    target = f"person:{person.subject}"

    async def alive() -> tuple[list[bool], list[bool]]:
        found = [await bench.store.find_session(session.id) is not None for session in sessions]
        facts = [
            await bench.store.token_facts(token_id=new_id(), grant_id=grant.id)
            for grant in (given.grant, theirs.grant)
        ]
        return found, [each.grant_live for each in facts]

    renamed = replace(person, username=f"new{new_id()}", name="Ada King", password_hash=None)
    await bench.store.change_person(person, renamed, [entry(target)], end_sessions=False, revoke_grants=False)
    same(await bench.store.find_person(renamed.username), renamed)
    same(await bench.store.find_person(person.username), None)
    same(await alive(), ([True, True, True], [True, True]), "without flags everything stays")
    disabled = replace(renamed, disabled_at=now, tokens_valid_from=now)
    await bench.store.change_person(
        renamed, disabled, [entry(target)], end_sessions=True, revoke_grants=False
    )
    same(await alive(), ([False, False, True], [True, True]), "the sessions of this person have ended")
    await bench.store.change_person(
        disabled, disabled, [entry(target)], end_sessions=False, revoke_grants=True
    )
    same(await alive(), ([False, False, True], [False, True]), "the grants of this person are revoked")
    same(len(await bench.audited(target)), 3)


async def a_change_of_what_has_changed_meanwhile_is_a_conflict(bench: Bench) -> None:
    """C15: an edit begun before a person was disabled does not switch them on again."""
    person = await some_person(bench)
    disabled = replace(person, disabled_at=await bench.now())
    await bench.store.change_person(person, disabled, [], end_sessions=True, revoke_grants=True)
    renamed = replace(person, name="Ada King")
    change = bench.store.change_person(person, renamed, [], end_sessions=False, revoke_grants=False)
    await raises(Conflict, change, "the person was disabled meanwhile")
    same(await bench.store.find_person(person.username), disabled)


async def a_change_begun_before_a_new_password_does_not_bring_the_old_one_back(bench: Bench) -> None:
    """C6: neither a new name, nor another new password that was begun with the old one."""
    person = await some_person(bench, password_hash="old")
    secured = replace(person, password_hash="new")
    await bench.store.change_person(person, secured, [], end_sessions=True, revoke_grants=False)
    for late in (replace(person, name="Ada King"), replace(person, password_hash="of a thief")):
        change = bench.store.change_person(person, late, [], end_sessions=False, revoke_grants=False)
        await raises(Conflict, change, "the password is another meanwhile")
    same(await bench.store.find_person(person.username), secured)


async def a_sign_in_begun_before_a_change_opens_nothing(bench: Bench) -> None:
    """C6, C15: what an old password or an earlier state proved is no session, and ends none."""
    now = await bench.now()
    for change in ({"password_hash": "new"}, {"disabled_at": now}, {"tokens_valid_from": now}):
        person = await some_person(bench, password_hash="old")
        earlier, late = session_of(person, now), session_of(person, now)
        await bench.store.open_session(earlier, proven=person, ends=None, audit=[])
        changed = replace(person, **change)
        await bench.store.change_person(person, changed, [], end_sessions=False, revoke_grants=False)
        target = f"session:{late.id}"
        opening = bench.store.open_session(late, proven=person, ends=earlier.id, audit=[entry(target)])
        await raises(Conflict, opening, "the person has changed meanwhile")
        same(await bench.store.find_session(late.id), None)
        expect(await bench.store.find_session(earlier.id), "the one it would have replaced goes on")
        same(await bench.audited(target), [])
        await bench.store.open_session(late, proven=changed, ends=earlier.id, audit=[])
        expect(await bench.store.find_session(late.id), "by what is there now")


async def a_change_that_cannot_be_leaves_nothing(bench: Bench) -> None:
    """No such person, or a username that is taken."""
    person, other = await some_person(bench), await some_person(bench)
    session = session_of(person, await bench.now())
    await bench.store.open_session(session, proven=person, ends=None, audit=[])
    taken = replace(person, username=other.username, name="x")
    target = f"person:{new_id()}"
    change = bench.store.change_person(person, taken, [entry(target)], end_sessions=True, revoke_grants=True)
    await raises(Conflict, change, "the username is taken")
    nobody = replace(person, subject=f"u_{new_id()}0000", username=f"x{new_id()}")
    change = bench.store.change_person(nobody, nobody, [entry(target)], end_sessions=True, revoke_grants=True)
    await raises(Conflict, change, "there is no such person")
    same(await bench.store.find_person(person.username), person)
    expect(await bench.store.find_session(session.id), "the session goes on")
    same(await bench.audited(target), [])


async def a_password_is_rehashed_unless_it_has_changed(bench: Bench) -> None:
    """A slow login does not undo a change of password."""
    person = await some_person(bench, password_hash="old")
    await bench.store.rehash_password(person.subject, old="other", new="never")
    same(await bench.store.find_person(person.username), person)
    await bench.store.rehash_password(person.subject, old="old", new="better")
    same(await bench.store.find_person(person.username), replace(person, password_hash="better"))


async def a_session_is_found_with_its_person_until_it_ends(bench: Bench) -> None:
    """Ended by hand, by its successor, by its absolute end, or with its person."""
    person, now = await some_person(bench), await bench.now()
    first, second = session_of(person, now), session_of(person, now)
    target = f"session:{first.id}"
    await bench.store.open_session(first, proven=person, ends=None, audit=[entry(target)])
    same(await bench.store.find_session(first.id), SignedIn(first, person))
    await bench.store.open_session(second, proven=person, ends=first.id, audit=[entry(target)])
    same(await bench.store.find_session(first.id), None, "its successor ended it")
    same(await bench.store.find_session(second.id), SignedIn(second, person))
    await bench.store.end_session(second.id, [entry(target)])
    await bench.store.end_session(second.id, [entry(target)])
    same(await bench.store.find_session(second.id), None)
    same(len(await bench.audited(target)), 3, "an end is audited once")
    third = session_of(person, now)
    await bench.store.open_session(third, proven=person, ends=new_id(), audit=[])
    await bench.pass_time(DAY + 1)
    same(await bench.store.find_session(third.id), None, "past its absolute end")
    nobody = replace(person, subject=f"u_{new_id()}0000")
    ghost = session_of(nobody, now)
    await raises(Conflict, bench.store.open_session(ghost, proven=nobody, ends=None, audit=[]), "no person")
    same(await bench.store.find_session(ghost.id), None, "its person does not exist")


async def a_person_sees_their_sessions_and_ends_the_others(bench: Bench) -> None:
    """FN12: the one last seen first; one may stay, and nobody else's is touched."""
    person, other, now = await some_person(bench), await some_person(bench), await bench.now()
    here, there, old, theirs = (
        session_of(person, now, browser="Firefox on Linux", network="192.0.2.1"),
        session_of(person, now, seen_at=now - 5),
        session_of(person, now, expires_at=now - 1),
        session_of(other, now),
    )
    for session in (there, old, here, theirs):
        whose = other if session is theirs else person
        await bench.store.open_session(session, proven=whose, ends=None, audit=[])
    same(await bench.store.list_sessions(person.subject), [here, there], "whole, newest first")
    target = f"person:{person.subject}"
    same(await bench.store.end_sessions(person.subject, but=here.id, audit=[entry(target)]), 2)
    same(await bench.store.end_sessions(person.subject, but=here.id, audit=[entry(target)]), 0)
    same(await bench.store.list_sessions(person.subject), [here])
    same(await bench.store.list_sessions(other.subject), [theirs])
    same(len(await bench.audited(target)), 1, "audited when there was any")


async def a_session_was_last_seen_when_it_was_last_seen(bench: Bench) -> None:
    """Two nodes may note it out of order."""
    person, now = await some_person(bench), await bench.now()
    session = session_of(person, now)
    await bench.store.open_session(session, proven=person, ends=None, audit=[])
    await bench.store.touch_session(session.id, seen_at=now + 20)
    await bench.store.touch_session(session.id, seen_at=now + 10)
    found = await bench.store.find_session(session.id)
    same(found and found.session, replace(session, seen_at=now + 20))


CHECKS = checks_of(
    a_change_of_what_has_changed_meanwhile_is_a_conflict,
    a_person_is_kept_whole,
    a_username_and_a_subject_belong_to_one_person,
    people_are_listed_by_username_in_byte_order,
    a_person_is_changed_with_all_that_follows,
    a_change_begun_before_a_new_password_does_not_bring_the_old_one_back,
    a_sign_in_begun_before_a_change_opens_nothing,
    a_change_that_cannot_be_leaves_nothing,
    a_password_is_rehashed_unless_it_has_changed,
    a_session_is_found_with_its_person_until_it_ends,
    a_person_sees_their_sessions_and_ends_the_others,
    a_session_was_last_seen_when_it_was_last_seen,
)
