"""Nodes on a database with the registry of every experiment, set up for one run and taken down after it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import asyncpg

from grantway.storage.urls import database_file
from lab.experiment import Lab
from lab.report import Report
from lab.wire import Reply, Wire
from tests.node import CALLBACK, Node, free_port, sqlite_url
from tests.services import seeds
from tests.services.fleet import NodeProcess
from tests.services.postgres import Postgres

Kind = Literal["SQLite", "PostgreSQL"]
KINDS: tuple[Kind, ...] = ("SQLite", "PostgreSQL")
APIS = ("photos-api", "calendar-api")  # the resource servers that introspect


@dataclass
class Stage:
    """The nodes under test, and `seeds`: the same database opened beside them, to fill it and to count."""

    kind: Kind
    url: str
    seeds: Node
    nodes: tuple[NodeProcess, ...]
    postgres: Postgres | None  # None on SQLite

    @property
    def host(self) -> str:
        """What a Host header says."""
        return self.nodes[0].host

    def wire(self, node: int = 0) -> Wire:
        """A connection to one of the nodes; numbers beyond the last begin again."""
        return Wire(self.nodes[node % len(self.nodes)].port, self.host)

    def basic(self, client_id: str = "printer") -> dict[str, str]:
        """The Authorization header of a client."""
        return self.seeds.basic(client_id)

    async def redeem(self, wire: Wire, code: str, verifier: str) -> Reply:
        """Exchange a code. Raises Broken."""
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return await wire.post("/token", form | {"redirect_uri": CALLBACK}, **self.basic())

    async def refresh(self, wire: Wire, token: str) -> Reply:
        """Exchange a refresh token. Raises Broken."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return await wire.post("/token", form, **self.basic())

    async def is_active(self, wire: Wire, token: str) -> bool:
        """Does introspection call this access token alive? Raises Broken."""
        reply = await wire.post("/introspect", {"token": token}, **self.basic(APIS[0]))
        return b'"active":true' in reply.body

    async def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a statement in SQL that both databases speak."""
        if self.kind == "SQLite":
            with closing(sqlite3.connect(database_file(self.url))) as db:
                return db.execute(statement).fetchall()
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def number(self, statement: str) -> int:
        """The one number that a statement finds."""
        return int((await self.query(statement))[0][0])

    @property
    def logs(self) -> str:
        """What the nodes said."""
        return "".join(node.log.read_text(errors="replace") for node in self.nodes)


@asynccontextmanager
async def on_stage(
    lab: Lab,
    kind: Kind,
    *,
    nodes: int = 1,
    workers: int = 1,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Stage]:
    """So many nodes, serving. On SQLite one of one worker, whatever is asked: more need PostgreSQL."""
    folder = _fresh_folder(lab.folder, kind)
    if kind == "SQLite":
        nodes = workers = 1
    ports = [free_port() for _ in range(nodes)]
    issuer = f"http://127.0.0.1:{ports[0]}"
    with _cluster(kind) as postgres:
        url = sqlite_url(folder) if postgres is None else await postgres.fresh_database()
        async with seeds.seeding(url, folder, issuer) as node:
            await seeds.register(node)
            stage = Stage(kind, url, node, (), postgres)
            with ExitStack() as running:
                stage.nodes = tuple(
                    NodeProcess(
                        url, folder, workers=workers, port=port, issuer=issuer, settings=settings or {}
                    )
                    for port in ports
                )
                for each in stage.nodes:
                    running.callback(_stop, each)
                await start_all(stage.nodes)
                yield stage


async def on_each(lab: Lab, experiment: Callable[[Lab, Kind], Awaitable[Report]]) -> list[Report]:
    """A report of each database: one after the other, or at once in the tests, which do not look at times."""
    if lab.size == "short":
        return list(await asyncio.gather(*(experiment(lab, kind) for kind in KINDS)))
    return [await experiment(lab, kind) for kind in KINDS]


async def start_all(nodes: Sequence[NodeProcess]) -> None:
    """Start them side by side, and wait until all answer."""
    for node in nodes:
        node.start(wait=False)
    for node in nodes:
        await asyncio.to_thread(node.wait_ready)


async def stop_all(nodes: Sequence[NodeProcess]) -> None:
    """Stop them as an operator would."""
    await asyncio.gather(*(asyncio.to_thread(node.terminate) for node in nodes))


def _stop(node: NodeProcess) -> None:
    if node.running:
        node.terminate()


def _fresh_folder(parent: Path, kind: Kind) -> Path:
    number = 1
    while (folder := parent / f"{kind.lower()}-{number}").exists():
        number += 1
    folder.mkdir(parents=True)
    return folder


@contextmanager
def _cluster(kind: Kind) -> Iterator[Postgres | None]:
    if kind == "SQLite":
        yield None
        return
    with Postgres() as postgres:
        yield postgres
