"""The words of refusals that only the person may read.

What happened, what was shared (nothing), what to do; and, folded, what the developer of the app needs.
"""

from http import HTTPStatus

from grantway.flows.authorize import Refused
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import ERRORS, OAuthError, page_name
from grantway.protocol.names import ErrorCode
from grantway.web.door import Door
from grantway.web.refusals import nothing_here, too_large, unavailable
from grantway.web.replies import Reply, flow_header
from grantway.web.requests import Request
from grantway.web.views import AlreadyDoneView, ErrorView, Fact, Link

_MAX_SHOWN = 200  # characters of a received value
_AGAIN = "Go back to the app and try again."
_TELL = f"{_AGAIN} If it happens again, tell the people who run the app."


def refused_page(door: Door, request: Request, refusal: Refused) -> Reply:
    """An authorization request that nobody may be sent back from (RFC 6749 §4.1.2.1)."""
    client = refusal.client
    if client is None:
        heading = "This link does not belong to an app registered here"
        sentence = (
            "Nothing was shared. The address that brought you here names an app this server does not know."
        )
    else:
        heading = f"{client.name} sent an address we cannot use"
        sentence = (
            f"{client.name} asked us to send you to an address it has not registered. Nothing was shared."
        )
    return _page(
        door,
        request,
        refusal.error,
        heading=heading,
        sentence=sentence,
        advice=_TELL,
        facts=_received(request),
        spec="RFC 6749 §4.1.2.1",
        back=_back_to(client),
        client_id=None if client is None else client.id,
    )


def malformed_page(door: Door, request: Request, error: OAuthError) -> Reply:
    """A request that could not even be read."""
    return _page(
        door,
        request,
        error,
        heading="This request cannot be read",
        sentence="Something in the address or form that brought you here is damaged. Nothing was shared.",
        advice=_AGAIN,
        spec="RFC 6749 §3.1",
    )


def nowhere_page(door: Door, request: Request) -> Reply:
    """An address that leads nowhere: mistyped, or of a version that is gone."""
    return _page(
        door,
        request,
        nothing_here(request),
        status=HTTPStatus.NOT_FOUND,
        heading="There is nothing here",
        sentence="This address does not lead to a page of this server.",
        advice="Look at it once more, or go back to the app you came from.",
        back=Link(text="To the start", url=f"{door.policy.issuer}/"),
    )


def not_yours_page(door: Door, request: Request) -> Reply:
    """A page of another browser or person, or one whose cookie is gone."""
    error = _error(
        Gw.PAGE_OF_ANOTHER,
        "no cookie of this flow, or of another person",
        received="a page without the cookie it was made with",
        expected="the browser and the person it was made for",
    )
    return _page(
        door,
        request,
        error,
        status=HTTPStatus.FORBIDDEN,
        heading="This page was made for another sign-in",
        sentence="It belongs to another browser or account, or cookies are switched off. Nothing was shared.",
        advice="Go back to the app and start again. If it happens again, allow cookies for this site.",
    )


def not_from_here_page(door: Door, request: Request, why: str) -> Reply:
    """A form of ours that another site sent (threats C2, D2, W5)."""
    error = _error(
        Gw.FORM_FROM_ELSEWHERE,
        why,
        received=why,
        expected=f"Sec-Fetch-Site: same-origin, or Origin: {door.scheme}://{door.issuer_host}",
    )
    return _page(
        door,
        request,
        error,
        status=HTTPStatus.FORBIDDEN,
        heading="This page was made for another sign-in",
        sentence="It was sent from a page that is not ours. Nothing was shared.",
        advice="Go back to the app and start again.",
    )


def stale_form_page(door: Door, request: Request, why: str, *, back: str) -> Reply:
    """A form of one's own account that another session was given (threat D2), or another page."""
    error = _error(
        Gw.PAGE_OF_ANOTHER, why, received="a form of another session", expected="one of this session"
    )
    return _page(
        door,
        request,
        error,
        status=HTTPStatus.FORBIDDEN,
        heading="This page was made for another sign-in",
        sentence="You have signed in again since it was opened, or it belongs to another browser. "
        "Nothing was changed.",
        advice="Open the page again and repeat what you wanted to do.",
        back=Link(text="Open the page again", url=back),
    )


