"""ID tokens: what a client is told about a sign-in (OpenID Connect Core §2, §3.1.3.6, §12.2)."""

from hashlib import sha256, sha512

from grantway.protocol.assurance import acr_of
from grantway.protocol.base64url import to_base64url
from grantway.protocol.claims import allowed_claims, person_claims
from grantway.protocol.grants import Grant
from grantway.protocol.issuing import Granted
from grantway.protocol.registry import OPENID
from grantway.protocol.session_clients import sid_of
from grantway.protocol.tokens import Claims

ID_TOKEN_TYPE = "JWT"  # never that of an access token (threat K8)
ID_TOKEN_LIFETIME = 600  # seconds
ID_TOKEN_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "acr", "amr", "sid")


def id_token_claims(
    granted: Granted, grant: Grant, *, issuer: str, access_token_hash: str, now: float
) -> Claims:
    """The claims of an ID token, of a code or of a refresh: then nothing but its times is new (§12.2).

    One audience, so there is no `azp` (§2). Who the person is beside their `sub` is told by userinfo, unless
    claims were asked for here by name (§5.5).
    """
    issued_at = int(now)
    claims: Claims = {
        "iss": issuer,
        "sub": granted.subject,
        "aud": granted.client.id,
        "iat": issued_at,
        "exp": issued_at + ID_TOKEN_LIFETIME,
        "auth_time": int(grant.auth_time),
        "at_hash": access_token_hash,
        "sid": sid_of(grant.session_id, granted.client.id),
    }
    if granted.nonce is not None:
        claims["nonce"] = granted.nonce
    if acr := acr_of(grant.amr):
        claims["acr"] = acr
        claims["amr"] = list(grant.amr)
    if granted.person is not None and grant.claims.id_token:
        names = allowed_claims(grant.claims.id_token, granted=grant.scope, scope=granted.scope)
        claims |= person_claims(granted.person, names)
    return claims


def wants_id_token(granted: Granted) -> bool:
    """Only for a person, and only where `openid` was granted (§3.1.2.1)."""
    return granted.grant is not None and OPENID in granted.scope


def half_hash(token: str, alg: str) -> str:
    """`at_hash`: the left half of the token's hash, by the hash that the algorithm uses (§3.1.3.6).

    Ed25519 hashes with SHA-512, the others of ours with SHA-256.
    """
    digest = (sha512 if alg == "EdDSA" else sha256)(token.encode("ascii")).digest()
    return to_base64url(digest[: len(digest) // 2])
