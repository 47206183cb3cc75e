"""A database as years of use leave it: grants by the million, a share of them expired and not yet cleaned up.

Made in Python with the server's own records and secrets, so that every live refresh token would be accepted,
and written past the server in bulk, so that a million takes a minute or two.
"""

import asyncio
import contextlib
import secrets
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from os import urandom

import asyncpg

from grantway.crypto.secrets import SecretKind, issue_secret, new_id
from grantway.protocol.grants import Code, Consent, Grant, OpaqueToken, RefreshToken
from grantway.protocol.people import Person, Session
from grantway.protocol.scope import Scope
from grantway.storage import columns, rows
from grantway.storage.urls import database_file, is_postgres
from tests.node import CALLBACK, PHOTOS, pkce

DAY = 86400.0
AT_ONCE = 10_000  # families made before they are written
GRANTS_EACH = 10  # of one person
OPAQUE_EVERY = 20  # every so many-th grant has an opaque access token too
CODES_KEPT = 1200.0  # seconds: the codes of younger grants are still there, and none falls due for an hour
SCOPE = Scope.of(["photos:read", "offline_access"])
TABLES = {
    "people": columns.PERSON.names,
    "sessions": columns.SESSION.names,
    "consents": columns.CONSENT.names,
    "grants": columns.GRANT.names,
    "codes": (*columns.CODE.names, "spent_by"),
    "refresh_tokens": (*columns.REFRESH.names, "spent_by", "successor_id"),
    "opaque_tokens": columns.OPAQUE.names,
}
Batch = dict[str, list[tuple]]  # table → its rows


@dataclass
class Filled:
    """What was written."""

    live: int
    expired: int
    tokens: list[str] = field(default_factory=list)  # live refresh tokens of families chosen evenly
    rows: Counter[str] = field(default_factory=Counter)  # by table


async def fill(
    database_url: str,
    grants: int,
    expired_share: float = 0.0,
    *,
    client_id: str = "printer",
    keep: int = 1000,
) -> Filled:
    """Add so many grants with all that belongs to them; `keep` of the live refresh tokens are handed out.

    The tables must exist, and the client be registered (`seeds.register`). A live family has a grant, a
    spent refresh token and its live successor; people have ten grants each, one consent, one session. Of
    an expired one everything is long due. The housekeeping leaves the live ones alone.
    """
    expired = round(grants * expired_share)
    family = _Families(client_id=client_id, live=grants - expired, expired=expired, keep=keep)
    write = _copy if is_postgres(database_url) else _insert
    await write(database_url, family)
    return family.filled


