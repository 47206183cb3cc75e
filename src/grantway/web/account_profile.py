"""The person's name and password, and what is kept about them."""

from http import HTTPStatus

from grantway.flows.login import LoginFailed
from grantway.flows.own_account import change_name, change_password
from grantway.flows.rejections import Rejected
from grantway.protocol.params import Params
from grantway.storage.port import Conflict
from grantway.web import error_pages
from grantway.web.account import AccountRequest, fresh_page, own_form, own_page
from grantway.web.account_views import (
    PASSWORD,
    PROFILE,
    SESSIONS,
    NameView,
    PasswordProblem,
    PasswordView,
    ProfileView,
)
from grantway.web.guards import typed
from grantway.web.pages import failed_login_reply
from grantway.web.render import duration
from grantway.web.replies import Reply

NAME = "/account/name"
_CHANGED_MEANWHILE = "the account has changed since the page was made"


@own_page
async def show_profile(own: AccountRequest) -> Reply:
    """GET: who they are here."""
    person, base = own.person, own.door.base
    view = ProfileView(
        frame=own.frame(PROFILE),
        email=person.email,
        email_verified=person.email_verified,
        since=person.created_at,
        name_path=base + NAME,
        password_path=base + PASSWORD,
    )
    return own.door.page(own.request, view)


# --- name ------------------------------------------------------------------


@fresh_page
async def show_name(own: AccountRequest) -> Reply:
    """GET: asks for the new name, once the password was typed just now."""
    return own.door.page(own.request, _name_view(own, own.person.name, None))


def _name_view(own: AccountRequest, name: str, problem: str | None) -> NameView:
    return NameView(
        frame=own.frame(PROFILE),
        name=name,
        problem=problem,
        action=own.door.base + NAME,
        csrf=own.csrf(NAME),
        back=own.door.base + PROFILE,
    )


@own_form(back=NAME, fresh=True)
async def answer_name(own: AccountRequest, form: Params) -> Reply:
    """POST: the name, and nothing else that a form may say (threat C8)."""
    name = typed(form, "name")
    try:
        await change_name(own.door.server, own.who, name)
    except Rejected as why:
        view = _name_view(own, name[:200], str(why))
        return own.door.page(own.request, view, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    except Conflict:
        return _changed_meanwhile(own, PROFILE)
    return own.note(PROFILE, "Your name is changed. Apps learn it when you next sign in to them.")


# --- password --------------------------------------------------------------


@own_page
async def show_password(own: AccountRequest) -> Reply:
    """GET: asks for the current password and a new one."""
    return own.door.page(own.request, _password_view(own))


def _password_view(
    own: AccountRequest, problem: PasswordProblem | None = None, words: str = ""
) -> PasswordView:
    return PasswordView(
        frame=own.frame(PASSWORD),
        problem=problem,
        words=words,
        action=own.door.base + PASSWORD,
        csrf=own.csrf(PASSWORD),
    )


@own_form(back=PASSWORD)
async def answer_password(own: AccountRequest, form: Params) -> Reply:
    """POST: proves the current password, sets the new one, ends every other session (threat C6)."""
    door, new = own.door, typed(form, "new")
    if new != typed(form, "again"):
        return _asked_again(
            own, PasswordProblem.DIFFERENT, "The new password was not typed the same way twice."
        )
    disconnect = form.get("disconnect") == "yes"
    try:
        outcome = await change_password(
            door.server,
            door.browser(own.request),
            own.who,
            current=typed(form, "current"),
            new=new,
            disconnect=disconnect,
        )
    except Rejected as why:
        return _asked_again(own, PasswordProblem.UNFIT, str(why))
    except Conflict:
        return _changed_meanwhile(own, PASSWORD)
    if isinstance(outcome, LoginFailed):
        return failed_login_reply(door, own.request, _failed_view(own, outcome), outcome)
    words = "Your password is changed, and every other browser is signed out." + (
        " No app is connected any more." if disconnect else ""
    )
    changed = own.with_session(outcome.session)
    session, device = door.cookies.set_session(outcome.session.text), door.cookies.set_device(outcome.device)
    return changed.note(SESSIONS, words).plus(session, device)


def _asked_again(own: AccountRequest, problem: PasswordProblem, words: str) -> Reply:
    view = _password_view(own, problem, words)
    return own.door.page(own.request, view, status=HTTPStatus.UNPROCESSABLE_ENTITY)


def _failed_view(own: AccountRequest, failure: LoginFailed) -> PasswordView:
    if failure.busy:
        words = "We could not check your password just now. Wait a moment and try again."
        return _password_view(own, PasswordProblem.BUSY, words)
    if failure.retry_after is not None:
        words = f"Too many tries. Try again in {duration(failure.retry_after)}."
        return _password_view(own, PasswordProblem.TOO_MANY_TRIES, words)
    return _password_view(own, PasswordProblem.WRONG, "Your current password is not right.")


def _changed_meanwhile(own: AccountRequest, back: str) -> Reply:
    door = own.door
    return error_pages.stale_form_page(door, own.request, _CHANGED_MEANWHILE, back=door.policy.issuer + back)
