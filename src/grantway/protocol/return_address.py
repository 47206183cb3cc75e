"""Where a client may be answered at the authorization endpoint, and how."""

from dataclasses import dataclass, replace
from urllib.parse import quote

from grantway.protocol.clients import Client, ClientType
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.fixes import redirect_uri_differs
from grantway.protocol.names import ErrorCode, ResponseMode
from grantway.protocol.redirect_uris import matching_redirect_uri

MAX_STATE = 2048  # bytes, as UTF-8; `state` is never cut, a longer one is refused


@dataclass(frozen=True, slots=True)
class Redirection:
    """An answer on its way to a client: a URL to open, or fields to post there (Form Post §2)."""

    url: str
    fields: tuple[tuple[str, str], ...] | None = None  # None: everything is in the URL


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnAddress:
    """A validated place to answer at. Who holds one may redirect; nobody else can."""

    issuer: str
    redirect_uri: str
    sent: bool  # was redirect_uri a parameter, or filled in from the registration?
    state: str | None
    mode: ResponseMode = ResponseMode.QUERY

    def by(self, mode: ResponseMode) -> "ReturnAddress":
        """The same address, answered in another way."""
        return replace(self, mode=mode)

    def with_state(self, state: str | None) -> "ReturnAddress":
        """The same address, answered with this state."""
        return replace(self, state=state)

    def success(self, code: str) -> Redirection:
        """The authorization response (RFC 6749 §4.1.2) with the issuer (RFC 9207)."""
        return self._answer(("code", code))

    def error(self, error: OAuthError, error_uri: str) -> Redirection:
        """The error response (RFC 6749 §4.1.2.1) with the issuer (RFC 9207)."""
        return self._answer(
            ("error", error.code.value), ("error_description", error.tell_client), ("error_uri", error_uri)
        )

    def _answer(self, *fields: tuple[str, str]) -> Redirection:
        state = () if self.state is None else (("state", self.state),)
        fields = (*fields, *state, ("iss", self.issuer))
        if self.mode is ResponseMode.FORM_POST:
            return Redirection(self.redirect_uri, fields)
        encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields)
        if self.mode is ResponseMode.FRAGMENT:
            return Redirection(f"{self.redirect_uri}#{encoded}")
        return Redirection(f"{self.redirect_uri}{'&' if '?' in self.redirect_uri else '?'}{encoded}")


def return_address(client: Client, redirect_uri: str | None, *, openid: bool, issuer: str) -> ReturnAddress:
    """Where this client may be answered. Raises `invalid_request`, which only a page may tell.

    Equal, character by character, to a registered URI (RFC 9700 §2.1); for native clients a
    loopback address may differ in its port (RFC 8252 §7.3). It may be left out only where one
    is registered, the owner allows it, and `openid` is not asked for (OIDC Core §3.1.2.1).
    Without a ReturnAddress no error can be redirected: the person is told instead
    (RFC 6749 §4.1.2.1).
    """
    if redirect_uri is None:
        if client.redirect_uri_optional and len(client.redirect_uris) == 1 and not openid:
            return ReturnAddress(issuer=issuer, redirect_uri=client.redirect_uris[0], sent=False, state=None)
        raise OAuthError(
            ErrorCode.INVALID_REQUEST,
            "redirect_uri is missing",
            Diagnosis(
                Gw.REDIRECT_URI_MISSING,
                f"{client.id} sent no redirect_uri; {len(client.redirect_uris)} registered",
                received="no redirect_uri",
                expected=" or ".join(client.redirect_uris[:5]) or "no address is registered",
                difference=f"{len(client.redirect_uris)} registered, and it has to be said which"
                + (" (always with openid)" if openid else ""),
                fix="Let the app send redirect_uri, exactly as it is registered.",
            ),
        )
    address = matching_redirect_uri(
        client.redirect_uris, redirect_uri, native=client.type is ClientType.NATIVE
    )
    if address is None:
        raise OAuthError(
            ErrorCode.INVALID_REQUEST,
            "redirect_uri is not registered for this client",
            redirect_uri_differs(client, redirect_uri),
        )
    return ReturnAddress(issuer=issuer, redirect_uri=address, sent=True, state=None)