class _Families:
    """Makes the rows, the expired families first: they are the older ones."""

    def __init__(self, *, client_id: str, live: int, expired: int, keep: int) -> None:
        self.filled = Filled(live=live, expired=expired)
        self._client_id, self._now = client_id, time.time()
        self._keep_every = max(1, live // keep) if keep else 0
        self._person, self._consent, self._session = "", "", ""

    def batches(self) -> Iterator[Batch]:
        """All of them, some thousand at a time."""
        batch: Batch = defaultdict(list)
        filled = self.filled
        families = chain(
            ((number, False) for number in range(filled.expired)),
            ((number, True) for number in range(filled.live)),
        )
        for made, (number, live) in enumerate(families, 1):
            self._family(batch, number, live=live)
            if made % AT_ONCE == 0 or made == filled.expired + filled.live:
                filled.rows.update({table: len(members) for table, members in batch.items()})
                yield batch
                batch = defaultdict(list)

    def _family(self, batch: Batch, number: int, *, live: bool) -> None:
        """Live: approved in the last 20 days, oldest first. Expired: 45 to 32 days ago, for 30 days."""
        made = number / (self.filled.live if live else self.filled.expired)
        began = self._now - (20 * (1 - made) * DAY if live else (45 - 13 * made) * DAY)
        ends = began + (180 if live else 30) * DAY
        if number % GRANTS_EACH == 0:
            self._someone(batch, began, None if live else ends)
        grant = Grant(
            id=new_id(began),
            client_id=self._client_id,
            subject=self._person,
            consent_id=self._consent,
            session_id=self._session,
            scope=SCOPE,
            resources=(PHOTOS.identifier,),
            auth_time=began,
            created_at=began,
            expires_at=ends,
        )
        batch["grants"].append(rows.write_grant(grant))
        if not live or self._now - began < CODES_KEPT:
            batch["codes"].append(self._code(grant))
        batch["refresh_tokens"] += self._refresh_tokens(grant, chosen=live and self._chosen(number))
        if number % OPAQUE_EVERY == 0:
            batch["opaque_tokens"].append(self._opaque(grant, self._now if live else began))

    def _chosen(self, number: int) -> bool:
        return self._keep_every > 0 and number % self._keep_every == 0

    def _someone(self, batch: Batch, began: float, ends: float | None) -> None:
        """The person of the next few grants. What belongs to an expired grant ends with it."""
        self._person, self._consent, self._session = new_id(began), new_id(began), new_id(began)
        person = Person(
            subject=self._person,
            username=f"filled-{secrets.token_hex(8)}",
            name="Somebody",
            email=None,
            email_verified=False,
            password_hash=None,
            disabled_at=None,
            tokens_valid_from=0.0,
            created_at=began,
        )
        consent = Consent(
            id=self._consent,
            subject=self._person,
            client_id=self._client_id,
            scope=SCOPE,
            created_at=began,
            updated_at=began,
            expires_at=ends,
        )
        session = Session(
            sso_id=self._session,
            id=self._session,
            hash=urandom(32),
            subject=self._person,
            auth_time=began,
            created_at=began,
            seen_at=began,
            expires_at=self._now + DAY if ends is None else ends,
        )
        batch["people"].append(rows.write_person(person))
        batch["consents"].append(rows.write_consent(consent))
        batch["sessions"].append(rows.write_session(session))

    @staticmethod
    def _code(grant: Grant) -> tuple:
        at = grant.created_at
        code = Code(
            id=new_id(at),
            hash=urandom(32),
            grant_id=grant.id,
            flow_id=new_id(at),
            client_id=grant.client_id,
            redirect_uri=CALLBACK,
            redirect_uri_sent=True,
            code_challenge=pkce()[1],
            nonce=None,
            issued_at=at,
            expires_at=at + 60,
            spent_at=at + 1,
        )
        return (*rows.write_code(code), new_id(at))

    def _refresh_tokens(self, grant: Grant, *, chosen: bool) -> tuple[tuple, tuple]:
        """The first, spent half an hour after the approval, and its successor, which is not."""
        began, later = grant.created_at, min(grant.created_at + 1800, self._now)
        secret = issue_secret(SecretKind.REFRESH_TOKEN, now=later)
        if chosen:
            self.filled.tokens.append(secret.text)
        spent = RefreshToken(
            id=new_id(began),
            hash=urandom(32),
            grant_id=grant.id,
            client_id=grant.client_id,
            issued_at=began,
            expires_at=min(began + 30 * DAY, grant.expires_at),
            spent_at=later,
        )
        live = RefreshToken(
            id=secret.selector,
            hash=secret.hash,
            grant_id=grant.id,
            client_id=grant.client_id,
            issued_at=later,
            expires_at=min(later + 30 * DAY, grant.expires_at),
        )
        return (
            (*rows.write_refresh_token(spent), new_id(later), secret.selector),
            (*rows.write_refresh_token(live), None, None),
        )

    @staticmethod
    def _opaque(grant: Grant, at: float) -> tuple:
        token = OpaqueToken(
            id=new_id(at),
            hash=urandom(32),
            grant_id=grant.id,
            client_id=grant.client_id,
            subject=grant.subject,
            scope=grant.scope,
            audience=grant.resources,
            issued_at=at,
            expires_at=at + DAY,
            auth_time=grant.auth_time,
        )
        return rows.write_opaque_token(token)


async def _copy(database_url: str, families: _Families) -> None:
    """Into PostgreSQL, which then learns how much there is, as its autovacuum would tell it."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET synchronous_commit = off")  # of this session alone
        for batch in families.batches():
            for table, members in batch.items():
                await connection.copy_records_to_table(table, records=members, columns=TABLES[table])
        await connection.execute("ANALYZE")
        await connection.execute("CHECKPOINT")  # whoever measures next does not pay for what was written here
    finally:
        await connection.close()


async def _insert(database_url: str, families: _Families) -> None:
    """Into SQLite, without waiting for the disk until all is written. The server never asks for ANALYZE."""
    await asyncio.to_thread(_insert_all, database_url, families)


def _insert_all(database_url: str, families: _Families) -> None:
    with contextlib.closing(sqlite3.connect(database_file(database_url), isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -262144")
        for batch in families.batches():
            db.execute("BEGIN IMMEDIATE")
            for table, members in batch.items():
                names = TABLES[table]
                places = ", ".join("?" for _ in names)
                db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", members)  # noqa: S608
            db.execute("COMMIT")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
