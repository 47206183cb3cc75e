"""Has this client proven itself? One credential, by exactly the registered method (RFC 6749 §2.3)."""

import re
from base64 import b64decode
from binascii import Error as BadBase64

from msgspec import Struct

from grantway.protocol.client_assertion import client_named_by
from grantway.protocol.client_refusals import failed
from grantway.protocol.clients import Client, ClientSecret
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.errors import OAuthError
from grantway.protocol.fixes import edit_app
from grantway.protocol.names import ASSERTION_TYPE, AuthMethod, ErrorCode
from grantway.protocol.params import Params, form_decode

_IN_WORDS = {
    AuthMethod.NONE: "none: client_id in the body, no secret",
    AuthMethod.CLIENT_SECRET_BASIC: "client_secret_basic: the secret in the Authorization header",
    AuthMethod.CLIENT_SECRET_POST: "client_secret_post: the secret in the body",
    AuthMethod.PRIVATE_KEY_JWT: "private_key_jwt: a client_assertion",
    AuthMethod.TLS_CLIENT_AUTH: "tls_client_auth: a certificate",
    AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH: "self_signed_tls_client_auth: a certificate",
}
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
        raise _several_ways("more than one Authorization header")
    assertion, kind = params.get("client_assertion"), params.get("client_assertion_type")
    if assertion is not None or kind is not None:
        if authorization or body_secret is not None:
            raise _several_ways("only one way of client authentication per request")
        return _read_assertion(assertion, kind, body_id)
    if authorization:
        client_id, secret = _read_basic(authorization[0])
        if body_secret is not None:
            raise _several_ways("only one way of client authentication per request")
        if body_id is not None and body_id != client_id:
            raise _several_ways("client_id in the body is not the one in the Authorization header")
        return Presented(client_id=client_id, method=AuthMethod.CLIENT_SECRET_BASIC, secret=secret)
    if body_id is None:
        raise failed(_no_proof("no client authentication and no client_id"))
    method = AuthMethod.NONE if body_secret is None else AuthMethod.CLIENT_SECRET_POST
    return Presented(client_id=body_id, method=method, secret=body_secret)


def _read_assertion(assertion: str | None, kind: str | None, body_id: str | None) -> Presented:
    """A client assertion; a client_id beside it names the same client (RFC 7521 §4.2)."""
    if assertion is None:
        raise failed(_no_proof("client_assertion_type without a client_assertion"))
    if kind != ASSERTION_TYPE:
        found = "missing" if kind is None else repr(kind[:100])
        words = f"client_assertion_type is {found}, not {ASSERTION_TYPE}"
        raise failed(Diagnosis(Gw.ASSERTION, words, found, ASSERTION_TYPE, "client_assertion_type"))
    client_id = client_named_by(assertion)
    if body_id is not None and body_id != client_id:
        words = f"the assertion is about {client_id[:128]!r}, client_id is {body_id[:128]!r}"
        raise failed(Diagnosis(Gw.ASSERTION, words, shown(body_id), shown(client_id), "client_id and sub"))
    return Presented(client_id=client_id, method=AuthMethod.PRIVATE_KEY_JWT, secret=None, assertion=assertion)


