"""Local accounts: added, changed, disabled. One set of rules for the command line and every page."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from grantway.crypto.imported_hashes import check_of
from grantway.crypto.passwords import password_problem
from grantway.crypto.secrets import random_base62
from grantway.flows.rejections import Rejected
from grantway.flows.server import Server
from grantway.protocol.people import Person, Profile, canonical_username
from grantway.protocol.profiles import merged, person_problems
from grantway.storage.changes import AuditEntry
from grantway.storage.port import Conflict

_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDraft:
    """A new account. `password_hash` brings a hash from elsewhere, in place of a password."""

    username: str
    name: str
    password: str | None = None
    password_hash: str | None = None
    email: str | None = None
    email_verified: bool | None = None  # None: as it is known; not, for somebody new
    profile: Profile = field(default_factory=Profile)


def new_subject() -> str:
    """A subject no client id can equal (`design` 12)."""
    return f"u_{random_base62(20)}"


async def add_person(server: Server, draft: PersonDraft, *, actor: str) -> Person:
    """Add an account. Raises Rejected, or Conflict when the username is taken."""
    username = canonical_username(draft.username)
    problem = None if draft.password is None else password_problem(draft.password)
    wrong = [
        "username: 1 to 254 printable characters" if username is None else "",
        f"password: {problem}" if problem else "",
        "password: either a password or a hash" if draft.password is not None and draft.password_hash else "",
        "password_hash: not a format this server can check" if _is_unknown_hash(draft.password_hash) else "",
    ]
    about = described(Person(subject="", username=username or "", name=draft.name, created_at=0.0), draft)
    wrong += person_problems(about)
    if username is None or any(wrong):
        raise Rejected("\n".join(reason for reason in wrong if reason))
    hashed = draft.password_hash if draft.password is None else await server.passwords.hash(draft.password)
    now = server.now()
    person = replace(about, subject=new_subject(), password_hash=hashed, created_at=now)
    try:
        await server.store.add_person(person, [_entry(now, actor, "person.added", person)])
    except Conflict:
        raise Conflict(f"there is already a person {username}") from None
    return person


def described(person: Person, draft: PersonDraft) -> Person:
    """The person with the name, e-mail and profile of the draft. What it leaves out stays as it was."""
    email = draft.email or person.email
    kept = person.email_verified and email == person.email
    return replace(
        person,
        name=draft.name.strip(),
        email=email,
        email_verified=kept if draft.email_verified is None else draft.email_verified,
        profile=merged(person.profile, draft.profile),
    )


async def change_person(server: Server, person: Person, changed: Person, *, actor: str) -> Person:
    """Change what is known about somebody; sessions and grants stay. Raises Rejected, or Conflict."""
    if wrong := person_problems(changed):
        raise Rejected("\n".join(wrong))
    now = server.now()
    noted = replace(changed, profile=replace(changed.profile, updated_at=now))
    entry = _entry(now, actor, "person.changed", person)
    await server.store.change_person(person, noted, [entry], end_sessions=False, revoke_grants=False)
    return noted


async def set_password(server: Server, person: Person, password: str, *, actor: str) -> None:
    """Give a new password; every session and grant of before ends (threat C6). Raises Rejected."""
    if problem := password_problem(password):
        raise Rejected(f"password: {problem}")
    hashed = await server.passwords.hash(password)
    now = server.now()
    entry = _entry(now, actor, "person.password_set", person)
    await _lock_out(
        server, person, lambda one: replace(one, password_hash=hashed, tokens_valid_from=now), entry
    )


async def rename(server: Server, person: Person, name: str, *, actor: str) -> None:
    """Change what the person is called. Raises Rejected, or Conflict when they have changed meanwhile."""
    now = server.now()
    changed = replace(person, name=name.strip(), profile=replace(person.profile, updated_at=now))
    if not name.isprintable() or person_problems(changed):
        raise Rejected("A name has 1 to 200 printable characters.")
    entry = _entry(now, actor, "person.renamed", person)
    await server.store.change_person(person, changed, [entry], end_sessions=False, revoke_grants=False)


async def disable(server: Server, person: Person, *, actor: str) -> None:
    """Take the account out of use, at once and everywhere (threat C15)."""
    now = server.now()
    entry = _entry(now, actor, "person.disabled", person)
    await _lock_out(server, person, lambda one: replace(one, disabled_at=now, tokens_valid_from=now), entry)


async def _lock_out(
    server: Server, person: Person, edit: Callable[[Person], Person], entry: AuditEntry
) -> None:
    """Change somebody, and end all their sessions and grants. It wins against what they do meanwhile."""
    for attempt in range(1, _TRIES + 1):
        try:
            await server.store.change_person(
                person, edit(person), [entry], end_sessions=True, revoke_grants=True
            )
        except Conflict:
            now = await server.store.find_person(person.username)
            if attempt == _TRIES or now is None or now.subject != person.subject:
                raise
            person = now
        else:
            break
    server.logouts_due.set()


async def enable(server: Server, person: Person, *, actor: str) -> None:
    """Put a disabled account back in use; what ended stays ended."""
    entry = _entry(server.now(), actor, "person.enabled", person)
    changed = replace(person, disabled_at=None)
    await server.store.change_person(person, changed, [entry], end_sessions=False, revoke_grants=False)


async def end_sessions(server: Server, person: Person, session_id: str | None, *, actor: str) -> int:
    """End one session of somebody, or all of them; how many? What they granted stays."""
    now = server.now()
    if session_id is None:
        ended = await server.store.end_sessions(
            person.subject, but="", audit=[_entry(now, actor, "sessions.ended", person)]
        )
    else:
        found = [one for one in await server.store.list_sessions(person.subject) if one.id == session_id]
        entry = AuditEntry(at=now, actor=actor, action="session.ended", target=f"session:{session_id}")
        for one in found:
            await server.store.end_session(one.id, [entry])
        ended = len(found)
    server.logouts_due.set()
    return ended


async def find_person(server: Server, typed: str) -> Person | None:
    """By username as somebody typed it."""
    username = canonical_username(typed)
    return None if username is None else await server.store.find_person(username)


def _is_unknown_hash(text: str | None) -> bool:
    return text is not None and check_of(text) is None


def _entry(now: float, actor: str, action: str, person: Person) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor=actor,
        action=action,
        target=f"person:{person.subject}",
        details={"username": person.username},
    )
