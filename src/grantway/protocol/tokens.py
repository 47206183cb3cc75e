"""The claims of access tokens (RFC 9068) and what introspection tells about them (RFC 7662)."""

from msgspec import Struct

from grantway.protocol.assurance import acr_of
from grantway.protocol.claims import Claim
from grantway.protocol.clients import Client
from grantway.protocol.confirmation import Confirmation
from grantway.protocol.grants import Grant
from grantway.protocol.issuing import Granted
from grantway.protocol.names import GRANT_CLAIM
from grantway.protocol.registry import OPENID
from grantway.protocol.scope import Scope

Claims = dict[str, Claim | list[str] | dict[str, str] | dict[str, dict[str, object]]]


def access_token_lifetime(granted: Granted, *, default: int) -> int:
    """Seconds an access token of this API lives."""
    return default if granted.api is None else granted.api.token_lifetime_or(default)


def audience_of(granted: Granted, *, issuer: str) -> tuple[str, ...]:
    """Who is to accept the access token: its API and, with `openid`, our own userinfo (`design` 11)."""
    api = () if granted.api is None else (granted.api.identifier,)
    return (*api, issuer) if OPENID in granted.scope else api


def access_token_claims(granted: Granted, *, issuer: str, token_id: str, now: float, lifetime: int) -> Claims:
    """The claims of a JWT access token (RFC 9068 §2.2), with the grant it can be revoked by."""
    issued_at = int(now)
    claims: Claims = {
        "iss": issuer,
        "sub": granted.subject,
        "aud": _one_or_all(audience_of(granted, issuer=issuer)),
        "client_id": granted.client.id,
        "scope": str(granted.scope),
        "iat": issued_at,
        "exp": issued_at + lifetime,
        "jti": token_id,
    }
    if granted.grant is not None:
        claims[GRANT_CLAIM] = granted.grant.id
        claims |= _sign_in(granted.grant)
    if granted.confirmation is not None:
        claims["cnf"] = granted.confirmation.claim
    return claims


def _sign_in(grant: Grant) -> Claims:
    """How and when the person signed in, for an API that may want more (RFC 9068 §2.2.1, RFC 9470 §6)."""
    acr = acr_of(grant.amr)
    when: Claims = {"auth_time": int(grant.auth_time)}
    return when if acr is None else {**when, "acr": acr}


class SignIn(Struct, frozen=True):
    """The sign-in behind a token; without a person there is none."""

    acr: str | None = None
    auth_time: float | None = None


def sign_in_of(grant: Grant | None) -> SignIn:
    """How the person of a grant signed in, as the tokens of it say."""
    return SignIn() if grant is None else SignIn(acr_of(grant.amr), grant.auth_time)


def _one_or_all(audience: tuple[str, ...]) -> str | list[str]:
    return audience[0] if len(audience) == 1 else list(audience)


class AccessToken(Struct, frozen=True, kw_only=True):
    """An access token, whatever its format, once its authenticity is proven."""

    id: str  # jti, or the selector of an opaque one
    client_id: str
    subject: str
    grant_id: str | None
    scope: Scope
    audience: tuple[str, ...]
    issued_at: float
    expires_at: float
    confirmation: Confirmation | None = None


def why_inactive(
    token: AccessToken,
    client: Client | None,
    *,
    revoked: bool,
    grant_live: bool,
    person_gate: str | None,
    now: float,
) -> str | None:
    """Why the token is dead, for the operator; None when it lives. `person_gate`: from `may_authenticate`."""
    findings = (
        (now >= token.expires_at, "expired"),
        (revoked, "revoked"),
        (not grant_live, "its grant was revoked"),
        (client is None or not client.enabled, "its client is disabled or gone"),
        (
            client is not None and token.issued_at < int(client.tokens_valid_from),
            "issued before the client's cut-off",
        ),
        (person_gate is not None, person_gate or ""),
    )
    return next((why for found, why in findings if found), None)


def introspection_claims(
    token: AccessToken, *, issuer: str, username: str | None, grant: Grant | None
) -> Claims:
    """The answer for a live access token (RFC 7662 §2.2, RFC 9470 §6.2). `grant`: the one it came from."""
    claims: Claims = {
        "active": True,
        "scope": str(token.scope),
        "client_id": token.client_id,
        "token_type": "Bearer",
        "exp": int(token.expires_at),
        "iat": int(token.issued_at),
        "sub": token.subject,
        "aud": _one_or_all(token.audience),
        "iss": issuer,
        "jti": token.id,
    }
    if token.confirmation is not None:
        claims["cnf"] = token.confirmation.claim
    if grant is not None:
        claims |= _sign_in(grant)
    if username is not None:
        claims["username"] = username
    return claims


def may_introspect(caller: Client, audience: tuple[str, ...], client_id: str) -> bool:
    """Only the API the token is for, or the client it was issued to, may ask (threat N1)."""
    return caller.id == client_id or (caller.api is not None and caller.api in audience)
