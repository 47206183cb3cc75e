"""The clients that took part in a session, and what they are told when it ends.

OpenID Connect Back-Channel Logout 1.0 and Front-Channel Logout 1.0.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from grantway.protocol.clients import Client
from grantway.protocol.redirect_uris import RedirectUri
from grantway.protocol.tokens import Claims

LOGOUT_TOKEN_TYPE = "logout+jwt"  # neither an access token nor an ID token (threat K8)
LOGOUT_TOKEN_LIFETIME = 120  # seconds: as long as §2.4 recommends at most
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_SID_LENGTH = 40  # hexadecimal digits: 160 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClient:
    """A client that somebody signed in to during a session; once that has ended, one to be told so."""

    sso_id: str  # of the session: `Session.sso_id`
    client_id: str
    subject: str
    joined_at: float
    expires_at: float  # when it is forgotten
    ended_at: float | None = None  # None: the session goes on
    due_at: float | None = None  # the next try to tell it; None: nothing to tell, or given up
    tries: int = 0
    problem: str | None = None  # why the last try failed


def sid_of(sso_id: str, client_id: str) -> str:
    """By which name a client knows a session: `sid` (Front-Channel Logout §3).

    No two clients are given the same one, so that they cannot tell by it that they know the same person: what
    pairwise subjects promise (OpenID Connect Core §8.1) must not be lost here. `sso_id` is random and secret.
    """
    return hmac.digest(sso_id.encode(), client_id.encode(), "sha256").hex()[:_SID_LENGTH]


def logout_token_claims(
    due: SessionClient, *, subject: str, issuer: str, token_id: str, now: float
) -> Claims:
    """The claims of a logout token (Back-Channel Logout §2.4). `subject` as this client knows the person.

    Never a `nonce`: no logout token passes for an ID token.
    """
    issued_at = int(now)
    events: dict[str, dict[str, object]] = {LOGOUT_EVENT: {}}
    return {
        "iss": issuer,
        "sub": subject,
        "aud": due.client_id,
        "iat": issued_at,
        "exp": issued_at + LOGOUT_TOKEN_LIFETIME,
        "jti": token_id,
        "events": events,
        "sid": sid_of(due.sso_id, due.client_id),
    }


def logout_frames(clients: Iterable[Client], sso_id: str, *, issuer: str) -> tuple[str, ...]:
    """The addresses to be loaded in the browser that signed out (Front-Channel Logout §3), each once."""
    frames = (
        _with_session(client.frontchannel_logout_uri, client, sso_id, issuer)
        for client in clients
        if client.frontchannel_logout_uri is not None
    )
    return tuple(dict.fromkeys(frames))


def _with_session(address: str, client: Client, sso_id: str, issuer: str) -> str:
    """`iss` and `sid` for those that asked for them; a query that was registered is kept."""
    if not client.frontchannel_logout_session_required:
        return address
    separator = "&" if "?" in address else "?"
    return f"{address}{separator}iss={quote(issuer, safe='')}&sid={sid_of(sso_id, client.id)}"


def origin_of(frame: str) -> str:
    """Scheme, host and port of an address, as a Content-Security-Policy names them."""
    return RedirectUri.parse(frame).origin
