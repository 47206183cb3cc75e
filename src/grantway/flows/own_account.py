"""What people change about their own account: its sessions, its name, its password."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grantway.crypto.passwords import Busy, password_problem
from grantway.crypto.secrets import IssuedSecret
from grantway.flows.browser import Browser, open_session
from grantway.flows.login import LoginFailed, check_password, known_device_cookie
from grantway.flows.people import rename
from grantway.flows.rejections import Rejected
from grantway.flows.server import Server
from grantway.protocol.people import Person, Session, SignedIn, session_ended
from grantway.storage.changes import AuditEntry


async def list_sessions(server: Server, who: SignedIn) -> Sequence[Session]:
    """Every live session of this person: this browser's first, then by when they were last seen."""
    now, idle = server.now(), server.policy.session_idle_lifetime
    found = await server.store.list_sessions(who.person.subject)
    live = [one for one in found if not session_ended(one, idle_lifetime=idle, now=now)]
    return sorted(live, key=lambda one: (one.id != who.session.id, -one.seen_at))


async def find_other_session(server: Server, who: SignedIn, session_id: str) -> Session | None:
    """A live session of this very person in another browser (threat D9)."""
    sessions = await list_sessions(server, who)
    return next((one for one in sessions if one.id == session_id != who.session.id), None)


async def end_session(server: Server, who: SignedIn, session: Session) -> None:
    """Sign this person out of another browser. What they allowed apps there stays: a grant is no browser."""
    entry = _entry(server, who.person, "session.ended", f"session:{session.id}")
    await server.store.end_session(session.id, [entry])
    server.logouts_due.set()


async def end_other_sessions(server: Server, who: SignedIn) -> int:
    """Sign this person out of every other browser. Returns how many there were."""
    entry = _entry(server, who.person, "sessions.ended", f"person:{who.person.subject}")
    ended = await server.store.end_sessions(who.person.subject, but=who.session.id, audit=[entry])
    server.logouts_due.set()
    return ended


async def change_name(server: Server, who: SignedIn, name: str) -> None:
    """Be called something else. Raises Rejected, or Conflict when the account has changed meanwhile."""
    await rename(server, who.person, name, actor=f"person:{who.person.subject}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged:
    """The new password is in force, every session has ended, and this browser has a new one."""

    session: IssuedSecret
    device: str  # cookie of a known device


async def change_password(
    server: Server, browser: Browser, who: SignedIn, *, current: str, new: str, disconnect: bool
) -> PasswordChanged | LoginFailed:
    """Change one's own password by proving the current one, which is throttled like signing in (threat C13).

    Every session ends, this one is replaced (threats C1, C6). With `disconnect` every app loses its access
    too, as when an operator sets a password; without, what the person has allowed stays allowed. Raises
    Rejected for a new password that cannot be one, or Conflict when the account has changed meanwhile.
    """
    if problem := password_problem(new):
        raise Rejected(problem)
    person = await check_password(server, browser, who.person.username, current)
    if isinstance(person, LoginFailed):
        return person
    try:
        hashed = await server.passwords.hash(new)
    except Busy as busy:
        why = "the queue of passwords to hash is full"
        return LoginFailed(why=why, retry_after=busy.retry_after, busy=True)
    now = server.now()
    valid_from = now if disconnect else person.tokens_valid_from
    changed = replace(person, password_hash=hashed, tokens_valid_from=valid_from)
    entry = _entry(server, person, "person.password_changed", f"person:{person.subject}")
    entry = replace(entry, details={"disconnected": disconnect})
    await server.store.change_person(person, changed, [entry], end_sessions=True, revoke_grants=disconnect)
    server.logouts_due.set()
    _, secret = await open_session(server, browser, changed, ends=None)
    return PasswordChanged(session=secret, device=known_device_cookie(server, changed))


def _entry(server: Server, person: Person, action: str, target: str) -> AuditEntry:
    return AuditEntry(at=server.now(), actor=f"person:{person.subject}", action=action, target=target)
