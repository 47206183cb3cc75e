"""An ID token that comes back: a client names the person it means (OpenID Connect Core §3.1.2.1)."""

from grantway.crypto.jose import BadToken, verify
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol.clients import Client
from grantway.protocol.errors import OAuthError
from grantway.protocol.id_tokens import ID_TOKEN_TYPE
from grantway.protocol.names import ErrorCode


def read_hint(server: Server, snapshot: Snapshot, text: str) -> tuple[str, str]:
    """The client and the subject of an ID token of ours, however old. Raises `invalid_request`.

    Its signature is that of a published key: a name that anybody could have written down names nobody.
    """
    try:
        claims = verify(text, snapshot.verification_keys, typ=ID_TOKEN_TYPE)
    except BadToken as bad:
        raise _refused(bad.reason) from None
    if claims.get("iss") != server.policy.issuer or "exp" not in claims:
        raise _refused("of another issuer, or no ID token")
    return str(claims["aud"]), str(claims["sub"])


def hinted_subject(server: Server, snapshot: Snapshot, client: Client, text: str) -> str:
    """The subject of an ID token of ours for this client. Raises `invalid_request`."""
    audience, subject = read_hint(server, snapshot, text)
    if audience != client.id:
        raise _refused(f"of {audience}, sent by {client.id}")
    return subject


def _refused(why: str) -> OAuthError:
    return OAuthError(
        ErrorCode.INVALID_REQUEST,
        "id_token_hint is not an ID token of this server for this client",
        tell_operator=f"id_token_hint: {why}",
    )
