"""The guard before a Flask application: the URL rule that Werkzeug has matched is judged."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from flask import Flask, Response, g, request
from werkzeug.local import LocalProxy
from werkzeug.routing import Map
from werkzeug.routing import Rule as UrlRule

from grantway.protocol.apis import Api
from grantway.protocol.scope import Scope
from grantway.sdk.answers import Answer
from grantway.sdk.bearer import OVERRIDES, Brought
from grantway.sdk.protection import Asked, Protection, failed
from grantway.sdk.routes import check_routes, route_template
from grantway.sdk.verify import AccessToken

__all__ = ["FlaskGuard", "current_token", "scopes_required"]

View = TypeVar("View", bound=Callable[..., Any])
_VARIABLE = re.compile(
    r"<(?:(?P<converter>[a-zA-Z_][a-zA-Z0-9_]*)(?:\([^<>]*\))?:)?(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)>"
)
_DECLARED = "_grantway_scopes"


def _token() -> AccessToken:
    return cast("AccessToken", g.grantway_token)


current_token = cast("AccessToken", LocalProxy(_token))
"""The access token of the request that is being answered. Raises AttributeError where there is none."""


def scopes_required(*scopes: str) -> Callable[[View], View]:
    """Ask for these scopes besides what the rules say, all of them; `FlaskGuard` sees to it.

    Stands below `@app.route`.
    """
    declared = Scope.of(scopes)

    def mark(view: View) -> View:
        setattr(view, _DECLARED, declared)
        return view

    return mark


class FlaskGuard:
    """Judges every request to a Flask application before its view.

        FlaskGuard(protection, public=["/health", "/static/<path:filename>"]).init_app(app)

    The rule for the URL rule that has matched decides, blueprints included; what has neither a rule nor
    `@scopes_required` is refused, unknown addresses too. `public` are URL rules as they are written in the
    code. Views find the token in `current_token`. Raises ApiMistakes, answered with 503, when a rule is
    hidden by a wider URL rule (`check_routes`). Call `init_app` before other functions are registered with
    `before_request`: they run in the order they come.
    """

    def __init__(self, protection: Protection, *, public: Iterable[str] = ()) -> None:
        self._protection, self._public = protection, frozenset(public)
        self._checked: tuple[Api, int] | None = None

    def init_app(self, app: Flask) -> None:
        """Guard this application."""
        app.before_request(lambda: self._decide(app))
        path = self._protection.metadata_path
        if path is not None:
            app.add_url_rule(path, "grantway_metadata", self._metadata, methods=["GET"])

    def _metadata(self) -> Response:
        return _response(self._protection.metadata_answer_now())

    def _decide(self, app: Flask) -> Response | None:
        """None to go on to the view, or the answer to give instead."""
        try:
            matched = request.url_rule
            if matched is not None and matched.rule in {*self._public, self._protection.metadata_path}:
                return None
            self._check(app)
            view = None if matched is None else app.view_functions[matched.endpoint]
            asked = Asked(
                method=request.method,
                path=None if matched is None else template_of(app.url_map, matched),
                declared=getattr(view, _DECLARED, Scope()),
            )
            outcome = self._protection.check_now(asked, self._brought())
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it must not let the request pass
            outcome = failed(wrong)
        if isinstance(outcome, Answer):
            return _response(outcome)
        if outcome is not None:
            g.grantway_token = outcome
        return None

    def _brought(self) -> Brought:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
        source = self._protection.certificate
        scope = {"headers": headers, "client": (request.environ.get("REMOTE_ADDR"), 0)}
        return Brought(
            authorization=request.headers.getlist("authorization"),
            query=request.query_string.decode("latin-1"),
            overrides_method=any(name in request.headers for name in OVERRIDES),
            certificate=None if source is None else source(scope),
        )

    def _check(self, app: Flask) -> None:
        rules = list(app.url_map.iter_rules())
        api = self._protection.api_now()
        if self._checked != (api, len(rules)):
            templates = (template_of(app.url_map, rule) for rule in rules)
            check_routes(api, [one for one in templates if one is not None])
            self._checked = (api, len(rules))


def template_of(url_map: Map, matched: UrlRule) -> str | None:
    """A URL rule as the rules of the API are asked about it; None where a part of it may hold slashes."""

    def within_a_segment(converter: str | None) -> bool:
        return bool(url_map.converters[converter or "default"].part_isolating)

    return route_template(matched.rule, _VARIABLE, within_a_segment=within_a_segment)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, list(answer.headers))
