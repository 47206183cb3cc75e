"""Local accounts and sessions in SQLite."""

import sqlite3
from collections.abc import Sequence

from grantway.protocol.people import Person, Session, SignedIn
from grantway.protocol.revocations import RevokedKind
from grantway.storage.changes import AuditEntry
from grantway.storage.port import Conflict
from grantway.storage.rows import read_person, read_session, read_signed_in, write_person, write_session
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.logouts import go_on, tell_all_clients, tell_clients
from grantway.storage.sqlite.revocations import tell
from grantway.storage.sqlite.verbs import Verbs, add_audit, execute

_ADD_PERSON = sql("INSERT INTO people ({person}) VALUES ({person:?})")
_FIND_PERSON = sql("SELECT {person} FROM people WHERE username = ?")
_LIST_PEOPLE = sql("SELECT {person} FROM people WHERE username > ? ORDER BY username LIMIT ?")
_CHANGE_PERSON = """
UPDATE people SET username = ?2, name = ?3, email = ?4, email_verified = ?5, password_hash = ?6,
    disabled_at = ?7, tokens_valid_from = ?8, created_at = ?9, profile = ?10
WHERE subject = ?1 AND disabled_at IS ?11 AND tokens_valid_from = ?12 AND password_hash IS ?13"""
_REHASH = "UPDATE people SET password_hash = ? WHERE subject = ? AND password_hash = ?"
_REVOKE_GRANTS = sql("""
UPDATE grants SET revoked_at = {now} WHERE subject = ? AND revoked_at IS NULL RETURNING id, resources""")

_IS_AS_READ = """
SELECT 1 FROM people
WHERE subject = ? AND disabled_at IS ? AND tokens_valid_from = ? AND password_hash IS ?"""
_OPEN_SESSION = sql("INSERT INTO sessions ({session}) VALUES ({session:?})")
_FIND_SESSION = sql("""
SELECT {session:s}, {person:p} FROM sessions s JOIN people p ON p.subject = s.subject
WHERE s.id = ? AND s.expires_at > {now}""")
_TOUCH_SESSION = "UPDATE sessions SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2"
_LIST_SESSIONS = sql("""
SELECT {session} FROM sessions WHERE subject = ? AND expires_at > {now} ORDER BY seen_at DESC, id DESC""")
_END_OTHERS = "DELETE FROM sessions WHERE subject = ? AND id <> ?"
_SSO_ID = "SELECT coalesce(sso_id, id) FROM sessions WHERE id = ?"
_END_SESSION = "DELETE FROM sessions WHERE id = ? RETURNING coalesce(sso_id, id)"
_END_SESSIONS = "DELETE FROM sessions WHERE subject = ?"


class PeopleVerbs(Verbs):
    """`port.People`."""

    async def add_person(self, person: Person, audit: Sequence[AuditEntry]) -> None:
        await self._writer.run(_add_person, person, tuple(audit))

    async def find_person(self, username: str) -> Person | None:
        row = self._reader.one(_FIND_PERSON, username)
        return None if row is None else read_person(row)

    async def list_people(self, *, after: str = "", limit: int = 100) -> Sequence[Person]:
        return [read_person(row) for row in self._reader.all(_LIST_PEOPLE, after, limit)]

    async def change_person(
        self,
        was: Person,
        now: Person,
        audit: Sequence[AuditEntry],
        *,
        end_sessions: bool,
        revoke_grants: bool,
    ) -> None:
        await self._writer.run(
            _change_person, was, now, tuple(audit), end_sessions=end_sessions, revoke_grants=revoke_grants
        )

    async def rehash_password(self, subject: str, *, old: str, new: str) -> None:
        await self._writer.run(execute, _REHASH, (new, subject, old))

    async def open_session(
        self, session: Session, *, proven: Person, ends: str | None, audit: Sequence[AuditEntry]
    ) -> None:
        await self._writer.run(_open_session, session, proven, ends, tuple(audit))

    async def find_session(self, session_id: str) -> SignedIn | None:
        row = self._reader.one(_FIND_SESSION, session_id)
        return None if row is None else read_signed_in(row)

    async def touch_session(self, session_id: str, *, seen_at: float) -> None:
        await self._writer.run(execute, _TOUCH_SESSION, (session_id, seen_at))

    async def end_session(self, session_id: str, audit: Sequence[AuditEntry]) -> Sequence[str]:
        return await self._writer.run(_end_session, session_id, tuple(audit))

    async def list_sessions(self, subject: str) -> Sequence[Session]:
        return [read_session(row) for row in self._reader.all(_LIST_SESSIONS, subject)]

    async def end_sessions(self, subject: str, *, but: str, audit: Sequence[AuditEntry]) -> int:
        return await self._writer.run(_end_others, subject, but, tuple(audit))


def _add_person(db: sqlite3.Connection, person: Person, audit: Sequence[AuditEntry]) -> None:
    db.execute(_ADD_PERSON, write_person(person))
    add_audit(db, audit)


def _change_person(
    db: sqlite3.Connection,
    was: Person,
    now: Person,
    audit: Sequence[AuditEntry],
    *,
    end_sessions: bool,
    revoke_grants: bool,
) -> None:
    values = (*write_person(now), was.disabled_at, was.tokens_valid_from, was.password_hash)
    if db.execute(_CHANGE_PERSON, values).rowcount == 0:
        raise Conflict(f"the person {was.subject} is gone, or has changed meanwhile")
    if end_sessions:
        db.execute(_END_SESSIONS, (was.subject,))
        tell_all_clients(db, was.subject, but=None)
    if revoke_grants:
        tell(db, RevokedKind.GRANT, db.execute(_REVOKE_GRANTS, (was.subject,)).fetchall())
    add_audit(db, audit)


def _open_session(
    db: sqlite3.Connection, session: Session, proven: Person, ends: str | None, audit: Sequence[AuditEntry]
) -> None:
    seen = (session.subject, proven.disabled_at, proven.tokens_valid_from, proven.password_hash)
    if not db.execute(_IS_AS_READ, seen).fetchall():
        raise Conflict(f"the person {session.subject} is gone, or has changed meanwhile")
    ended = [] if ends is None else db.execute(_END_SESSION, (ends,)).fetchall()
    for (sso_id,) in ended:
        if sso_id == session.sso_id:
            go_on(db, sso_id, until=session.expires_at)
        else:
            tell_clients(db, sso_id)
    db.execute(_OPEN_SESSION, write_session(session))
    add_audit(db, audit)


def _end_session(db: sqlite3.Connection, session_id: str, audit: Sequence[AuditEntry]) -> Sequence[str]:
    ended = db.execute(_END_SESSION, (session_id,)).fetchall()
    if not ended:
        return ()
    add_audit(db, audit)
    return tell_clients(db, ended[0][0])


def _end_others(db: sqlite3.Connection, subject: str, but: str, audit: Sequence[AuditEntry]) -> int:
    ended = db.execute(_END_OTHERS, (subject, but)).rowcount
    if ended:
        kept = db.execute(_SSO_ID, (but,)).fetchall()
        tell_all_clients(db, subject, but=kept[0][0] if kept else None)
        add_audit(db, audit)
    return ended
