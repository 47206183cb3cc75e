"""What load is put on and faults are made in: nodes on one database, with everything a client knows of them.

The seeds are written and the database closed again before the first node starts: a second process with the
file open would spare SQLite the recovery that a kill is meant to cause.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from grantway.flows.people import PersonDraft, add_person
from grantway.protocol.clients import Client
from grantway.protocol.scope import Scope
from grantway.storage.urls import database_file, is_postgres
from tests.node import PASSWORD, Node, free_port, web_client
from tests.services import seeds
from tests.services.fleet import NodeProcess

ACCESS_LIFETIME = "1d"  # so that nothing ends by itself while it is judged
CODE_LIFETIME = "10m"
LONGEST_HELD = 500.0  # seconds that a code may wait to be redeemed
SETTINGS = {
    "GRANTWAY_TOKENS__ACCESS_LIFETIME": ACCESS_LIFETIME,
    "GRANTWAY_TOKENS__CODE_LIFETIME": CODE_LIFETIME,
}


@dataclass(eq=False)
class Place:
    """One node, and whether anything it does now may be held against it."""

    node: NodeProcess
    under_fault: bool = False
    generation: int = 0  # connections of an older one are dead, or may be

    def fault_begins(self) -> None:
        """From now on it may break off."""
        self.under_fault = True

    def fault_ends(self) -> None:
        """It is as good as before; connections to it are made anew."""
        self.generation += 1
        self.under_fault = False


@dataclass
class Target:
    """A fleet under load."""

    database: str
    folder: Path
    places: Sequence[Place]
    basics: Mapping[str, str] = field(default_factory=dict)  # client id → its Authorization header
    cookies: Sequence[str] = ()  # browsers in which ada is signed in
    people: Iterator[tuple[str, str]] = field(
        default_factory=lambda: iter(())
    )  # accounts nobody has touched yet: username, cookie
    environment: Mapping[str, str] = field(default_factory=dict)  # of CLI commands on the same database

    @property
    def issuer(self) -> str:
        """The same for all nodes."""
        return self.places[0].node.issuer

    @property
    def host(self) -> str:
        """What a Host header says."""
        return self.places[0].node.host

    @property
    def fault_elsewhere(self) -> bool:
        """Is any node under fault?"""
        return any(place.under_fault for place in self.places)

    @property
    def log(self) -> str:
        """What the nodes said."""
        return "".join(place.node.log.read_text(errors="replace") for place in self.places)

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement in SQL that both databases speak."""
        if is_postgres(self.database):
            connection = await asyncpg.connect(self.database)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()
        return await asyncio.to_thread(self._sqlite, statement)

    def _sqlite(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(database_file(self.database), timeout=10)) as db:
            return db.execute(statement).fetchall()


@asynccontextmanager
async def on_target(
    database: str,
    folder: Path,
    *,
    nodes: int = 1,
    workers: int = 1,
    browsers: int = 8,
    people: int = 0,
    more: Sequence[Client] = (),
    settings: Mapping[str, str] | None = None,
    start: Callable[[NodeProcess], object] = NodeProcess.start,
) -> AsyncIterator[Target]:
    """Seed this database, start so many nodes on it, and stop them at the end."""
    ports = [free_port() for _ in range(nodes)]
    issuer = f"http://127.0.0.1:{ports[0]}"
    own = SETTINGS | dict(settings or {})
    places = [
        Place(NodeProcess(database, folder, workers=workers, port=port, issuer=issuer, settings=own))
        for port in ports
    ]
    target = Target(database, folder, places)
    async with seeds.seeding(database, folder, issuer) as node:
        await _seed(target, node, browsers=browsers, people=people)
        for client in more:
            await node.put_client(client)
    with ExitStack() as running:
        for place in places:
            await asyncio.to_thread(start, place.node)
            running.callback(_stop, place.node)
        yield target


def _stop(node: NodeProcess) -> None:
    if node.running:
        node.kill()  # what is worth knowing has been asked by now


async def _seed(target: Target, node: Node, *, browsers: int, people: int) -> None:
    await seeds.register(node)
    both = Scope.of(["photos:read", "calendar:read", "offline_access"])
    await node.put_client(web_client("asker", name="Asker", scope=both, optional_scope=Scope()))
    target.basics = {client_id: node.basic(client_id)["authorization"] for client_id in node.secrets}
    target.cookies = [await seeds.cookie(node) for _ in range(browsers)]
    target.people = iter(await _people(node, people))
    variables = {"ISSUER": target.issuer, "DEV": "true", "DATABASE__URL": target.database}
    variables["SECRETS__KEY_FILE"] = str(seeds.key_file(target.folder))
    target.environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GRANTWAY_")},
        **{f"GRANTWAY_{name}": value for name, value in variables.items()},
    }


async def _people(node: Node, count: int) -> list[tuple[str, str]]:
    """Accounts that share one password, and so one hash, which takes long to make."""
    password_hash = await node.server.passwords.hash(PASSWORD)
    made = []
    for number in range(count):
        username = f"person{number}"
        draft = PersonDraft(username=username, name=username, password_hash=password_hash)
        node.people[username] = await add_person(node.server, draft, actor="seeds")
        made.append((username, await seeds.cookie(node, username)))
    return made
