"""The nodes under test: one database, one or two real servers on it, and plain HTTP to each by number.

Hypothesis calls synchronously, so the nodes live on an event loop of their own that turns while somebody asks
them something. They are started once for all examples; each example brings clients and people of its own.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx2

from grantway.crypto.envelope import MasterKey
from grantway.crypto.secrets import SecretKind, issue_secret
from grantway.flows.consents import withdraw
from grantway.flows.key_rotation import rotate
from grantway.flows.people import PersonDraft, add_person, disable, enable
from grantway.protocol.apis import Api, ApiScope, TokenFormat
from grantway.protocol.clients import Client, ClientSecret
from grantway.protocol.people import Person
from grantway.settings import LoginSettings, SecretsSettings, ServerSettings, TokenSettings
from grantway.storage.changes import DropClient, PutApi, PutClient, PutSecret, RegistryChange
from grantway.testing.passing_time import PassTime
from tests.node import (
    CALENDAR,
    PASSWORD,
    PHOTOS,
    Node,
    Visitor,
    asking_client,
    free_port,
    running_node,
)

NOTES = Api(
    identifier="https://api.example/notes",
    name="Notes",
    scopes=(ApiScope(name="notes:read", description="Read your notes"),),
    token_format=TokenFormat.OPAQUE,
)
APIS = (PHOTOS, NOTES, CALENDAR)
DAY = 86400
PATIENCE = 120.0  # seconds: a machine may be busy with others


@dataclass
class Fleet:
    """One to two nodes of one server."""

    database: str
    pass_time_here: PassTime
    ports: tuple[int, ...]
    runner: asyncio.Runner
    nodes: list[Node] = field(default_factory=list)
    password_hash: str = ""  # of PASSWORD: made once, since it takes long
    numbers: Iterator[int] = field(default_factory=itertools.count)  # of examples
    failures: list[tuple[Exception, list[str]]] = field(default_factory=list)  # with the steps before

    def __post_init__(self) -> None:
        self.key = MasterKey.generate().to_text()
        self.running: list[Any] = [None for _ in self.ports]
        self.nodes = [None for _ in self.ports]  # type: ignore[list-item]  # until they are started
        self.https = [
            httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False, timeout=PATIENCE
            )
            for port in self.ports
        ]
        self.secrets: dict[str, str] = {}

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let the loop turn until this is done."""
        return self.runner.run(work)

    def node(self, number: int) -> Node:
        """The node of this number; where there is only one, it has every number."""
        return self.nodes[number % len(self.nodes)]

    # ------------------------------------------------------------------------- life of a node

    async def start(self) -> None:
        """Start every node, and register what all examples share: APIs, with a client for each that asks."""
        for number in range(len(self.ports)):
            await self._start(number)
        self.password_hash = await self.nodes[0].server.passwords.hash(PASSWORD)
        asking = [asking_client(api_client(api.identifier), api.identifier) for api in APIS]
        await self.change([*(PutApi(api) for api in APIS), *self.with_secrets(asking)])

    async def _start(self, number: int) -> None:
        addresses = [f"127.0.0.1:{port}" for port in self.ports]
        self.running[number] = running_node(
            self.database,
            port=self.ports[number],
            issuer=f"http://{addresses[0]}",
            secrets=SecretsSettings(key=self.key),
            server=ServerSettings(hosts=tuple(addresses)),
            # What a step waits for is the grace and the minute of a code: nothing else may end by itself.
            tokens=TokenSettings(access_lifetime=DAY),
            login=LoginSettings(session_idle_lifetime=DAY, session_lifetime=DAY),
        )
        self.nodes[number] = await self.running[number].__aenter__()
        self.nodes[number].issuer = f"http://{addresses[number]}"

    async def restart(self, number: int) -> None:
        """Stop one node and start it again at the same address: only what the database holds is left."""
        number %= len(self.nodes)
        await self.running[number].__aexit__(None, None, None)
        await self._start(number)

    async def close(self) -> None:
        for http in self.https:
            await http.aclose()
        for running in self.running:
            if running is not None:
                await running.__aexit__(None, None, None)

    # --------------------------------------------------------------- what an operator does

    async def change(self, changes: Sequence[RegistryChange]) -> None:
        """Change the registry, and let every node look: each does so twice a second anyhow."""
        await self.nodes[0].server.snapshots.change(changes, [])
        await self.look()

    async def look(self) -> None:
        for node in self.nodes:
            await node.server.snapshots.refresh()

    def with_secrets(self, clients: Sequence[Client]) -> list[RegistryChange]:
        """Register these clients; confidential ones get a secret, kept here."""
        now = self.nodes[0].server.now()
        changes: list[RegistryChange] = [PutClient(client) for client in clients]
        for client in clients:
            if not client.is_public:
                made = issue_secret(SecretKind.CLIENT_SECRET, now=now)
                self.secrets[client.id] = made.text
                row = ClientSecret(id=made.selector, client_id=client.id, hash=made.hash, created_at=now)
                changes.append(PutSecret(row))
        return changes

    async def forget(self, clients: Sequence[str]) -> None:
        await self.change([DropClient(client_id) for client_id in clients])

    async def enable_client(self, client_id: str, *, enabled: bool) -> None:
        client = self.nodes[0].server.snapshots.current().registry.clients[client_id]
        await self.change([PutClient(replace(client, enabled=enabled))])

    async def add_person(self, username: str) -> Person:
        draft = PersonDraft(username=username, name=username, password_hash=self.password_hash)
        return await add_person(self.nodes[0].server, draft, actor="test")

    async def find_person(self, username: str) -> Person:
        person = await self.nodes[0].store.find_person(username)
        assert person is not None
        return person

    async def disable_person(self, username: str, number: int) -> None:
        await disable(self.node(number).server, await self.find_person(username), actor="test")

    async def enable_person(self, username: str, number: int) -> None:
        await enable(self.node(number).server, await self.find_person(username), actor="test")

    async def withdraw(self, username: str, client_id: str, number: int) -> None:
        await withdraw(self.node(number).server, await self.find_person(username), client_id, actor="test")

    async def rotate(self, number: int) -> None:
        await rotate(self.node(number).server, "ES256", actor="test")
        await self.look()

    def forgive(self) -> None:
        """Forget who failed to authenticate: disabled clients would meet the throttle, which is no part."""
        for node in self.nodes:
            node.server.failures._full_until.clear()

    async def pass_time(self, seconds: float, usernames: Sequence[str]) -> None:
        """Make the rows older, and people's cut-offs: else what began after one would begin before it."""
        await self.pass_time_here(seconds)
        for username in usernames:
            person = await self.find_person(username)
            older = replace(person, tokens_valid_from=max(0.0, person.tokens_valid_from - seconds))
            await self.nodes[0].store.change_person(
                person, older, [], end_sessions=False, revoke_grants=False
            )

    # ------------------------------------------------------------------------ plain HTTP

    async def post(self, number: int, path: str, client_id: str, **form: str | None) -> httpx2.Response:
        """A form POST of this client to this node, authenticated the way it is registered.

        A parameter of None is left out. Public clients only say their name (RFC 6749 §3.2.1).
        """
        sent = {name: value for name, value in form.items() if value is not None}
        auth = None
        if client_id in self.secrets:
            auth = httpx2.BasicAuth(client_id, self.secrets[client_id])
        else:
            sent["client_id"] = client_id
        http = self.https[number % len(self.https)]
        return await http.post(path, data=sent, auth=auth)


class Browser(Visitor):
    """A person's browser, which may be sent to any node: they share a host, so the cookies go along."""

    def __post_init__(self) -> None:
        self.http = httpx2.AsyncClient(trust_env=False, verify=False, timeout=PATIENCE)

    def at(self, node: Node) -> "Browser":
        self.node = node
        self.http.base_url = node.issuer
        return self


def api_client(identifier: str) -> str:
    """The client that an API introspects its tokens as."""
    return urlsplit(identifier).path.strip("/") + "_api"


@contextmanager
def fleet_on(database: str, pass_time: PassTime, *, nodes: int) -> Iterator[Fleet]:
    """So many nodes on this database, for as long as the block lasts."""
    with asyncio.Runner() as runner:
        fleet = Fleet(database, pass_time, tuple(free_port() for _ in range(nodes)), runner)
        try:
            fleet.run(fleet.start())
            yield fleet
        finally:
            fleet.run(fleet.close())


async def together(asks: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """All at once, the answers in the order of the asks."""
    return await asyncio.gather(*(ask() for ask in asks))
