"""The clients of sessions, and which of them are to be told that theirs has ended, in SQLite."""

import json
import sqlite3
from collections.abc import Sequence

from grantway.protocol.session_clients import SessionClient
from grantway.storage.account_rows import read_session_client
from grantway.storage.columns import LOGOUT_KEPT
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.verbs import Verbs, execute

_JOIN = """
INSERT INTO session_clients (sso_id, client_id, subject, joined_at, expires_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (sso_id, client_id) DO NOTHING"""
_GO_ON = "UPDATE session_clients SET expires_at = ?2 WHERE sso_id = ?1 AND ended_at IS NULL"
_ENDED = """
UPDATE session_clients SET ended_at = {now}, due_at = {now}, expires_at = {now} + {kept}
WHERE ended_at IS NULL AND {whose} RETURNING client_id"""
_END_ONE = sql(_ENDED, whose="sso_id = ?1", kept=str(LOGOUT_KEPT))
_END_ALL = sql(_ENDED, whose="subject = ?1 AND sso_id IS NOT ?2", kept=str(LOGOUT_KEPT))

_TAKING_PART = """
SELECT client_id FROM session_clients WHERE sso_id = ? AND ended_at IS NULL ORDER BY client_id"""
_IS_ANY_DUE = sql("SELECT 1 FROM session_clients WHERE due_at <= {now} LIMIT 1")
_TAKE = sql("""
UPDATE session_clients SET due_at = {now} + ?2, tries = tries + 1 WHERE (sso_id, client_id) IN (
    SELECT sso_id, client_id FROM (
        SELECT sso_id, client_id, due_at,
            row_number() OVER (PARTITION BY client_id ORDER BY due_at, sso_id) AS place
        FROM session_clients WHERE due_at <= {now})
    WHERE place <= ?3 - (SELECT count(*) FROM json_each(?4) WHERE value = client_id)
    ORDER BY due_at LIMIT ?1)
RETURNING {session_client}""")
_TOLD = "DELETE FROM session_clients WHERE sso_id = ? AND client_id = ? AND ended_at IS NOT NULL"
_PUT_OFF = sql("""
UPDATE session_clients SET due_at = {now} + ?3, problem = ?4
WHERE sso_id = ?1 AND client_id = ?2 AND due_at IS NOT NULL""")
_PUT_OFF_OTHERS = sql("""
UPDATE session_clients SET due_at = {now} + ?3, problem = ?4
WHERE client_id = ?2 AND sso_id <> ?1 AND due_at < {now} + ?3""")
_LIST = sql("""
SELECT {session_client} FROM session_clients WHERE ended_at IS NOT NULL AND expires_at > {now}
ORDER BY ended_at, sso_id, client_id LIMIT ?""")


class LogoutVerbs(Verbs):
    """`port.Logouts`."""

    async def list_session_clients(self, sso_id: str) -> Sequence[str]:
        return [client_id for (client_id,) in self._reader.all(_TAKING_PART, sso_id)]

    async def take_logouts(
        self, *, limit: int, lease: float, each: int, under_way: Sequence[str]
    ) -> Sequence[SessionClient]:
        if self._reader.one(_IS_ANY_DUE) is None:  # asked every second: nothing is to be written for that
            return []
        rows = await self._writer.run(_take, limit, lease, each, json.dumps(under_way))
        return sorted((read_session_client(row) for row in rows), key=lambda one: one.ended_at or 0.0)

    async def logout_told(self, due: SessionClient) -> None:
        await self._writer.run(execute, _TOLD, (due.sso_id, due.client_id))

    async def put_off_logout(
        self, due: SessionClient, *, wait: float | None, problem: str, with_others: bool
    ) -> None:
        await self._writer.run(_put_off, due, wait, problem, with_others=with_others)

    async def list_logouts(self, *, limit: int = 100) -> Sequence[SessionClient]:
        return [read_session_client(row) for row in self._reader.all(_LIST, limit)]


def join_session(
    db: sqlite3.Connection, sso_id: str, client_id: str, subject: str, *, at: float, until: float
) -> None:
    """Remember, in the transaction under way, that a client takes part."""
    db.execute(_JOIN, (sso_id, client_id, subject, at, until))


def go_on(db: sqlite3.Connection, sso_id: str, *, until: float) -> None:
    """The session goes on under another id, until then."""
    db.execute(_GO_ON, (sso_id, until))


def tell_clients(db: sqlite3.Connection, sso_id: str) -> list[str]:
    """The session has ended, in the transaction under way: its clients are due."""
    return sorted(client_id for (client_id,) in db.execute(_END_ONE, (sso_id,)).fetchall())


def tell_all_clients(db: sqlite3.Connection, subject: str, *, but: str | None) -> None:
    """Every session of a person has ended, but one (by its `sso_id`)."""
    db.execute(_END_ALL, (subject, but)).fetchall()


def _take(
    db: sqlite3.Connection, limit: int, lease: float, each: int, under_way: str
) -> list[tuple[object, ...]]:
    return db.execute(_TAKE, (limit, lease, each, under_way)).fetchall()


def _put_off(
    db: sqlite3.Connection, due: SessionClient, wait: float | None, problem: str, *, with_others: bool
) -> None:
    values = (due.sso_id, due.client_id, wait, problem)
    db.execute(_PUT_OFF, values)
    if with_others and wait is not None:
        db.execute(_PUT_OFF_OTHERS, values)
