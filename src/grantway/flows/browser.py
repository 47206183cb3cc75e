"""What a browser brings along, and the session it may prove."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hmac import compare_digest

from grantway.crypto.secrets import IssuedSecret, SecretKind, issue_secret, random_base62, read_secret
from grantway.flows.server import Server
from grantway.protocol.people import Person, Session, SignedIn, may_authenticate, session_ended
from grantway.protocol.user_agents import browser_in_words
from grantway.storage.changes import AuditEntry

SEEN_EVERY = 60.0  # seconds; a session's last use is written no more often


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The facts of one request that come from the browser, read from headers and cookies by the web room."""

    session_cookie: str | None
    flow_cookies: Mapping[str, str]  # flow id → the secret that binds the flow to this browser
    device_cookie: str | None
    network: str  # /32 or /64
    user_agent: str | None
    sends_fetch_metadata: bool  # does it send Sec-Fetch headers?
    framed: bool  # does the request come from a frame or a script, rather than from a window?


async def signed_in(server: Server, browser: Browser) -> SignedIn | None:
    """The live session of this browser; None where it is malformed, ended, expired or disabled (C15, C19)."""
    presented = (
        None if browser.session_cookie is None else read_secret(SecretKind.SESSION, browser.session_cookie)
    )
    found = None if presented is None else await server.store.find_session(presented.selector)
    if presented is None or found is None or not compare_digest(found.session.hash, presented.hash):
        return None
    now = server.now()
    session = found.session
    if session_ended(session, idle_lifetime=server.policy.session_idle_lifetime, now=now):
        return None
    if may_authenticate(found.person, since=session.created_at) is not None:
        return None
    if now - session.seen_at > SEEN_EVERY:
        await server.store.touch_session(session.id, seen_at=now)
    return found


async def open_session(
    server: Server, browser: Browser, person: Person, *, ends: SignedIn | None
) -> tuple[SignedIn, IssuedSecret]:
    """Sign this browser in: a new session with a new id, the old one ended (threat C1).

    For apps, somebody who signs in again where they are signed in goes on; where somebody else was, that
    person's apps are told that it is over. `person` is as they were read before they proved who they are:
    raises Conflict when their password has changed meanwhile, or they were disabled.
    """
    now = server.now()
    secret = issue_secret(SecretKind.SESSION, now=now)
    goes_on = ends is not None and ends.person.subject == person.subject
    session = Session(
        id=secret.selector,
        sso_id=ends.session.sso_id if ends is not None and goes_on else random_base62(43),
        hash=secret.hash,
        subject=person.subject,
        auth_time=now,
        created_at=now,
        seen_at=now,
        expires_at=now + server.policy.session_lifetime,
        browser=browser_in_words(browser.user_agent),
        network=browser.network,
    )
    entry = AuditEntry(
        at=now, actor=f"person:{person.subject}", action="session.opened", target=f"session:{session.id}"
    )
    ended = None if ends is None else ends.session.id
    await server.store.open_session(session, proven=person, ends=ended, audit=[entry])
    if ends is not None and not goes_on:
        server.logouts_due.set()
    return SignedIn(session, person), secret


async def sign_out(server: Server, current: SignedIn) -> Sequence[str]:
    """End this browser's session. Returns the clients that took part, by id; they are told."""
    entry = AuditEntry(
        at=server.now(),
        actor=f"person:{current.person.subject}",
        action="session.ended",
        target=f"session:{current.session.id}",
    )
    took_part = await server.store.end_session(current.session.id, [entry])
    server.logouts_due.set()
    return took_part
