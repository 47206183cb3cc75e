"""Rows → what a person's own pages show, and who took part in sessions; see `rows`."""

from grantway.protocol.grants import LiveGrants, ScopeUse
from grantway.protocol.session_clients import SessionClient
from grantway.storage.rows import Row, Values, read_scope, read_texts


def read_live_grants(row: Row) -> LiveGrants:
    """Grants that are alike, from a row that counts them."""
    client_id, scope, resources, count, first_at, last_at = row
    return LiveGrants(
        client_id=client_id,
        scope=read_scope(scope),
        resources=read_texts(resources),
        count=count,
        first_at=first_at,
        last_at=last_at,
    )


def write_use(use: ScopeUse) -> Values:
    """The row of a use of a scope."""
    return (use.subject, use.client_id, use.scope, use.used_at, use.expires_at)


def read_use(row: Row) -> ScopeUse:
    """A use of a scope from its row."""
    subject, client_id, scope, used_at, expires_at = row
    return ScopeUse(subject=subject, client_id=client_id, scope=scope, used_at=used_at, expires_at=expires_at)


def read_session_client(row: Row) -> SessionClient:
    """A client that took part in a session, from its row."""
    sso_id, client_id, subject, joined_at, expires_at, ended_at, due_at, tries, problem = row
    return SessionClient(
        sso_id=sso_id,
        client_id=client_id,
        subject=subject,
        joined_at=joined_at,
        expires_at=expires_at,
        ended_at=ended_at,
        due_at=due_at,
        tries=tries,
        problem=problem,
    )
