"""What the pages of a person's own account show: one frozen value per page, as in `views`."""

from dataclasses import dataclass
from enum import StrEnum

from grantway.protocol.apis import Sensitivity
from grantway.web.views import Account, need_own_path

OVERVIEW, APPS, SESSIONS = "/account", "/account/apps", "/account/sessions"
PROFILE, PASSWORD, SIGN_OUT = "/account/profile", "/account/password", "/logout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One entry of the navigation."""

    path: str
    words: str

    def __post_init__(self) -> None:
        need_own_path("path", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What all these pages show: who it is, the ways to the others, and what was just done."""

    account: Account
    ways: tuple[Way, ...]
    here: str  # path of the entry that is marked
    now: float
    notice: str | None  # what the person did a moment ago


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One card of the overview: a way in, and how things stand there."""

    path: str
    title: str
    words: str

    def __post_init__(self) -> None:
        need_own_path("path", self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewView:
    """The account at one glance."""

    frame: Frame
    summaries: tuple[Summary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRow:
    """One thing an app may do."""

    scope: str
    sentence: str
    sensitivity: Sensitivity
    last_used_at: float | None  # None: it is nothing that is used
    remove_path: str | None  # where this alone is taken back; None: the app does not work without it

    def __post_init__(self) -> None:
        if self.remove_path is not None:
            need_own_path("remove_path", self.remove_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppGroup:
    """What an app may do with one API."""

    api_name: str
    rows: tuple[AppRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCard:
    """One connected app."""

    client_id: str
    name: str
    hosts: tuple[str, ...]  # where it lives; empty for a program on the person's own device
    enabled: bool
    asked_every_time: bool
    changes: tuple[str, ...]  # since the person allowed it, each in a sentence
    groups: tuple[AppGroup, ...]
    since: float
    last_used_at: float
    remove_path: str

    def __post_init__(self) -> None:
        need_own_path("remove_path", self.remove_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppsView:
    """Every app that may do something for the person."""

    frame: Frame
    cards: tuple[AppCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SureView:
    """Names what is about to be lost, and asks. Posts `csrf` and the hidden fields."""

    frame: Frame
    question: str
    consequences: tuple[str, ...]
    answer: str  # words on the button
    action: str  # path the form is posted to
    csrf: str
    fields: tuple[tuple[str, str], ...]  # hidden
    back: str  # where nothing happens

    def __post_init__(self) -> None:
        need_own_path("action", self.action)
        need_own_path("back", self.back)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotThereView:
    """What was asked for is not there, or is not this person's: the page says the same of both."""

    frame: Frame
    heading: str
    sentence: str
    back: str
    back_words: str
    reference: str

    def __post_init__(self) -> None:
        need_own_path("back", self.back)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCard:
    """One browser in which the person is signed in."""

    browser: str | None  # in words; None: nobody could tell
    network: str | None
    since: float
    seen_at: float
    end_path: str | None  # where it is ended; None: it is this very browser

    def __post_init__(self) -> None:
        if self.end_path is not None:
            need_own_path("end_path", self.end_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsView:
    """Every browser in which the person is signed in, this one first."""

    frame: Frame
    cards: tuple[SessionCard, ...]
    end_others_path: str | None  # None: there are no others
    sign_out_path: str

    def __post_init__(self) -> None:
        need_own_path("sign_out_path", self.sign_out_path)
        if self.end_others_path is not None:
            need_own_path("end_others_path", self.end_others_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """Who the person is here, and what is kept about them."""

    frame: Frame
    email: str | None
    email_verified: bool
    since: float
    name_path: str  # where the name is changed
    password_path: str

    def __post_init__(self) -> None:
        need_own_path("name_path", self.name_path)
        need_own_path("password_path", self.password_path)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameView:
    """A new name. Posts `csrf` and `name`."""

    frame: Frame
    name: str
    problem: str | None
    action: str
    csrf: str
    back: str

    def __post_init__(self) -> None:
        need_own_path("action", self.action)
        need_own_path("back", self.back)


class PasswordProblem(StrEnum):
    """Why the password was not changed, and so which field to look at."""

    WRONG = "wrong"  # the current one is not right
    UNFIT = "unfit"  # the new one cannot be a password
    DIFFERENT = "different"  # it was not typed the same way twice
    TOO_MANY_TRIES = "too_many_tries"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordView:
    """A new password. Posts `csrf`, `current`, `new`, `again` and, if ticked, `disconnect`."""

    frame: Frame
    problem: PasswordProblem | None
    words: str  # what is wrong, for the person; empty without a problem
    action: str
    csrf: str
    reference: str = ""  # of the failed try

    def __post_init__(self) -> None:
        need_own_path("action", self.action)
