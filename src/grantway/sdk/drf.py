"""The guard inside Django REST framework: an authentication and a permission, with exact refusals.

In `settings.py`:

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["grantway.sdk.drf.GrantwayAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["grantway.sdk.drf.HasScopes"],
    }
    GRANTWAY = Protection(api=load_api("photos.toml", "photos"), issuer="https://id.example")
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from grantway.protocol.scope import Scope
from grantway.sdk.answers import Answer
from grantway.sdk.challenge import challenge
from grantway.sdk.django import asked, brought, check_project, protection
from grantway.sdk.protection import Asked, failed
from grantway.sdk.verify import AccessToken

__all__ = ["GrantwayAuthentication", "HasScopes", "RefusedRequest", "TokenUser"]


_UNTOLD = frozenset({"cache-control", "x-content-type-options"})


@dataclass(frozen=True, slots=True)
class TokenUser:
    """`request.user` where no other was chosen: the subject of the access token, in no table of yours."""

    token: AccessToken
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True

    @property
    def pk(self) -> str:
        """The subject: throttles and logs tell people apart by it."""
        return self.token.subject

    def __str__(self) -> str:
        return self.token.subject


class RefusedRequest(APIException):  # type: ignore[misc]
    """A request that does not pass, answered in the form of RFC 6750: status, JSON, challenge.

    What the framework has no place for goes through the headers of `view`.
    """

    def __init__(self, answer: Answer, view: object = None) -> None:
        headers = getattr(view, "headers", None)
        if isinstance(headers, dict):
            headers.update((name, value) for name, value in answer.headers if name in _UNTOLD)
        super().__init__(dict(answer.content))
        self.detail = dict(answer.content)  # as it is: the framework would wrap each text
        self.status_code = answer.status
        self.auth_header = answer.challenge
        if answer.challenge is None:
            self.wait = int(dict(answer.own_headers).get("retry-after", "0"))


class GrantwayAuthentication(BaseAuthentication):  # type: ignore[misc]
    """Who calls, by the access token: `request.user`, and `request.auth`, an `AccessToken`.

    A request without an Authorization header is nobody's here, and other authentications are asked; what a
    token may do is the business of `HasScopes`. Override `user_of` to look up a user of your own.
    """

    def authenticate(self, request: Request) -> tuple[Any, AccessToken] | None:
        """The user and the token. Raises RefusedRequest."""
        if "authorization" not in request.headers:
            return None
        try:
            own = protection()
            outcome = own.identify_now(_asked(request), brought(request, own))
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it must not let the request pass
            outcome = failed(wrong)
        if isinstance(outcome, Answer):
            raise RefusedRequest(outcome, _view(request))
        return None if outcome is None else (self.user_of(outcome), outcome)

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - the framework's signature
        """What makes the framework answer 401 instead of 403, should another permission refuse."""
        return challenge(protection().api_now().name)

    def user_of(self, token: AccessToken) -> Any:
        """The user a token stands for: by (issuer, subject), never by subject alone."""
        return TokenUser(token)


class HasScopes(BasePermission):  # type: ignore[misc]
    """May the token do this? By the rule for the matched route, and the view's own `required_scopes`.

    `required_scopes` is a list, or a dictionary of lists by method. What has neither a rule nor
    `required_scopes` is refused. A rule that is hidden by a wider route of the project (`check_routes`) stops
    every request with 503.
    """

    def has_permission(self, request: Request, view: object) -> bool:
        """Always true, or else raises RefusedRequest."""
        token = request.auth  # raises RefusedRequest where authentication was not asked before
        try:
            own, what = protection(), _asked(request)
            check_project(own)
            outcome: object = (
                own.judge_now(what, token)
                if isinstance(token, AccessToken)
                else own.check_now(what, brought(request, own))
            )
        except Exception as wrong:  # noqa: BLE001 - as above
            outcome = failed(wrong)
        if isinstance(outcome, Answer):
            raise RefusedRequest(outcome, view)
        return True


def required_scopes(view: object, method: str | None) -> Scope:
    """What a view asks for itself, for this method."""
    required = getattr(view, "required_scopes", ())
    if isinstance(required, Mapping):
        required = required.get(method, ())
    return Scope.of(required)


def _asked(request: Request) -> Asked:
    return asked(request, required_scopes(_view(request), request.method))


def _view(request: Request) -> object:
    return request.parser_context.get("view")
