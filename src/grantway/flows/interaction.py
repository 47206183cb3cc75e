"""One authorization request waiting for a person, sealed into the pages themselves.

Nothing is stored: the request travels as ciphertext in the page's address and form, readable and
usable only together with the cookie of the browser that started it.
"""

from dataclasses import dataclass, replace

import msgspec

from grantway.crypto.seal import BrokenSeal, flow_id_of
from grantway.flows.browser import Browser
from grantway.flows.server import Server
from grantway.protocol.authorization import PARAMETERS
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode, Prompt
from grantway.protocol.params import Params
from grantway.protocol.return_address import Redirection

MAX_SEALED = 4096  # bytes of parameters
CONTINUE_LIFETIME = 60.0  # seconds a finished redirect may wait to be followed
_INTERACTION = "interaction"
_CONTINUE = "continue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """What a running flow knows. Its id is the name of its cookie, its binding the cookie's value."""

    id: str
    binding: str
    started_at: float
    params: dict[str, tuple[str, ...]]
    sends_fetch_metadata: bool
    done: frozenset[Prompt] = frozenset()
    subject: str | None = None  # once a page was shown to somebody: nobody else may answer it
    login_demanded: bool = False  # the person chose to sign in as another
    read: str | None = None  # what the consent page said: `protocol.consent.what_is_read`

    def bound_to(self, subject: str) -> "Interaction":
        """The interaction as it is shown to this person."""
        return replace(self, subject=subject)

    def with_question(self, read: str) -> "Interaction":
        """The interaction as the consent page shows it."""
        return replace(self, read=read)

    def after_login(self, subject: str) -> "Interaction":
        """The interaction once this person has proven who they are."""
        return replace(self, done=self.done | {Prompt.LOGIN}, subject=subject, login_demanded=False)

    def with_account(self, subject: str) -> "Interaction":
        """The interaction once this person chose to go on as they are."""
        return replace(self, done=self.done | {Prompt.SELECT_ACCOUNT}, subject=subject)

    def for_another(self) -> "Interaction":
        """The interaction once the person chose to sign in as another."""
        return replace(self, done=self.done - {Prompt.LOGIN}, subject=None, login_demanded=True)


class _Sealed(msgspec.Struct, array_like=True):
    started_at: float
    params: dict[str, tuple[str, ...]]
    sends_fetch_metadata: bool
    done: list[Prompt]
    subject: str | None
    login_demanded: bool
    read: str | None = None


class _Parting(msgspec.Struct, array_like=True):
    made_at: float
    client_id: str
    url: str
    fields: tuple[tuple[str, str], ...] | None


class NotYours(Exception):
    """The page is of another browser or person, was altered, or its cookie is gone (threats A8, D2, D9)."""


class TooOld(Exception):
    """The page was open too long. `client_id` is whose flow it was, as the seal says."""

    def __init__(self, client_id: str | None = None) -> None:
        super().__init__()
        self.client_id = client_id


def kept_parameters(params: Params) -> dict[str, tuple[str, ...]]:
    """What is sealed: only what we read. Raises `invalid_request` above the size a page can carry."""
    kept = {name: params.values[name] for name in PARAMETERS if name in params.values}
    if sum(len(value.encode()) for values in kept.values() for value in values) > MAX_SEALED:
        words = f"the parameters are longer than {MAX_SEALED} bytes together"
        found = Diagnosis(Gw.TOO_LONG, words, "more", f"at most {MAX_SEALED} bytes", words)
        raise OAuthError(ErrorCode.INVALID_REQUEST, words, found)
    return kept


def seal_interaction(server: Server, interaction: Interaction) -> str:
    """The text that stands for it in pages."""
    sealed = _Sealed(
        interaction.started_at,
        interaction.params,
        interaction.sends_fetch_metadata,
        sorted(interaction.done),
        interaction.subject,
        interaction.login_demanded,
        interaction.read,
    )
    return seal_for_browser(server, sealed, _INTERACTION, flow_id=interaction.id, binding=interaction.binding)


def open_interaction(server: Server, browser: Browser, text: str) -> Interaction:
    """What `seal_interaction` made, in the browser it was made for. Raises NotYours or TooOld."""
    flow_id, binding, payload = open_in_browser(server, browser, text, _INTERACTION)
    sealed = msgspec.msgpack.decode(payload, type=_Sealed)
    if server.now() > sealed.started_at + server.policy.flow_lifetime:
        raise TooOld(next(iter(sealed.params.get("client_id", ())), None))
    return Interaction(
        id=flow_id,
        binding=binding,
        started_at=sealed.started_at,
        params=sealed.params,
        sends_fetch_metadata=sealed.sends_fetch_metadata,
        done=frozenset(sealed.done),
        subject=sealed.subject,
        login_demanded=sealed.login_demanded,
        read=sealed.read,
    )


def seal_parting(server: Server, interaction: Interaction, client_id: str, to: Redirection) -> str:
    """The finished redirect, for the page that leaves the server."""
    parting = _Parting(server.now(), client_id, to.url, to.fields)
    return seal_for_browser(server, parting, _CONTINUE, flow_id=interaction.id, binding=interaction.binding)


def open_parting(server: Server, browser: Browser, text: str) -> tuple[str, str, Redirection]:
    """Flow id, client id and redirect of a finished flow. Raises NotYours or TooOld."""
    flow_id, _, payload = open_in_browser(server, browser, text, _CONTINUE)
    parting = msgspec.msgpack.decode(payload, type=_Parting)
    if server.now() > parting.made_at + CONTINUE_LIFETIME:
        raise TooOld(parting.client_id)
    return flow_id, parting.client_id, Redirection(parting.url, parting.fields)


def seal_for_browser(server: Server, value: object, purpose: str, *, flow_id: str, binding: str) -> str:
    """A text for pages that opens only in the browser whose cookie of this flow holds the binding."""
    return server.seal(msgspec.msgpack.encode(value), purpose=purpose, binding=binding, flow_id=flow_id)


def open_in_browser(server: Server, browser: Browser, text: str, purpose: str) -> tuple[str, str, bytes]:
    """Flow id, binding and payload of a seal made for this browser. Raises NotYours."""
    flow_id = flow_id_of(text)
    binding = None if flow_id is None else browser.flow_cookies.get(flow_id)
    if flow_id is None or binding is None:
        raise NotYours
    try:
        return flow_id, binding, server.unseal(text, purpose=purpose, binding=binding)
    except BrokenSeal:
        raise NotYours from None
