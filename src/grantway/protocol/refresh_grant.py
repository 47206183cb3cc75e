"""The refresh grant (RFC 6749 §6, RFC 9700 §4.14)."""

from hmac import compare_digest

from grantway.protocol.clients import Client
from grantway.protocol.confirmation import Confirmation
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.grants import RefreshEvidence, RefreshToken
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
        raise unusable(unknown_refresh_token("no such refresh token"))
    token = evidence.token
    if not compare_digest(presented_hash, token.hash):
        raise unusable(unknown_refresh_token("the refresh token's secret part is wrong"))
    if token.client_id != client.id:
        raise unusable(_of_another(token, client))
    if token.confirmation is not None and token.confirmation != confirmation:
        raise unusable(_bound_elsewhere(token, confirmation))
    if token.spent_at is None and now >= token.expires_at:
        raise unusable(_expired(token, now))
    return granted_by(
        evidence.grant,
        evidence.person,
        client,
        registry,
        scope=request.scope,
        resource=request.resource,
        rotated=True,  # every time, for every kind of client
    )


def unknown_refresh_token(why: str) -> Diagnosis:
    """A text that is no refresh token of ours, or none any more."""
    return Diagnosis(
        Gw.REFRESH_UNUSABLE,
        why,
        received="a text that is no living refresh token of this server",
        expected="the refresh_token of the last answer, byte for byte",
        difference="cut or changed when it was stored; of another server; or long gone",
    )


def _of_another(token: RefreshToken, client: Client) -> Diagnosis:
    return Diagnosis(
        Gw.REFRESH_UNUSABLE,
        f"refresh token of {token.client_id} sent by {client.id}",
        received=f"a refresh token from {client.id}",
        expected=f"it from {token.client_id}, for which it was made",
        difference="the client",
    )


def _bound_elsewhere(token: RefreshToken, confirmation: Confirmation | None) -> Diagnosis:
    return Diagnosis(
        Gw.CERTIFICATE_BINDING,
        f"refresh token is bound to {token.confirmation}, the request came with {confirmation}",
        received=f"{confirmation or 'no certificate'}",
        expected=f"{token.confirmation}",
        difference="the client certificate",
    )


def _expired(token: RefreshToken, now: float) -> Diagnosis:
    late = now - token.expires_at
    return Diagnosis(
        Gw.REFRESH_UNUSABLE,
        f"refresh token expired {late:.0f} s ago",
        received=f"a refresh token {now - token.issued_at:.0f} s old",
        expected=f"one of at most {token.expires_at - token.issued_at:.0f} s",
        difference=f"{late:.0f} s too late",
    )


def superseded(why: str) -> Diagnosis:
    """A refresh token inside its grace whose successor was used already: refused without punishment."""
    return Diagnosis(
        Gw.REFRESH_UNUSABLE,
        why,
        received="a refresh token that has been replaced",
        expected="the newest one",
        difference=why,
    )


def replayed_refresh_token(grant_id: str, *, spent_at: float | None, now: float) -> Diagnosis:
    """A refresh token that was replaced longer ago than an honest retry takes."""
    ago = "in the same moment" if spent_at is None else f"{max(0.0, now - spent_at):.0f} s before"
    return Diagnosis(
        Gw.REFRESH_REPLAYED,
        f"replay of a refresh_token: grant {grant_id} revoked",
        received="a refresh token that was replaced",
        expected="the newest one; the one before it only as a retry within seconds",
        difference=f"first used {ago}",
        fix="Store the refresh_token of every answer before it is used, in one place for all processes of "
        "the app. The person has to allow the app again.",
    )
