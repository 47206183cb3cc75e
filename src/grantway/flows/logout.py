"""An app asks to sign somebody out: who asks, whom it means, where to go then (RP-Initiated Logout §2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import msgspec

from grantway.crypto.secrets import SecretKind, issue_secret
from grantway.flows.browser import Browser
from grantway.flows.id_token_hints import read_hint
from grantway.flows.interaction import NotYours, open_in_browser, seal_for_browser
from grantway.flows.server import Server
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.differences import nearest, uri_difference
from grantway.protocol.errors import OAuthError
from grantway.protocol.fixes import edit_app
from grantway.protocol.params import Params
from grantway.protocol.people import SignedIn
from grantway.protocol.return_address import MAX_STATE
from grantway.protocol.session_clients import logout_frames, sid_of

PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
POSTED_LIFETIME = 60  # seconds between a form of an app and our own address
_PURPOSE = "end-session"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """What an app asks, as far as it may."""

    client_id: str | None = None  # known here; None: nobody knows who asks
    subject: str | None = None  # whom an ID token of ours for this client names
    sid: str | None = None  # and in which session
    address: str | None = None  # registered for the client
    state: str | None = None
    refused_return: bool = False  # it named an address that is not registered
    reference: str = ""  # of that refusal

    @property
    def return_to(self) -> str | None:
        """Where the browser goes when it is done; None: it stays."""
        if self.address is None or self.state is None:
            return self.address
        separator = "&" if "?" in self.address else "?"
        return f"{self.address}{separator}state={quote(self.state, safe='')}"


NOBODY = LogoutRequest()
_requests = msgspec.msgpack.Decoder(LogoutRequest)


@dataclass(frozen=True, slots=True)
class SealedLogout:
    """A request that was posted, and goes on at our own address. `binding` fills the cookie of this id."""

    id: str
    binding: str
    seal: str


def seal_logout(server: Server, asked: LogoutRequest) -> SealedLogout:
    """Seal what was asked: what came in a form, an ID token above all, must stand in no URL (threat T1)."""
    secret = issue_secret(SecretKind.FLOW, now=server.now())
    seal = seal_for_browser(server, asked, _PURPOSE, flow_id=secret.selector, binding=secret.text)
    return SealedLogout(secret.selector, secret.text, seal)


def open_logout(server: Server, browser: Browser, text: str) -> LogoutRequest:
    """What `seal_logout` sealed, as far as it is registered now.

    Opened again later, or in another browser, it asks nothing: that person came by themselves.
    """
    try:
        _, _, payload = open_in_browser(server, browser, text, _PURPOSE)
    except NotYours:
        return NOBODY
    return still_registered(server, _requests.decode(payload))


def read_logout(server: Server, params: Params) -> LogoutRequest:
    """What is asked. Raises `invalid_request` for parameters that cannot be read.

    The address is one of the client's, character by character (threat P1). A hint that proves nothing proves
    no client either: then nobody is sent anywhere, whatever else was said.
    """
    client_id, address = params.get("client_id"), params.get("post_logout_redirect_uri")
    state, hint = params.get("state"), params.get("id_token_hint")
    subject = sid = None
    if hint is not None:
        try:
            known = read_hint(server, server.snapshots.newest, hint)
        except OAuthError:
            return LogoutRequest(refused_return=address is not None)
        if client_id not in (None, known.client_id):
            return LogoutRequest(refused_return=address is not None)
        client_id, subject, sid = known.client_id, known.subject, known.sid
    if state is not None and len(state.encode()) > MAX_STATE:
        state = None
    asked = LogoutRequest(client_id=client_id, subject=subject, sid=sid, address=address, state=state)
    return still_registered(server, asked)


def why_no_return(server: Server, params: Params) -> Diagnosis:
    """Why nobody is sent where the app asked them to be sent."""
    address = params.get("post_logout_redirect_uri") or ""
    client = server.snapshots.newest.registry.clients.get(params.get("client_id") or "")
    registered = () if client is None else client.post_logout_redirect_uris
    near = nearest(address, registered)
    if client is None:
        words, fix = "nobody knows which app asks: send client_id, or an id_token_hint that is good", ""
    else:
        words = uri_difference(address, near) if near else "no registered address is like it"
        add = [word for uri in (*registered, address) for word in ("--post-logout-redirect-uri", uri)]
        fix = f"If it is the app's own: {edit_app(client, *add)}."
    return Diagnosis(
        Gw.RETURN_AFTER_LOGOUT,
        "post_logout_redirect_uri is not registered for this app, or the app is not known",
        received=f"post_logout_redirect_uri={shown(address)}",
        expected=near or ", ".join(registered) or "an address registered for the app",
        difference=words,
        fix=fix,
    )


def still_registered(server: Server, asked: LogoutRequest) -> LogoutRequest:
    """The request as far as client and address are registered now."""
    client = server.snapshots.newest.registry.clients.get(asked.client_id or "")
    if client is None or not client.enabled:
        refused = asked.refused_return or asked.address is not None
        return replace(NOBODY, refused_return=refused, reference=asked.reference)
    if asked.address is not None and asked.address not in client.post_logout_redirect_uris:
        return replace(asked, address=None, refused_return=True)
    return asked


def needs_no_question(server: Server, asked: LogoutRequest, current: SignedIn) -> bool:
    """Does an ID token of this very session ask? Anybody else could have sent the browser (threat P2)."""
    client = server.snapshots.newest.registry.clients.get(asked.client_id or "")
    if client is None or asked.subject is None:
        return False
    if asked.subject != server.snapshots.subject_of(client, current.person.subject):
        return False
    return asked.sid in (None, sid_of(current.session.sso_id, client.id))


async def clients_of(server: Server, current: SignedIn) -> int:
    """How many apps somebody has signed in to in this session, as far as they are registered."""
    return len(_registered(server, await server.store.list_session_clients(current.session.sso_id)))


def frames_of(server: Server, took_part: Sequence[str], current: SignedIn) -> tuple[str, ...]:
    """What the browser loads to end its sessions at these clients (Front-Channel Logout §3)."""
    clients = _registered(server, took_part)
    return logout_frames(clients, current.session.sso_id, issuer=server.policy.issuer)


def _registered(server: Server, ids: Sequence[str]) -> list[Client]:
    registry = server.snapshots.newest.registry
    found = (registry.clients.get(client_id) for client_id in ids)
    return [client for client in found if client is not None and client.enabled]
