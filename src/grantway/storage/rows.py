"""Rows ↔ records, written once for both databases. The order of the values is that of `columns`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from grantway.protocol.confirmation import Confirmation
from grantway.protocol.grants import (
    NOTHING_ASKED,
    AskedClaims,
    Code,
    CodeEvidence,
    Consent,
    Grant,
    OpaqueToken,
    RefreshEvidence,
    RefreshToken,
    Shown,
)
from grantway.protocol.people import Person, Profile, Session, SignedIn
from grantway.protocol.scope import Scope
from grantway.storage.changes import AuditEntry
from grantway.storage.columns import CODE, GRANT, REFRESH, SESSION

Row = Sequence[Any]
Values = tuple[Any, ...]


# --- single values ----------------------------------------------------------------------------------

_json = msgspec.json.Encoder()
read_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_details = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_shown = msgspec.json.Decoder(Shown)
_profile = msgspec.json.Decoder(Profile)
_claims = msgspec.json.Decoder(AskedClaims)
_NO_PROFILE = Profile()  # most rows have none: an empty column


def _to_json(value: object) -> str:
    return _json.encode(value).decode()


def read_scope(text: str) -> Scope:
    """A scope from its column: its tokens, with one space between them."""
    return Scope(tuple(text.split(" "))) if text else Scope()


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
        session.browser,
        session.network,
        session.sso_id,
    )


def read_session(row: Row) -> Session:
    """A session from its row."""
    key, hash_, subject, auth_time, amr, created_at, seen_at, expires_at, browser, network, sso_id = row
    return Session(
        id=key,
        sso_id=sso_id or key,
        hash=hash_,
        subject=subject,
        auth_time=auth_time,
        amr=read_texts(amr),
        created_at=created_at,
        seen_at=seen_at,
        expires_at=expires_at,
        browser=browser,
        network=network,
    )


def read_signed_in(row: Row) -> SignedIn:
    """A session with its person, from the columns of both."""
    return SignedIn(read_session(row[: len(SESSION)]), read_person(row[len(SESSION) :]))


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
        None if consent.shown is None else _to_json(consent.shown),
    )


def read_consent(row: Row) -> Consent:
    """A consent from its row."""
    subject, client_id, key, scope, created_at, updated_at, expires_at, shown = row
    return Consent(
        id=key,
        subject=subject,
        client_id=client_id,
        scope=read_scope(scope),
        created_at=created_at,
        updated_at=updated_at,
        expires_at=expires_at,
        shown=None if shown is None else _shown.decode(shown),
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
        scope=read_scope(scope),
        resources=read_texts(resources),
        auth_time=auth_time,
        created_at=created,
        expires_at=expires,
        revoked_at=revoked,
        amr=() if amr is None else read_texts(amr),
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
        None if token.confirmation is None else str(token.confirmation),
    )


def read_refresh_token(row: Row) -> RefreshToken:
    """A refresh token from its row."""
    key, hash_, grant_id, client_id, issued_at, expires_at, spent_at, confirmation = row
    return RefreshToken(
        id=key,
        hash=hash_,
        grant_id=grant_id,
        client_id=client_id,
        issued_at=issued_at,
        expires_at=expires_at,
        spent_at=spent_at,
        confirmation=None if confirmation is None else Confirmation.parse(confirmation),
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
        None if token.confirmation is None else str(token.confirmation),
    )


def read_opaque_token(row: Row) -> OpaqueToken:
    """An opaque access token from its row."""
    key, hash_, grant_id, client_id, subject, scope, audience, issued, expires, auth_time, revoked, cnf = row
    return OpaqueToken(
        id=key,
        hash=hash_,
        grant_id=grant_id,
        client_id=client_id,
        subject=subject,
        scope=read_scope(scope),
        audience=read_texts(audience),
        issued_at=issued,
        expires_at=expires,
        auth_time=auth_time,
        revoked_at=revoked,
        confirmation=None if cnf is None else Confirmation.parse(cnf),
    )


def read_code_evidence(row: Row) -> CodeEvidence:
    """A code with its grant and the person, from the columns of all three."""
    end = len(CODE) + len(GRANT)
    return CodeEvidence(
        code=read_code(row[: len(CODE)]),
        grant=read_grant(row[len(CODE) : end]),
        person=read_person_if_any(row[end:]),
    )


def read_refresh_evidence(row: Row) -> RefreshEvidence:
    """A refresh token with its grant and the person, from the columns of all three."""
    end = len(REFRESH) + len(GRANT)
    return RefreshEvidence(
        token=read_refresh_token(row[: len(REFRESH)]),
        grant=read_grant(row[len(REFRESH) : end]),
        person=read_person_if_any(row[end:]),
    )


# --- audit ------------------------------------------------------------------------------------------


def write_audit(entry: AuditEntry) -> Values:
    """The row of an audit entry."""
    return (entry.at, entry.actor, entry.action, entry.target, _to_json(entry.details))


def read_audit(row: Row) -> AuditEntry:
    """An audit entry from its row."""
    at, actor, action, target, details = row
    return AuditEntry(at=at, actor=actor, action=action, target=target, details=_details.decode(details))
