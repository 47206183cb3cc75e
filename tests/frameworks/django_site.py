"""The same API as a Django project: plain views, and below /rest those of Django REST framework."""

from typing import ClassVar

from django.http import JsonResponse
from django.urls import include, path, re_path
from rest_framework.response import Response
from rest_framework.views import APIView

from grantway.sdk import django as grantway
from grantway.sdk.drf import GrantwayAuthentication, HasScopes
from tests.frameworks.definition import METADATA, WRITE


def plain(**names):
    def view(request, **_):
        name = names[request.method.lower()]
        token = getattr(request, "grantway_token", None)
        return JsonResponse({"route": name, "subject": token and token.subject})

    return view


async def waiting(request, **_):
    return JsonResponse({"route": "waiting", "subject": request.grantway_token.subject})


def by_method(request, **given):
    if request.method == "DELETE":
        return plain(delete="delete")(request, **given)
    return JsonResponse({"route": "photo", "subject": request.grantway_token.subject})


class Rest(APIView):
    """One view of Django REST framework for every route; says which one it was."""

    authentication_classes = (GrantwayAuthentication,)
    permission_classes = (HasScopes,)
    names: ClassVar[dict] = {}

    def _answer(self, request, **_):
        subject = None if request.auth is None else str(request.user)
        return Response({"route": self.names[request.method.lower()], "subject": subject})

    get = post = delete = _answer


def rest(*, required=(), **names):
    return type("View", (Rest,), {"required_scopes": required}).as_view(names=names)


def routes(view, photo, extra):
    return [
        path("health", view(get="health")),
        path("photos", view(get="photos", post="add")),
        path("photos/<int:number>", photo),
        path("admin", view(get="admin")),
        path("files/<path:rest>", view(get="files")),
        re_path(r"^pattern/(?P<number>[0-9]+)$", view(get="pattern")),
        path("inner/", include([path("albums/<name>", view(get="album")), path("admin", view(get="admin"))])),
        path("extra", extra),
    ]


class REST:
    """The addresses of the project of Django REST framework."""

    urlpatterns: ClassVar = [
        *routes(rest, rest(get="photo", delete="delete"), rest(get="extra", required=[WRITE])),
        path(METADATA.lstrip("/"), grantway.metadata),
    ]


class PLAIN:
    """The addresses of the plain project."""

    urlpatterns: ClassVar = [
        *routes(plain, by_method, grantway.scopes_required(WRITE)(plain(get="extra"))),
        path("open/<name>", grantway.public(plain(get="open"))),
        path("waiting/<int:number>", grantway.scopes_required(WRITE)(waiting)),
        path(METADATA.lstrip("/"), grantway.metadata),
    ]
