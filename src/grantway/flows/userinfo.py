"""Userinfo (OpenID Connect Core §5.3): what the person lets an app know, told to whoever holds the token."""

from grantway.flows.access_tokens import living_token, recognise
from grantway.flows.server import Server
from grantway.protocol.claims import Claim, claims_of_scope, person_claims, told
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.registry import OPENID


async def userinfo(server: Server, token_text: str) -> dict[str, Claim]:
    """The claims that this access token is good for. Raises `invalid_token` or `insufficient_scope`.

    The same words for every dead token; keys and people of now (RFC 6750 §3.1).
    """
    snapshot = server.snapshots.newest
    recognised = await recognise(server, snapshot, token_text)
    if recognised is None:
        raise _dead("not an access token of ours")
    token = recognised.token
    why, facts = await living_token(server, snapshot, token)
    if why is not None:
        raise _dead(f"token {token.id}: {why}")
    if OPENID not in token.scope or server.policy.issuer not in token.audience or facts.person is None:
        raise OAuthError(ErrorCode.INSUFFICIENT_SCOPE, "userinfo needs a token with the scope openid")
    names = claims_of_scope(token.scope)
    if facts.grant is not None:
        names += told(facts.grant.claims.userinfo, granted=facts.grant.scope, scope=token.scope)
    return {"sub": token.subject, **person_claims(facts.person, names)}


def _dead(why: str) -> OAuthError:
    return OAuthError(
        ErrorCode.INVALID_TOKEN, "the access token is invalid, expired or revoked", tell_operator=why
    )
