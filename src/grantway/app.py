"""The composition root: settings in, a running server out. The only file that knows every room."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import gethostname
from urllib.parse import urlsplit

from grantway.crypto.envelope import Envelopes
from grantway.crypto.passwords import Passwords
from grantway.egress import Egress
from grantway.flows.client_keys import ClientKeys
from grantway.flows.housekeeping import keep_house, write_scope_uses, write_secret_uses
from grantway.flows.known_tokens import KnownTokens
from grantway.flows.logout_delivery import LogoutDelivery
from grantway.flows.revocation_feed import RevocationFeed
from grantway.flows.server import Server
from grantway.flows.signing_keys import ensure_keys
from grantway.flows.snapshot import Snapshots
from grantway.flows.throttles import Throttles
from grantway.protocol.metadata import MutualTls, metadata_path
from grantway.protocol.policy import Policy
from grantway.settings import Settings
from grantway.storage.opening import open_store
from grantway.storage.port import Unavailable
from grantway.storage.refusal_files import RefusalFiles
from grantway.web.asgi import WebApp
from grantway.web.certificates import CertificateHeader
from grantway.web.door import Door
from grantway.web.management import ManagementApp
from grantway.web.metrics import Metrics, PrometheusMetrics
from grantway.web.refusals import Refusals
from grantway.web.requests import Receive, Scope, Send, networks_of

RESTART_AFTER = 1.0  # seconds
DOCUMENT_PATIENCE = 30.0  # seconds: an OpenAPI document may have many megabytes
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
        site_session_lifetime=settings.gateways.session_lifetime,
        keys_cached=settings.keys.cache_lifetime,
        keys_rotated_every=settings.keys.rotate_every,
        dev=settings.dev,
    )


def mutual_tls_of(settings: Settings) -> MutualTls | None:
    """How client certificates reach the server, if they do."""
    server = settings.server
    if server.client_certificate_header is None:
        return None
    return MutualTls(server.client_certificate_verify_header is not None, server.mtls_address)


def refusals_of(settings: Settings, metrics: Metrics) -> tuple[Refusals, RefusalFiles | None]:
    """What is noted about refused requests, and where."""
    folder = settings.refusals_folder()
    limit = settings.logging.refusals_size * 1_000_000
    files = None if folder is None else RefusalFiles(folder, limit=limit, clock=time.time)
    return Refusals(files, metrics, node=gethostname(), clock=time.monotonic, now=time.time), files


def door_of(server: Server, settings: Settings, metrics: Metrics, refusals: Refusals) -> Door:
    """The web's view of this server."""
    own = settings.server
    proxies = networks_of(own.trusted_proxies)
    header = own.client_certificate_header
    verify = own.client_certificate_verify_header
    gateways = networks_of(settings.gateways.trusted)
    shown = settings.gateways.client_certificate_header
    aliases = [] if own.mtls_address is None else [urlsplit(own.mtls_address).netloc]
    return Door(
        server,
        hosts=[*own.hosts, *aliases],
        trusted_proxies=proxies,
        certificates=None if header is None else CertificateHeader(header, verify=verify, trusted=proxies),
        metrics=metrics,
        refusals=refusals,
        gateways=gateways,
        gateway_certificates=None
        if shown is None
        else CertificateHeader(shown, verify=None, trusted=gateways),
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
        snapshots = Snapshots(
            store, envelopes, issuer=settings.issuer, clock=time.time, mtls=mutual_tls_of(settings)
        )
        await snapshots.refresh()
        calls = Throttles(burst=20, seconds_each=3.0, clock=time.monotonic)
        egress = Egress(budget=calls, dev=settings.dev)
        yield Server(
            policy=policy_of(settings),
            store=store,
            snapshots=snapshots,
            envelopes=envelopes,
            passwords=passwords,
            master_keys=masters,
            client_keys=ClientKeys(egress, clock=time.monotonic),
            documents=Egress(budget=calls, dev=settings.dev, patience=DOCUMENT_PATIENCE),
            failures=Throttles(burst=100, seconds_each=0.1, clock=time.monotonic),
            known_tokens=KnownTokens(lifetime=settings.gateways.tokens_kept, clock=time.monotonic),
            revocations=RevocationFeed(
                store,
                snapshots,
                issuer=settings.issuer,
                lifetime=settings.tokens.access_lifetime,
                streams=settings.server.revocation_streams,
                clock=time.monotonic,
            ),
        )
    finally:
        passwords.close()
        await store.close()


class Application:
    """Opens the node at start-up, keeps it fresh, closes it at shutdown."""

    def __init__(self, settings: Settings, *, management_port: int = 0) -> None:
        self._settings = settings
        self._management_port = management_port  # requests that come to this port are the operators'
        self._management: ManagementApp | None = None
        self._web: WebApp | None = None
        self._door: Door | None = None
        self._server: Server | None = None

    @property
    def server(self) -> Server:
        """The running node. Raises RuntimeError before the lifespan has started."""
        if self._server is None:
            raise RuntimeError("the lifespan has not started")
        return self._server

    @property
    def metadata_path(self) -> str:
        """Where the host answers for our metadata: at its root, wherever we are mounted (RFC 8414 §3.1)."""
        return metadata_path(self._settings.issuer)

    def drain(self) -> None:
        """Turn readiness red: this node is about to stop. Requests are answered until it does."""
        if self._door is not None:
            self._door.draining = True
            self._door.server.revocations.stop()  # streams would never end by themselves

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer HTTP; run the node for as long as the lifespan lasts."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and self._web is not None:
            if self._management is not None and scope["server"][1] == self._management_port:
                await self._management(scope, receive, send)
            else:
                await self._web(scope, receive, send)
        else:
            raise RuntimeError(
                f"no answer for {scope['type']} before the lifespan has started: "
                "a host that mounts this application enters `async with app.running()` in its own lifespan"
            )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the node. For hosts that mount this application: they do not pass their lifespan on."""
        metrics = PrometheusMetrics() if self._management_port else Metrics()
        refusals, files = refusals_of(self._settings, metrics)
        try:
            async with (
                open_server(self._settings) as server,
                _background(server, self._settings, metrics, refusals),
            ):
                self._server = server
                self._door = door_of(server, self._settings, metrics, refusals)
                self._web = WebApp(self._door)
                self._management = ManagementApp(self._door) if self._management_port else None
                yield
        finally:
            if files is not None:
                files.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as failure:
            if self._web is None:
                await send({"type": "lifespan.startup.failed", "message": str(failure)})
                return
            raise
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def _background(
    server: Server, settings: Settings, metrics: Metrics, refusals: Refusals
) -> AsyncIterator[None]:
    """The node's own work, for as long as it serves."""
    # Many sessions may end at once, all of people who use one app: more calls to one host than for keys.
    calls = Throttles(burst=200, seconds_each=0.02, clock=time.monotonic)
    telling = LogoutDelivery(server, Egress(budget=calls, dev=settings.dev), outcome=metrics.logout)
    tasks = [
        asyncio.create_task(_kept_alive("logouts", telling.keep_telling)),
        asyncio.create_task(_kept_alive("registry", server.snapshots.keep_fresh)),
        asyncio.create_task(_kept_alive("housekeeping", lambda: keep_house(server, refusals.note_unasked))),
    ]
    if isinstance(metrics, PrometheusMetrics):
        server.passwords.timed = metrics.password_hashed
        tasks.append(
            asyncio.create_task(
                _kept_alive("metrics", lambda: metrics.keep_measuring(server.store, server.revocations))
            )
        )
    try:
        yield
    finally:
        server.revocations.stop()
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


def create_app(settings: Settings, *, management_port: int = 0) -> Application:
    """The server as an ASGI application: one node, opened with its lifespan.

    What comes to `management_port`, if the server listens there too, is answered as operators' requests.
    """
    return Application(settings, management_port=management_port)
