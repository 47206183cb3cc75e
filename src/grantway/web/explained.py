"""The pages that `error_uri` points to: what a diagnosis or an error code means, the same for everybody."""

import re

from grantway.protocol.catalogue import CATALOGUE, CODE_PAGES
from grantway.protocol.diagnosis import Gw
from grantway.protocol.errors import ERRORS
from grantway.web.door import Door
from grantway.web.replies import Reply, public_page
from grantway.web.requests import Request
from grantway.web.views import Cause, ExplainedView

NAMES = (*(gw.value for gw in CATALOGUE), *CODE_PAGES)
_KEPT = 300  # seconds
_REFERENCE = re.compile(r"ref=(?P<ref>[0-9A-F]{4}-[0-9A-F]{2})")
_SPECIMEN = "0000-00"  # stands for the reference in the prepared page
_ASK = (
    "Look up the reference of your request, or go through the list. Nothing but the log of the server can "
    "say which it was."
)


async def explained(door: Door, request: Request) -> Reply:
    """GET: prepared once; of the query, a well-formed reference is shown and anything else ignored."""
    name = request.path.removeprefix(ERRORS)
    found = _REFERENCE.fullmatch(request.query.decode("latin-1"))
    reference = None if found is None else found["ref"]
    key = (name, reference is not None)
    page = door.prepared.get(key)
    if page is None:
        view = _view(door.base, name, None if reference is None else _SPECIMEN)
        page = door.prepared[key] = public_page(door.page(request, view), max_age=_KEPT)
    if reference is None:
        return page
    return Reply(page.status, page.headers, page.body.replace(_SPECIMEN.encode(), reference.encode()))


def _view(base: str, name: str, reference: str | None) -> ExplainedView:
    if name in CODE_PAGES:
        code = CODE_PAGES[name]
        return ExplainedView(
            name=name,
            title=code.title,
            cause="",
            fix=_ASK,
            spec=code.spec,
            errors=(),
            causes=tuple(
                Cause(id=entry.gw.value, title=entry.title, path=f"{base}{ERRORS}{entry.gw}")
                for entry in code.causes
            ),
            reference=reference,
        )
    entry = CATALOGUE[Gw(name)]
    return ExplainedView(
        name=name,
        title=entry.title,
        cause=entry.cause,
        fix=entry.fix,
        spec=entry.spec,
        errors=tuple(error.value for error in entry.errors),
        causes=(),
        reference=reference,
    )
