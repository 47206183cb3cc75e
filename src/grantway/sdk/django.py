"""The guard before a Django project: the route that its resolver has matched is judged.

In `settings.py`:

    MIDDLEWARE = [..., "grantway.sdk.django.Guard"]
    GRANTWAY = Protection(api=load_api("photos.toml", "photos"), issuer="https://id.example")
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters
from django.urls.resolvers import RoutePattern

from grantway.protocol.apis import Api
from grantway.protocol.scope import Scope
from grantway.sdk.answers import Answer
from grantway.sdk.bearer import OVERRIDES, Brought
from grantway.sdk.protection import Asked, Protection, failed
from grantway.sdk.routes import check_routes, route_template

__all__ = ["Guard", "metadata", "public", "scopes_required"]

View = TypeVar("View", bound=Callable[..., Any])
_VARIABLE = re.compile(r"<(?:(?P<converter>[^>:]+):)?(?P<name>[^>]+)>")
_WITHIN_A_SEGMENT = ("StringConverter", "IntConverter", "SlugConverter", "UUIDConverter")  # Django's own
_PUBLIC, _DECLARED = "_grantway_public", "_grantway_scopes"


def public(view: View) -> View:
    """A view that needs no token. Stands above all other decorators."""
    setattr(view, _PUBLIC, True)
    return view


def scopes_required(*scopes: str) -> Callable[[View], View]:
    """Ask for these scopes besides what the rules say, all of them; `Guard` sees to it.

    Stands above all other decorators. For a class, mark what `as_view()` gives.
    """
    declared = Scope.of(scopes)

    def mark(view: View) -> View:
        setattr(view, _DECLARED, declared)
        return view

    return mark


class Guard:
    """Middleware that judges every request before its view; `settings.GRANTWAY` is its `Protection`.

    The rule for the route that has matched decides, `include`d ones with all of their path; regular
    expressions and parts that may hold slashes no rule can speak of. What has neither a rule nor
    `@scopes_required` nor `@public` is refused; an address without a view is Django's 404. Views find the
    token as `request.grantway_token`. Works under WSGI and ASGI, before sync and async views.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._protection = protection()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Nothing is decided before the view is known."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: object, _kwargs: object
    ) -> HttpResponse | None:
        """None to go on to the view, or the answer to give instead."""
        if getattr(view, _PUBLIC, False):
            return None
        try:
            check_project(self._protection)
            declared = getattr(view, _DECLARED, Scope())
            outcome = self._protection.check_now(asked(request, declared), brought(request, self._protection))
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it must not let the request pass
            outcome = failed(wrong)
        if isinstance(outcome, Answer):
            return response(outcome)
        request.grantway_token = outcome
        return None


@public
def metadata(_request: HttpRequest) -> HttpResponse:
    """The view of the RFC 9728 document; its address is `settings.GRANTWAY.metadata_path`."""
    return response(protection().metadata_answer_now())


_checked: tuple[Api, URLResolver] | None = None


def check_project(own: Protection) -> None:
    """`check_routes` for the whole project, once for each definition. Raises ApiMistakes."""
    global _checked  # noqa: PLW0603 - a project has one resolver, and views of REST framework no place of their own
    now = (own.api_now(), get_resolver())
    if _checked is None or any(known is not one for known, one in zip(_checked, now, strict=True)):
        check_routes(now[0], [one for one in map(template_of, routes()) if one is not None])
        _checked = now


def protection() -> Protection:
    """The one of the project's settings. Raises TypeError where it is something else."""
    found = settings.GRANTWAY
    if not isinstance(found, Protection):
        raise TypeError("settings.GRANTWAY must be a grantway.sdk.Protection")
    return found


def asked(request: HttpRequest, declared: Scope) -> Asked:
    """What the request is about to do: by the route that has matched."""
    return Asked(
        method=request.method or "", path=template_of(request.resolver_match.route), declared=declared
    )


def brought(request: HttpRequest, own: Protection) -> Brought:
    """What the request brought to prove itself. Raises ValueError for a malformed certificate header.

    WSGI joins repeated headers by commas, which no single token or certificate holds.
    """
    given = request.headers.get("authorization")
    as_received = getattr(request, "scope", {}).get("headers")  # under ASGI
    headers = as_received or [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()
    ]
    scope = {"headers": headers, "client": (request.META.get("REMOTE_ADDR"), 0)}
    return Brought(
        authorization=[] if given is None else [given],
        query=request.META.get("QUERY_STRING", ""),
        overrides_method=any(name in request.headers for name in OVERRIDES),
        certificate=None if own.certificate is None else own.certificate(scope),
    )


def response(answer: Answer) -> HttpResponse:
    """The answer as Django has them."""
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def template_of(route: str) -> str | None:
    """A whole route as the rules are asked about it.

    None where a part may hold slashes, and for regular expressions.
    """
    if route.startswith("^") or any(mark in route for mark in ("(?P", "\\", "$")):
        return None
    converters = get_converters()

    def within_a_segment(converter: str | None) -> bool:
        return type(converters.get(converter or "str")).__name__ in _WITHIN_A_SEGMENT

    return route_template("/" + route, _VARIABLE, within_a_segment=within_a_segment)


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Every route of the project, whole, as it is written in the code."""
    for one in get_resolver().url_patterns if patterns is None else patterns:
        own = prefix + str(one.pattern)
        if not isinstance(one.pattern, RoutePattern):
            continue
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, own)
        elif isinstance(one, URLPattern):
            yield own
