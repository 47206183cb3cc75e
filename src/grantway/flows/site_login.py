"""Signing in at a site behind a gateway: to the authorization endpoint and back, and the session it gives.

Nothing is stored for whoever has not signed in. What a sign-in has to remember travels sealed in `state`,
for the one browser that holds the cookie it is bound to; PKCE verifier and nonce follow from that cookie.
The session is an opaque token of a kind of its own, stored with the exchange of the code: it is judged like
an access token, dies with its grant, and opens its site alone, whose origin is part of the stored hash.

Browsers send a callback more than once: a second click, a reload before the answer is there. So the session
follows from the sealed state and the code. For a few seconds the same browser is given the same one again.
"""

import hmac
import os
from collections.abc import Mapping
from hmac import compare_digest
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from grantway.crypto.seal import BrokenSeal, flow_id_of
from grantway.crypto.secrets import (
    IssuedSecret,
    SecretKind,
    derived_secret,
    issue_secret,
    new_id,
    read_secret,
)
from grantway.flows.access_tokens import Recognised, as_access_token
from grantway.flows.issue import Minted
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.flows.token import Accepted, Asked, accept_code, as_known, commit
from grantway.protocol.base64url import to_base64url
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.endpoints import AUTHORIZE
from grantway.protocol.errors import OAuthError
from grantway.protocol.grants import OpaqueToken
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params
from grantway.protocol.pkce import s256
from grantway.protocol.site_callbacks import CALLBACK
from grantway.protocol.site_login import authorization_url, come_back_to
from grantway.protocol.tokens import AccessToken
from grantway.storage.changes import AuditEntry

AGAIN: Final = 10.0  # seconds after a sign-in in which its callback is the same browser's, sent once more


class _Sealed(Struct, array_like=True):
    started_at: float
    target: str  # within the site
    seed: bytes  # of the session; nobody but us can read it


_sealed = msgspec.msgpack.Decoder(_Sealed)


class Begun(Struct, frozen=True):
    """Where the browser goes, and the value of the cookie that it keeps meanwhile."""

    url: str
    binding: str


class Finished(Struct, frozen=True):
    """Where the browser goes, within the site; and its new session, unless it has a newer one already."""

    target: str
    session: IssuedSecret | None


def begin(
    server: Server, client: Client, *, origin: str, target: str, binding: str | None, more: Mapping[str, str]
) -> Begun:
    """Send a browser to sign in. `binding` is its cookie from before, if any; `more` are parameters."""
    snapshot, now = server.snapshots.current(), server.now()
    if binding is None or read_secret(SecretKind.FLOW, binding) is None:
        binding = issue_secret(SecretKind.FLOW, now=now).text
    flow_id = new_id(now)
    state = snapshot.sealer.seal(
        msgspec.msgpack.encode(_Sealed(now, come_back_to(target), os.urandom(32))),
        purpose=_purpose(origin),
        binding=binding.encode(),
        flow_id=flow_id,
    )
    url = authorization_url(
        server.policy.issuer + AUTHORIZE,
        client,
        redirect_uri=origin + CALLBACK,
        state=state,
        nonce=_derived(binding, flow_id, "nonce"),
        code_challenge=s256(_derived(binding, flow_id, "verifier")),
        more=more,
    )
    return Begun(url, binding)


async def finish(
    server: Server,
    client: Client,
    params: Params,
    *,
    origin: str,
    binding: str | None,
    session: AccessToken | None,
) -> Finished:
    """Exchange the code of the callback. `session` is the one this browser has, alive.

    Raises OAuthError, whose diagnosis says what is wrong; Unavailable when nothing could be committed.
    """
    snapshot, now = server.snapshots.current(), server.now()
    binding, flow_id, begun = _opened(snapshot, params, origin=origin, binding=binding)
    if now - begun.started_at > server.policy.flow_lifetime:
        raise _refused("a sign-in that was begun too long ago", f"within {server.policy.flow_lifetime:.0f} s")
    if params.get("iss") != server.policy.issuer:
        raise _refused(f"iss={params.get('iss')}", f"iss={server.policy.issuer} (RFC 9207 §2.4)")
    if (error := params.get("error")) is not None:
        raise _declined(error[:100])
    if session is not None and session.issued_at >= begun.started_at:
        return Finished(begun.target, None)  # another tab was quicker, or the page is loaded again
    exchange = Params.of(
        code=params.need("code"),
        redirect_uri=origin + CALLBACK,
        code_verifier=_derived(binding, flow_id, "verifier"),
    )
    accepted = await accept_code(Asked(server, snapshot, client, exchange, now, confirmation=None))
    if accepted.granted.nonce != _derived(binding, flow_id, "nonce"):
        raise _refused("a code of another sign-in", "the nonce of this one")
    granted = replace(as_known(server, accepted.granted), with_refresh_token=False)
    accepted = replace(accepted, granted=granted, again=AGAIN)
    secret, minted = _minted(server, accepted, begun.seed, origin=origin, now=now)
    await commit(server, accepted, minted, now)
    own = None if minted.row is None else minted.row.grant_id
    if session is not None and session.grant_id not in {None, own}:
        await end(server, session, action="site.session_replaced")
    return Finished(begun.target, secret)


