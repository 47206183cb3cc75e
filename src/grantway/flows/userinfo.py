"""Userinfo (OpenID Connect Core §5.3): what the person lets an app know, told to whoever holds the token."""

from grantway.flows.access_tokens import living_token, recognise, shows_its_key
from grantway.flows.issue import signing_key
from grantway.flows.server import Server
from grantway.protocol.claims import Claim, allowed_claims, claims_of_scope, person_claims
from grantway.protocol.client_certificates import PresentedCertificate
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.id_tokens import ID_TOKEN_TYPE
from grantway.protocol.names import ErrorCode
from grantway.protocol.registry import OPENID
from grantway.protocol.scope import Scope
from grantway.protocol.tokens import AccessToken


async def userinfo(
    server: Server, token_text: str, certificate: PresentedCertificate | None
) -> dict[str, Claim] | str:
    """The claims that this access token is good for; as a signed JWT, if the client is registered so.

    A token that is bound to a client certificate counts with that certificate alone (RFC 8705 §3).
    Raises `invalid_token` or `insufficient_scope`: the same words for every dead token (RFC 6750 §3.1).
    """
    snapshot = server.snapshots.newest
    recognised = await recognise(server, snapshot, token_text)
    if recognised is None:
        raise _dead("not an access token of ours")
    token = recognised.token
    why, facts, scope = await living_token(server, snapshot, token)
    if why is not None:
        raise _dead(f"token {token.id}: {why}")
    if not shows_its_key(token, None if certificate is None else certificate.der):
        raise _dead(f"token {token.id} is bound to a client certificate that is not the one presented")
    if OPENID not in scope or server.policy.issuer not in token.audience or facts.person is None:
        raise _not_for_userinfo(token, scope, issuer=server.policy.issuer)
    names = claims_of_scope(scope)
    if facts.grant is not None:
        names += allowed_claims(facts.grant.claims.userinfo, granted=facts.grant.scope, scope=scope)
    claims: dict[str, Claim] = {"sub": token.subject, **person_claims(facts.person, names)}
    alg = snapshot.registry.clients[token.client_id].userinfo_signed_response_alg
    if alg is None:
        return claims
    # Without times it passes for no ID token (`id_token_hints`), though it has the same type (§5.3.2).
    return signing_key(snapshot, alg).sign(
        {"iss": server.policy.issuer, "aud": token.client_id, **claims}, typ=ID_TOKEN_TYPE
    )


def _not_for_userinfo(token: AccessToken, scope: Scope, *, issuer: str) -> OAuthError:
    words = "userinfo needs a token with the scope openid"
    found = Diagnosis(
        Gw.SCOPE_NARROWED,
        words,
        received=f"a token for {', '.join(token.audience)} with scope={scope}",
        expected=f"scope openid, and {issuer} in its aud",
        difference="missing: openid" if OPENID not in scope else "a token of no person, or of another API",
    )
    return OAuthError(ErrorCode.INSUFFICIENT_SCOPE, words, found)


def _dead(why: str) -> OAuthError:
    found = Diagnosis(Gw.TOKEN_REFUSED, why, "an access token", "a living one of this server", why)
    return OAuthError(ErrorCode.INVALID_TOKEN, "the access token is invalid, expired or revoked", found)
