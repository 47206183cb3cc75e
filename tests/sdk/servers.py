"""Real servers on loopback for the tests of the SDK: one that publishes keys, and whatever app is given."""

import asyncio
import json
import time

from grantway.crypto.jose import SigningKey
from tests.serving import listening

ISSUER = "https://id.example"
AUDIENCE = "https://api.example/photos"


def running(app, *, port=0, root_path=""):
    """The app behind uvicorn; yields its port."""
    return listening(app, port=port, log_level="critical", interface="asgi3", root_path=root_path, ws="auto")


class KeyServer:
    """Publishes keys, counts how often they are fetched, goes away and comes back on the same port."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.fetches = 0
        self.delay = 0.0
        self.body = None  # something else than a JWK Set
        self.status = 200
        self.port = 0
        self._running = None

    @property
    def uri(self):
        return f"http://127.0.0.1:{self.port}/jwks"

    async def __aenter__(self):
        await self.come()
        return self

    async def __aexit__(self, *_):
        await self.leave()

    async def come(self):
        self._running = running(self._app, port=self.port)
        self.port = await self._running.__aenter__()

    async def leave(self):
        if self._running is not None:
            await self._running.__aexit__(None, None, None)
            self._running = None

    async def _app(self, scope, receive, send):
        assert "/jwks" == scope["path"]
        self.fetches += 1
        await asyncio.sleep(self.delay)
        body = self.body
        if body is None:
            body = json.dumps({"keys": [key.public_jwk() for key in self.keys]}).encode()
        headers = [(b"content-type", b"application/jwk-set+json"), (b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Clock:
    """Monotonic time that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def claims(**change):
    """The claims of a good access token of this moment; a change to None leaves the claim out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "sub": "gwp_ada",
        "aud": AUDIENCE,
        "client_id": "printer",
        "scope": "photos:read",
        "iat": now,
        "exp": now + 300,
        "jti": "gwj_1",
        "grant_id": "gwg_1",
        "auth_time": now,
    }
    return {name: value for name, value in (good | change).items() if value is not None}


def token(key: SigningKey, typ="at+jwt", **change):
    """A signed access token with these claims changed."""
    return key.sign(claims(**change), typ=typ)
