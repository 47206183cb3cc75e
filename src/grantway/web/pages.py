"""Pages of people: authorize, sign in, choose, consent, leave. The flows decide which comes next."""

from dataclasses import replace
from http import HTTPStatus

from grantway.flows.authorize import Ask, Leave, resume, start
from grantway.flows.browser import Browser
from grantway.flows.interaction import NotYours, open_parting, seal_interaction, seal_parting
from grantway.flows.interaction_answers import (
    LoggedIn,
    TryAgain,
    allow,
    choose_account,
    sign_in,
    turn_back,
)
from grantway.flows.login import LoginFailed
from grantway.protocol import metadata
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.next_step import AskConsent, Login
from grantway.protocol.params import Params
from grantway.protocol.scope import Scope
from grantway.web import error_pages
from grantway.web.account_views import APPS, OVERVIEW, PasswordView
from grantway.web.door import Door
from grantway.web.guards import guarded_form, guarded_page, typed
from grantway.web.page_views import (
    consent_view,
    failed_login_view,
    login_view,
    name_of,
    parting_view,
    select_account_view,
)
from grantway.web.replies import Header, Reply, flow_header, see_other
from grantway.web.requests import Request
from grantway.web.views import HomeView, LoginView

LOGIN, SELECT_ACCOUNT, CONSENT, CONTINUE = "/login", "/select-account", "/consent", "/continue"


# --- the authorization endpoint --------------------------------------------


@guarded_page
async def authorize(door: Door, request: Request) -> Reply:
    """GET or POST /authorize (RFC 6749 §3.1, OIDC Core §3.1.2.1).

    A POST may come from any site: nothing is judged by its cookies.
    """
    posted = request.method == "POST"
    params = await request.form() if posted else request.query_params()
    browser = door.browser(request)
    then = await start(door.server, params, browser, posted=posted)
    if isinstance(then, Leave):
        return _leave_at_once(door, request, then)
    flow = then.interaction
    cookies = door.cookies.set_flow(
        flow.id, flow.binding, lifetime=door.policy.flow_lifetime, running=browser.flow_cookies
    )
    return _go_to(door, then).plus(*cookies)


# --- steps -----------------------------------------------------------------


@guarded_page
async def show_step(door: Door, request: Request) -> Reply:
    """GET of a step: shows it if it is the next one, else goes to the one that is, or leaves."""
    browser = door.browser(request)
    then = await resume(door.server, browser, request.query_params().need("x"))
    if isinstance(then, Leave):
        return _leave_at_once(door, request, then)
    if _path_of(then) != request.path:
        return _go_to(door, then)
    return _show(door, request, then).plus(
        *door.cookies.clear_surplus(then.interaction.id, browser.flow_cookies)
    )


def _show(door: Door, request: Request, ask: Ask) -> Reply:
    seal = seal_interaction(door.server, ask.interaction)
    action = door.base + request.path
    view: object
    if isinstance(ask.step, Login) or ask.signed_in is None:
        view = login_view(ask, action=action, seal=seal)
    elif isinstance(ask.step, AskConsent):
        view = consent_view(
            ask,
            ask.step,
            ask.signed_in.person,
            door.server.snapshots.current().registry,
            action=action,
            seal=seal,
            lifetime=door.policy.refresh_absolute_lifetime,
            withdraw_path=door.base + APPS,
        )
    else:
        view = select_account_view(ask, ask.signed_in.person, action=action, seal=seal)
    return door.page(request, view, posts_to_us=ask.interaction.sends_fetch_metadata)


@guarded_form
async def answer_login(door: Door, request: Request, browser: Browser, form: Params) -> Reply:
    """POST /login: name and password, or Cancel."""
    seal = form.need("x")
    if form.get("answer") == "cancel":
        return _leave_after_form(door, request, await turn_back(door.server, browser, seal))
    username, password = typed(form, "username"), typed(form, "password")
    outcome = await sign_in(door.server, browser, seal, username, password)
    if isinstance(outcome, TryAgain):
        limited = outcome.failure.retry_after is not None
        door.metrics.login("password", "limited" if limited else "failed")
        if limited:
            door.metrics.rate_limited("password_hashing" if outcome.failure.busy else "password")
        return _ask_again(door, request, outcome, username)
    if isinstance(outcome, Leave):
        return _leave_after_form(door, request, outcome)
    return _signed_in(door, request, outcome)


def _ask_again(door: Door, request: Request, again: TryAgain, username: str) -> Reply:
    seal = seal_interaction(door.server, again.ask.interaction)
    view = failed_login_view(
        again, action=door.base + request.path, seal=seal, username=username[:254], now=door.server.now()
    )
    posts_to_us = again.ask.interaction.sends_fetch_metadata
    client_id = again.ask.request.client.id
    return failed_login_reply(
        door, request, view, again.failure, posts_to_us=posts_to_us, client_id=client_id
    )


def failed_login_reply(
    door: Door,
    request: Request,
    view: LoginView | PasswordView,
    failure: LoginFailed,
    *,
    posts_to_us: bool = True,
    client_id: str | None = None,
) -> Reply:
    """A page that asked for a password in vain: 422, or 429 and 503 with the time to come back."""
    reference = door.refused(request, _diagnosed(failure), error="", client_id=client_id)
    status = HTTPStatus.SERVICE_UNAVAILABLE if failure.busy else HTTPStatus.TOO_MANY_REQUESTS
    if failure.retry_after is None:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    shown = replace(view, reference=reference)
    reply = door.page(request, shown, status=status, posts_to_us=posts_to_us).plus(flow_header(reference))
    if failure.retry_after is None:
        return reply
    return reply.plus((b"retry-after", str(failure.retry_after).encode()))


