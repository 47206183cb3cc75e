"""Recognising an access token of ours, whatever its format, and judging whether it lives."""

from dataclasses import dataclass
from hmac import compare_digest

from grantway.crypto.certificate_header import certificate_thumbprint
from grantway.crypto.jose import BadToken, verify
from grantway.crypto.secrets import SecretKind, read_secret
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol.confirmation import Confirmation
from grantway.protocol.grants import OpaqueToken
from grantway.protocol.names import ACCESS_TOKEN_TYPE, CERTIFICATE_THUMBPRINT, GRANT_CLAIM
from grantway.protocol.people import may_authenticate
from grantway.protocol.scope import Scope
from grantway.protocol.tokens import AccessToken, why_inactive
from grantway.storage.port import TokenFacts


@dataclass(frozen=True, slots=True)
class Recognised:
    """An authentic access token of ours, alive or dead."""

    token: AccessToken
    is_opaque: bool


async def recognise(server: Server, snapshot: Snapshot, text: str) -> Recognised | None:
    """The access token this text is; None when it is none of ours. Never raises for what the text holds."""
    presented = read_secret(SecretKind.ACCESS_TOKEN, text)
    if presented is None:
        token = _read_jwt(server, snapshot, text)
        return None if token is None else Recognised(token, is_opaque=False)
    row = await server.store.find_opaque_token(presented.selector)
    if row is None or not compare_digest(row.hash, presented.hash):
        return None
    return as_access_token(row)


def as_access_token(row: OpaqueToken) -> Recognised:
    """What a stored row says, once its secret was proven."""
    token = AccessToken(
        id=row.id,
        client_id=row.client_id,
        subject=row.client_id if row.subject is None else row.subject,
        grant_id=row.grant_id,
        scope=row.scope,
        audience=row.audience,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        confirmation=row.confirmation,
    )
    return Recognised(token, is_opaque=True)


def _read_jwt(server: Server, snapshot: Snapshot, text: str) -> AccessToken | None:
    """A JWT signed by one of our published keys: its claims are ours, so their shapes are known."""
    try:
        claims = verify(text, snapshot.verification_keys, typ=ACCESS_TOKEN_TYPE)
    except BadToken:
        return None
    if claims.get("iss") != server.policy.issuer:
        return None
    grant_id, audience = claims.get(GRANT_CLAIM), claims["aud"]
    return AccessToken(
        id=str(claims["jti"]),
        client_id=str(claims["client_id"]),
        subject=str(claims["sub"]),
        grant_id=None if grant_id is None else str(grant_id),
        scope=Scope.parse(str(claims["scope"])),
        audience=tuple(map(str, audience)) if isinstance(audience, list) else (str(audience),),
        issued_at=float(str(claims["iat"])),
        expires_at=float(str(claims["exp"])),
        confirmation=Confirmation.of_claim(claims.get("cnf")),
    )


async def living_token(
    server: Server, snapshot: Snapshot, token: AccessToken
) -> tuple[str | None, TokenFacts, Scope]:
    """Why the token is dead (None: it lives), what is known about it now, and what it may do: one read."""
    facts = await server.store.token_facts(token_id=token.id, grant_id=token.grant_id)
    why, scope = life_of(server, snapshot, token, facts)
    return why, facts, scope


def life_of(
    server: Server, snapshot: Snapshot, token: AccessToken, facts: TokenFacts
) -> tuple[str | None, Scope]:
    """Why the token is dead (None: it lives), and what it may do, by these facts (RFC 7662 §2.2; threat C15).

    A token has what it was issued with as far as its grant still has it: what a person takes back is gone
    from it at once, wherever somebody asks.
    """
    has_person = token.grant_id is not None
    # A JWT knows only the second it was issued in: it counts as issued at the end of it. What was issued
    # earlier in the second of a cut-off dies with its grant, and so does what stands on an older sign-in.
    since = token.issued_at + 1 if facts.grant is None else min(token.issued_at + 1, facts.grant.auth_time)
    gate = may_authenticate(facts.person, since=since) if has_person else None
    why = why_inactive(
        token,
        snapshot.registry.clients.get(token.client_id),
        revoked=facts.token_revoked,
        grant_live=facts.grant_live,
        person_gate=gate,
        now=server.now(),
    )
    scope = token.scope if facts.grant is None else token.scope & facts.grant.scope
    if why is None and token.scope and not scope:
        why = "the person has taken back everything it was issued for"
    return why, scope


def shows_its_key(token: AccessToken, certificate: bytes | None) -> bool:
    """Is a bound token beside its client certificate (DER; RFC 8705 §3)? One bound to nothing needs none."""
    if token.confirmation is None:
        return True
    shown = (
        None
        if certificate is None
        else Confirmation(CERTIFICATE_THUMBPRINT, certificate_thumbprint(certificate))
    )
    return token.confirmation == shown
