"""Making tokens: claims from the protocol, randomness and signature from crypto. Nothing is stored here."""

from msgspec import Struct

from grantway.crypto.jose import SigningKey
from grantway.crypto.secrets import IssuedSecret, SecretKind, issue_secret, new_id
from grantway.flows.signing_keys import DEFAULT_ALG
from grantway.flows.snapshot import Snapshot
from grantway.protocol.apis import TokenFormat
from grantway.protocol.grants import Grant, OpaqueToken, RefreshToken
from grantway.protocol.id_tokens import ID_TOKEN_TYPE, half_hash, id_token_claims, wants_id_token
from grantway.protocol.issuing import Granted
from grantway.protocol.names import ACCESS_TOKEN_TYPE
from grantway.protocol.policy import Policy
from grantway.protocol.scope import Scope
from grantway.protocol.tokens import (
    Claims,
    access_token_claims,
    access_token_lifetime,
    audience_of,
)
from grantway.storage.port import Unavailable


class TokenReply(Struct, frozen=True, kw_only=True):
    """A successful token response (RFC 6749 §5.1)."""

    access_token: str
    expires_in: int  # seconds
    scope: Scope
    refresh_token: str | None
    id_token: str | None  # OpenID Connect Core §3.1.3.3


class Minted(Struct, frozen=True, kw_only=True):
    """An access token and the ID token beside it, to be handed out once what they stand on is committed."""

    text: str
    expires_in: int  # seconds
    scope: Scope
    row: OpaqueToken | None  # of an opaque token: to be stored
    id_token: str | None

    def reply(self, refresh_token: str | None) -> TokenReply:
        """The response, with the refresh token that goes with it."""
        return TokenReply(
            access_token=self.text,
            expires_in=self.expires_in,
            scope=self.scope,
            refresh_token=refresh_token,
            id_token=self.id_token,
        )


class Planned(Struct, frozen=True, kw_only=True):
    """What an access token will be, before anything random is in it."""

    token_format: TokenFormat
    alg: str  # of a JWT
    lifetime: int  # seconds

    @classmethod
    def of(cls, granted: Granted, policy: Policy) -> "Planned":
        """By its API, or by the server's defaults when it is for none."""
        api = granted.api
        return cls(
            token_format=TokenFormat.JWT if api is None else api.token_format,
            alg=DEFAULT_ALG if api is None else api.token_alg,
            lifetime=access_token_lifetime(granted, default=policy.access_token_lifetime),
        )

    def claims(self, granted: Granted, policy: Policy, *, token_id: str, now: float) -> Claims:
        """What a JWT says; an opaque token says the same to whoever asks about it."""
        return access_token_claims(
            granted, issuer=policy.issuer, token_id=token_id, now=now, lifetime=self.lifetime
        )


def mint(granted: Granted, snapshot: Snapshot, policy: Policy, now: float) -> Minted:
    """Make the access token of its API's format and, where `openid` was granted, the ID token.

    Raises Unavailable when an algorithm has no active key.
    """
    planned = Planned.of(granted, policy)
    lifetime, row = planned.lifetime, None
    if planned.token_format is TokenFormat.OPAQUE:
        secret = issue_secret(SecretKind.ACCESS_TOKEN, now=now)
        row = _opaque_row(granted, secret, issuer=policy.issuer, now=now, lifetime=lifetime)
        text = secret.text
    else:
        claims = planned.claims(granted, policy, token_id=new_id(now), now=now)
        text = signing_key(snapshot, planned.alg).sign(claims, typ=ACCESS_TOKEN_TYPE)
    id_token = _id_token(granted, text, snapshot, policy, now)
    return Minted(text=text, expires_in=lifetime, scope=granted.scope, row=row, id_token=id_token)


def _id_token(
    granted: Granted, access_token: str, snapshot: Snapshot, policy: Policy, now: float
) -> str | None:
    if granted.grant is None or not wants_id_token(granted):
        return None
    key = signing_key(snapshot, granted.client.id_token_signed_response_alg)
    at_hash = half_hash(access_token, key.alg)
    claims = id_token_claims(granted, granted.grant, issuer=policy.issuer, access_token_hash=at_hash, now=now)
    return key.sign(claims, typ=ID_TOKEN_TYPE)


def signing_key(snapshot: Snapshot, alg: str) -> SigningKey:
    """The key that signs with this algorithm now. Raises Unavailable when there is none."""
    key = snapshot.signing_keys.get(alg)
    if key is None:
        raise Unavailable(f"no active {alg} key; make one with: grantway keys rotate --alg {alg}")
    return key


def _opaque_row(
    granted: Granted, secret: IssuedSecret, *, issuer: str, now: float, lifetime: int
) -> OpaqueToken:
    return OpaqueToken(
        id=secret.selector,
        hash=secret.hash,
        grant_id=None if granted.grant is None else granted.grant.id,
        client_id=granted.client.id,
        subject=None if granted.grant is None else granted.subject,
        scope=granted.scope,
        audience=audience_of(granted, issuer=issuer),
        issued_at=now,
        expires_at=now + lifetime,
        auth_time=None if granted.grant is None else granted.grant.auth_time,
        confirmation=granted.confirmation,
    )


def refresh_row(
    secret: IssuedSecret, granted: Granted, grant: Grant, policy: Policy, now: float
) -> RefreshToken:
    """The row of a new refresh token: idle end by the setting, never past the grant's own end (threat J6).

    That of a public client is bound to the key it has shown. A confidential one proves itself each time, and
    may change its certificate (RFC 8705 §4, §7.1).
    """
    return RefreshToken(
        id=secret.selector,
        hash=secret.hash,
        grant_id=grant.id,
        client_id=grant.client_id,
        issued_at=now,
        expires_at=min(now + policy.refresh_idle_lifetime, grant.expires_at),
        confirmation=granted.confirmation if granted.client.is_public else None,
    )
