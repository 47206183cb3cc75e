"""The door of a person's own pages: they sign in first, and every form is sealed to their session."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import wraps

import msgspec

from grantway.crypto.seal import BrokenSeal
from grantway.crypto.secrets import IssuedSecret
from grantway.flows.browser import Browser, signed_in
from grantway.flows.connected import list_connected
from grantway.flows.login import LoginFailed
from grantway.flows.own_account import list_sessions
from grantway.flows.visits import Visit, begin_visit, enter, is_fresh, open_visit, seal_visit
from grantway.protocol.counting import counted
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.params import Params
from grantway.protocol.people import Person, SignedIn
from grantway.web import error_pages
from grantway.web.account_views import (
    APPS,
    OVERVIEW,
    PASSWORD,
    PROFILE,
    SESSIONS,
    SIGN_OUT,
    Frame,
    NotThereView,
    OverviewView,
    Summary,
    Way,
)
from grantway.web.door import Door, Handler
from grantway.web.guards import guarded_form, guarded_page, typed
from grantway.web.page_views import account, with_failure
from grantway.web.pages import failed_login_reply
from grantway.web.replies import Header, Reply, flow_header, see_other
from grantway.web.requests import Request
from grantway.web.views import LoginView

ENTER = "/account/sign-in"
WAYS = (
    (OVERVIEW, "Overview"),
    (APPS, "Connected apps"),
    (SESSIONS, "Sessions"),
    (PROFILE, "Profile"),
    (PASSWORD, "Password"),
    (SIGN_OUT, "Sign out"),
)
_NOTICE_LIFETIME = 60.0  # seconds: a page opened again later does not repeat it
_NOTICE, _FORM = "notice", "account:"
_QUERY = re.compile(rb"[!-~]{0,512}")
# No window of another site keeps a handle on these pages (`surfaces`, decision 2).
_ALONE: Header = (b"cross-origin-opener-policy", b"same-origin")


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """One request for a page of one's own: whose, and what every such page needs."""

    door: Door
    request: Request
    cookie: str
    who: SignedIn

    @property
    def person(self) -> Person:
        """Whose page it is."""
        return self.who.person

    def frame(self, here: str = "") -> Frame:
        """What stands around the page; `here` is the entry of the navigation it belongs to."""
        base = self.door.base
        return Frame(
            account=account(self.person),
            ways=tuple(Way(path=base + path, words=words) for path, words in WAYS),
            here=base + here,
            now=self.door.server.now(),
            notice=self._notice(),
        )

    def with_session(self, secret: IssuedSecret) -> "AccountRequest":
        """The same with the session that takes the place of this one."""
        return replace(self, cookie=secret.text)

    def csrf(self, path: str) -> str:
        """The seal of a form posted to this path: only this session's browser can use it (threat D2)."""
        return self.door.server.seal(b"", purpose=_FORM + path, binding=self.cookie)

    def note(self, path: str, words: str) -> Reply:
        """Go on to this page of ours, which says once what was done."""
        server = self.door.server
        payload = msgspec.msgpack.encode((server.now(), words))
        seal = server.seal(payload, purpose=_NOTICE, binding=self.cookie)
        return see_other(f"{self.door.base}{path}?done={seal}")

    def _notice(self) -> str | None:
        """What the person did a moment ago, if this page was opened to say so."""
        text = self.request.query_params().get("done")
        if text is None:
            return None
        try:
            payload = self.door.server.unseal(text, purpose=_NOTICE, binding=self.cookie)
        except BrokenSeal:
            return None
        done_at, words = msgspec.msgpack.decode(payload, type=tuple[float, str])
        return words if self.door.server.now() - done_at <= _NOTICE_LIFETIME else None

    def not_there(self, heading: str, sentence: str, *, back: str, back_words: str) -> Reply:
        """404: it is not there, or not theirs."""
        found = Diagnosis(Gw.NOT_THERE, heading, "its name", "one of their own", heading)
        reference = self.door.refused(self.request, found, error="")
        view = NotThereView(
            frame=self.frame(back),
            heading=heading,
            sentence=sentence,
            back=self.door.base + back,
            back_words=back_words,
            reference=reference,
        )
        return self.door.page(self.request, view, status=404).plus(flow_header(reference))


AccountHandler = Callable[[AccountRequest], Awaitable[Reply]]
AccountForm = Callable[[AccountRequest, Params], Awaitable[Reply]]


def own_page(handler: AccountHandler) -> Handler:
    """A page that only the person themselves may see: whoever is not signed in does so first."""
    return _own_page(handler, fresh=False)


def fresh_page(handler: AccountHandler) -> Handler:
    """The same, for what a passer-by at an open browser must not do: the password was typed just now."""
    return _own_page(handler, fresh=True)


