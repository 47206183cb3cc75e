"""Rows ↔ records, written once for both databases. The order of the values is that of `columns`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from grantway.protocol.apis import Api
from grantway.protocol.clients import Client, ClientSecret, SecretScheme
from grantway.protocol.grants import (
    NOTHING_ASKED,
    AskedClaims,
    Code,
    Consent,
    Grant,
    OpaqueToken,
    RefreshToken,
)
from grantway.protocol.people import Person, Profile, Session
from grantway.protocol.scope import Scope
from grantway.storage.changes import AuditEntry, KeyPurpose, KeyState, StoredKey

Row = Sequence[Any]
Values = tuple[Any, ...]
_T = TypeVar("_T")


# --- single values ----------------------------------------------------------------------------------

_json = msgspec.json.Encoder()
_texts = msgspec.json.Decoder(tuple[str, ...])
_details = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_jwk = msgspec.json.Decoder(dict[str, str])
_client = msgspec.json.Decoder(Client)
_api = msgspec.json.Decoder(Api)
_profile = msgspec.json.Decoder(Profile)
_claims = msgspec.json.Decoder(AskedClaims)
_NO_PROFILE = Profile()  # most rows have none: an empty column


def _to_json(value: object) -> str:
    return _json.encode(value).decode()


def _to_scope(text: str) -> Scope:
    return Scope(tuple(text.split(" "))) if text else Scope()


# --- registry ---------------------------------------------------------------------------------------


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
    return _read_document("api", key, _api, document)


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


# --- people -----------------------------------------------------------------------------------------


def write_person(person: Person) -> Values:
    """The row of a person."""
    return (
        person.subject,
        person.username,
        person.name,
        person.email,
        person.email_verified,
        person.password_hash,
        person.disabled_at,
        person.tokens_valid_from,
        person.created_at,
        None if person.profile == _NO_PROFILE else _to_json(person.profile),
    )


def read_person(row: Row) -> Person:
    """A person from their row."""
    subject, username, name, email, verified, password_hash, disabled_at, valid_from, created_at, profile = (
        row
    )
    return Person(
        subject=subject,
        username=username,
        name=name,
        email=email,
        email_verified=bool(verified),
        password_hash=password_hash,
        disabled_at=disabled_at,
        tokens_valid_from=valid_from,
        created_at=created_at,
        profile=_NO_PROFILE if profile is None else _profile.decode(profile),
    )


def read_person_if_any(row: Row) -> Person | None:
    """A person from the columns of an outer join: all of them are NULL where there is none."""
    return None if row[0] is None else read_person(row)


def write_session(session: Session) -> Values:
    """The row of a session."""
    return (
        session.id,
        session.hash,
        session.subject,
        session.auth_time,
        _to_json(session.amr),
        session.created_at,
        session.seen_at,
        session.expires_at,
    )


def read_session(row: Row) -> Session:
    """A session from its row."""
    key, hash_, subject, auth_time, amr, created_at, seen_at, expires_at = row
    return Session(
        id=key,
        hash=hash_,
        subject=subject,
        auth_time=auth_time,
        amr=_texts.decode(amr),
        created_at=created_at,
        seen_at=seen_at,
        expires_at=expires_at,
    )


# --- grants -----------------------------------------------------------------------------------------


def write_consent(consent: Consent) -> Values:
    """The row of a consent."""
    return (
        consent.subject,
        consent.client_id,
        consent.id,
        str(consent.scope),
        consent.created_at,
        consent.updated_at,
        consent.expires_at,
    )


def read_consent(row: Row) -> Consent:
    """A consent from its row."""
    subject, client_id, key, scope, created_at, updated_at, expires_at = row
    return Consent(
        id=key,
        subject=subject,
        client_id=client_id,
        scope=_to_scope(scope),
        created_at=created_at,
        updated_at=updated_at,
        expires_at=expires_at,
    )


def write_grant(grant: Grant) -> Values:
    """The row of a grant."""
    return (
        grant.id,
        grant.client_id,
        grant.subject,
        grant.consent_id,
        grant.session_id,
        str(grant.scope),
        _to_json(grant.resources),
        grant.auth_time,
        grant.created_at,
        grant.expires_at,
        grant.revoked_at,
        _to_json(grant.amr) if grant.amr else None,
        None if grant.claims == NOTHING_ASKED else _to_json(grant.claims),
    )


def read_grant(row: Row) -> Grant:
    """A grant from its row."""
    key, client_id, subject, consent_id, session_id, scope, resources, auth_time, *rest = row
    created, expires, revoked, amr, claims = rest
    return Grant(
        id=key,
        client_id=client_id,
        subject=subject,
        consent_id=consent_id,
        session_id=session_id,
        scope=_to_scope(scope),
        resources=_texts.decode(resources),
        auth_time=auth_time,
        created_at=created,
        expires_at=expires,
        revoked_at=revoked,
        amr=() if amr is None else _texts.decode(amr),
        claims=NOTHING_ASKED if claims is None else _claims.decode(claims),
    )


def write_code(code: Code) -> Values:
    """The row of a code."""
    return (
        code.id,
        code.hash,
        code.grant_id,
        code.flow_id,
        code.client_id,
        code.redirect_uri,
        code.redirect_uri_sent,
        code.code_challenge,
        code.nonce,
        code.issued_at,
        code.expires_at,
        code.spent_at,
    )


def read_code(row: Row) -> Code:
    """A code from its row."""
    key, hash_, grant_id, flow_id, client_id, uri, uri_sent, challenge, nonce, issued, expires, spent = row
    return Code(
        id=key,
        hash=hash_,
        grant_id=grant_id,
        flow_id=flow_id,
        client_id=client_id,
        redirect_uri=uri,
        redirect_uri_sent=bool(uri_sent),
        code_challenge=challenge,
        nonce=nonce,
        issued_at=issued,
        expires_at=expires,
        spent_at=spent,
    )


def write_refresh_token(token: RefreshToken) -> Values:
    """The row of a refresh token, as far as it is known before it is spent."""
    return (
        token.id,
        token.hash,
        token.grant_id,
        token.client_id,
        token.issued_at,
        token.expires_at,
        token.spent_at,
    )


def read_refresh_token(row: Row) -> RefreshToken:
    """A refresh token from its row."""
    key, hash_, grant_id, client_id, issued_at, expires_at, spent_at = row
    return RefreshToken(
        id=key,
        hash=hash_,
        grant_id=grant_id,
        client_id=client_id,
        issued_at=issued_at,
        expires_at=expires_at,
        spent_at=spent_at,
    )


def write_opaque_token(token: OpaqueToken) -> Values:
    """The row of an opaque access token."""
    return (
        token.id,
        token.hash,
        token.grant_id,
        token.client_id,
        token.subject,
        str(token.scope),
        _to_json(token.audience),
        token.issued_at,
        token.expires_at,
        token.auth_time,
        token.revoked_at,
    )


def read_opaque_token(row: Row) -> OpaqueToken:
    """An opaque access token from its row."""
    key, hash_, grant_id, client_id, subject, scope, audience, issued, expires, auth_time, revoked = row
    return OpaqueToken(
        id=key,
        hash=hash_,
        grant_id=grant_id,
        client_id=client_id,
        subject=subject,
        scope=_to_scope(scope),
        audience=_texts.decode(audience),
        issued_at=issued,
        expires_at=expires,
        auth_time=auth_time,
        revoked_at=revoked,
    )


# --- audit ------------------------------------------------------------------------------------------


def write_audit(entry: AuditEntry) -> Values:
    """The row of an audit entry."""
    return (entry.at, entry.actor, entry.action, entry.target, _to_json(entry.details))


def read_audit(row: Row) -> AuditEntry:
    """An audit entry from its row."""
    at, actor, action, target, details = row
    return AuditEntry(at=at, actor=actor, action=action, target=target, details=_details.decode(details))
