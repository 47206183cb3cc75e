"""What stands before every page for people: refusals in words, and forms of ours told from forged ones."""

from collections.abc import Awaitable, Callable
from functools import wraps

from grantway.flows.approve import AlreadyDone
from grantway.flows.authorize import Refused
from grantway.flows.browser import Browser
from grantway.flows.interaction import NotYours, TooOld
from grantway.protocol.errors import OAuthError
from grantway.protocol.params import Params
from grantway.storage.port import Unavailable
from grantway.web import error_pages
from grantway.web.csrf import comes_from_elsewhere
from grantway.web.door import Door, Handler
from grantway.web.replies import Reply
from grantway.web.requests import Request, TooLarge


def guarded_page(handler: Handler) -> Handler:
    """Turn what can go wrong in any page into the page that says so."""

    @wraps(handler)
    async def guarded(door: Door, request: Request) -> Reply:
        try:
            return await handler(door, request)
        except Refused as refusal:
            door.metrics.authorization("page", refusal.error.code.value)
            return error_pages.refused_page(door, request, refusal)
        except NotYours:
            return error_pages.not_yours_page(door, request)
        except TooOld as old:
            return error_pages.too_old_page(door, request, old.client_id)
        except AlreadyDone:
            return error_pages.already_done_page(door, request)
        except OAuthError as unreadable:
            return error_pages.malformed_page(door, request, unreadable)
        except TooLarge:
            return error_pages.too_large_page(door, request)
        except Unavailable as away:
            return error_pages.unavailable_page(door, request, str(away))

    return guarded


def guarded_form(handler: Callable[[Door, Request, Browser, Params], Awaitable[Reply]]) -> Handler:
    """A form of ours: refused when another site may have sent it (threats C2, D2)."""

    @wraps(handler)
    async def guarded(door: Door, request: Request) -> Reply:
        if why := comes_from_elsewhere(request, scheme=door.scheme):
            return error_pages.not_from_here_page(door, request, why)
        return await handler(door, request, door.browser(request), await request.form())

    return guarded_page(guarded)


def typed(form: Params, name: str) -> str:
    """What a person typed: nothing counts as an empty text, and a control character as itself."""
    values = form.values.get(name, ("",))
    return values[0] if len(values) == 1 else ""
