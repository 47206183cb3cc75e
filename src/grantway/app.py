"""The composition root: settings in, a running server out. The only file that knows every room."""

import asyncio
import ipaddress
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from grantway.crypto.envelope import Envelopes
from grantway.crypto.passwords import Passwords
from grantway.flows.housekeeping import keep_house, write_scope_uses, write_secret_uses
from grantway.flows.server import Server
from grantway.flows.signing_keys import ensure_keys
from grantway.flows.snapshot import Snapshots
from grantway.flows.throttles import Throttles
from grantway.protocol.policy import Policy
from grantway.settings import Settings
from grantway.storage.opening import open_store
from grantway.storage.port import Unavailable
from grantway.web.asgi import WebApp
from grantway.web.door import Door
from grantway.web.requests import Receive, Scope, Send

RESTART_AFTER = 1.0  # seconds
_log = logging.getLogger("grantway.app")


def policy_of(settings: Settings) -> Policy:
    """The operator's choices, as the flows need them."""
    tokens, login = settings.tokens, settings.login
    return Policy(
        issuer=settings.issuer,
        code_lifetime=tokens.code_lifetime,
        access_token_lifetime=tokens.access_lifetime,
        refresh_idle_lifetime=tokens.refresh_idle_lifetime,
        refresh_absolute_lifetime=tokens.refresh_absolute_lifetime,
        refresh_grace=tokens.refresh_grace,
        session_lifetime=login.session_lifetime,
        session_idle_lifetime=login.session_idle_lifetime,
        flow_lifetime=login.flow_lifetime,
        dev=settings.dev,
    )


@asynccontextmanager
async def open_server(settings: Settings, *, actor: str = "system") -> AsyncIterator[Server]:
    """The parts of a node, opened and closed together.

    Serves no requests by itself; the command line uses it as is.

    Raises what its parts raise when they cannot start: SchemaProblem, Unavailable, CannotUnwrap.
    """
    masters = settings.master_keys()
    envelopes = Envelopes(*masters[:2])
    store = await open_store(settings.database.url, auto_migrate=settings.database.auto_migrate)
    passwords = Passwords(workers=settings.server.workers)
    try:
        await ensure_keys(store, envelopes, actor=actor)
        snapshots = Snapshots(store, envelopes, issuer=settings.issuer, clock=time.time)
        await snapshots.refresh()
        yield Server(
            policy=policy_of(settings),
            store=store,
            snapshots=snapshots,
            envelopes=envelopes,
            passwords=passwords,
            master_keys=masters,
            failures=Throttles(burst=100, seconds_each=0.1, clock=time.monotonic),
        )
    finally:
        passwords.close()
        await store.close()


class Application:
    """Opens the node at start-up, keeps it fresh, closes it at shutdown."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._web: WebApp | None = None
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """The running node. Raises RuntimeError before the lifespan has started."""
        if self._server is None:
            raise RuntimeError("the lifespan has not started")
        return self._server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HTTP; run the node for as long as the lifespan lasts."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and self._web is not None:
            await self._web(scope, receive, send)
        else:
            raise RuntimeError(f"no answer for {scope['type']} before the lifespan has started")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with open_server(self._settings) as server, _background(server):
                proxies = [ipaddress.ip_network(text) for text in self._settings.server.trusted_proxies]
                self._server = server
                self._web = WebApp(Door(server, hosts=self._settings.server.hosts, trusted_proxies=proxies))
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as failure:
            if self._web is None:
                await send({"type": "lifespan.startup.failed", "message": str(failure)})
                return
            raise
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def _background(server: Server) -> AsyncIterator[None]:
    """The node's own work, for as long as it serves."""
    tasks = [
        asyncio.create_task(_kept_alive("registry", server.snapshots.keep_fresh)),
        asyncio.create_task(_kept_alive("housekeeping", lambda: keep_house(server))),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(Unavailable):
            await write_secret_uses(server)
            await write_scope_uses(server)


async def _kept_alive(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Start the work again whenever it fails: a node must not grow old in silence."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - whatever it was, it is logged whole and must not stop the node
            _log.exception("%s failed; starting it again", name)
            await asyncio.sleep(RESTART_AFTER)


def create_app(settings: Settings) -> Application:
    """The server as an ASGI application: one node, opened with its lifespan."""
    return Application(settings)
