"""What the attacks have in common: a target with every kind of client, and raw ways to talk to it.

Whatever an attack sends, an answer of 500 or above fails it: every client made here looks at every answer.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx2

from grantway.protocol.apis import Api, ApiScope, TokenFormat
from grantway.protocol.clients import ClientType
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from grantway.testing.passing_time import PassTime, passing_in_postgres, passing_in_sqlite
from tests.checks.answers import never_our_fault
from tests.node import (
    CALENDAR,
    FETCH,
    PHOTOS,
    Node,
    Visitor,
    asking_client,
    machine_client,
    native_client,
    running_node,
    web_client,
)

FORM = {"content-type": "application/x-www-form-urlencoded"}
EVIL = "https://evil.example/cb"
OTHER_CALLBACK = "https://other.example/callback"
APP_CALLBACK = "com.example.app:/cb"
SPA_CALLBACK = "https://spa.example/cb"
LOOPBACK = "http://127.0.0.1:5123/cb"
PAYLOAD = "\"'><svg onload=1>"
NOTES = Api(
    identifier="https://api.example/notes",
    name="Notes",
    scopes=(ApiScope(name="notes:read", description="Read your notes"),),
    token_format=TokenFormat.OPAQUE,
)
EVERY_SCOPE = Scope.of(
    ["photos:read", "photos:write", "photos:delete", "calendar:read", "notes:read", "offline_access"]
)
CODE_ONLY = frozenset({GrantType.AUTHORIZATION_CODE})


@dataclass
class Target(Node):
    """A running node that answers nothing with 500 or above."""

    database: str = ""

    def http(self, **options) -> httpx2.AsyncClient:
        options.setdefault("event_hooks", {"response": [never_our_fault]})
        options.setdefault("limits", httpx2.Limits(max_keepalive_connections=0))  # nothing is left open
        return super().http(**options)

    @property
    def pass_time(self) -> PassTime:
        """Make the rows of the database older."""
        if self.database.startswith("postgresql"):
            return passing_in_postgres(self.database)
        return passing_in_sqlite(self.file)

    @property
    def file(self) -> Path:
        return Path(self.database.removeprefix("sqlite:///"))

    @property
    def port(self) -> int:
        return urlsplit(self.issuer).port or 80

    async def introspect(self, token: str, caller: str = "printer", **form: str) -> dict:
        reply = await self.post("/introspect", caller, token=token, **form)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def is_alive(self, token: str, caller: str = "printer") -> bool:
        """What the owner of the token would be told."""
        answer = await self.introspect(token, caller)
        assert answer == {"active": False} or answer["active"] is True
        return answer["active"]

    async def redeem(self, code: str, verifier: str, client_id: str = "printer", **form: str):
        form = {"redirect_uri": "https://printer.example/callback", **form}
        return await self.token(
            client_id, grant_type="authorization_code", code=code, code_verifier=verifier, **form
        )

    async def refresh(self, refresh_token: str, client_id: str = "printer", **form: str):
        return await self.token(client_id, grant_type="refresh_token", refresh_token=refresh_token, **form)


@asynccontextmanager
async def target_on(database: str, *, seed: bool = True, **settings) -> AsyncIterator[Target]:
    """A node on this database; seeded with three APIs, every kind of client, and three people."""
    async with running_node(database, **settings) as node:
        target = Target(server=node.server, issuer=node.issuer, database=database)
        if seed:
            await populate(target)
        yield target


async def populate(target: Target) -> None:
    for api in (PHOTOS, CALENDAR, NOTES):
        await target.put_api(api)
    clients = [
        web_client(scope=EVERY_SCOPE),
        web_client(
            "other", name="Other", redirect_uris=(OTHER_CALLBACK,), auth_method=AuthMethod.CLIENT_SECRET_POST
        ),
        web_client("code_only", redirect_uris=("https://once.example/cb",), grant_types=CODE_ONLY),
        native_client(),
        native_client("app", redirect_uris=(APP_CALLBACK,), name="Photo App"),
        web_client(
            "spa",
            type=ClientType.SPA,
            auth_method=AuthMethod.NONE,
            redirect_uris=(SPA_CALLBACK,),
            origins=("https://spa.example",),
        ),
        machine_client("machine", "calendar:read", "notes:read"),
        *(asking_client(f"{api.name.lower()}_api", api.identifier) for api in (PHOTOS, CALENDAR, NOTES)),
    ]
    for client in clients:
        await target.put_client(client)
    for username, name in (("ada", "Ada Lovelace"), ("eve", "Eve"), ("bob", "Bob")):
        await target.add_person(username, name)


# --- browsers ----------------------------------------------------------------


async def login_page(visitor: Visitor, client_id: str = "printer", **parameters) -> httpx2.Response:
    page = await visitor.get(visitor.link(client_id, **parameters))
    assert 'id="login-submit"' in page.text, page.text[:500]
    return page


async def consent_page(visitor: Visitor, client_id: str = "printer", *, username="ada", **parameters):
    """The consent page of a fresh flow, after signing in where that is asked."""
    page = await visitor.get(visitor.link(client_id, **{"prompt": "consent", **parameters}))
    if 'id="login-submit"' in page.text:
        page = await visitor.sign_in(page, username)
    assert 'id="consent-allow"' in page.text, page.text[:500]
    return page


def seal_of(page: httpx2.Response) -> str:
    found = re.search(r'name="x" value="([^"]+)"', page.text)
    assert found is not None, page.text[:300]
    return found[1]


def with_cookies_of(visitor: Visitor) -> Visitor:
    """A second browser holding the same cookies: what a thief of a cookie jar would have."""
    twin = Visitor(visitor.node, visitor.fetch)
    for cookie in visitor.http.cookies.jar:
        twin.http.cookies.jar.set_cookie(cookie)
    return twin


async def post_form(visitor: Visitor, path: str, fields: dict, **headers: str) -> httpx2.Response:
    """A form sent from a page of ours, unless the headers say otherwise; follows nothing."""
    sent = {**FORM, **FETCH, "sec-fetch-site": "same-origin", **headers}
    content = urlencode(fields, doseq=True)
    return await visitor.http.post(path, content=content, headers={k: v for k, v in sent.items() if v})


def is_refused_here(page: httpx2.Response, status: int = 400) -> bool:
    """A page on our own origin: nobody is sent anywhere."""
    return page.status_code == status and "location" not in page.headers and "data-error" in page.text


# --- below HTTP clients --------------------------------------------------------


async def raw(target: Target, request: bytes, *, within: float = 10.0) -> bytes:
    """Bytes in, bytes out: what no HTTP client would send. The request must end the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    answer = b""
    try:
        with suppress(ConnectionError):  # closed in our face: what came before counts
            async with asyncio.timeout(within):
                writer.write(request)
                while octets := await reader.read(65536):
                    answer += octets
        return answer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
