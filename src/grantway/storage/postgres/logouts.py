"""The clients of sessions, and which of them are to be told that theirs has ended, in PostgreSQL.

A client joins a session with the approval that signs somebody in to it: see `approvals.py`.
"""

from collections.abc import Sequence

from grantway.protocol.session_clients import SessionClient
from grantway.storage.account_rows import read_session_client
from grantway.storage.columns import LOGOUT_KEPT
from grantway.storage.postgres.connections import Transaction, sql
from grantway.storage.postgres.verbs import Verbs

_GO_ON = """
WITH held AS (
    SELECT sso_id, client_id FROM session_clients WHERE sso_id = $1 AND ended_at IS NULL
    ORDER BY sso_id, client_id FOR NO KEY UPDATE)
UPDATE session_clients s SET expires_at = $2 FROM held
WHERE s.sso_id = held.sso_id AND s.client_id = held.client_id"""
_ENDED = """
WITH held AS (
    SELECT sso_id, client_id FROM session_clients WHERE ended_at IS NULL AND {whose}
    ORDER BY sso_id, client_id FOR NO KEY UPDATE)
UPDATE session_clients s SET ended_at = {now}, due_at = {now}, expires_at = {now} + {kept} FROM held
WHERE s.sso_id = held.sso_id AND s.client_id = held.client_id RETURNING s.client_id"""
_END_ONE = sql(_ENDED, whose="sso_id = $1", kept=str(LOGOUT_KEPT))
_END_ALL = sql(_ENDED, whose="subject = $1 AND sso_id IS DISTINCT FROM $2", kept=str(LOGOUT_KEPT))

_TAKING_PART = """
SELECT client_id FROM session_clients WHERE sso_id = $1 AND ended_at IS NULL ORDER BY client_id"""
_TAKE = sql("""
WITH waiting AS MATERIALIZED (
    SELECT sso_id, client_id, row_number() OVER (PARTITION BY client_id ORDER BY due_at, sso_id) AS place
    FROM session_clients WHERE due_at <= {now}),
busy AS MATERIALIZED (
    SELECT client_id, count(*) AS calls FROM unnest($4::text[]) AS u (client_id) GROUP BY client_id),
due AS MATERIALIZED (
    SELECT d.sso_id, d.client_id FROM session_clients d
    JOIN waiting w ON w.sso_id = d.sso_id AND w.client_id = d.client_id
    LEFT JOIN busy b ON b.client_id = d.client_id
    WHERE d.due_at <= {now} AND w.place <= $3::integer - coalesce(b.calls, 0)
    ORDER BY d.due_at LIMIT $1 FOR NO KEY UPDATE OF d SKIP LOCKED)
UPDATE session_clients s SET due_at = {now} + $2::float8, tries = s.tries + 1 FROM due
WHERE s.sso_id = due.sso_id AND s.client_id = due.client_id RETURNING {session_client:s}""")
_TOLD = "DELETE FROM session_clients WHERE sso_id = $1 AND client_id = $2 AND ended_at IS NOT NULL"
_PUT_OFF = sql("""
UPDATE session_clients SET due_at = {now} + $3::float8, problem = $4
WHERE sso_id = $1 AND client_id = $2 AND due_at IS NOT NULL""")
_PUT_OFF_OTHERS = sql("""
WITH held AS (
    SELECT sso_id, client_id FROM session_clients
    WHERE client_id = $2 AND sso_id <> $1 AND due_at < {now} + $3::float8
    ORDER BY sso_id, client_id FOR NO KEY UPDATE SKIP LOCKED)
UPDATE session_clients s SET due_at = {now} + $3::float8, problem = $4 FROM held
WHERE s.sso_id = held.sso_id AND s.client_id = held.client_id""")
_LIST = sql("""
SELECT {session_client} FROM session_clients WHERE ended_at IS NOT NULL AND expires_at > {now}
ORDER BY ended_at, sso_id, client_id LIMIT $1""")


class LogoutVerbs(Verbs):
    """`port.Logouts`."""

    async def list_session_clients(self, sso_id: str) -> Sequence[str]:
        return [client_id for (client_id,) in await self._database.all(_TAKING_PART, sso_id)]

    async def take_logouts(
        self, *, limit: int, lease: float, each: int, under_way: Sequence[str]
    ) -> Sequence[SessionClient]:
        rows = await self._database.all(_TAKE, limit, lease, each, list(under_way))
        return sorted((read_session_client(row) for row in rows), key=lambda one: one.ended_at or 0.0)

    async def logout_told(self, due: SessionClient) -> None:
        await self._database.count(_TOLD, due.sso_id, due.client_id)

    async def put_off_logout(
        self, due: SessionClient, *, wait: float | None, problem: str, with_others: bool
    ) -> None:
        values = (due.sso_id, due.client_id, wait, problem)
        await self._database.count(_PUT_OFF, *values)
        if with_others and wait is not None:
            await self._database.count(_PUT_OFF_OTHERS, *values)

    async def list_logouts(self, *, limit: int = 100) -> Sequence[SessionClient]:
        return [read_session_client(row) for row in await self._database.all(_LIST, limit)]


async def go_on(transaction: Transaction, sso_id: str, *, until: float) -> None:
    """The session goes on under another id, until then."""
    await transaction.count(_GO_ON, sso_id, until)


async def tell_clients(transaction: Transaction, sso_id: str) -> list[str]:
    """The session has ended, in the transaction under way: its clients are due."""
    return sorted(client_id for (client_id,) in await transaction.all(_END_ONE, sso_id))


async def tell_all_clients(transaction: Transaction, subject: str, *, but: str | None) -> None:
    """Every session of a person has ended, but one (by its `sso_id`)."""
    await transaction.all(_END_ALL, subject, but)
