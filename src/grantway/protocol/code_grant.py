"""The authorization code grant at the token endpoint (RFC 6749 §4.1.3, RFC 7636 §4.6)."""

from hmac import compare_digest

from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.differences import uri_difference
from grantway.protocol.grants import Code, CodeEvidence
from grantway.protocol.issuing import Granted, granted_by, unusable
from grantway.protocol.pkce import verifier_differs, why_not_proven
from grantway.protocol.redirect_uris import RedirectUri
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
        raise unusable(unknown_code("no such code"))
    code = evidence.code
    if why := _why_not_proven(request, presented_hash, client, code):
        raise unusable(why)
    if code.spent_at is None and now >= code.expires_at:
        raise unusable(_expired(code, now))
    return granted_by(
        evidence.grant,
        evidence.person,
        client,
        registry,
        scope=Scope(),
        resource=request.resource,
        nonce=code.nonce,
    )


def _why_not_proven(
    request: CodeRequest, presented_hash: bytes, client: Client, code: Code
) -> Diagnosis | None:
    if not compare_digest(presented_hash, code.hash):
        return unknown_code("the code's secret part is wrong")
    if code.client_id != client.id:
        return Diagnosis(
            Gw.CODE_OF_ANOTHER,
            f"code of {code.client_id} sent by {client.id}",
            received=f"a code from {client.id}",
            expected=f"it from {code.client_id}, for which it was made",
            difference="the client_id",
            fix=f"Authenticate as {code.client_id}, whose client_id was in the link.",
        )
    if request.redirect_uri is not None and request.redirect_uri != code.redirect_uri:
        return _another_address(request.redirect_uri, code)
    if request.redirect_uri is None and code.redirect_uri_sent and code.code_challenge is None:
        return Diagnosis(
            Gw.CODE_OF_ANOTHER,
            "redirect_uri was part of the authorization request and is missing here (RFC 6749 4.1.3)",
            received="no redirect_uri",
            expected=code.redirect_uri,
            difference="it was in the link, so it has to be here too",
            fix=f"Send redirect_uri={code.redirect_uri} with the code.",
        )
    if why_not_proven(code.code_challenge, request.code_verifier) is None:
        return None
    return verifier_differs(code.code_challenge, request.code_verifier)


def unknown_code(why: str) -> Diagnosis:
    """A text that is no code of ours, or none any more."""
    return Diagnosis(
        Gw.CODE_UNKNOWN,
        why,
        received="a text that is no living code of this server",
        expected="the code of the answer, byte for byte",
        difference="cut, changed or decoded twice on its way; of another server; or long gone",
    )


def replayed_code(grant_id: str, *, spent_at: float | None, now: float) -> Diagnosis:
    """A code that had bought its tokens already."""
    ago = "in the same moment" if spent_at is None else f"{max(0.0, now - spent_at):.0f} s before"
    return Diagnosis(
        Gw.CODE_REPLAYED,
        f"replay of a code: grant {grant_id} revoked",
        received="a code that was used already",
        expected="each code once",
        difference=f"first used {ago}",
        fix="A form or callback that runs twice is harmless to mend; else look at who else could read the "
        "code. The person has to allow the app again.",
    )


def never_exchanged(code: Code, *, now: float) -> Diagnosis:
    """A code whose lifetime has passed without an exchange."""
    lived = code.expires_at - code.issued_at
    return Diagnosis(
        Gw.CODE_NEVER_CAME,
        f"a code sent to {shown(code.redirect_uri)} was never exchanged",
        received=f"no exchange in the {now - code.issued_at:.0f} s since the person was sent back",
        expected=f"one at the token endpoint within {lived:.0f} s",
        difference="the code did not come back",
        fix=_where_it_may_be_lost(code.redirect_uri),
    )


def _where_it_may_be_lost(redirect_uri: str) -> str:
    uri = RedirectUri.parse(redirect_uri)
    if uri.is_private_use:
        return (
            f"Is the app installed on that device, and is {uri.scheme}: registered with the system as "
            "its own? An app that opens a browser inside itself has to hand the address over."
        )
    if uri.is_loopback:
        return (
            f"Was the program still listening at {uri.origin} on the person's machine, and did it read the "
            "first request to the end before it stopped?"
        )
    return (
        f"Look into the log of {uri.origin} for that moment: without a request the person closed the "
        "window; with a 404 the route of the callback is missing; else the callback failed, perhaps at its "
        "own check of `state`."
    )


def _expired(code: Code, now: float) -> Diagnosis:
    late = now - code.expires_at
    return Diagnosis(
        Gw.CODE_EXPIRED,
        f"code expired {late:.0f} s ago",
        received=f"a code {now - code.issued_at:.0f} s old",
        expected=f"one of at most {code.expires_at - code.issued_at:.0f} s",
        difference=f"{late:.0f} s too late",
    )


def _another_address(received: str, code: Code) -> Diagnosis:
    return Diagnosis(
        Gw.CODE_OF_ANOTHER,
        f"redirect_uri {received[:300]!r} is not {code.redirect_uri!r}, where the code was sent",
        received=shown(received),
        expected=code.redirect_uri,
        difference=uri_difference(received, code.redirect_uri),
        fix=f"Send redirect_uri={code.redirect_uri}, as in the link.",
    )
