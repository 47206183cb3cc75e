"""The words of refusals that only the person may read.

What happened, what was shared (nothing), what to do.
"""

import logging
from http import HTTPStatus

from grantway.flows.authorize import Refused
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.web.door import Door
from grantway.web.replies import Reply
from grantway.web.requests import Request
from grantway.web.views import AlreadyDoneView, ErrorView, Fact, Link

_log = logging.getLogger("grantway.refusals")
_MAX_SHOWN = 200  # characters of a received value


def refused_page(door: Door, request: Request, refusal: Refused) -> Reply:
    """An authorization request that nobody may be sent back from (RFC 6749 §4.1.2.1)."""
    error, client = refusal.error, refusal.client
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
        error,
        status=HTTPStatus.BAD_REQUEST,
        heading=heading,
        sentence=sentence,
        advice="Go back to the app and try again. If it happens again, tell the people who run the app.",
        facts=_received(request),
        spec="RFC 6749 §4.1.2.1",
    )


def malformed_page(door: Door, request: Request, error: OAuthError) -> Reply:
    """A request that could not even be read."""
    return _page(
        door,
        request,
        error,
        status=HTTPStatus.BAD_REQUEST,
        heading="This request cannot be read",
        sentence="Something in the address or form that brought you here is damaged. Nothing was shared.",
        advice="Go back to the app and try again.",
        facts=(),
        spec="RFC 6749 §3.1",
    )


def nowhere_page(door: Door, request: Request) -> Reply:
    """An address that leads nowhere: mistyped, or of a version that is gone."""
    return _page(
        door,
        request,
        _error("there is nothing at this address"),
        status=HTTPStatus.NOT_FOUND,
        heading="There is nothing here",
        sentence="This address does not lead to a page of this server.",
        advice="Look at it once more, or go back to the app you came from.",
        facts=(),
        spec=None,
        back=Link(text="To the start", url=f"{door.policy.issuer}/"),
    )


def not_yours_page(door: Door, request: Request, why: str) -> Reply:
    """A page of another browser or person, or one whose cookie is gone."""
    return _page(
        door,
        request,
        _error(why),
        status=HTTPStatus.FORBIDDEN,
        heading="This page was made for another sign-in",
        sentence="It belongs to another browser or account, or cookies are switched off. Nothing was shared.",
        advice="Go back to the app and start again. If it happens again, allow cookies for this site.",
        facts=(),
        spec=None,
    )


def stale_form_page(door: Door, request: Request, why: str, *, back: str) -> Reply:
    """A form of one's own account that another session was given (threat D2), or another page."""
    return _page(
        door,
        request,
        _error(why),
        status=HTTPStatus.FORBIDDEN,
        heading="This page was made for another sign-in",
        sentence="You have signed in again since it was opened, or it belongs to another browser. "
        "Nothing was changed.",
        advice="Open the page again and repeat what you wanted to do.",
        facts=(),
        spec=None,
        back=Link(text="Open the page again", url=back),
    )


def too_old_page(door: Door, request: Request) -> Reply:
    """A page that was open longer than a flow lives."""
    minutes = int(door.policy.flow_lifetime // 60)
    return _page(
        door,
        request,
        _error("the page was open too long"),
        status=HTTPStatus.BAD_REQUEST,
        heading="This page was open too long",
        sentence=f"For your safety a sign-in must be finished within {minutes} minutes. Nothing was shared.",
        advice="Go back to the app and start again.",
        facts=(),
        spec=None,
    )


def unavailable_page(door: Door, request: Request, why: str) -> Reply:
    """Our side failed; nothing is known to have happened."""
    error = OAuthError(ErrorCode.TEMPORARILY_UNAVAILABLE, "try again in a moment", tell_operator=why)
    return _page(
        door,
        request,
        error,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        heading="Something failed on our side",
        sentence="Your data is safe.",
        advice="Try again in a moment.",
        facts=(),
        spec=None,
    ).plus((b"retry-after", b"1"))


def failed_page(door: Door, request: Request, reference: str) -> Reply:
    """A fault of ours, already logged under this reference."""
    view = ErrorView(
        code=ErrorCode.SERVER_ERROR.value,
        heading="Something failed on our side",
        sentence="Your data is safe. The people who run this server can find what happened by the reference.",
        advice="Try again in a moment.",
        reference=reference,
        at=door.server.now(),
        back=None,
        facts=(),
        spec=None,
    )
    return door.page(request, view, status=HTTPStatus.INTERNAL_SERVER_ERROR)


def already_done_page(door: Door, request: Request, *, status: int = HTTPStatus.OK) -> Reply:
    """The flow has ended: the Back button, or a second Allow."""
    return door.page(request, AlreadyDoneView(client_name=None), status=status)


def _error(why: str) -> OAuthError:
    return OAuthError(ErrorCode.INVALID_REQUEST, "the page cannot be used", tell_operator=why)


def _received(request: Request) -> tuple[Fact, ...]:
    """What the developer of the app needs to see: what arrived, shortened, never what is registered."""
    try:
        params = request.query_params()
        names = ("client_id", "redirect_uri")
        received = [(name, value) for name in names for value in params.every(name)]
    except OAuthError:
        return ()
    return tuple(Fact(label=name, value=value[:_MAX_SHOWN]) for name, value in received)


def _page(
    door: Door,
    request: Request,
    error: OAuthError,
    *,
    status: int,
    heading: str,
    sentence: str,
    advice: str,
    facts: tuple[Fact, ...],
    spec: str | None,
    back: Link | None = None,
) -> Reply:
    reference = door.reference()
    _log.info(
        "%s",
        door.printable(error.tell_operator),
        extra={"reference": reference, "path": request.path, "error": error.code.value},
    )
    view = ErrorView(
        code=error.code.value,
        heading=heading,
        sentence=sentence,
        advice=advice,
        reference=reference,
        at=door.server.now(),
        back=back,
        facts=(
            Fact(label="error", value=error.code.value),
            Fact(label="why", value=error.tell_client),
            *facts,
        ),
        spec=spec,
    )
    return door.page(request, view, status=status)


def too_large_page(door: Door, request: Request) -> Reply:
    """A body beyond the limit."""
    return _page(
        door,
        request,
        _error("the body is too large"),
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        heading="This request is too large",
        sentence="The form that was sent is longer than this server reads. Nothing was shared.",
        advice="Go back to the app and try again.",
        facts=(),
        spec=None,
    )
