"""An ID token that comes back: a client names the person it means (OpenID Connect Core §3.1.2.1)."""

from dataclasses import dataclass

from grantway.crypto.jose import BadToken, verify
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.id_tokens import ID_TOKEN_TYPE
from grantway.protocol.names import ErrorCode


@dataclass(frozen=True, slots=True)
class Hint:
    """Whom an ID token of ours names, and to whom."""

    client_id: str
    subject: str  # as this client knows the person
    sid: str | None  # of the session; None in those from before there was one


def read_hint(server: Server, snapshot: Snapshot, text: str) -> Hint:
    """What an ID token of ours says, however old. Raises `invalid_request`.

    Its signature is that of a published key: a name that anybody could have written down names nobody.
    """
    try:
        claims = verify(text, snapshot.verification_keys, typ=ID_TOKEN_TYPE)
    except BadToken as bad:
        raise _refused(bad.reason) from None
    if claims.get("iss") != server.policy.issuer or "exp" not in claims:
        raise _refused("of another issuer, or no ID token")
    sid = claims.get("sid")
    return Hint(str(claims["aud"]), str(claims["sub"]), None if sid is None else str(sid))


def hinted_subject(server: Server, snapshot: Snapshot, client: Client, text: str) -> str:
    """The subject of an ID token of ours for this client. Raises `invalid_request`."""
    hint = read_hint(server, snapshot, text)
    if hint.client_id != client.id:
        raise _refused(f"of {hint.client_id}, sent by {client.id}")
    return hint.subject


def _refused(why: str) -> OAuthError:
    return OAuthError(
        ErrorCode.INVALID_REQUEST,
        "id_token_hint is not an ID token of this server for this client",
        Diagnosis(
            Gw.HINT,
            f"id_token_hint: {why}",
            received="an id_token_hint",
            expected="an ID token of this server for this app, expired or not",
            difference=why,
        ),
    )
