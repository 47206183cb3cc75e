"""Somebody opens a page of their own account: they sign in first, and come back to it.

As with an authorization request nothing is stored meanwhile: where they were going travels sealed, and
opens only in the browser that asked.
"""

from dataclasses import dataclass

import msgspec

from grantway.crypto.secrets import IssuedSecret, SecretKind, issue_secret
from grantway.flows.browser import Browser, signed_in
from grantway.flows.interaction import TooOld, open_in_browser, seal_for_browser
from grantway.flows.login import LoginFailed, known_device_cookie, log_in
from grantway.flows.server import Server
from grantway.protocol.people import SignedIn

FRESH = 300.0  # seconds since the password was last typed, for what should not be done by a passer-by
_PURPOSE = "visit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Where somebody is going. Its id is the name of its cookie, its binding the cookie's value."""

    id: str
    binding: str
    started_at: float
    to: str  # a path of our own
    again: bool  # being signed in is not enough: the password is asked for once more

    def is_satisfied_by(self, who: SignedIn | None) -> bool:
        """May they go on without another password?"""
        return who is not None and (not self.again or who.session.auth_time >= self.started_at)


class _Sealed(msgspec.Struct, array_like=True):
    started_at: float
    to: str
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Somebody signed in: the new session, and where they were going."""

    session: IssuedSecret
    device: str  # cookie of a known device
    visit: Visit


def is_fresh(server: Server, who: SignedIn) -> bool:
    """Have they proven who they are just now?"""
    return server.now() - who.session.auth_time <= FRESH


def begin_visit(server: Server, to: str, *, again: bool) -> Visit:
    """Remember where somebody is going."""
    now = server.now()
    binding = issue_secret(SecretKind.FLOW, now=now)
    return Visit(id=binding.selector, binding=binding.text, started_at=now, to=to, again=again)


def seal_visit(server: Server, visit: Visit) -> str:
    """The text that stands for it in pages."""
    sealed = _Sealed(visit.started_at, visit.to, visit.again)
    return seal_for_browser(server, sealed, _PURPOSE, flow_id=visit.id, binding=visit.binding)


def open_visit(server: Server, browser: Browser, text: str) -> Visit:
    """What `seal_visit` made, in the browser it was made for. Raises NotYours or TooOld."""
    visit_id, binding, payload = open_in_browser(server, browser, text, _PURPOSE)
    sealed = msgspec.msgpack.decode(payload, type=_Sealed)
    if server.now() > sealed.started_at + server.policy.flow_lifetime:
        raise TooOld
    return Visit(id=visit_id, binding=binding, started_at=sealed.started_at, to=sealed.to, again=sealed.again)


async def enter(
    server: Server, browser: Browser, seal: str, username: str, password: str
) -> Entered | LoginFailed:
    """Name and password for one's own account. Raises NotYours, TooOld."""
    visit = open_visit(server, browser, seal)
    before = await signed_in(server, browser)
    entered = await log_in(server, browser, username, password, ends=before)
    if isinstance(entered, LoginFailed):
        return entered
    now_in, secret = entered
    return Entered(session=secret, device=known_device_cookie(server, now_in.person), visit=visit)
