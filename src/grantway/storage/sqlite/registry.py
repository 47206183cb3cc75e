"""Clients, APIs and keys in SQLite."""

import sqlite3
from collections.abc import Sequence

from grantway.storage.changes import (
    ApiSource,
    ApiVersion,
    AuditEntry,
    DropApi,
    DropClient,
    DropSecret,
    PutApi,
    PutClient,
    PutKey,
    PutSecret,
    RegistryChange,
    RegistryRows,
)
from grantway.storage.port import Conflict
from grantway.storage.registry_rows import (
    read_api,
    read_api_source,
    read_api_version,
    read_clients,
    read_key,
    write_api,
    write_api_version,
    write_client,
    write_key,
    write_secret,
)
from grantway.storage.sqlite.connections import sql
from grantway.storage.sqlite.revocations import tell_client_end
from grantway.storage.sqlite.verbs import Verbs, add_audit

_VERSION = sql("SELECT version, {now} FROM registry_version")
_CLIENTS = "SELECT id, document FROM clients ORDER BY id"
_SECRETS = sql("SELECT {secret} FROM client_secrets ORDER BY client_id, id")
_APIS = "SELECT identifier, document FROM apis ORDER BY identifier"
_KEYS = sql("SELECT {key} FROM stored_keys ORDER BY kid")

_NEXT_VERSION = """
UPDATE registry_version SET version = version + 1 WHERE ?1 IS NULL OR version = ?1 RETURNING version"""
_PUT_CLIENT = """
INSERT INTO clients (id, document) VALUES (?, ?)
ON CONFLICT (id) DO UPDATE SET document = excluded.document"""
_DROP_CLIENT = (
    "DELETE FROM clients WHERE id = ?",  # its secrets go with it
    "DELETE FROM consents WHERE client_id = ?",
    sql("UPDATE grants SET revoked_at = {now} WHERE client_id = ? AND revoked_at IS NULL"),
    sql(
        "UPDATE opaque_tokens SET revoked_at = {now} "
        "WHERE client_id = ? AND grant_id IS NULL AND revoked_at IS NULL"
    ),
)
_PUT_SECRET = sql("""
INSERT INTO client_secrets ({secret}) VALUES ({secret:?}) ON CONFLICT (client_id, id) DO UPDATE SET
    hash = excluded.hash, scheme = excluded.scheme, label = excluded.label, created_at = excluded.created_at,
    expires_at = excluded.expires_at, last_used_at = excluded.last_used_at""")
_DROP_SECRET = "DELETE FROM client_secrets WHERE client_id = ? AND id = ?"
_TOUCH_SECRET = """
UPDATE client_secrets SET last_used_at = ?3
WHERE client_id = ?1 AND id = ?2 AND (last_used_at IS NULL OR last_used_at < ?3)"""
_PUT_API = """
INSERT INTO apis (identifier, document) VALUES (?, ?)
ON CONFLICT (identifier) DO UPDATE SET document = excluded.document"""
_DROP_API = "DELETE FROM apis WHERE identifier = ?"
# Every change of an API leaves a version; what changes nothing leaves none, unless it was imported.
_NEXT_NUMBER = "(SELECT coalesce(max(number), 0) + 1 FROM api_versions WHERE identifier = ?1)"
_ADD_VERSION = sql(
    """
INSERT INTO api_versions ({api_version})
SELECT ?1, {number}, ?2, {now}, ?3, ?4, ?5
WHERE ?5 IS NOT NULL OR ?2 IS NOT
    (SELECT document FROM api_versions WHERE identifier = ?1 ORDER BY number DESC LIMIT 1)""",
    number=_NEXT_NUMBER,
)
_ADD_END = sql(
    "INSERT INTO api_versions ({api_version}) SELECT ?1, {number}, NULL, {now}, ?2, '', NULL",
    number=_NEXT_NUMBER,
)
_LIST_VERSIONS = sql(
    "SELECT {api_version} FROM api_versions WHERE identifier = ?1 ORDER BY number DESC LIMIT ?2"
)
_FIND_VERSION = sql("SELECT {api_version} FROM api_versions WHERE identifier = ?1 AND number = ?2")
_FIND_SOURCE = """
SELECT source FROM api_versions WHERE identifier = ?1 AND source IS NOT NULL ORDER BY number DESC LIMIT 1"""
_PUT_KEY = sql("""
INSERT INTO stored_keys ({key}) VALUES ({key:?}) ON CONFLICT (kid) DO UPDATE SET
    purpose = excluded.purpose, alg = excluded.alg, state = excluded.state, envelope = excluded.envelope,
    public_jwk = excluded.public_jwk, created_at = excluded.created_at, state_since = excluded.state_since""")