def _diagnosed(failure: LoginFailed) -> Diagnosis:
    """Who it was is told by subject alone: people type their passwords into the field of the name."""
    wait = f"another try in {failure.retry_after} s"
    if failure.busy:
        return Diagnosis(
            Gw.PASSWORDS_BUSY, failure.why, "one password more", "room in the queue", failure.why, wait
        )
    if failure.retry_after is not None:
        return Diagnosis(Gw.TOO_MANY_TRIES, failure.why, "one try more", wait, failure.why)
    return Diagnosis(Gw.WRONG_PASSWORD, failure.why, "a name and a password", "a pair that fits", failure.why)


def _signed_in(door: Door, request: Request, outcome: LoggedIn) -> Reply:
    door.metrics.login("password", "succeeded")
    then = outcome.then
    reply = _go_to(door, then) if isinstance(then, Ask) else _leave_after_form(door, request, then)
    return reply.plus(door.cookies.set_session(outcome.session.text), door.cookies.set_device(outcome.device))


@guarded_form
async def answer_select_account(door: Door, request: Request, browser: Browser, form: Params) -> Reply:
    """POST /select-account: continue, switch or cancel."""
    seal, answer = form.need("x"), form.get("answer")
    if answer == "cancel":
        return _leave_after_form(door, request, await turn_back(door.server, browser, seal))
    then = await choose_account(door.server, browser, seal, another=answer != "continue")
    return _go_to(door, then) if isinstance(then, Ask) else _leave_after_form(door, request, then)


@guarded_form
async def answer_consent(door: Door, request: Request, browser: Browser, form: Params) -> Reply:
    """POST /consent: allow, deny, or use another account. Anything but a clear allow is a denial."""
    seal, answer = form.need("x"), form.get("answer")
    then: Ask | Leave
    if answer == "switch":
        then = await choose_account(door.server, browser, seal, another=True)
    elif answer == "allow":
        then = await allow(door.server, browser, seal, Scope(form.every("scope")))
        door.metrics.consent(_said(then))
    else:
        then = await turn_back(door.server, browser, seal)
        door.metrics.consent("denied")
    return _go_to(door, then) if isinstance(then, Ask) else _leave_after_form(door, request, then)


def _said(then: Ask | Leave) -> str:
    """What became of a press of Allow, for the count."""
    if isinstance(then, Ask) or then.refusal is not None:
        return "not_allowed"
    return "narrowed" if then.narrowed else "allowed"


# --- leaving ---------------------------------------------------------------


def _path_of(ask: Ask) -> str:
    if isinstance(ask.step, Login):
        return LOGIN
    return CONSENT if isinstance(ask.step, AskConsent) else SELECT_ACCOUNT


def _go_to(door: Door, ask: Ask) -> Reply:
    return see_other(f"{door.base}{_path_of(ask)}?x={seal_interaction(door.server, ask.interaction)}")


def _leave_at_once(door: Door, request: Request, leave: Leave) -> Reply:
    """Leave from a GET: nothing of ours was posted, so a plain redirect is safe."""
    return _leave_by_redirect(door, request, leave).plus(*_ended(door, request, leave))


def _ended(door: Door, request: Request, leave: Leave) -> tuple[Header, ...]:
    """Count how a flow ended; the headers of its refusal, if it is one."""
    refusal = leave.refusal
    if refusal is None:
        door.metrics.authorization("code")
        door.metrics.issued("code")
        return ()
    door.metrics.authorization("error", refusal.code.value)
    reference = door.refused(
        request,
        refusal.diagnosis,
        error=refusal.code,
        client_id=leave.client.id,
        reference=leave.reference,
    )
    return (flow_header(reference),)


def _leave_by_redirect(door: Door, request: Request, leave: Leave) -> Reply:
    if leave.to.fields is None:
        reply = see_other(leave.to.url)
    else:
        reply = door.page(request, parting_view(leave.client.name, leave.to), posts_to_us=False)
    return _end_flow(door, request, reply, leave)


def _leave_after_form(door: Door, request: Request, leave: Leave) -> Reply:
    """Leave after a form of ours: by way of /continue.

    A redirect would not do: `form-action 'self'` binds it, too (`design` 4).
    """
    refusal_headers = _ended(door, request, leave)
    flow = leave.interaction
    if flow is None or not flow.sends_fetch_metadata:
        return _leave_by_redirect(door, request, leave).plus(*refusal_headers)
    parting = seal_parting(door.server, flow, leave.client.id, leave.to)
    return see_other(f"{door.base}{CONTINUE}?x={parting}").plus(*refusal_headers)


def _end_flow(door: Door, request: Request, reply: Reply, leave: Leave) -> Reply:
    flow = leave.interaction
    if flow is None or flow.id not in door.browser(request).flow_cookies:
        return reply
    return reply.plus(door.cookies.clear_flow(flow.id))


@guarded_page
async def leave_page(door: Door, request: Request) -> Reply:
    """GET /continue: the finished redirect, once."""
    try:
        flow_id, client_id, to = open_parting(
            door.server, door.browser(request), request.query_params().need("x")
        )
    except NotYours:
        return error_pages.already_done_page(door, request, status=HTTPStatus.FORBIDDEN)
    client = door.server.snapshots.newest.registry.clients.get(client_id)
    view = parting_view(name_of(client), to)
    return door.page(request, view, posts_to_us=to.fields is None).plus(door.cookies.clear_flow(flow_id))


# --- the root --------------------------------------------------------------


@guarded_page
async def home(door: Door, request: Request) -> Reply:
    """GET /: says what this is to whoever typed the address."""
    view = HomeView(
        issuer_host=door.issuer_host,
        metadata_path=metadata.metadata_path(door.policy.issuer),
        account_path=door.base + OVERVIEW,
    )
    return door.page(request, view)
