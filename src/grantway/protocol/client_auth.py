"""Has this client proven itself? One credential, by exactly the registered method (RFC 6749 §2.3)."""

import re
from base64 import b64decode
from binascii import Error as BadBase64
from dataclasses import dataclass

from grantway.protocol.clients import Client, ClientSecret
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import AuthMethod, ErrorCode
from grantway.protocol.params import Params, form_decode

# The same words whatever is wrong: a stranger learns nothing about which clients exist.
FAILED = "client authentication failed"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What a caller says about itself, not yet believed."""

    client_id: str
    method: AuthMethod
    secret: str | None  # None with method none


def failed(why: str) -> OAuthError:
    """The refusal of every failed client authentication (RFC 6749 §5.2)."""
    return OAuthError(ErrorCode.INVALID_CLIENT, FAILED, tell_operator=why)


def read_credentials(authorization: tuple[str, ...], params: Params) -> Presented:
    """The one credential of a request: `authorization` are its Authorization headers.

    Raises `invalid_request` for more than one, `invalid_client` for a malformed or missing one
    (RFC 6749 §2.3.1; RFC 7617 §2).
    """
    body_id, body_secret = params.get("client_id"), params.get("client_secret")
    if params.get("client_assertion") is not None or params.get("client_assertion_type") is not None:
        raise failed("client assertions are not supported")
    if len(authorization) > 1:
        raise OAuthError(ErrorCode.INVALID_REQUEST, "more than one Authorization header")
    if authorization:
        client_id, secret = _read_basic(authorization[0])
        if body_secret is not None:
            raise OAuthError(ErrorCode.INVALID_REQUEST, "only one way of client authentication per request")
        if body_id is not None and body_id != client_id:
            raise OAuthError(
                ErrorCode.INVALID_REQUEST, "client_id in the body is not the one in the Authorization header"
            )
        return Presented(client_id=client_id, method=AuthMethod.CLIENT_SECRET_BASIC, secret=secret)
    if body_id is None:
        raise failed("no client authentication and no client_id")
    method = AuthMethod.NONE if body_secret is None else AuthMethod.CLIENT_SECRET_POST
    return Presented(client_id=body_id, method=method, secret=body_secret)


def _read_basic(header: str) -> tuple[str, str]:
    """User and password of a Basic header, form-decoded (RFC 6749 §2.3.1)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        raise failed("the Authorization scheme is not Basic")
    try:
        text = b64decode(credentials.strip(" "), validate=True).decode("utf-8")
        name, colon, password = text.partition(":")
        client_id, secret = form_decode(name), form_decode(password)
    except (BadBase64, UnicodeDecodeError, ValueError):
        raise failed("the Basic credentials are not base64 of UTF-8") from None
    except OAuthError as undecodable:
        raise failed(f"the Basic credentials are not form-encoded: {undecodable.tell_client}") from None
    if not colon or not client_id or _CONTROL.search(client_id + secret):
        raise failed("the Basic credentials are not a client_id and a secret")
    return client_id, secret


def authenticate(
    client: Client | None, presented: Presented, proven: ClientSecret | None, *, now: float
) -> None:
    """Is the caller this client? `proven` is the stored secret that the presented one equals, if any.

    Raises `invalid_client`, in the same words for every cause. Runs after the look-up and the
    comparison, so that a refusal costs the same whether the client exists or not.
    """
    if client is None:
        raise failed(f"no client {presented.client_id!r}")
    if not client.enabled:
        raise failed(f"client {client.id} is disabled")
    if presented.method is not client.auth_method:
        raise failed(
            f"{client.id} is registered with {client.auth_method}, the request used {presented.method}"
        )
    if client.is_public:
        return
    if proven is None:
        raise failed(f"wrong secret for {client.id}")
    if proven.expires_at is not None and now >= proven.expires_at:
        raise failed(
            f"secret {proven.label or proven.id} of {client.id} expired {now - proven.expires_at:.0f} s ago"
        )