class RegistryVerbs(Verbs):
    """`port.Registry`."""

    async def registry_version(self) -> tuple[int, float]:
        version, now = self._reader.all(_VERSION)[0]
        return version, now

    async def load_registry(self) -> RegistryRows:
        versions, clients, secrets, apis, keys = self._reader.together(
            _VERSION, _CLIENTS, _SECRETS, _APIS, _KEYS
        )
        return RegistryRows(
            version=versions[0][0],
            clients=read_clients(clients, secrets),
            apis=tuple(read_api(row) for row in apis),
            keys=tuple(read_key(row) for row in keys),
        )

    async def change_registry(
        self, changes: Sequence[RegistryChange], audit: Sequence[AuditEntry], *, if_version: int | None = None
    ) -> int:
        return await self._writer.run(_change_registry, tuple(changes), tuple(audit), if_version)

    async def list_api_versions(self, identifier: str, *, limit: int = 50) -> Sequence[ApiVersion]:
        return [read_api_version(row) for row in self._reader.all(_LIST_VERSIONS, identifier, limit)]

    async def find_api_version(self, identifier: str, number: int) -> ApiVersion | None:
        rows = self._reader.all(_FIND_VERSION, identifier, number)
        return read_api_version(rows[0]) if rows else None

    async def find_api_source(self, identifier: str) -> ApiSource | None:
        rows = self._reader.all(_FIND_SOURCE, identifier)
        return read_api_source(identifier, rows[0][0]) if rows else None

    async def touch_secrets(self, used: Sequence[tuple[str, str, float]]) -> None:
        await self._writer.run(_touch_secrets, tuple(used))


def _change_registry(
    db: sqlite3.Connection,
    changes: Sequence[RegistryChange],
    audit: Sequence[AuditEntry],
    if_version: int | None,
) -> int:
    newest = db.execute(_NEXT_VERSION, (if_version,)).fetchall()
    if not newest:
        raise Conflict(f"the registry is no longer at version {if_version}")
    for change in changes:
        _apply(db, change)
    add_audit(db, audit)
    version: int = newest[0][0]
    return version


def _apply(db: sqlite3.Connection, change: RegistryChange) -> None:
    match change:
        case PutClient(client):
            tell_client_end(db, client.id, client)
            db.execute(_PUT_CLIENT, write_client(client))
        case DropClient(client_id):
            tell_client_end(db, client_id, None)
            for statement in _DROP_CLIENT:
                db.execute(statement, (client_id,))
        case PutSecret(secret):
            db.execute(_PUT_SECRET, write_secret(secret))
        case DropSecret(client_id, secret_id):
            db.execute(_DROP_SECRET, (client_id, secret_id))
        case PutApi(api):
            db.execute(_PUT_API, write_api(api))
            db.execute(_ADD_VERSION, write_api_version(change))
        case DropApi(identifier, actor):
            db.execute(_DROP_API, (identifier,))
            db.execute(_ADD_END, (identifier, actor))
        case PutKey(key):
            db.execute(_PUT_KEY, write_key(key))


def _touch_secrets(db: sqlite3.Connection, used: Sequence[tuple[str, str, float]]) -> None:
    db.executemany(_TOUCH_SECRET, used)
