"""An API behind the guard, and the application that tells what it was asked."""

import json
from contextlib import asynccontextmanager

from grantway.crypto.jose import SigningKey
from grantway.sdk import Api, ApiScope, Guard, Jwks, Protection, Rule
from tests.sdk.callers import Caller
from tests.sdk.servers import AUDIENCE, ISSUER, running

KEY, STRANGER = SigningKey.generate("ES256"), SigningKey.generate("ES256")
API = Api(
    identifier=AUDIENCE,
    name="photos",
    scopes=tuple(
        ApiScope(name=name, description="words") for name in ("photos:read", "photos:delete", "admin", "own")
    ),
    rules=(
        Rule("GET", "/photos", frozenset({"photos:read"})),
        Rule("DELETE", "/photos/{id}", frozenset({"photos:read", "photos:delete"})),
        Rule("*", "/admin", frozenset({"admin"})),
    ),
)


async def application(scope, receive, send):
    """Tells what it was asked and by whom; nothing of this may be seen without leave."""
    if scope["path"] == "/broken":
        raise RuntimeError("a fault of the application")
    read = scope.get("grantway.token")
    told = {"path": scope["path"], "method": scope["method"], "subject": read and read.subject}
    body = json.dumps(told).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def guarded(keys, **options):
    public = options.pop("public", ("/", "/docs", "/static/*"))
    protection = Protection(**({"api": API, "issuer": ISSUER, "jwks": Jwks(keys.uri)} | options))
    async with running(Guard(application, protection, public=public)) as port:
        yield Caller(port)


def assert_refused(reply, status, challenge, body):
    assert (status, challenge, body) == (reply.status, reply.challenge, reply.json)
    assert "no-store" == reply.headers["cache-control"]
    assert "nosniff" == reply.headers["x-content-type-options"]
    assert "application/json" == reply.headers["content-type"]
