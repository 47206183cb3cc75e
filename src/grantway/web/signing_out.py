"""Signing out: by the person's own wish, or because an app asks (RP-Initiated Logout 1.0)."""

from dataclasses import replace

import msgspec

from grantway.crypto.seal import BrokenSeal, flow_id_of
from grantway.flows.browser import Browser, sign_out, signed_in
from grantway.flows.interaction import NotYours
from grantway.flows.logout import (
    NOBODY,
    POSTED_LIFETIME,
    LogoutRequest,
    clients_of,
    frames_of,
    needs_no_question,
    open_logout,
    read_logout,
    seal_logout,
    still_registered,
    why_no_return,
)
from grantway.protocol.endpoints import END_SESSION
from grantway.protocol.params import Params
from grantway.protocol.people import SignedIn
from grantway.protocol.return_address import Redirection
from grantway.protocol.session_clients import origin_of
from grantway.web.account_views import SIGN_OUT
from grantway.web.door import Door
from grantway.web.guards import guarded_form, guarded_page
from grantway.web.page_views import account, name_of, parting_view
from grantway.web.replies import Header, Reply, flow_header, see_other
from grantway.web.requests import Request
from grantway.web.views import LogoutView, SignedOutView

_PURPOSE = "logout"
_NO_FRAMES: tuple[str, ...] = ()
_requests = msgspec.msgpack.Decoder(LogoutRequest)


@guarded_page
async def end_session(door: Door, request: Request) -> Reply:
    """GET or POST /end-session (RP-Initiated Logout §2): an app asks to sign somebody out.

    A POST may come from another site, whose browser leaves the session cookie at home: it goes on at our
    own address, sealed. An ID token of the very session that is to end needs no question; anything else does
    (threat P2).
    """
    if request.method == "POST":
        asked = _read(door, request, await request.form())
        posted = seal_logout(door.server, asked)
        cookies = door.cookies.set_flow(posted.id, posted.binding, lifetime=POSTED_LIFETIME, running=())
        reply = see_other(f"{door.base}{END_SESSION}?x={posted.seal}").plus(*cookies)
    else:
        params = request.query_params()
        sealed = params.get("x")
        surplus: list[Header] = []
        if sealed is not None:
            browser = door.browser(request)
            asked = open_logout(door.server, browser, sealed)
            surplus = door.cookies.clear_surplus(flow_id_of(sealed) or "", browser.flow_cookies)
        else:
            asked = _read(door, request, params)
        reply = (await _asked_to(door, request, asked)).plus(*surplus)
    return reply.plus(flow_header(asked.reference)) if asked.reference else reply


def _read(door: Door, request: Request, params: Params) -> LogoutRequest:
    """What is asked; an address nobody registered is noted, once."""
    asked = read_logout(door.server, params)
    if not asked.refused_return:
        return asked
    return replace(asked, reference=door.refused(request, why_no_return(door.server, params), error=""))


async def _asked_to(door: Door, request: Request, asked: LogoutRequest) -> Reply:
    browser = door.browser(request)
    current = await signed_in(door.server, browser)
    if current is None:
        return _signed_out(door, request, browser, asked, at_once=asked.subject is not None)
    if not needs_no_question(door.server, asked, current):
        return await _question(door, request, browser, current, asked)
    frames = frames_of(door.server, await sign_out(door.server, current), current)
    return _signed_out(door, request, browser, asked, frames=frames, at_once=True)


@guarded_page
async def show_logout(door: Door, request: Request) -> Reply:
    """GET /logout: asks; nobody is signed out by following a link (threat P2)."""
    browser = door.browser(request)
    current = await signed_in(door.server, browser)
    if current is None:
        return door.page(request, SignedOutView(client_name=None, refused_return=False))
    return await _question(door, request, browser, current, NOBODY)


@guarded_form
async def answer_logout(door: Door, request: Request, browser: Browser, form: Params) -> Reply:
    """POST /logout: ends the session and every running flow of this browser (threat P4)."""
    current = await signed_in(door.server, browser)
    asked, frames = NOBODY, _NO_FRAMES
    if current is not None and browser.session_cookie is not None:
        try:
            payload = door.server.unseal(form.need("csrf"), purpose=_PURPOSE, binding=browser.session_cookie)
        except BrokenSeal:
            raise NotYours from None
        asked = still_registered(door.server, _requests.decode(payload))
        frames = frames_of(door.server, await sign_out(door.server, current), current)
    return _signed_out(door, request, browser, asked, frames=frames, at_once=False)


async def _question(
    door: Door, request: Request, browser: Browser, current: SignedIn, asked: LogoutRequest
) -> Reply:
    """The page that asks. Where the person goes afterwards is sealed into it."""
    server = door.server
    payload, cookie = msgspec.msgpack.encode(asked), browser.session_cookie or ""
    csrf = server.seal(payload, purpose=_PURPOSE, binding=cookie)
    view = LogoutView(
        account=account(current.person),
        client_name=_client_name(door, asked),
        app_count=await clients_of(server, current),
        action=door.base + SIGN_OUT,
        csrf=csrf,
    )
    return door.page(request, view)


def _signed_out(
    door: Door,
    request: Request,
    browser: Browser,
    asked: LogoutRequest,
    *,
    at_once: bool,
    frames: tuple[str, ...] = _NO_FRAMES,
) -> Reply:
    """Without session and flows; back to the app if it may be, and else here.

    By a page where other apps sign the person out in frames first, and after a form of ours, since
    `form-action 'self'` also binds redirects (`design` 4).
    """
    client_name = _client_name(door, asked)
    if frames or asked.return_to is None:
        view = SignedOutView(
            client_name=client_name,
            refused_return=asked.refused_return,
            reference=asked.reference,
            frames=frames,
            next_url=asked.return_to,
        )
        reply = door.page(request, view, framed_origins={origin_of(frame) for frame in frames})
    elif at_once:
        reply = see_other(asked.return_to)
    else:
        reply = door.page(request, parting_view(client_name or name_of(None), Redirection(asked.return_to)))
    flows = (door.cookies.clear_flow(flow_id) for flow_id in browser.flow_cookies)
    return reply.plus(door.cookies.clear_session(), *flows)


def _client_name(door: Door, asked: LogoutRequest) -> str | None:
    client = door.server.snapshots.newest.registry.clients.get(asked.client_id or "")
    return None if client is None else client.name
