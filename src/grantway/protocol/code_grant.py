"""The authorization code grant at the token endpoint (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

from hmac import compare_digest

from grantway.protocol.clients import Client
from grantway.protocol.grants import Code, CodeEvidence
from grantway.protocol.issuing import Granted, granted_by, unusable
from grantway.protocol.pkce import why_not_proven
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from grantway.protocol.token_request import CodeRequest


def decide(
    request: CodeRequest,
    presented_hash: bytes,
    client: Client,
    evidence: CodeEvidence | None,
    registry: Registry,
    *,
    now: float,
) -> Granted:
    """May this code become tokens? Raises `invalid_grant` or `invalid_target`.

    Possession is proven before anything else is looked at: the whole secret, the client, the
    redirect URI, the verifier. A code that was spent goes on to the commit, where the database
    calls it a replay and the caller revokes the grant: one path for a replay a minute late and
    for one in the same millisecond.
    """
    if evidence is None:
        raise unusable("no such code")
    code = evidence.code
    if why := _why_not_proven(request, presented_hash, client, code):
        raise unusable(why)
    if code.spent_at is None and now >= code.expires_at:
        raise unusable(f"code expired {now - code.expires_at:.0f} s ago")
    return granted_by(
        evidence.grant,
        evidence.person,
        client,
        registry,
        scope=Scope(),
        resource=request.resource,
        nonce=code.nonce,
    )


def _why_not_proven(request: CodeRequest, presented_hash: bytes, client: Client, code: Code) -> str | None:
    if not compare_digest(presented_hash, code.hash):
        return "the code's secret part is wrong"
    if code.client_id != client.id:
        return f"code of {code.client_id} sent by {client.id}"
    if request.redirect_uri is not None and request.redirect_uri != code.redirect_uri:
        return f"redirect_uri {request.redirect_uri!r} is not {code.redirect_uri!r}, where the code was sent"
    if request.redirect_uri is None and code.redirect_uri_sent and code.code_challenge is None:
        return "redirect_uri was part of the authorization request and is missing here (RFC 6749 §4.1.3)"
    return why_not_proven(code.code_challenge, request.code_verifier)
