"""Local accounts and sessions in PostgreSQL."""

from collections.abc import Sequence

from grantway.protocol.people import Person, Session, SignedIn
from grantway.storage.changes import AuditEntry
from grantway.storage.port import Conflict
from grantway.storage.postgres.batches import Gathered
from grantway.storage.postgres.connections import SLOW, Database, sql
from grantway.storage.postgres.logouts import go_on, tell_all_clients, tell_clients
from grantway.storage.postgres.revocations import revoke_grants_sql
from grantway.storage.postgres.verbs import Verbs, add_audit
from grantway.storage.rows import read_person, read_session, read_signed_in, write_person, write_session

_ADD_PERSON = sql("INSERT INTO people ({person}) VALUES ({person:$1})")
_FIND_PERSON = sql("SELECT {person} FROM people WHERE username = $1")
_LIST_PEOPLE = sql("SELECT {person} FROM people WHERE username > $1 ORDER BY username LIMIT $2")
_CHANGE_PERSON = """
UPDATE people SET username = $2, name = $3, email = $4, email_verified = $5, password_hash = $6,
    disabled_at = $7, tokens_valid_from = $8, created_at = $9, profile = $10
WHERE subject = $1 AND disabled_at IS NOT DISTINCT FROM $11 AND tokens_valid_from = $12
    AND password_hash IS NOT DISTINCT FROM $13"""
_REHASH = "UPDATE people SET password_hash = $3 WHERE subject = $1 AND password_hash = $2"
_REVOKE_GRANTS = revoke_grants_sql("subject = $1")

# The lock makes a change of the person wait, which then ends this session, or shows that it came before.
_HOLD_PERSON = """
SELECT subject FROM people
WHERE subject = $1 AND disabled_at IS NOT DISTINCT FROM $2 AND tokens_valid_from = $3
    AND password_hash IS NOT DISTINCT FROM $4
FOR SHARE"""
_OPEN_SESSION = sql("INSERT INTO sessions ({session}) VALUES ({session:$1})")
_SESSIONS = """
SELECT {session:s}, {person:p} FROM sessions s JOIN people p ON p.subject = s.subject
WHERE s.expires_at > {now} AND s.id = """
_FIND_SESSION, _FIND_SESSIONS = sql(_SESSIONS + "$1"), sql(_SESSIONS + "ANY($1::text[])")
_TOUCH_SESSION = "UPDATE sessions SET seen_at = $2 WHERE id = $1 AND seen_at < $2"
_LIST_SESSIONS = sql("""
SELECT {session} FROM sessions WHERE subject = $1 AND expires_at > {now} ORDER BY seen_at DESC, id DESC""")
_END_OTHERS = "DELETE FROM sessions WHERE subject = $1 AND id <> $2"
_SSO_ID = "SELECT coalesce(sso_id, id) FROM sessions WHERE id = $1"
_END_SESSION = "DELETE FROM sessions WHERE id = $1 RETURNING coalesce(sso_id, id)"
_END_SESSIONS = "DELETE FROM sessions WHERE subject = $1"


class PeopleVerbs(Verbs):
    """`port.People`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._session_reads = Gathered(alone=self._find_session, together=self._find_sessions)

    async def add_person(self, person: Person, audit: Sequence[AuditEntry]) -> None:
        async with self._database.transaction() as transaction:
            await transaction.count(_ADD_PERSON, *write_person(person))
            await add_audit(transaction, audit)

    async def find_person(self, username: str) -> Person | None:
        row = await self._database.one(_FIND_PERSON, username)
        return None if row is None else read_person(row)

    async def list_people(self, *, after: str = "", limit: int = 100) -> Sequence[Person]:
        return [read_person(row) for row in await self._database.all(_LIST_PEOPLE, after, limit)]

    async def change_person(
        self,
        was: Person,
        now: Person,
        audit: Sequence[AuditEntry],
        *,
        end_sessions: bool,
        revoke_grants: bool,
    ) -> None:
        async with self._database.transaction(patience=SLOW) as transaction:
            values = (*write_person(now), was.disabled_at, was.tokens_valid_from, was.password_hash)
            if await transaction.count(_CHANGE_PERSON, *values) == 0:
                raise Conflict(f"the person {was.subject} is gone, or has changed meanwhile")
            if end_sessions:
                await transaction.count(_END_SESSIONS, was.subject)
                await tell_all_clients(transaction, was.subject, but=None)
            if revoke_grants:
                await transaction.all(_REVOKE_GRANTS, was.subject)
            await add_audit(transaction, audit)

    async def rehash_password(self, subject: str, *, old: str, new: str) -> None:
        await self._database.count(_REHASH, subject, old, new)

    async def open_session(
        self, session: Session, *, proven: Person, ends: str | None, audit: Sequence[AuditEntry]
    ) -> None:
        seen = (proven.disabled_at, proven.tokens_valid_from, proven.password_hash)
        async with self._database.transaction() as transaction:
            if not await transaction.all(_HOLD_PERSON, session.subject, *seen):
                raise Conflict(f"the person {session.subject} is gone, or has changed meanwhile")
            for (sso_id,) in [] if ends is None else await transaction.all(_END_SESSION, ends):
                if sso_id == session.sso_id:
                    await go_on(transaction, sso_id, until=session.expires_at)
                else:
                    await tell_clients(transaction, sso_id)
            await transaction.count(_OPEN_SESSION, *write_session(session))
            await add_audit(transaction, audit)

    async def find_session(self, session_id: str) -> SignedIn | None:
        return await self._session_reads.ask(session_id)

    async def _find_session(self, session_id: str) -> SignedIn | None:
        row = await self._database.one(_FIND_SESSION, session_id)
        return None if row is None else read_signed_in(row)

    async def _find_sessions(self, ids: Sequence[str]) -> Sequence[SignedIn | None]:
        found = {row[0]: row for row in await self._database.all(_FIND_SESSIONS, ids)}
        return [read_signed_in(found[one]) if one in found else None for one in ids]

    async def touch_session(self, session_id: str, *, seen_at: float) -> None:
        await self._database.count(_TOUCH_SESSION, session_id, seen_at)

    async def end_session(self, session_id: str, audit: Sequence[AuditEntry]) -> Sequence[str]:
        async with self._database.transaction() as transaction:
            ended = await transaction.all(_END_SESSION, session_id)
            if not ended:
                return ()
            await add_audit(transaction, audit)
            return await tell_clients(transaction, ended[0][0])

    async def list_sessions(self, subject: str) -> Sequence[Session]:
        return [read_session(row) for row in await self._database.all(_LIST_SESSIONS, subject)]

    async def end_sessions(self, subject: str, *, but: str, audit: Sequence[AuditEntry]) -> int:
        async with self._database.transaction() as transaction:
            ended = await transaction.count(_END_OTHERS, subject, but)
            if ended:
                kept = await transaction.all(_SSO_ID, but)
                await tell_all_clients(transaction, subject, but=kept[0][0] if kept else None)
                await add_audit(transaction, audit)
        return ended