def _read_basic(header: str) -> tuple[str, str]:
    """User and password of a Basic header, form-decoded (RFC 6749 §2.3.1)."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        raise failed(_no_proof("the Authorization scheme is not Basic"))
    try:
        text = b64decode(credentials.strip(" "), validate=True).decode("utf-8")
        name, colon, password = text.partition(":")
        client_id, secret = form_decode(name), form_decode(password)
    except (BadBase64, UnicodeDecodeError, ValueError):
        raise failed(_not_encoded("the Basic credentials are not base64 of UTF-8")) from None
    except OAuthError as undecodable:
        words = f"the Basic credentials are not form-encoded: {undecodable.tell_client}"
        raise failed(_not_encoded(words)) from None
    if not colon or not client_id:
        raise failed(_not_encoded("the Basic credentials are not a client_id and a secret"))
    if found := _CONTROL.search(client_id + secret):
        raise failed(_control_character(found.end() == len(client_id + secret)))
    return client_id, secret


def registered_client(client: Client | None, presented: Presented) -> Client:
    """The client, if it exists, is enabled, and is registered with this way of proving itself (threat H4)."""
    if client is None:
        raise failed(unknown_client(presented.client_id, None))
    if not client.enabled:
        raise failed(unknown_client(client.id, client))
    if presented.method is not client.auth_method:
        raise failed(_another_method(client, presented.method))
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
        raise failed(_wrong_secret(client, presented.secret))
    if proven.expires_at is not None and now >= proven.expires_at:
        raise failed(_expired_secret(client, proven, now - proven.expires_at))
    return client


def claimed_client_id(authorization: tuple[str, ...], params: Params | None) -> str | None:
    """Who a refused request says it is from, as far as it can be read; nothing of it was proven."""
    try:
        return None if params is None else read_credentials(authorization, params).client_id
    except OAuthError:
        sent = () if params is None else params.values.get("client_id", ())
        return sent[0] if sent else None


# --- what was wrong, for the operator ---------------------------------------------------------------


def unknown_client(client_id: str, client: Client | None) -> Diagnosis:
    """An app that is not registered, or that is and may do nothing."""
    if client is not None:
        return Diagnosis(
            Gw.UNKNOWN_CLIENT,
            f"client {client.id} is disabled",
            received=f"client_id={client.id}",
            expected="an app that is enabled",
            difference="it is disabled",
            fix=f"If it should work again: {edit_app(client, '--enable')}.",
        )
    return Diagnosis(
        Gw.UNKNOWN_CLIENT,
        f"no client {client_id[:128]!r}",
        received=f"client_id={shown(client_id)}",
        expected="the client_id of a registered app",
        difference="white space around it" if client_id.strip() != client_id else "no app has this id",
        fix="`grantway app list` shows those there are; ids are told apart by upper and lower case.",
    )


def no_introspection(client: Client) -> Diagnosis:
    """A public client asks about tokens."""
    return Diagnosis(
        Gw.AUTH_METHOD,
        f"{client.id} proves nothing: introspection is for clients that authenticate",
        received=f"{client.id}, which is public",
        expected="a client that proves itself",
        difference="the auth method none",
        fix="Register the API for it: `grantway api create` and `grantway api edit` take --credentials.",
    )


def speaks_for_no_api(client: Client) -> Diagnosis:
    """A client asks for what only the credentials of an API are told."""
    return Diagnosis(
        Gw.AUTH_METHOD,
        f"{client.id} speaks for no API",
        received=f"{client.id}, an app of type {client.type}",
        expected="the credentials of an API",
        difference="no API is named for this client, or it proves nothing",
        fix="Register the API for it: `grantway api create` and `grantway api edit` take --credentials.",
    )


def _several_ways(words: str) -> OAuthError:
    found = Diagnosis(Gw.AUTH_METHOD, words, "more than one proof", "exactly one (RFC 6749 2.3)", words)
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


def _no_proof(words: str) -> Diagnosis:
    return Diagnosis(
        Gw.AUTH_METHOD,
        words,
        received=words,
        expected="the client_id, and the proof that the app is registered with",
        difference="there is none",
    )


def _not_encoded(words: str) -> Diagnosis:
    return Diagnosis(
        Gw.BASIC_NOT_ENCODED,
        words,
        received="an Authorization header that cannot be read",
        expected="Basic base64(form-encoded client_id : form-encoded secret)",
        difference=words,
    )


def _control_character(at_the_end: bool) -> Diagnosis:  # noqa: FBT001 - where it stands
    words = "a control character " + ("at the end: the line break of a file?" if at_the_end else "inside")
    return Diagnosis(
        Gw.SECRET,
        "the Basic credentials are not a client_id and a secret",
        received="credentials with " + words,
        expected="the secret and nothing after it",
        difference=words,
    )


def _another_method(client: Client, method: AuthMethod) -> Diagnosis:
    accept = edit_app(client, "--auth-method", method)
    return Diagnosis(
        Gw.AUTH_METHOD,
        f"{client.id} is registered with {client.auth_method}, the request used {method}",
        received=_IN_WORDS[method],
        expected=_IN_WORDS[client.auth_method],
        difference=f"{method} instead of {client.auth_method}",
        fix=f"Change the app's library to {client.auth_method}, or accept what it does: {accept}.",
    )


def _wrong_secret(client: Client, secret: str | None) -> Diagnosis:
    """What is wrong with a secret, without a character of it."""
    live = len(client.secrets)
    expected = {0: "it has no secret", 1: "its live secret"}.get(live, f"one of its {live} live secrets")
    if secret is None:
        words = "there is none"
    elif secret == client.id:
        words = "it is the client_id"
    elif secret.strip() != secret:
        words = "white space around it"
    elif secret.startswith("gwcs_"):
        words = "a secret of this server, deleted meanwhile or of another app, or cut"
    else:
        words = "no secret that was made or given here"
    return Diagnosis(
        Gw.SECRET,
        f"wrong secret for {client.id}",
        received="no secret" if secret is None else f"a secret of {len(secret)} characters",
        expected=expected,
        difference=words,
        fix=f"`grantway app secret list {client.id}` shows them by label and last use; "
        f"`grantway app secret add {client.id}` makes another.",
    )


def _expired_secret(client: Client, secret: ClientSecret, ago: float) -> Diagnosis:
    name = secret.label or secret.id
    return Diagnosis(
        Gw.SECRET,
        f"secret {name} of {client.id} expired {ago:.0f} s ago",
        received=f"the secret {name}",
        expected="one that is live",
        difference=f"it expired {ago:.0f} s ago",
        fix=f"Make another and give it to the app: `grantway app secret add {client.id}`.",
    )