def too_old_page(door: Door, request: Request, client_id: str | None) -> Reply:
    """A page that was open longer than a flow lives."""
    minutes = int(door.policy.flow_lifetime // 60)
    client = door.server.snapshots.newest.registry.clients.get(client_id or "")
    error = _error(
        Gw.PAGE_TOO_OLD,
        "the page was open too long",
        received="a page that is no longer good",
        expected=f"an answer within {minutes} minutes, or a redirect within one",
    )
    return _page(
        door,
        request,
        error,
        heading="This page was open too long",
        sentence=f"For your safety a sign-in must be finished within {minutes} minutes. Nothing was shared.",
        advice=f"Start again from {'the app' if client is None else client.name}.",
        back=_back_to(client),
        client_id=client_id,
    )


def unavailable_page(door: Door, request: Request, why: str) -> Reply:
    """Our side failed; nothing is known to have happened."""
    return _page(
        door,
        request,
        unavailable(why),
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        heading="Something failed on our side",
        sentence="Your data is safe.",
        advice="Try again in a moment.",
    ).plus((b"retry-after", b"1"))


def failed_page(door: Door, request: Request, error: OAuthError, reference: str) -> Reply:
    """A fault of ours, already noted under this reference."""
    return _page(
        door,
        request,
        error,
        reference=reference,
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        heading="Something failed on our side",
        sentence="Your data is safe. The people who run this server can find what happened by the reference.",
        advice="Try again in a moment.",
    )


def already_done_page(door: Door, request: Request, *, status: int = HTTPStatus.OK) -> Reply:
    """The flow has ended: the Back button, or a second Allow."""
    return door.page(request, AlreadyDoneView(client_name=None), status=status)


def too_large_page(door: Door, request: Request) -> Reply:
    """A body beyond the limit."""
    return _page(
        door,
        request,
        too_large(),
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        heading="This request is too large",
        sentence="The form that was sent is longer than this server reads. Nothing was shared.",
        advice=_AGAIN,
    )


def _error(gw: Gw, why: str, *, received: str, expected: str) -> OAuthError:
    found = Diagnosis(gw, why, received, expected, why)
    return OAuthError(ErrorCode.INVALID_REQUEST, "the page cannot be used", found)


def _back_to(client: Client | None) -> Link | None:
    """The way to the app: the address that its owner registered for people, never one that was sent."""
    if client is None or client.homepage is None:
        return None
    return Link(text=f"Back to {client.name}", url=client.homepage)


def _received(request: Request) -> tuple[Fact, ...]:
    """What the developer of the app needs to see: what arrived, shortened, never what is registered."""
    if request.sent is None:
        return ()
    names = ("client_id", "redirect_uri")
    received = [(name, value) for name in names for value in request.sent.values.get(name, ())]
    return tuple(Fact(label=name, value=value[:_MAX_SHOWN]) for name, value in received[:4])


def _page(
    door: Door,
    request: Request,
    error: OAuthError,
    *,
    heading: str,
    sentence: str,
    advice: str,
    status: int = HTTPStatus.BAD_REQUEST,
    facts: tuple[Fact, ...] = (),
    spec: str | None = None,
    back: Link | None = None,
    client_id: str | None = None,
    reference: str | None = None,
) -> Reply:
    """The page of a refusal, which is noted here unless it has a reference already."""
    if reference is None:
        reference = door.refused(request, error.diagnosis, error=error.code, client_id=client_id)
    name = page_name(error.code, error.diagnosis.gw)
    view = ErrorView(
        code=error.code.value,
        heading=heading,
        sentence=sentence,
        advice=advice,
        reference=reference,
        at=door.server.now(),
        back=back,
        facts=(Fact(label="Why", value=error.tell_client), *facts),
        spec=spec,
        diagnosis=name,
        explained=f"{door.base}{ERRORS}{name}?ref={reference}",
    )
    return door.page(request, view, status=status).plus(flow_header(reference))
