"""Sessions: every browser in which a person is signed in, and how they sign out of the others."""

from urllib.parse import urlencode

from grantway.flows.own_account import end_other_sessions, end_session, find_other_session, list_sessions
from grantway.protocol.counting import counted
from grantway.protocol.params import Params
from grantway.protocol.people import Session
from grantway.web.account import AccountRequest, own_form, own_page
from grantway.web.account_views import SESSIONS, SIGN_OUT, SessionCard, SessionsView, SureView
from grantway.web.replies import Reply

END, END_OTHERS = "/account/sessions/end", "/account/sessions/end-others"
_STAYS = "Apps that were connected there stay connected. To take their access back, remove them too."


@own_page
async def show_sessions(own: AccountRequest) -> Reply:
    """GET: this browser first."""
    sessions, base = await list_sessions(own.door.server, own.who), own.door.base
    view = SessionsView(
        frame=own.frame(SESSIONS),
        cards=tuple(_card(own, session) for session in sessions),
        end_others_path=base + END_OTHERS if len(sessions) > 1 else None,
        sign_out_path=base + SIGN_OUT,
    )
    return own.door.page(own.request, view)


def _card(own: AccountRequest, session: Session) -> SessionCard:
    here = session.id == own.who.session.id
    return SessionCard(
        browser=session.browser,
        network=session.network,
        since=session.created_at,
        seen_at=own.door.server.now() if here else session.seen_at,
        end_path=None if here else f"{own.door.base}{END}?{urlencode({'id': session.id})}",
    )


def _called(session: Session) -> str:
    return session.browser or "a browser we cannot name"


@own_page
async def ask_end(own: AccountRequest) -> Reply:
    """GET: asks before signing out of another browser."""
    session = await find_other_session(own.door.server, own.who, own.request.query_params().need("id"))
    if session is None:
        return _no_such_session(own)
    place = f" from {session.network}" if session.network else ""
    view = SureView(
        frame=own.frame(SESSIONS),
        question=f"Sign out {_called(session)}?",
        consequences=(f"Whoever uses it{place} has to sign in again, with your password.", _STAYS),
        answer="Sign it out",
        action=own.door.base + END,
        csrf=own.csrf(END),
        fields=(("id", session.id),),
        back=own.door.base + SESSIONS,
    )
    return own.door.page(own.request, view)


@own_form(back=SESSIONS)
async def answer_end(own: AccountRequest, form: Params) -> Reply:
    """POST: signs out of it."""
    session = await find_other_session(own.door.server, own.who, form.need("id"))
    if session is None:
        return _no_such_session(own)
    await end_session(own.door.server, own.who, session)
    return own.note(SESSIONS, f"Signed out: {_called(session)}.")


@own_page
async def ask_end_others(own: AccountRequest) -> Reply:
    """GET: asks before signing out of all others."""
    count = len(await list_sessions(own.door.server, own.who)) - 1
    others = counted(count, "other browser")
    view = SureView(
        frame=own.frame(SESSIONS),
        question=f"Sign out {others}?",
        consequences=(
            "You stay signed in here. Everywhere else somebody has to sign in again, with your password.",
            _STAYS,
            "If somebody else may know your password, change it: that signs everybody out as well.",
        ),
        answer="Sign out the others",
        action=own.door.base + END_OTHERS,
        csrf=own.csrf(END_OTHERS),
        fields=(),
        back=own.door.base + SESSIONS,
    )
    return own.door.page(own.request, view)


@own_form(back=SESSIONS)
async def answer_end_others(own: AccountRequest, _: Params) -> Reply:
    """POST: signs out of all others."""
    count = await end_other_sessions(own.door.server, own.who)
    return own.note(SESSIONS, f"Signed out {counted(count, 'other browser')}.")


def _no_such_session(own: AccountRequest) -> Reply:
    return own.not_there(
        "There is no such session",
        "It has ended already, or it is the one you are using now.",
        back=SESSIONS,
        back_words="Where you are signed in",
    )