def _opened(
    snapshot: Snapshot, params: Params, *, origin: str, binding: str | None
) -> tuple[str, str, _Sealed]:
    """The cookie, and what `begin` sealed for it into the state: flow id, and all else. Raises OAuthError."""
    state = params.get("state") or ""
    flow_id = flow_id_of(state)
    if flow_id is None or binding is None:
        raise _not_begun_here()
    try:
        payload = snapshot.sealer.open(state, purpose=_purpose(origin), binding=binding.encode())
        return binding, flow_id, _sealed.decode(payload)
    except (BrokenSeal, msgspec.MsgspecError):  # altered, of another browser, or of another version of ours
        raise _not_begun_here() from None


def _not_begun_here() -> OAuthError:
    return _refused("a state of another browser or site, or none", "the state this browser was sent with")


def _minted(
    server: Server, accepted: Accepted, seed: bytes, *, origin: str, now: float
) -> tuple[IssuedSecret, Minted]:
    """The session. It has all that was granted of this sign-in, for every API that stands at the site.

    The same seed and code give the same one, whichever node is asked.
    """
    granted, code = accepted.granted, accepted.credential
    grant = granted.grant
    if grant is None or code is None:
        raise AssertionError("a code has a grant")
    octets = hmac.digest(seed, b"grantway:site-session:v1:" + code.text.encode(), "sha256")
    secret = derived_secret(SecretKind.SITE_SESSION, octets, selector=code.id)
    scope = grant.scope & granted.client.scope
    lifetime = server.policy.site_session_lifetime
    row = OpaqueToken(
        id=secret.selector,
        hash=_hash_at(origin, secret.hash),
        grant_id=grant.id,
        client_id=granted.client.id,
        subject=granted.subject,
        scope=scope,
        audience=grant.resources,
        issued_at=now,
        expires_at=min(now + lifetime, grant.expires_at),
        auth_time=grant.auth_time,
    )
    return secret, Minted(text=secret.text, expires_in=int(lifetime), scope=scope, row=row, id_token=None)


async def recognise_session(server: Server, text: str, origin: str) -> Recognised | None:
    """The session of this site that the cookie is, alive or dead; None for anything else. Never raises."""
    presented = read_secret(SecretKind.SITE_SESSION, text)
    row = None if presented is None else await server.store.find_opaque_token(presented.selector)
    if presented is None or row is None or not compare_digest(row.hash, _hash_at(origin, presented.hash)):
        return None
    return as_access_token(row)


async def end(server: Server, session: AccessToken, *, action: str = "site.signed_out") -> None:
    """End a session with everything its sign-in gave. What the person allowed the app stays allowed."""
    if session.grant_id is None:
        return
    entry = AuditEntry(
        at=server.now(),
        actor=f"person:{session.subject}",
        action=action,
        target=f"grant:{session.grant_id}",
        details={"client": session.client_id},
    )
    await server.store.revoke_grant(session.grant_id, [entry])


def _hash_at(origin: str, secret_hash: bytes) -> bytes:
    """What is stored of a session: the cookie shown at another site has another hash."""
    return hmac.digest(secret_hash, b"grantway:site:v1:" + origin.encode(), "sha256")


def _purpose(origin: str) -> str:
    return f"site-login:{origin}"


def _derived(binding: str, flow_id: str, what: str) -> str:
    """43 characters that nobody without the cookie can know, others for each sign-in."""
    message = f"grantway:site-{what}:v1:{flow_id}".encode()
    return to_base64url(hmac.digest(binding.encode(), message, "sha256"))


def _refused(received: str, expected: str) -> OAuthError:
    words = "this sign-in cannot be finished here"
    found = Diagnosis(Gw.SITE_LOGIN, f"{words}: {received}", received, expected, "it does not belong here")
    return OAuthError(ErrorCode.INVALID_REQUEST, words, found)


def _declined(error: str) -> OAuthError:
    words = "the sign-in was not granted"
    found = Diagnosis(Gw.SITE_LOGIN, f"{words}: {error}", f"error={error}", "a code", words)
    return OAuthError(ErrorCode.ACCESS_DENIED, words, found)
