"""Where diagnoses are provoked: a node with all sorts of apps, and two browsers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx2

from grantway.protocol.clients import ClientType
from grantway.protocol.names import AuthMethod
from grantway.protocol.scope import Scope
from tests.checks.answers import CheckedNode, fresh_code
from tests.node import CALLBACK, FETCH, Node, Visitor, machine_client, native_client, web_client
from tests.signing import jwks

SPA_ORIGIN = "https://spa.example"
CLIENTS = (
    web_client("hasty", require_pkce=False),
    web_client(
        "spa",
        type=ClientType.SPA,
        auth_method=AuthMethod.NONE,
        redirect_uris=(f"{SPA_ORIGIN}/cb",),
        origins=(SPA_ORIGIN,),
    ),
    web_client("two", redirect_uris=("https://two.example/a", "https://two.example/b")),
    web_client("home", name="Photo House", homepage="https://printer.example/"),
    web_client("off", enabled=False),
    native_client("tool"),
    machine_client("machine", "calendar:read"),
    web_client("signer", auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=jwks()),
    web_client("away", auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks_uri="http://127.0.0.1:9/keys"),
    web_client("bound", certificate_bound_tokens=True),
    web_client(
        "certified",
        auth_method=AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
        jwks=jwks(),
    ),
    web_client("reader", scope=Scope.of(["openid", "photos:read"]), optional_scope=Scope()),
)


@dataclass
class Scene:
    """A node, a browser signed in as ada, and one that has never been here."""

    node: CheckedNode
    member: Visitor
    stranger: Visitor

    async def authorize(self, client_id: str = "printer", **parameters) -> httpx2.Response:
        """The first answer to a link, from ada's browser."""
        return await self.member.http.get(self.member.link(client_id, **parameters), headers=FETCH)

    def http(self) -> httpx2.AsyncClient:
        """Where 500 and 503 are answers, too."""
        return Node.http(self.node, timeout=90)

    async def post(self, path: str, headers=None, **form: str) -> httpx2.Response:
        async with self.http() as http:
            return await http.post(path, data=form, headers=headers)

    async def redeem(self, client_id: str = "printer", *, made_for: str = "printer", **changes):
        code, verifier = await fresh_code(self.member, made_for)
        sent = {"code": code, "redirect_uri": CALLBACK, "code_verifier": verifier, **changes}
        form = {name: value for name, value in sent.items() if value is not None}
        return await self.node.token(client_id, grant_type="authorization_code", **form)

    async def tokens(self) -> dict:
        return (await self.redeem()).json()

    async def refresh(self, client_id: str = "printer", **form: str) -> httpx2.Response:
        return await self.node.token(client_id, grant_type="refresh_token", **form)


Act = Callable[[Scene], Awaitable[httpx2.Response]]


@dataclass(frozen=True)
class Case:
    """What to do, and what is then read."""

    act: Act
    received: str
    expected: str
    difference: str
    fix: str = ""
    name: str = ""
