"""Rows ↔ clients, APIs and keys, written once for both databases; see `rows`."""

import logging
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import msgspec

from grantway.protocol.apis import LONGEST_TOKEN, Api
from grantway.protocol.clients import Client, ClientSecret, SecretScheme
from grantway.storage.changes import ApiSource, ApiVersion, KeyPurpose, KeyState, PutApi, StoredKey
from grantway.storage.rows import Row, Values

_T = TypeVar("_T")
_log = logging.getLogger("grantway.registry")
_json = msgspec.json.Encoder(order="deterministic")  # sets, too: the same API is the same text
_jwk = msgspec.json.Decoder(dict[str, str])
_client = msgspec.json.Decoder(Client)
_api = msgspec.json.Decoder(Api)
_source = msgspec.json.Decoder(ApiSource)


def _to_json(value: object) -> str:
    return _json.encode(value).decode()


def _read_document(kind: str, key: str, decoder: msgspec.json.Decoder[_T], document: str) -> _T:
    """Members that older documents lack get their defaults; those of newer ones are passed over."""
    try:
        return decoder.decode(document)
    except msgspec.DecodeError as bad:
        raise ValueError(f"the stored document of {kind} {key!r} cannot be read: {bad}") from None


def write_client(client: Client) -> Values:
    """The row of a client: its secrets have rows of their own."""
    return (client.id, _to_json(replace(client, secrets=())))


def read_clients(rows: Sequence[Row], secrets: Sequence[Row]) -> tuple[Client, ...]:
    """Clients from rows of (id, document), each with its secrets."""
    by_client: dict[str, list[ClientSecret]] = {}
    for row in secrets:
        secret = read_secret(row)
        by_client.setdefault(secret.client_id, []).append(secret)
    return tuple(
        replace(_read_document("client", key, _client, document), secrets=tuple(by_client.get(key, ())))
        for key, document in rows
    )


def write_api(api: Api) -> Values:
    """The row of an API."""
    return (api.identifier, _to_json(api))


def read_api(row: Row) -> Api:
    """An API from a row of (identifier, document)."""
    key, document = row
    return _read_api(key, document)


@lru_cache(maxsize=64)
def _read_api(key: str, document: str) -> Api:
    """A thousand rows take 10 ms to read, and every change of the registry reads all APIs again."""
    return _read_document("api", key, _api, _within_bounds(key, document))


def _within_bounds(key: str, document: str) -> str:
    """The document of an API from before there was an upper bound of lifetimes, brought below it.

    An API that did not load would take the whole registry with it; one that loads in silence, nobody mends.
    """
    try:
        members = msgspec.json.decode(document)
        lifetime = members["token_lifetime"]
        too_long = lifetime > LONGEST_TOKEN
    except (msgspec.DecodeError, KeyError, TypeError):  # without one; or no document at all, as is said later
        return document
    if not too_long:
        return document
    _log.warning(
        "the API %r has a token_lifetime of %d seconds; it is taken for the longest there may be, one day. "
        "Put it right: grantway api edit %s --token-lifetime 1d",
        key,
        lifetime,
        shlex.quote(str(members.get("name", key))),
    )
    return _to_json({**members, "token_lifetime": LONGEST_TOKEN})


def write_api_version(change: PutApi) -> Values:
    """What a change tells the next version: identifier, document, actor, note, source."""
    source = None if change.source is None else _to_json(change.source)
    return (*write_api(change.api), change.actor, change.note, source)


def read_api_version(row: Row) -> ApiVersion:
    """A version from its row."""
    identifier, number, document, at, actor, note, source = row
    return ApiVersion(
        identifier=identifier,
        number=number,
        api=None if document is None else read_api((identifier, document)),
        at=at,
        actor=actor,
        note=note,
        source=None if source is None else read_api_source(identifier, source),
    )


def read_api_source(identifier: str, document: str) -> ApiSource:
    """What was imported, from its column."""
    return _read_document("the source of the API", identifier, _source, document)


def write_secret(secret: ClientSecret) -> Values:
    """The row of a client's secret."""
    return (
        secret.client_id,
        secret.id,
        secret.hash,
        secret.scheme.value,
        secret.label,
        secret.created_at,
        secret.expires_at,
        secret.last_used_at,
    )


def read_secret(row: Row) -> ClientSecret:
    """A client's secret from its row."""
    client_id, key, hash_, scheme, label, created_at, expires_at, last_used_at = row
    return ClientSecret(
        id=key,
        client_id=client_id,
        hash=hash_,
        scheme=SecretScheme(scheme),
        label=label,
        created_at=created_at,
        expires_at=expires_at,
        last_used_at=last_used_at,
    )


def write_key(key: StoredKey) -> Values:
    """The row of a key."""
    return (
        key.kid,
        key.purpose.value,
        key.alg,
        key.state.value,
        key.envelope,
        None if key.public_jwk is None else _to_json(key.public_jwk),
        key.created_at,
        key.state_since,
    )


def read_key(row: Row) -> StoredKey:
    """A key from its row."""
    kid, purpose, alg, state, envelope, public_jwk, created_at, state_since = row
    return StoredKey(
        kid=kid,
        purpose=KeyPurpose(purpose),
        alg=alg,
        state=KeyState(state),
        envelope=envelope,
        public_jwk=None if public_jwk is None else _jwk.decode(public_jwk),
        created_at=created_at,
        state_since=state_since,
    )
