"""A live server, tokens from a real flow, and the same API in each framework behind a real HTTP server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.frameworks import django_settings  # noqa: F401 - first of all that is Django's

from django.core.asgi import get_asgi_application  # isort: skip
from django.core.wsgi import get_wsgi_application  # isort: skip
from django.test import override_settings  # isort: skip

from grantway.sdk import Protection
from tests.frameworks import applications, django_site
from tests.frameworks.definition import API
from tests.node import Node, Visitor, seeded_node, sqlite_url
from tests.sdk.callers import Caller
from tests.sdk.servers import running
from tests.serving import wsgi


@asynccontextmanager
async def django(protection, urls, middleware, *, is_asgi):
    """A Django project behind a real server."""
    with override_settings(GRANTWAY=protection, ROOT_URLCONF=urls, MIDDLEWARE=middleware):
        if is_asgi:
            async with running(get_asgi_application()) as port:
                yield port
        else:
            async with wsgi(get_wsgi_application()) as port:
                yield port


GUARD = ["grantway.sdk.django.Guard"]
FRAMEWORKS = {
    "fastapi": lambda own: running(applications.fastapi_application(own)),
    "starlette": lambda own: running(applications.starlette_application(own)),
    "flask": lambda own: wsgi(applications.flask_application(own)),
    "django": lambda own: django(own, django_site.PLAIN, GUARD, is_asgi=False),
    "django-asgi": lambda own: django(own, django_site.PLAIN, GUARD, is_asgi=True),
    "drf": lambda own: django(own, django_site.REST, [], is_asgi=False),
}


@pytest.fixture(scope="module")
async def node(tmp_path_factory) -> AsyncIterator[Node]:
    """A server that knows ada, a printer, and the API."""
    async with seeded_node(sqlite_url(tmp_path_factory.mktemp("node"))) as node:
        await node.put_api(API)
        yield node


@pytest.fixture(scope="module")
async def tokens(node) -> dict[str, str]:
    """Access tokens for ada, each from a flow of its own, by their scope."""
    made = {}
    for scope in ("photos:read", "photos:write", "photos:read photos:delete"):
        bought = await Visitor(node).tokens(scope=scope)
        assert set(scope.split()) == set(bought["scope"].split())
        made[scope] = bought["access_token"]
    made["read"] = made["photos:read"]
    return made


@pytest.fixture(scope="module", params=FRAMEWORKS)
def framework(request) -> str:
    """Which framework."""
    return request.param


@pytest.fixture(scope="module")
async def call(framework, node) -> AsyncIterator[Caller]:
    """A caller of the API in this framework, which answers at a real port."""
    protection = Protection(api=API, issuer=node.issuer, serve_metadata=True)
    async with FRAMEWORKS[framework](protection) as port:
        yield Caller(port)
