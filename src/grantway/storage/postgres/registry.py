"""Clients, APIs and keys in PostgreSQL."""

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
from grantway.storage.postgres.connections import SLOW, Transaction, sql
from grantway.storage.postgres.revocations import client_end, tell_client_ends
from grantway.storage.postgres.verbs import Verbs, add_audit
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

_READING = 5.0  # seconds for each table: a snapshot that is ten seconds old issues nothing any more
_VERSION = sql("SELECT version, {now} FROM registry_version")
_CLIENTS = "SELECT id, document FROM clients ORDER BY id"
_SECRETS = sql("SELECT {secret} FROM client_secrets ORDER BY client_id, id")
_APIS = "SELECT identifier, document FROM apis ORDER BY identifier"
_KEYS = sql("SELECT {key} FROM stored_keys ORDER BY kid")

# The first statement of every change: its row lock puts all changes in one line.
_NEXT_VERSION = """
UPDATE registry_version SET version = version + 1
WHERE $1::bigint IS NULL OR version = $1 RETURNING version"""
_PUT_CLIENT = """
INSERT INTO clients (id, document) VALUES ($1, $2)
ON CONFLICT (id) DO UPDATE SET document = excluded.document"""
_DROP_CLIENT = (
    "DELETE FROM clients WHERE id = $1",  # its secrets go with it
    "DELETE FROM consents WHERE client_id = $1",
    sql("""
WITH held AS (
    SELECT id FROM grants WHERE client_id = $1 AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE)
UPDATE grants g SET revoked_at = {now} FROM held WHERE g.id = held.id"""),
    sql("""
WITH held AS (
    SELECT id FROM opaque_tokens WHERE client_id = $1 AND grant_id IS NULL AND revoked_at IS NULL
    ORDER BY id FOR NO KEY UPDATE)
UPDATE opaque_tokens o SET revoked_at = {now} FROM held WHERE o.id = held.id"""),
)
_PUT_SECRET = sql("""
INSERT INTO client_secrets ({secret}) VALUES ({secret:$1}) ON CONFLICT (client_id, id) DO UPDATE SET
    hash = excluded.hash, scheme = excluded.scheme, label = excluded.label, created_at = excluded.created_at,
    expires_at = excluded.expires_at, last_used_at = excluded.last_used_at""")
_DROP_SECRET = "DELETE FROM client_secrets WHERE client_id = $1 AND id = $2"
_TOUCH_SECRETS = """
WITH used AS (
    SELECT client_id, id, max(at) AS at
    FROM unnest($1::text[], $2::text[], $3::float8[]) AS u (client_id, id, at)
    GROUP BY client_id, id
), held AS (
    SELECT s.client_id, s.id, used.at FROM client_secrets s JOIN used USING (client_id, id)
    ORDER BY s.client_id, s.id FOR NO KEY UPDATE OF s
)
UPDATE client_secrets s SET last_used_at = greatest(s.last_used_at, held.at)
FROM held WHERE s.client_id = held.client_id AND s.id = held.id"""
_PUT_API = """
INSERT INTO apis (identifier, document) VALUES ($1, $2)
ON CONFLICT (identifier) DO UPDATE SET document = excluded.document"""
_DROP_API = "DELETE FROM apis WHERE identifier = $1"
# Every change of an API leaves a version; what changes nothing leaves none, unless it was imported.
_NEXT_NUMBER = "(SELECT coalesce(max(number), 0) + 1 FROM api_versions WHERE identifier = $1)"
_ADD_VERSION = sql(
    """
INSERT INTO api_versions ({api_version})
SELECT $1, {number}, $2::text, {now}, $3, $4, $5::text
WHERE $5::text IS NOT NULL OR $2::text IS DISTINCT FROM
    (SELECT document FROM api_versions WHERE identifier = $1 ORDER BY number DESC LIMIT 1)""",
    number=_NEXT_NUMBER,
)
_ADD_END = sql(
    "INSERT INTO api_versions ({api_version}) SELECT $1, {number}, NULL, {now}, $2, '', NULL",
    number=_NEXT_NUMBER,
)
_LIST_VERSIONS = sql(
    "SELECT {api_version} FROM api_versions WHERE identifier = $1 ORDER BY number DESC LIMIT $2"
)
_FIND_VERSION = sql("SELECT {api_version} FROM api_versions WHERE identifier = $1 AND number = $2")
_FIND_SOURCE = """
SELECT source FROM api_versions WHERE identifier = $1 AND source IS NOT NULL ORDER BY number DESC LIMIT 1"""
_PUT_KEY = sql("""
INSERT INTO stored_keys ({key}) VALUES ({key:$1}) ON CONFLICT (kid) DO UPDATE SET
    purpose = excluded.purpose, alg = excluded.alg, state = excluded.state, envelope = excluded.envelope,
    public_jwk = excluded.public_jwk, created_at = excluded.created_at, state_since = excluded.state_since""")


