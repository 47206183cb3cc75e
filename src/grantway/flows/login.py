"""Local sign-in: name and password, throttled, telling strangers nothing."""

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from grantway.crypto.passwords import Busy
from grantway.crypto.seal import BrokenSeal, flow_id_of
from grantway.crypto.secrets import IssuedSecret
from grantway.flows.browser import Browser, open_session
from grantway.flows.server import Server
from grantway.protocol.people import Person, SignedIn, canonical_username, may_authenticate
from grantway.storage.port import Bucket, Conflict

_DEVICE_PURPOSE = "known-device"
_DEVICE_BINDING = "known-device"  # the seal is the cookie itself, with none beside it
_TRIES = 3  # of a sign-in beside changes of the person


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFailed:
    """The try failed.

    `retry_after` (seconds): there were too many. `busy`: no password could be checked just now. `why` is for
    the operator alone.
    """

    why: str
    retry_after: int | None = None
    busy: bool = False


async def log_in(
    server: Server, browser: Browser, typed_name: str, password: str, *, ends: SignedIn | None
) -> tuple[SignedIn, IssuedSecret] | LoginFailed:
    """Name and password become a session that takes the place of this browser's, if it has one.

    Where the person changed while the password was checked, it is checked again by what is there now: an old
    password opens nothing once a new one is in force (threat C6).
    """
    for _ in range(_TRIES):
        person = await check_password(server, browser, typed_name, password)
        if isinstance(person, LoginFailed):
            return person
        with suppress(Conflict):
            return await open_session(server, browser, person, ends=ends)
    return LoginFailed(why="the person changed each time their password was checked")


async def check_password(
    server: Server, browser: Browser, typed_name: str, password: str
) -> Person | LoginFailed:
    """The person; or the same failure, at the same cost, for an unknown name as for a wrong password (C9).

    An attempt is taken from its buckets before it is judged, so that parallel guesses cannot outrun the count
    (threat C13), and given back when it was right.
    """
    username = canonical_username(typed_name)
    account = _account_key(username or typed_name)
    person = None if username is None else await server.store.find_person(username)
    known_device = _known_device(server, browser, account, person)
    buckets = _buckets(account, browser.network, known_device=known_device)
    wait = await server.store.take(buckets)
    if wait > 0:
        return LoginFailed(
            why="too many tries for this name or from this network", retry_after=math.ceil(wait)
        )
    stored = None if person is None else person.password_hash
    try:
        verified = await server.passwords.verify(stored, password)
    except Busy as busy:
        await server.store.give_back(buckets)
        why = "the queue of passwords to check is full"
        return LoginFailed(why=why, retry_after=busy.retry_after, busy=True)
    if person is None or not verified.ok:
        return LoginFailed(
            why="nobody has this name" if person is None else f"not {person.subject}'s password"
        )
    if (gate := may_authenticate(person, since=server.now())) is not None:
        return LoginFailed(why=f"the password is right, but {gate}")
    await server.store.give_back(buckets)
    if verified.needs_rehash and stored is not None:
        return await _rehashed(server, person, stored, password)
    return person


async def _rehashed(server: Server, person: Person, stored: str, password: str) -> Person:
    """The person, their password under today's parameters; when the pool is full, the next login does it."""
    try:
        better = await server.passwords.hash(password)
    except Busy:
        return person
    await server.store.rehash_password(person.subject, old=stored, new=better)
    return replace(person, password_hash=better)


def known_device_cookie(server: Server, person: Person) -> str:
    """A sealed note that this person has signed in on this device: strangers' failures do not slow them."""
    payload = _device_note(_account_key(person.username), person)
    return server.seal(payload, purpose=_DEVICE_PURPOSE, binding=_DEVICE_BINDING)


def _known_device(server: Server, browser: Browser, account: str, person: Person | None) -> str | None:
    """The id of the device, if this very account was once signed in to on it, by the password it has now.

    Whoever knew an older one could have made many such devices, each with guesses of its own.
    """
    if browser.device_cookie is None or person is None:
        return None
    try:
        payload = server.unseal(browser.device_cookie, purpose=_DEVICE_PURPOSE, binding=_DEVICE_BINDING)
    except BrokenSeal:
        return None
    return flow_id_of(browser.device_cookie) if payload == _device_note(account, person) else None


def _device_note(account: str, person: Person) -> bytes:
    return f"{account}:{sha256((person.password_hash or '').encode()).hexdigest()[:32]}".encode()


def _buckets(account: str, network: str, *, known_device: str | None) -> tuple[Bucket, ...]:
    """A known device has a budget of its own; everyone else shares the account's and their network's."""
    if known_device is not None:
        return (Bucket(f"login:device:{known_device}", burst=10, seconds_each=30.0),)
    return (
        Bucket(f"login:pair:{account}:{network}", burst=5, seconds_each=30.0),
        Bucket(f"login:account:{account}", burst=20, seconds_each=30.0),
        Bucket(f"login:network:{network}", burst=50, seconds_each=5.0),
    )


def _account_key(username: str) -> str:
    """One key per account, whether it exists or not; names of strangers are not kept readable."""
    return sha256(username.encode("utf-8", "surrogatepass")).hexdigest()[:32]
