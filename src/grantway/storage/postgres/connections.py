"""Connections to PostgreSQL.

Settings belong to the role, where an operator sees them and a pooler cannot lose them. Start-up parameters
are never sent, for PgBouncer refuses them or mixes them up. For the role `grantway`:

    ALTER ROLE grantway SET statement_timeout = '60s';
    ALTER ROLE grantway SET lock_timeout = '2s';
    ALTER ROLE grantway SET idle_in_transaction_session_timeout = '5s';

`synchronous_commit` must be on (the default), else an acknowledged commit may be lost; `check_settings`
refuses to start otherwise. Behind PgBouncer use 1.21 or newer in transaction mode, with
`max_prepared_statements` above 0: asyncpg prepares each statement once for every connection, and older
versions lose track of that. An older one works in session mode, or in transaction mode with
`?statement_cache_size=0` at the end of the database URL, at the price of parsing every statement again.

A verb is one statement wherever it can be: PostgreSQL commits it by itself, and it costs one round trip.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from grantway.storage.columns import sql as fill_in
from grantway.storage.port import Conflict, Unavailable
from grantway.storage.problems import StorageProblem
from grantway.storage.rows import Row

try:
    import asyncpg
except ImportError:
    raise StorageProblem(
        "PostgreSQL needs a driver that is not installed: pip install 'grantway[postgres]'"
    ) from None

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

# Fixed when the statement arrives, so that an index can be searched by it.
_NOW = "extract(epoch FROM statement_timestamp())::float8"
PATIENCE = 1.5  # seconds for a free connection and the answer to a statement, both together
CALLED_OFF = 0.5  # seconds for it to say that it has given up a statement that took too long
SLOW = 60.0  # for what touches many rows
_OLDEST = 130000
_CACHE, _PREPARED = "statement_cache_size", 100
_DURABLE = {"on", "remote_apply"}


class Cut(Unavailable):
    """The connection broke while a statement was under way: nobody knows whether it was carried out."""


def sql(text: str, **words: str) -> str:
    """SQL for PostgreSQL with its column lists and clock filled in."""
    return fill_in(text, now=_NOW, **words)


def _read(url: str) -> tuple[str, int]:
    """The address, and how many statements a connection keeps prepared.

    The driver would send a name that it does not know on to the server, as a start-up parameter.
    """
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = dict(pairs).get(_CACHE)
    if kept is None:
        return url, _PREPARED
    if not kept.isdecimal():
        raise StorageProblem(f"{_CACHE}={kept} is no whole number: correct the database URL")
    rest = urlencode([(name, value) for name, value in pairs if name != _CACHE])
    return urlunsplit(parts._replace(query=rest)), int(kept)


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection of one's own, for migrations. Raises StorageProblem when the URL is wrong."""
    with translated():
        try:
            address, kept = _read(url)
            return await asyncpg.connect(address, timeout=PATIENCE, statement_cache_size=kept)
        except (
            asyncpg.ClientConfigurationError,
            asyncpg.InvalidAuthorizationSpecificationError,
            asyncpg.InvalidCatalogNameError,
        ) as wrong:
            raise StorageProblem(f"PostgreSQL cannot be used: {wrong}: correct the database URL") from wrong


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver become those of the port."""
    try:
        yield
    except asyncpg.UniqueViolationError as taken:
        raise Conflict(f"{taken.constraint_name}: taken") from taken
    except asyncpg.ForeignKeyViolationError as missing:
        raise Conflict(f"{missing.constraint_name}: there is no such row") from missing
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, UnicodeEncodeError) as bad:
        raise ValueError(f"PostgreSQL does not keep this value: {bad}") from bad
    except (asyncpg.SyntaxOrAccessError, asyncpg.FeatureNotSupportedError):
        raise  # a fault of ours, not of the database's health
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        ConnectionResetError,
        BrokenPipeError,
    ) as error:
        raise Cut(f"PostgreSQL: {error}") from error
    except asyncpg.PostgresError as error:
        raise Unavailable(f"PostgreSQL: {error}") from error
    except asyncpg.InterfaceError as error:
        raise Unavailable(f"PostgreSQL: {error}") from error
    except TimeoutError as error:
        raise Unavailable("PostgreSQL did not answer in time") from error
    except OSError as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error


async def _no_reset(_connection: object) -> None:
    """Nothing to reset, as no session state is ever set: the pool's own query costs a round trip per verb."""


