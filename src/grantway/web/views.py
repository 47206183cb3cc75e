"""What each page for people shows: one frozen value per page, complete before a template sees it.

Everything that must be decided is decided here or earlier; templates hold words and structure. Text
fields may hold anything at all, the renderer makes it inert. Address fields are checked when the value
is made, so a page with a link that runs a script cannot exist.

`action` and other paths of our own include the base path under which the server is mounted. Times are
seconds since 1970, durations are seconds.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from grantway.protocol.apis import Sensitivity

# A path on our own origin. A second slash or a backslash would make it an address of another host.
_OWN_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*|/")
# An absolute address without spaces and control characters: browsers drop those before they read a scheme.
_ADDRESS: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*):[^\x00-\x20\x7f-\x9f]+", re.IGNORECASE)
# Schemes that name content or a place inside the browser rather than somewhere to go.
_NOT_PLACES: Final = frozenset(
    {"about", "blob", "data", "file", "filesystem", "javascript", "vbscript", "view-source"}
)
_LONG_GROUP: Final = 8  # more rows than this are folded, so that the buttons stay near


def need_own_path(name: str, path: str) -> None:
    """Raises ValueError unless it is a path on our own origin."""
    if not _OWN_PATH.fullmatch(path):
        raise ValueError(f"{name}: {path!r} is not a path on this server")


def _need_place(name: str, url: str | None) -> None:
    """Any address a person may be sent to, apps on their own device included."""
    if url is None:
        return
    address = _ADDRESS.fullmatch(url)
    if address is None or address["scheme"].lower() in _NOT_PLACES:
        raise ValueError(f"{name}: {url!r} is not an address to send people to")


def _need_web_address(name: str, url: str | None, *schemes: str) -> None:
    if url is None:
        return
    _need_place(name, url)
    parts = urlsplit(url)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"{name}: {url!r} is not an address starting with {' or '.join(schemes)}://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The person, as the pages name them."""

    name: str  # what they are called
    username: str  # what they sign in with; shown once only if it equals the name

    @property
    def initial(self) -> str:
        """One letter for the round badge; decoration only."""
        return next((letter for letter in self.name if letter.isalnum()), "?").upper()


# ------------------------------------------------------------------------------------------- signing in


class LoginProblem(StrEnum):
    """Why the last try to sign in failed, as far as the person may know."""

    WRONG_PAIR = "wrong_pair"  # one message, whether the name or the password was wrong
    TOO_MANY_TRIES = "too_many_tries"  # `retry` says when it ends
    BUSY = "busy"  # the server could not check the password just now


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """When another try is allowed: how long from now, and at what time for a page left open."""

    after: int  # seconds
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginView:
    """Name and password, and a way out. Posts `x`, `username`, `password`, `answer` (login or cancel)."""

    client_name: str | None  # the app that waits; None when the person signs in for themselves
    client_host: str | None  # where the app lives; None when there is no app or it has no host
    action: str  # path the form is posted to
    seal: str  # hidden field `x`
    username: str  # from login_hint or the failed try; may be empty
    problem: LoginProblem | None  # None at the first try
    retry: Retry | None  # given if, and only if, there were too many tries
    reauthenticate: bool  # signed in already, but asked to prove it again (prompt=login, max_age)
    reference: str = ""  # of the failed try

    def __post_init__(self) -> None:
        need_own_path("action", self.action)
        if (self.retry is not None) != (self.problem is LoginProblem.TOO_MANY_TRIES):
            raise ValueError("retry: goes with too many tries, and only with that")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectAccountView:
    """Go on as this person, or as another. Posts `x` and `answer` (continue, switch or cancel)."""

    client_name: str
    client_host: str | None  # where the app lives, if it has a host
    account: Account  # who is signed in
    action: str  # path the form is posted to
    seal: str  # hidden field `x`

    def __post_init__(self) -> None:
        need_own_path("action", self.action)


# ---------------------------------------------------------------------------------------------- consent


class Standing(StrEnum):
    """What the owner of this server says about an app."""

    FIRST_PARTY = "first-party"  # run by the same people as this server
    VERIFIED = "verified"
    UNVERIFIED = "unverified"


class DestinationKind(StrEnum):
    """What sort of place the browser is sent to afterwards."""

    WEB = "web"  # an https host
    LOOPBACK = "loopback"  # a program on the person's own device
    SCHEME = "scheme"  # whichever program claimed this private-use scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the browser goes next."""

    kind: DestinationKind
    shown: str  # host with port if not the usual one; or the scheme, without colon


