"""Whom the benchmark measures: Grantway on each database, and the peers, all behind one interface."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from bench.peers import PEERS, Peer, Running
from bench.target import Target
from bench.workloads import PEOPLE
from tests.node import CALLBACK
from tests.services import seeds
from tests.services.filling import fill
from tests.services.fleet import NodeProcess
from tests.services.postgres import Postgres

CONNECTIONS = 64  # as many signed-in browsers are prepared; the most that any run opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server to be measured, not started yet."""

    name: str
    storage: str
    workers: int
    start: Callable[["Ground"], AbstractContextManager[Running]]
    notes: str = ""

    @property
    def label(self) -> str:
        """As tables and plots call it."""
        processes = "1 process" if self.workers == 1 else f"{self.workers} processes"
        return f"{self.name}, {self.storage}, {processes}"

    @property
    def on_postgres(self) -> bool:
        """Does the database have processes of its own?"""
        return self.storage.startswith("PostgreSQL")


@dataclass
class Ground:
    """What servers stand on: a cluster, a folder, and the cores they may use."""

    cluster: Postgres
    folder: Path
    cores: str  # of the servers, as for taskset
    opened: int = field(default=0)

    def fresh_folder(self) -> Path:
        """A folder for one server."""
        self.opened += 1
        folder = self.folder / str(self.opened)
        folder.mkdir()
        return folder

    def database(self, storage: str, folder: Path) -> str:
        """The URL of an empty database."""
        if storage == "SQLite":
            return f"sqlite:///{folder}/bench.db"
        return asyncio.run(self.cluster.fresh_database())


@contextmanager
def ground(cores: str) -> Iterator[Ground]:
    """A cluster of our own and a scratch folder, gone afterwards."""
    with Postgres() as cluster, tempfile.TemporaryDirectory(prefix="grantway-bench-") as folder:
        yield Ground(cluster, Path(folder), cores)


def grantway(
    storage: str,
    *,
    workers: int = 1,
    grants: int = 0,
    module: str = "grantway",
    name: str = "Grantway",
    settings: Mapping[str, str] = MappingProxyType({}),
    decision: str = "",
) -> Contender:
    """Grantway as its README starts it, with so many live grants in the database beforehand."""

    @contextmanager
    def start(on: Ground) -> Iterator[Running]:
        folder = on.fresh_folder()
        node = NodeProcess(
            on.database(storage, folder),
            folder,
            workers=workers,
            cores=on.cores,
            module=module,
            settings=settings,
        )
        target = replace(asyncio.run(_prepared(node)), decision=decision)
        if grants:
            asyncio.run(fill(node.database, grants))
        with node:
            assert node.process is not None
            yield Running(target, (node.process.pid,))

    size = f", {grants:,} live grants".replace(",000,000", " million").replace(",000", " thousand")
    return Contender(name=name, storage=storage + (size if grants else ""), workers=workers, start=start)


async def _prepared(node: NodeProcess) -> Target:
    async with seeds.seeding(node.database, node.folder, node.issuer) as seeded:
        await seeds.register(seeded)
        for number in range(PEOPLE):
            await seeded.add_person(f"person{number}", f"Person {number}")
        cookies = await seeds.many(lambda: seeds.cookie(seeded), CONNECTIONS)
        return Target(
            host=node.host,
            port=node.port,
            basic=seeded.basic("archive")["authorization"],
            client_id="archive",
            redirect_uri=CALLBACK,
            scope="photos:read offline_access",
            cookies=tuple(cookies),
            introspect="/introspect",
            introspect_basic=seeded.basic("photos-api")["authorization"],
            metadata="/.well-known/oauth-authorization-server",
            opaque_basic=seeded.basic("calendar-api")["authorization"],
            opaque_scope="calendar:read offline_access",
            credentials_form="grant_type=client_credentials&scope=photos%3Aread",
            credentials_basic=seeded.basic("robot")["authorization"],
            asking_more="&prompt=consent",
        )


def peers(round_name: str, *, workers: int) -> Sequence[Contender]:
    """Every peer in one round's configuration; those in memory are one process whatever is asked."""
    return [_peer(peer, round_name, 1 if peer.storage == "memory" else workers) for peer in PEERS]


def _peer(peer: Peer, round_name: str, workers: int) -> Contender:
    @contextmanager
    def start(on: Ground) -> Iterator[Running]:
        in_memory = peer.storage == "memory"
        with peer.running(
            round_name=round_name,
            workers=workers,
            database=None if in_memory else asyncio.run(on.cluster.fresh_database()),
            cores=on.cores,
            connections=CONNECTIONS,
        ) as running:
            yield running

    return Contender(
        name=f"{peer.name} {peer.version}",
        storage=peer.storage,
        workers=workers,
        start=start,
        notes=peer.notes.get(round_name, ""),
    )
