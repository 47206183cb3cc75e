"""Making tokens: claims from the protocol, randomness and signature from crypto. Nothing is stored here."""

from dataclasses import dataclass

from grantway.crypto.secrets import IssuedSecret, SecretKind, issue_secret, new_id
from grantway.flows.snapshot import Snapshot
from grantway.protocol.apis import TokenFormat
from grantway.protocol.grants import Grant, OpaqueToken, RefreshToken
from grantway.protocol.issuing import Granted
from grantway.protocol.policy import Policy
from grantway.protocol.scope import Scope
from grantway.protocol.tokens import ACCESS_TOKEN_TYPE, access_token_claims, access_token_lifetime
from grantway.storage.port import Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReply:
    """A successful token response (RFC 6749 §5.1)."""

    access_token: str
    expires_in: int  # seconds
    scope: Scope
    refresh_token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """An access token, ready to be handed out once what it stands on is committed."""

    text: str
    expires_in: int  # seconds
    scope: Scope
    row: OpaqueToken | None  # of an opaque token: to be stored

    def reply(self, refresh_token: str | None) -> TokenReply:
        """The response, with the refresh token that goes with it."""
        return TokenReply(
            access_token=self.text, expires_in=self.expires_in, scope=self.scope, refresh_token=refresh_token
        )


def mint_access_token(granted: Granted, snapshot: Snapshot, policy: Policy, now: float) -> Minted:
    """Make the access token of its API's format.

    Raises Unavailable when the API's algorithm has no active key.
    """
    lifetime = access_token_lifetime(granted, default=policy.access_token_lifetime)
    if granted.api.token_format is TokenFormat.OPAQUE:
        secret = issue_secret(SecretKind.ACCESS_TOKEN, now=now)
        row = _opaque_row(granted, secret, now=now, lifetime=lifetime)
        return Minted(text=secret.text, expires_in=lifetime, scope=granted.scope, row=row)
    key = snapshot.signing_keys.get(granted.api.token_alg)
    if key is None:
        raise Unavailable(f"no active {granted.api.token_alg} key; make one with: grantway keys rotate")
    claims = access_token_claims(
        granted, issuer=policy.issuer, token_id=new_id(now), now=now, lifetime=lifetime
    )
    text = key.sign(claims, typ=ACCESS_TOKEN_TYPE)
    return Minted(text=text, expires_in=lifetime, scope=granted.scope, row=None)


def _opaque_row(granted: Granted, secret: IssuedSecret, *, now: float, lifetime: int) -> OpaqueToken:
    return OpaqueToken(
        id=secret.selector,
        hash=secret.hash,
        grant_id=None if granted.grant is None else granted.grant.id,
        client_id=granted.client.id,
        subject=None if granted.grant is None else granted.subject,
        scope=granted.scope,
        audience=(granted.api.identifier,),
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
