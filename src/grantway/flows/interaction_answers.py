"""What the person answers on the pages of a running flow: signs in, chooses, allows, denies, turns back."""

from contextlib import suppress
from dataclasses import dataclass, replace

from grantway.crypto.secrets import IssuedSecret
from grantway.flows.authorize import Ask, Leave, advance, leave_with_code, refuse, reread
from grantway.flows.browser import Browser, signed_in
from grantway.flows.interaction import NotYours, open_interaction
from grantway.flows.login import LoginFailed, known_device_cookie, log_in
from grantway.flows.server import Server
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.next_step import AskConsent, Login
from grantway.protocol.scope import Scope
from grantway.storage.port import Conflict

_TRIES = 3  # of an answer beside changes of what was allowed before


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """Somebody signed in: the new session, and what the flow needs next."""

    session: IssuedSecret
    device: str  # cookie of a known device
    then: Ask | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class TryAgain:
    """The sign-in failed: show the page again with what went wrong."""

    ask: Ask
    failure: LoginFailed


async def sign_in(
    server: Server, browser: Browser, seal: str, username: str, password: str
) -> LoggedIn | TryAgain | Leave:
    """Name and password for a running flow. Raises Refused, NotYours, TooOld, AlreadyDone."""
    interaction = open_interaction(server, browser, seal)
    parsed = reread(server, interaction)
    if isinstance(parsed, Leave):
        return parsed
    before = await signed_in(server, browser)
    entered = await log_in(server, browser, username, password, ends=before)
    if isinstance(entered, LoginFailed):
        step = Login(reauthenticate=before is not None)
        ask = Ask(step=step, interaction=interaction, request=parsed, signed_in=before)
        return TryAgain(ask=ask, failure=entered)
    now_in, secret = entered
    then = await advance(server, interaction.after_login(now_in.person.subject), browser, current=now_in)
    return LoggedIn(session=secret, device=known_device_cookie(server, now_in.person), then=then)


async def choose_account(server: Server, browser: Browser, seal: str, *, another: bool) -> Ask | Leave:
    """Go on as who is signed in, or sign in as another. Raises Refused, NotYours, TooOld, AlreadyDone."""
    interaction = open_interaction(server, browser, seal)
    who = await signed_in(server, browser)
    if another or who is None:
        return await advance(server, interaction.for_another(), browser)
    if interaction.subject != who.person.subject:
        raise NotYours
    return await advance(server, interaction.with_account(who.person.subject), browser)


async def turn_back(server: Server, browser: Browser, seal: str) -> Leave:
    """Cancel or deny: the client learns `access_denied`, nothing else changes.

    Raises Refused, NotYours, TooOld.
    """
    interaction = open_interaction(server, browser, seal)
    parsed = reread(server, interaction)
    if isinstance(parsed, Leave):
        return parsed
    return refuse(server, parsed, interaction, _declined("the person did not allow this"))


async def allow(server: Server, browser: Browser, seal: str, ticked: Scope) -> Ask | Leave:
    """Allow with these optional scopes ticked. Raises Refused, NotYours, TooOld, AlreadyDone.

    The answer counts only for the person the page was shown to, and only while the question still stands:
    if it changed meanwhile, in what is asked or in its words, the flow goes on from where it is.
    """
    interaction = open_interaction(server, browser, seal)
    who = await signed_in(server, browser)
    if who is not None and interaction.subject != who.person.subject:
        raise NotYours
    ask = await advance(server, interaction, browser, current=who)
    for _ in range(_TRIES):
        if isinstance(ask, Leave) or not isinstance(ask.step, AskConsent) or who is None:
            return ask
        if ask.interaction.read != interaction.read:
            return ask
        granted = ask.step.question.granted(ticked)
        if not granted:
            nothing = _declined("the person allowed none of the scopes")
            return refuse(server, ask.request, interaction, nothing)
        with suppress(Conflict):  # what was allowed before is less since it was read
            left = await leave_with_code(
                server, interaction, ask.request, who, scope=granted, consent=ask.consent, answered=True
            )
            return replace(left, narrowed=bool(ask.step.question.optional - granted))
        ask = await advance(server, interaction, browser, current=who)
    return ask


def _declined(words: str) -> OAuthError:
    found = Diagnosis(Gw.DECLINED, words, "Cancel, Deny, or no box ticked", "Allow", words)
    return OAuthError(ErrorCode.ACCESS_DENIED, words, found)
