"""Gateways as they ask: each family's own way to tell which request it has received, byte by byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from grantway.flows.people import PersonDraft, add_person
from grantway.protocol.apis import Access, Api, ApiScope, Rule, TokenFormat
from grantway.protocol.scope import Scope
from grantway.settings import GatewaySettings
from tests.node import PASSWORD, Node, Visitor, machine_client, native_client, running_node, web_client
from tests.serving import PATIENCE

HERE = GatewaySettings(trusted=("127.0.0.1",))
FAMILIES = ("nginx", "forward", "envoy")
HOST, NOTES_HOST = "api.example", "notes.example"
IDENTITY = tuple(f"x-grantway-{name}" for name in ("subject", "client", "scopes", "email", "api"))
MALFORMED = 400


def scoped(*names: str) -> tuple[ApiScope, ...]:
    return tuple(ApiScope(name=name, description=f"Use {name}") for name in names)


def rows(prefix: str) -> tuple[Rule, ...]:
    def need(name: str) -> frozenset[str]:
        return frozenset({f"{prefix}:{name}"})

    return (
        Rule("GET", "/photos", need("read")),
        Rule("GET", "/photos/{id}", need("read")),
        Rule("POST", "/photos", need("write")),
        Rule("PUT", "/photos/{id}", any_of=(need("write"), need("delete"))),
        Rule("PATCH", "/photos/{id}", need("write")),
        Rule("DELETE", "/photos/{id}", need("delete")),
        Rule("OPTIONS", "/photos", access=Access.PUBLIC),
        Rule("GET", "/health", access=Access.PUBLIC),
        Rule("GET", "/internal", access=Access.DENY),
        Rule("*", "/admin", need("delete")),
    )


PHOTOS = Api(
    identifier="https://api.example/photos",
    name="Photos",
    servers=("https://api.example/v1",),
    scopes=scoped("photos:read", "photos:write", "photos:delete"),
    rules=rows("photos"),
)
NOTES = Api(
    identifier="https://notes.example",
    name="Notes",
    servers=("https://notes.example",),
    scopes=scoped("notes:read", "notes:write", "notes:delete"),
    rules=rows("notes"),
    token_format=TokenFormat.OPAQUE,
)
EVERYTHING = Scope.of(["openid", "email", *(s.name for api in (PHOTOS, NOTES) for s in api.scopes)])


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def every(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name]

    def __getitem__(self, name: str) -> str:
        (value,) = self.every(name)
        return value

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def identity(self) -> dict[str, str]:
        """Every identity header; fails unless each is there once and says something."""
        found = {name: self[name] for name in IDENTITY}
        assert all(found.values())
        return found

    @property
    def meant(self) -> int:
        """The status, as a gateway that understands every status would be told."""
        return int((self.every("x-grantway-status") or [self.status])[0])


@dataclass
class Gate:
    """A node, and a gateway's connection to it."""

    node: Node
    at: str = ""  # another address than the node's own
    tokens: dict[str, str] = field(default_factory=dict)

    async def send(self, method: str, target: str, *lines: str) -> Answer:
        """One request as it stands, and the whole answer."""
        return await exchange(urlsplit(self.at or self.node.issuer).port, method, target, *lines)

    async def ask(
        self, family: str, method: str, target: str, *lines: str, host: str = HOST, api: str | None = None
    ) -> Answer:
        """What a gateway of this family asks about `method target` at `host`."""
        return await self.send(*shape(family, method, target, *lines, host=host, api=api))

    async def token(self, *scope: str, client_id: str = "printer", **parameters) -> str:
        """An access token from a real flow, for these scopes and no others."""
        tokens = await Visitor(self.node).tokens(client_id, scope=" ".join(scope), **parameters)
        assert set(tokens["scope"].split()) == set(scope)
        return tokens["access_token"]


async def exchange(port: int, method: str, target: str, *lines: str) -> Answer:
    """One request over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = [f"{method} {target} HTTP/1.1", "Connection: close", *lines]
        if not any(line.lower().startswith("host:") for line in lines):
            head.insert(1, f"Host: 127.0.0.1:{port}")
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1"))
        async with asyncio.timeout(PATIENCE):
            raw = await reader.read()
    finally:
        writer.close()
    return read(raw)


def read(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *told = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":")[::2] for line in told]
    return Answer(int(status.split()[1]), [(name.lower(), value.strip()) for name, value in pairs], body)


def shape(
    family: str, method: str, target: str, *lines: str, host: str = HOST, api: str | None = None
) -> tuple[str, ...]:
    """The gateway's own request: nginx's as docs/howto prints it, the others' as their documents say."""
    query = "" if api is None else f"?api={api}"
    if family == "nginx":
        told = (f"X-Original-Method: {method}", f"X-Original-URL: https://{host}{target}")
        return ("GET", f"/decision/nginx{query}", *told, *lines)
    if family == "forward":
        told = (
            f"X-Forwarded-Method: {method}",
            "X-Forwarded-Proto: https",
            f"X-Forwarded-Host: {host}",
            f"X-Forwarded-Uri: {target}",
            "X-Forwarded-For: 203.0.113.7",
        )
        return ("GET", f"/decision/forward{query}", *told, *lines)
    named = () if api is None else (f"x-grantway-api: {api}",)
    return (method, f"/decision/envoy{target}", f"Host: {host}", "content-length: 0", *named, *lines)


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


async def furnish(node: Node) -> None:
    """Both APIs, and clients that may ask for everything; nobody is asked for consent."""
    await node.put_api(PHOTOS)
    await node.put_api(NOTES)
    everything = {"scope": EVERYTHING | Scope.of(["offline_access"]), "optional_scope": Scope()}
    await node.put_client(web_client(first_party=True, **everything))
    await node.put_client(web_client("other", first_party=True, **everything))
    await node.put_client(native_client(**everything))
    await node.put_client(machine_client("robot", "photos:read"))
    ada = PersonDraft(username="ada", name="Ada Lovelace", password=PASSWORD, email="ada%x@example.org")
    node.people["ada"] = await add_person(node.server, ada, actor="test")


@asynccontextmanager
async def gate_on(database: str, *, seed: bool = True, gateways=HERE, **settings) -> AsyncIterator[Gate]:
    """A node on this database that trusts gateways on this machine."""
    async with running_node(database, gateways=gateways, **settings) as node:
        if seed:
            await furnish(node)
        yield Gate(node)
