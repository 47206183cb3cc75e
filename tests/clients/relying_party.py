"""An app as the server sees it from outside: what it is sent when a session ends, by whichever channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx2
from joserfc import jwt
from joserfc.jwk import KeySet

from grantway.protocol.session_clients import LOGOUT_EVENT
from tests.serving import serving

ENOUGH = 20.0  # seconds in which whatever is to come has come, on the busiest machine


@dataclass
class RelyingParty:
    """Its web server. Waits for as long as `silent` is set; answers with `status` to logout tokens."""

    origin: str = ""
    posts: list[tuple[str, str]] = field(default_factory=list)  # content type, body
    pages: list[str] = field(default_factory=list)  # path and query of what a browser asked for
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def back(self) -> str:
        return f"{self.origin}/back?from=grantway"

    @property
    def front(self) -> str:
        return f"{self.origin}/front?from=grantway"

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event["body"]
            if not event.get("more_body"):
                break
        headers = dict(scope["headers"])
        if scope["method"] == "POST":
            self.posts.append((headers[b"content-type"].decode(), body.decode()))
        elif scope["path"] != "/favicon.ico":  # which some browsers ask for by themselves
            self.pages.append(f"{scope['path']}?{scope['query_string'].decode()}")
        self.came.set()
        while self.silent.is_set():
            await asyncio.sleep(0.05)
        html = [(b"content-type", b"text/html"), *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": html})
        await send({"type": "http.response.body", "body": b"<title>Club House</title>here"})

    async def tokens(self, count: int = 1) -> list[str]:
        """The logout tokens, as soon as there are so many."""
        async with asyncio.timeout(ENOUGH):
            while len(self.posts) < count:
                self.came.clear()
                await self.came.wait()
        found = []
        for content_type, body in self.posts:
            assert content_type == "application/x-www-form-urlencoded"
            assert parse_qs(body).keys() == {"logout_token"}
            found.append(parse_qs(body)["logout_token"][0])
        return found


@asynccontextmanager
async def relying_party() -> AsyncIterator[RelyingParty]:
    """One, on a port of its own."""
    party = RelyingParty()

    def at(origin: str) -> RelyingParty:
        party.origin = origin
        return party

    async with serving(at) as _:
        yield party
        party.silent.clear()


async def accepted(token: str, http: httpx2.AsyncClient, client_id: str) -> dict:
    """The claims of a logout token, validated as Back-Channel Logout §2.6 says, step by step."""
    metadata = (await http.get("/.well-known/openid-configuration")).json()
    keys = KeySet.import_key_set((await http.get("/jwks")).json())
    read = jwt.decode(token, keys, algorithms=["RS256"])
    assert read.header["typ"] == "logout+jwt"
    claims = read.claims
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]},
        aud={"essential": True, "value": client_id},
        iat={"essential": True},
        exp={"essential": True},
    ).validate(claims)
    assert claims["exp"] - claims["iat"] <= 120
    assert claims["sub"]
    assert claims["sid"]
    assert claims["events"] == {LOGOUT_EVENT: {}}
    assert claims["jti"]
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}, "never a nonce"
    return claims
