"""Make the rows of a database older, as if time had passed: only for tests, which must not sleep."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from grantway.storage.columns import sql

PassTime = Callable[[float], Awaitable[None]]

_TIMES = {
    "people": ("tokens_valid_from",),
    "sessions": ("auth_time", "created_at", "seen_at", "expires_at"),
    "session_clients": ("joined_at", "expires_at", "ended_at", "due_at"),
    "consents": ("created_at", "updated_at", "expires_at"),
    "grants": ("auth_time", "created_at", "expires_at", "revoked_at"),
    "scope_uses": ("used_at", "expires_at"),
    "codes": ("issued_at", "expires_at", "spent_at"),
    "refresh_tokens": ("issued_at", "expires_at", "spent_at"),
    "opaque_tokens": ("issued_at", "expires_at", "auth_time", "revoked_at"),
    "revoked_jwts": ("expires_at",),
    "used_assertions": ("expires_at",),
    "throttles": ("empty_at",),
    "revocations": ("at",),
}


def _statements(placeholder: str) -> list[str]:
    return [
        sql(
            "UPDATE {table} SET {changes}",
            table=table,
            changes=", ".join(f"{column} = {column} - {placeholder}" for column in columns),
        )
        for table, columns in _TIMES.items()
    ]


def passing_in_sqlite(path: Path) -> PassTime:
    """How to let time pass in this file."""

    def pass_time(seconds: float) -> None:
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, db:
            for statement in _statements("?1"):
                db.execute(statement, (seconds,))

    async def pass_time_in_thread(seconds: float) -> None:
        await asyncio.to_thread(pass_time, seconds)

    return pass_time_in_thread


def passing_in_postgres(url: str) -> PassTime:
    """How to let time pass in this database."""

    async def pass_time(seconds: float) -> None:
        import asyncpg

        connection = await asyncpg.connect(url)
        try:
            async with connection.transaction():
                for statement in _statements("$1::float8"):
                    await connection.execute(statement, seconds)
        finally:
            await connection.close()

    return pass_time