class Database:
    """A pool of connections, and the three ways to use one.

    A database that says nothing has `PATIENCE` to answer and `CALLED_OFF` to confirm that it has stopped
    trying; then the connection is closed, and what became of the statement is unknown.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, url: str, *, connections: int) -> "Database":
        """Connect. Raises Unavailable when nobody answers."""
        address, kept = _read(url)
        with translated():
            return cls(
                await asyncpg.create_pool(
                    address,
                    statement_cache_size=kept,
                    min_size=0,  # no floor to be restored, with a traceback, while nobody answers
                    max_size=connections,
                    reset=_no_reset,
                    timeout=PATIENCE,
                    command_timeout=PATIENCE,
                )
            )

    async def one(self, statement: str, *values: object) -> Row | None:
        """The first row of a statement, or None."""
        rows = await self.all(statement, *values)
        return rows[0] if rows else None

    async def all(self, statement: str, *values: object, patience: float = PATIENCE) -> list[Row]:
        """All rows of a statement, which is a transaction of its own."""
        until = self._loop.time() + patience
        with translated():
            async with _Lent(self) as connection:
                timeout = until - self._loop.time()
                return [tuple(row) for row in await connection.fetch(statement, *values, timeout=timeout)]

    async def count(self, statement: str, *values: object, patience: float = PATIENCE) -> int:
        """Carry out a statement, which is a transaction of its own; returns the number of rows it touched."""
        until = self._loop.time() + patience
        with translated():
            async with _Lent(self) as connection:
                timeout = until - self._loop.time()
                return _count(await connection.execute(statement, *values, timeout=timeout))

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, patience: float = PATIENCE, **options: Any
    ) -> AsyncIterator["Transaction"]:
        """Several statements that commit together, each seeing what was committed before it began.

        `patience` is for each of them. Whatever it is, the first thing is asked with little: a database that
        is away is found out by then.
        """
        with translated():
            async with _Lent(self) as connection:
                own = connection.transaction(**options)
                await own.start()
                try:
                    yield Transaction(connection, patience)
                except BaseException:
                    await _undo(own, connection)
                    raise
                await own.commit()

    def connections(self) -> dict[str, int]:
        """How many there are, in use and idle."""
        size, idle = self._pool.get_size(), self._pool.get_idle_size()
        return {"idle": idle, "used": size - idle}

    async def take(self) -> "PoolConnectionProxy[asyncpg.Record]":
        """A free connection. Raises TimeoutError, or what the driver has to say."""
        return await self._pool.acquire(timeout=PATIENCE)

    async def give_back(
        self, connection: "PoolConnectionProxy[asyncpg.Record]", *, idle: bool = True
    ) -> None:
        """Let others have it, once what is under way there has been called off; else it is closed."""
        if idle:
            await self._pool.release(connection)
            return
        with contextlib.suppress(Exception):  # one that cannot be released has been closed
            await self._pool.release(connection, timeout=CALLED_OFF)

    async def close(self) -> None:
        """Let statements under way finish, for a while, and disconnect."""
        try:
            await asyncio.wait_for(self._pool.close(), SLOW)
        except TimeoutError:
            self._pool.terminate()


class _Lent:
    """A connection for the length of a `with`."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> "PoolConnectionProxy[asyncpg.Record]":
        self._connection = await self._database.take()
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        idle = kind is None or not issubclass(kind, TimeoutError | asyncio.CancelledError)
        await self._database.give_back(self._connection, idle=idle)


async def _undo(
    own: "asyncpg.transaction.Transaction", connection: "PoolConnectionProxy[asyncpg.Record]"
) -> None:
    """Roll back; where nobody answers, by closing the connection."""
    try:
        async with asyncio.timeout(CALLED_OFF):
            await own.rollback()
    except Exception:  # noqa: BLE001 - the caller has an error of their own to hear of
        connection.terminate()


class Transaction:
    """A connection within a transaction."""

    def __init__(self, connection: "PoolConnectionProxy[asyncpg.Record]", patience: float) -> None:
        self._connection, self._patience = connection, patience

    async def all(self, statement: str, *values: object) -> list[Row]:
        """All rows."""
        return [
            tuple(row) for row in await self._connection.fetch(statement, *values, timeout=self._patience)
        ]

    async def count(self, statement: str, *values: object) -> int:
        """Carry out a statement; returns the number of rows it touched."""
        return _count(await self._connection.execute(statement, *values, timeout=self._patience))


def _count(status: str) -> int:
    """The number at the end of "UPDATE 3", "INSERT 0 1"."""
    return int(status.rpartition(" ")[2])


async def check_settings(database: Database) -> None:
    """Raises StorageProblem where this database would break a promise."""
    durable, flushed, isolation, encoding, version = (
        await database.all(
            "SELECT current_setting('synchronous_commit'), current_setting('fsync'), "
            "current_setting('transaction_isolation'), "
            "current_setting('server_encoding'), current_setting('server_version_num')::int"
        )
    )[0]
    if durable not in _DURABLE:
        raise StorageProblem(
            f"synchronous_commit is {durable}, so an acknowledged write could be lost: "
            "run ALTER ROLE … SET synchronous_commit = on, then start again"
        )
    if flushed != "on":
        raise StorageProblem(
            "fsync is off, so a power cut could lose acknowledged writes and damage the database: "
            "run ALTER SYSTEM SET fsync = on, reload PostgreSQL, then start again"
        )
    if isolation != "read committed":
        raise StorageProblem(
            f"the default isolation is {isolation}: "
            "run ALTER ROLE … SET default_transaction_isolation = 'read committed', then start again"
        )
    if encoding != "UTF8":
        raise StorageProblem(f"the database is encoded in {encoding}: create one with ENCODING 'UTF8'")
    if version < _OLDEST:
        raise StorageProblem(f"PostgreSQL {version // 10000} is too old: 13 or newer is needed")
