"""An app asks to sign somebody out: who asks, whom it means, where to go then (RP-Initiated Logout §2)."""

from dataclasses import dataclass, replace
from urllib.parse import quote

from grantway.flows.id_token_hints import read_hint
from grantway.flows.server import Server
from grantway.protocol.errors import OAuthError
from grantway.protocol.params import Params
from grantway.protocol.return_address import MAX_STATE

PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """What an app asks, as far as it may."""

    client_id: str | None = None  # known here; None: nobody knows who asks
    subject: str | None = None  # whom an ID token of ours for this client names
    address: str | None = None  # registered for the client
    state: str | None = None
    refused_return: bool = False  # it named an address that is not registered

    @property
    def return_to(self) -> str | None:
        """Where the browser goes when it is done; None: it stays."""
        if self.address is None or self.state is None:
            return self.address
        separator = "&" if "?" in self.address else "?"
        return f"{self.address}{separator}state={quote(self.state, safe='')}"


NOBODY = LogoutRequest()


def read_logout(server: Server, params: Params) -> LogoutRequest:
    """What is asked. Raises `invalid_request` for parameters that cannot be read.

    The address is one of the client's, character by character (threat P1). A hint that proves nothing proves
    no client either: then nobody is sent anywhere, whatever else was said.
    """
    client_id, address = params.get("client_id"), params.get("post_logout_redirect_uri")
    state, hint = params.get("state"), params.get("id_token_hint")
    subject = None
    if hint is not None:
        try:
            audience, subject = read_hint(server, server.snapshots.newest, hint)
        except OAuthError:
            return LogoutRequest(refused_return=address is not None)
        if client_id not in (None, audience):
            return LogoutRequest(refused_return=address is not None)
        client_id = audience
    if state is not None and len(state.encode()) > MAX_STATE:
        state = None
    asked = LogoutRequest(client_id=client_id, subject=subject, address=address, state=state)
    return still_registered(server, asked)


def still_registered(server: Server, asked: LogoutRequest) -> LogoutRequest:
    """The request as far as client and address are registered now."""
    client = server.snapshots.newest.registry.clients.get(asked.client_id or "")
    if client is None or not client.enabled:
        return replace(NOBODY, subject=None, refused_return=asked.refused_return or asked.address is not None)
    if asked.address is not None and asked.address not in client.post_logout_redirect_uris:
        return replace(asked, address=None, refused_return=True)
    return asked
