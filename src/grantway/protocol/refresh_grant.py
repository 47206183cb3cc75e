"""The refresh grant (RFC 6749 §6, RFC 9700 §4.14)."""

from hmac import compare_digest

from grantway.protocol.clients import Client
from grantway.protocol.confirmation import Confirmation
from grantway.protocol.grants import RefreshEvidence
from grantway.protocol.issuing import Granted, granted_by, unusable
from grantway.protocol.registry import Registry
from grantway.protocol.token_request import RefreshRequest


def decide(
    request: RefreshRequest,
    presented_hash: bytes,
    client: Client,
    evidence: RefreshEvidence | None,
    registry: Registry,
    *,
    now: float,
    confirmation: Confirmation | None = None,
) -> Granted:
    """May this refresh token buy new tokens? Raises `invalid_grant`, `invalid_scope` or `invalid_target`.

    `confirmation` is the key that the caller has shown. A spent token goes on to the commit: there it is an
    honest retry inside the grace, or a replay.
    """
    if evidence is None:
        raise unusable("no such refresh token")
    token = evidence.token
    if not compare_digest(presented_hash, token.hash):
        raise unusable("the refresh token's secret part is wrong")
    if token.client_id != client.id:
        raise unusable(f"refresh token of {token.client_id} sent by {client.id}")
    if token.confirmation is not None and token.confirmation != confirmation:
        raise unusable(
            f"refresh token is bound to {token.confirmation}, the request came with {confirmation}"
        )
    if token.spent_at is None and now >= token.expires_at:
        raise unusable(f"refresh token expired {now - token.expires_at:.0f} s ago")
    return granted_by(
        evidence.grant,
        evidence.person,
        client,
        registry,
        scope=request.scope,
        resource=request.resource,
        rotated=True,  # every time, for every kind of client
    )
