"""Has this client proven itself? One credential, by exactly the registered method (RFC 6749 §2.3)."""

import re
from base64 import b64decode
from binascii import Error as BadBase64

from msgspec import Struct

from grantway.protocol.client_assertion import ASSERTION_TYPE, client_named_by
from grantway.protocol.client_refusals import FAILED, failed
from grantway.protocol.clients import Client, ClientSecret
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import AuthMethod, ErrorCode
from grantway.protocol.params import Params, form_decode

__all__ = ["FAILED", "Presented", "authenticate", "failed", "read_credentials", "registered_client"]
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Presented(Struct, frozen=True, kw_only=True):
    """What a caller says about itself, not yet believed."""

    client_id: str
    method: AuthMethod
    secret: str | None  # None with methods that need none
    assertion: str | None = None  # with private_key_jwt


def read_credentials(authorization: tuple[str, ...], params: Params) -> Presented:
    """The one credential of a request: `authorization` are its Authorization headers.

    Raises `invalid_request` for more than one, `invalid_client` for a malformed or missing one
    (RFC 6749 §2.3.1; RFC 7617 §2).
    """
    body_id, body_secret = params.get("client_id"), params.get("client_secret")
    if len(authorization) > 1:
        raise OAuthError(ErrorCode.INVALID_REQUEST, "more than one Authorization header")
    assertion, kind = params.get("client_assertion"), params.get("client_assertion_type")
    if assertion is not None or kind is not None:
        if authorization or body_secret is not None:
            raise OAuthError(ErrorCode.INVALID_REQUEST, "only one way of client authentication per request")
        return _read_assertion(assertion, kind, body_id)
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


def _read_assertion(assertion: str | None, kind: str | None, body_id: str | None) -> Presented:
    """A client assertion; a client_id beside it names the same client (RFC 7521 §4.2)."""
    if assertion is None:
        raise failed("client_assertion_type without a client_assertion")
    if kind != ASSERTION_TYPE:
        found = "missing" if kind is None else repr(kind[:100])
        raise failed(f"client_assertion_type is {found}, not {ASSERTION_TYPE}")
    client_id = client_named_by(assertion)
    if body_id is not None and body_id != client_id:
        raise failed(f"the assertion is about {client_id[:128]!r}, client_id is {body_id[:128]!r}")
    return Presented(client_id=client_id, method=AuthMethod.PRIVATE_KEY_JWT, secret=None, assertion=assertion)


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


def registered_client(client: Client | None, presented: Presented) -> Client:
    """The client, if it exists, is enabled, and is registered with this way of proving itself (threat H4)."""
    if client is None:
        raise failed(f"no client {presented.client_id!r}")
    if not client.enabled:
        raise failed(f"client {client.id} is disabled")
    if presented.method is not client.auth_method:
        raise failed(
            f"{client.id} is registered with {client.auth_method}, the request used {presented.method}"
        )
    return client


def authenticate(
    client: Client | None, presented: Presented, proven: ClientSecret | None, *, now: float
) -> Client:
    """The client, if the caller is it. `proven` is the stored secret that the presented one equals, if any.

    Raises `invalid_client`, in the same words for every cause. Runs after the look-up and the
    comparison, so that a refusal costs the same whether the client exists or not.
    """
    client = registered_client(client, presented)
    if client.is_public:
        return client
    if proven is None:
        raise failed(f"wrong secret for {client.id}")
    if proven.expires_at is not None and now >= proven.expires_at:
        raise failed(
            f"secret {proven.label or proven.id} of {client.id} expired {now - proven.expires_at:.0f} s ago"
        )
    return client