def _own_page(handler: AccountHandler, *, fresh: bool) -> Handler:
    @guarded_page
    @wraps(handler)
    async def guarded(door: Door, request: Request) -> Reply:
        browser = door.browser(request)
        own = await _own(door, request, browser)
        if own is None or (fresh and not is_fresh(door.server, own.who)):
            return _sign_in_first(door, browser, _address(request), again=own is not None)
        return (await handler(own)).plus(_ALONE)

    return guarded


def own_form(*, back: str, fresh: bool = False) -> Callable[[AccountForm], Handler]:
    """A form of such a page. Whose session has ended meanwhile signs in and starts from `back`."""

    def decorate(handler: AccountForm) -> Handler:
        @guarded_form
        @wraps(handler)
        async def guarded(door: Door, request: Request, browser: Browser, form: Params) -> Reply:
            own = await _own(door, request, browser)
            if own is None or (fresh and not is_fresh(door.server, own.who)):
                return _sign_in_first(door, browser, back, again=own is not None)
            try:
                door.server.unseal(form.need("csrf"), purpose=_FORM + request.path, binding=own.cookie)
            except BrokenSeal as why:
                return error_pages.stale_form_page(door, request, str(why), back=door.policy.issuer + back)
            return (await handler(own, form)).plus(_ALONE)

        return guarded

    return decorate


async def _own(door: Door, request: Request, browser: Browser) -> AccountRequest | None:
    who = await signed_in(door.server, browser)
    if who is None or browser.session_cookie is None:
        return None
    return AccountRequest(door, request, browser.session_cookie, who)


def _address(request: Request) -> str:
    """The page asked for, to come back to; an odd query is left behind."""
    query = request.query if _QUERY.fullmatch(request.query) else b""
    return request.path + (f"?{query.decode()}" if query else "")


# --- signing in for oneself ------------------------------------------------


def _sign_in_first(door: Door, browser: Browser, to: str, *, again: bool) -> Reply:
    visit = begin_visit(door.server, to, again=again)
    cookies = door.cookies.set_flow(
        visit.id, visit.binding, lifetime=door.policy.flow_lifetime, running=browser.flow_cookies
    )
    return see_other(f"{door.base}{ENTER}?x={seal_visit(door.server, visit)}").plus(*cookies)


def _go_on(door: Door, visit: Visit) -> Reply:
    return see_other(door.base + visit.to).plus(door.cookies.clear_flow(visit.id))


@guarded_page
async def show_sign_in(door: Door, request: Request) -> Reply:
    """GET: name and password, unless another tab has answered meanwhile."""
    browser, seal = door.browser(request), request.query_params().need("x")
    visit = open_visit(door.server, browser, seal)
    who = await signed_in(door.server, browser)
    if visit.is_satisfied_by(who):
        return _go_on(door, visit)
    username = "" if who is None else who.person.username
    return door.page(request, _sign_in_view(door, seal, username=username, again=who is not None))


@guarded_form
async def answer_sign_in(door: Door, request: Request, browser: Browser, form: Params) -> Reply:
    """POST: into the account, by a new session (threat C1)."""
    seal, username, password = form.need("x"), typed(form, "username"), typed(form, "password")
    entered = await enter(door.server, browser, seal, username, password)
    if isinstance(entered, LoginFailed):
        again = await signed_in(door.server, browser) is not None
        view = _sign_in_view(door, seal, username=username[:254], again=again)
        return failed_login_reply(door, request, with_failure(view, entered, now=door.server.now()), entered)
    session, device = door.cookies.set_session(entered.session.text), door.cookies.set_device(entered.device)
    return _go_on(door, entered.visit).plus(session, device)


def _sign_in_view(door: Door, seal: str, *, username: str, again: bool) -> LoginView:
    return LoginView(
        client_name=None,
        client_host=None,
        action=door.base + ENTER,
        seal=seal,
        username=username,
        problem=None,
        retry=None,
        reauthenticate=again,
    )


# --- the overview ----------------------------------------------------------


@own_page
async def overview(own: AccountRequest) -> Reply:
    """GET /account: how things stand, and the ways in."""
    door = own.door
    apps = len(await list_connected(door.server, own.person))
    sessions = len(await list_sessions(door.server, own.who))
    view = OverviewView(
        frame=own.frame(OVERVIEW),
        summaries=(
            Summary(
                path=door.base + APPS,
                title="Connected apps",
                words=f"{counted(apps, 'app')} may do something for you" if apps else "None yet",
            ),
            Summary(
                path=door.base + SESSIONS,
                title="Sessions",
                words=f"You are signed in with {counted(sessions, 'browser')}",
            ),
            Summary(path=door.base + PROFILE, title="Profile", words="Your name, and what is kept about you"),
            Summary(
                path=door.base + PASSWORD,
                title="Password",
                words="Changing it signs out every other browser",
            ),
        ),
    )
    return door.page(own.request, view)