class RegistryVerbs(Verbs):
    """`port.Registry`."""

    async def registry_version(self) -> tuple[int, float]:
        version, now = (await self._database.all(_VERSION))[0]
        return version, now

    async def load_registry(self) -> RegistryRows:
        async with self._database.transaction(
            patience=_READING, isolation="repeatable_read", readonly=True
        ) as snapshot:
            versions = await snapshot.all(_VERSION)
            clients, secrets = await snapshot.all(_CLIENTS), await snapshot.all(_SECRETS)
            apis, keys = await snapshot.all(_APIS), await snapshot.all(_KEYS)
        return RegistryRows(
            version=versions[0][0],
            clients=read_clients(clients, secrets),
            apis=tuple(read_api(row) for row in apis),
            keys=tuple(read_key(row) for row in keys),
        )

    async def change_registry(
        self, changes: Sequence[RegistryChange], audit: Sequence[AuditEntry], *, if_version: int | None = None
    ) -> int:
        async with self._database.transaction(patience=SLOW) as transaction:
            newest = await transaction.all(_NEXT_VERSION, if_version)
            if not newest:
                raise Conflict(f"the registry is no longer at version {if_version}")
            ends = []
            for change in changes:
                if isinstance(change, PutClient):
                    ends.append(await client_end(transaction, change.client.id, change.client))
                elif isinstance(change, DropClient):
                    ends.append(await client_end(transaction, change.client_id, None))
                await _apply(transaction, change)
            await tell_client_ends(transaction, ends)
            await add_audit(transaction, audit)
        version: int = newest[0][0]
        return version

    async def list_api_versions(self, identifier: str, *, limit: int = 50) -> Sequence[ApiVersion]:
        return [read_api_version(row) for row in await self._database.all(_LIST_VERSIONS, identifier, limit)]

    async def find_api_version(self, identifier: str, number: int) -> ApiVersion | None:
        rows = await self._database.all(_FIND_VERSION, identifier, number)
        return read_api_version(rows[0]) if rows else None

    async def find_api_source(self, identifier: str) -> ApiSource | None:
        rows = await self._database.all(_FIND_SOURCE, identifier)
        return read_api_source(identifier, rows[0][0]) if rows else None

    async def touch_secrets(self, used: Sequence[tuple[str, str, float]]) -> None:
        if used:
            await self._database.count(_TOUCH_SECRETS, *(list(column) for column in zip(*used, strict=True)))


async def _apply(transaction: Transaction, change: RegistryChange) -> None:
    match change:
        case PutClient(client):
            await transaction.count(_PUT_CLIENT, *write_client(client))
        case DropClient(client_id):
            for statement in _DROP_CLIENT:
                await transaction.count(statement, client_id)
        case PutSecret(secret):
            await transaction.count(_PUT_SECRET, *write_secret(secret))
        case DropSecret(client_id, secret_id):
            await transaction.count(_DROP_SECRET, client_id, secret_id)
        case PutApi(api):
            await transaction.count(_PUT_API, *write_api(api))
            await transaction.count(_ADD_VERSION, *write_api_version(change))
        case DropApi(identifier, actor):
            await transaction.count(_DROP_API, identifier)
            await transaction.count(_ADD_END, identifier, actor)
        case PutKey(key):
            await transaction.count(_PUT_KEY, *write_key(key))
