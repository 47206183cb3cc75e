"""People and their sessions, and the one question whether a person may act at all."""

import unicodedata
from dataclasses import dataclass

MAX_USERNAME = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address (OpenID Connect Core §5.1.1)."""

    formatted: str | None = None  # may have several lines
    street_address: str | None = None
    locality: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a person may tell apps beside name and e-mail, by the names of OpenID Connect Core §5.1."""

    given_name: str | None = None
    family_name: str | None = None
    middle_name: str | None = None
    nickname: str | None = None
    preferred_username: str | None = None  # None: the username
    profile: str | None = None  # address of a page about them
    picture: str | None = None
    website: str | None = None
    gender: str | None = None
    birthdate: str | None = None
    zoneinfo: str | None = None
    locale: str | None = None
    phone_number: str | None = None
    phone_number_verified: bool = False
    address: Address | None = None
    updated_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A resource owner with a local account."""

    subject: str  # `sub`; made by the server, never reused
    username: str  # canonical, see `canonical_username`
    name: str
    email: str | None = None
    email_verified: bool = False
    password_hash: str | None = None
    disabled_at: float | None = None
    tokens_valid_from: float = 0.0  # sessions and tokens from before are dead
    created_at: float
    profile: Profile = Profile()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser in which a person has signed in."""

    id: str  # the selector of its cookie
    sso_id: str  # random, told nobody; the same while this person signs in again in this browser
    hash: bytes
    subject: str
    auth_time: float  # when the person last proved who they are
    amr: tuple[str, ...] = ("pwd",)  # how (RFC 8176)
    created_at: float
    seen_at: float
    expires_at: float  # absolute; the idle end is seen_at + the setting
    browser: str | None = None  # in words, such as "Firefox on Linux"; None: nobody could tell
    network: str | None = None  # where it was opened from: an address, or a /64


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session with the person it belongs to."""

    session: Session
    person: Person


def canonical_username(typed: str) -> str | None:
    """The one spelling of a user name: NFKC, case folded, trimmed; None when it cannot be one.

    Counters and look-ups use this alone, so that aliases share one budget (threat C11).
    """
    name = unicodedata.normalize("NFKC", typed).casefold().strip()
    if (
        not name
        or len(name) > MAX_USERNAME
        or not name.isprintable()
        or (not name.isascii() and not name.isalnum())
    ):
        return None
    return name


def may_authenticate(person: Person | None, *, since: float) -> str | None:
    """Why this person may not act with something obtained at `since` (Unix seconds); None if they may.

    The one gate of every issuance: login, code, refresh, introspection (threat C15).
    """
    if person is None:
        return "the account no longer exists"
    if person.disabled_at is not None:
        return f"the account {person.username} is disabled"
    if since < person.tokens_valid_from:
        return f"everything {person.username} obtained before {person.tokens_valid_from:.0f} was revoked"
    return None


def session_ended(session: Session, *, idle_lifetime: float, now: float) -> bool:
    """Has the session passed its absolute or its idle end?"""
    return now >= session.expires_at or now >= session.seen_at + idle_lifetime