class RowState(StrEnum):
    """Whether the person can choose."""

    IDENTITY = "identity"  # comes with signing in; locked
    REQUIRED = "required"  # the app does not work without it; locked
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRow:
    """One permission."""

    scope: str  # the scope token; value of the checkbox `scope`
    sentence: str  # what the app could do, for the person
    state: RowState
    ticked: bool  # at first sight; locked rows always show a tick
    sensitivity: Sensitivity  # told in a badge; the caller leaves sensitive ones unticked

    @property
    def has_note(self) -> bool:
        """Something is said below the sentence."""
        return self.is_locked or self.sensitivity is not Sensitivity.NORMAL

    @property
    def is_locked(self) -> bool:
        """The row shows a tick that cannot be taken away. The server must not rely on what comes back."""
        return self.state is not RowState.OPTIONAL

    @property
    def is_ticked(self) -> bool:
        """What the checkbox shows."""
        return self.ticked or self.is_locked


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeGroup:
    """The permissions of one API."""

    api_name: str
    rows: tuple[ScopeRow, ...]

    @property
    def is_long(self) -> bool:
        """Folded at first, with its counts in view."""
        return len(self.rows) > _LONG_GROUP

    @property
    def ticked_count(self) -> int:
        """How many rows are ticked at first sight."""
        return sum(row.is_ticked for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentView:
    """What the app asks. Posts `x`, one `scope` per ticked optional row, and `answer` (allow or deny).

    With `can_switch` a second form posts `x` and `answer` = switch to the same action.
    """

    client_name: str
    standing: Standing | None  # None: known here, but others could answer in its place
    destination: Destination
    account: Account  # whose data it is
    can_switch: bool  # offer "Use another account"
    groups: tuple[ScopeGroup, ...]  # what is new to this app
    already: tuple[ScopeRow, ...]  # what this person allowed it before; folded
    keeps_access: int | None  # seconds it keeps access without asking again; None: until it is taken back
    withdraw_path: str | None  # our page where access is taken back, if there is one
    terms_uri: str | None  # of the app; https
    privacy_uri: str | None  # of the app; https
    action: str  # path both forms are posted to
    seal: str  # hidden field `x`

    def __post_init__(self) -> None:
        need_own_path("action", self.action)
        if self.withdraw_path is not None:
            need_own_path("withdraw_path", self.withdraw_path)
        _need_web_address("terms_uri", self.terms_uri, "https")
        _need_web_address("privacy_uri", self.privacy_uri, "https")

    @property
    def has_choices(self) -> bool:
        """Some box can be ticked or unticked."""
        return any(not row.is_locked for group in self.groups for row in group.rows)

    @property
    def may_end_empty(self) -> bool:
        """Leaving every box empty would share nothing, which is a refusal."""
        return self.has_choices and not any(row.is_locked for group in self.groups for row in group.rows)


# ------------------------------------------------------------------------------------ leaving the server


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueView:
    """The last page of a flow: leaves at once by meta refresh, and by a link where that is blocked."""

    client_name: str
    url: str  # the finished redirect, byte for byte
    is_app: bool  # a program on this device (loopback or private-use scheme) rather than a web site

    def __post_init__(self) -> None:
        _need_place("url", self.url)

    @property
    def host(self) -> str | None:
        """The host we go to; None for an app."""
        return None if self.is_app else urlsplit(self.url).netloc.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyDoneView:
    """A page of a flow that has ended: the Back button, or a second Allow."""

    client_name: str | None  # None when the flow can no longer be read


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPostView:
    """The answer travels as a form (response_mode=form_post): posted by a script, or by the button."""

    client_name: str
    action: str  # the app's redirect URI; https, or http on loopback
    fields: Mapping[str, str]  # parameter → value, sent exactly as given

    def __post_init__(self) -> None:
        _need_web_address("action", self.action, "https", "http")

    @property
    def host(self) -> str:
        """The host we go to."""
        return urlsplit(self.action).netloc.rpartition("@")[2]


# ------------------------------------------------------------------------------------------- signing out


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutView:
    """Asks before signing out. Posts `csrf`."""

    account: Account
    client_name: str | None  # the app that asked, if known
    app_count: int  # apps signed in with this session
    action: str  # path the form is posted to
    csrf: str  # hidden field `csrf`

    def __post_init__(self) -> None:
        need_own_path("action", self.action)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOutView:
    """Signed out. Stays here, or goes on once the apps loaded meanwhile have ended their sessions."""

    client_name: str | None  # the app that asked, if known
    refused_return: bool  # it asked to send the person to an address it has not registered
    reference: str = ""  # of that refusal
    frames: tuple[str, ...] = ()  # pages of apps to be loaded, byte for byte (Front-Channel Logout §3)
    next_url: str | None = None  # where to go afterwards, byte for byte

    def __post_init__(self) -> None:
        for frame in self.frames:
            _need_web_address("frame", frame, "https", "http")
        _need_place("next_url", self.next_url)


# ------------------------------------------------------------------------------------- errors, and the root


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A validated address with the words on it."""

    text: str
    url: str

    def __post_init__(self) -> None:
        _need_place("url", self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One row for the developer. The value may be what an attacker sent: shown, never linked."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """A refusal that stays on this server: for the person first, then for the developer."""

    code: str  # OAuth error code, for `data-error`
    heading: str  # what happened
    sentence: str  # whose part it was, without blame, and what was (not) shared
    advice: str  # what to do now
    reference: str  # such as 7F3A-91
    at: float
    back: Link | None  # only an address that has been validated
    facts: tuple[Fact, ...]  # parameter, value received, difference…; may be empty
    spec: str | None  # such as "RFC 6749 §4.1.2.1"
    diagnosis: str  # such as GW-102; or the error code, where no more may be told
    explained: str  # our page about it

    def __post_init__(self) -> None:
        need_own_path("explained", self.explained)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing that may be behind an error code."""

    id: str  # such as GW-102
    title: str
    path: str  # our page about it

    def __post_init__(self) -> None:
        need_own_path("path", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedView:
    """What a diagnosis or an error code means, for developers; the same for everybody."""

    name: str  # such as GW-102, or invalid_grant
    title: str
    cause: str  # empty for an error code
    fix: str
    spec: str
    errors: tuple[str, ...]  # error codes it is told by
    causes: tuple[Cause, ...]  # of an error code
    reference: str | None  # of the refusal that somebody came from


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeView:
    """The root page: says what this is to somebody who typed the address."""

    issuer_host: str
    metadata_path: str  # our metadata document
    account_path: str  # where people see what apps may do for them

    def __post_init__(self) -> None:
        need_own_path("account_path", self.account_path)
        need_own_path("metadata_path", self.metadata_path)
