"""`grantway serve`: the server itself."""

import asyncio
import gc
import os
import signal
import socket
import sys
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from grantway.cli.commands import CONFLICT, Failure, Leaf, choices, wants_color
from grantway.cli.logs import log_to_stderr
from grantway.cli.printing import note
from grantway.cli.running import actor, as_failures, load_settings
from grantway.cli.settings import masked

if TYPE_CHECKING:
    from grantway.app import Application
    from grantway.cli.http_server import ServerConfig
    from grantway.settings import Settings
    from grantway.settings_sources import Loaded

BACKLOG = 2048  # connections that may wait to be taken
PATIENCE = 20  # seconds that requests under way get when the server stops


@click.command(cls=Leaf)
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--management-port", type=int, help="Port for /livez, /readyz and /metrics, on loopback.")
@click.option("--workers", type=int, help="Processes; more than one needs PostgreSQL.")
@click.option("--issuer", metavar="URL", help="Public https:// address of this server.")
@click.option("--dev", is_flag=True, default=None, help="Plain http and a made-up key, on this machine only.")
@click.option("--auto-migrate/--no-auto-migrate", default=None, help="Apply pending migrations first.")
def serve(
    *,
    host: str | None,
    port: int | None,
    management_port: int | None,
    workers: int | None,
    issuer: str | None,
    dev: bool | None,
    auto_migrate: bool | None,
) -> None:
    """Run the server. Refuses to start on settings that are not safe."""
    flags: dict[str, object] = {
        "server.host": host,
        "server.port": port,
        "server.management_port": management_port,
        "server.workers": workers,
        "issuer": issuer,
        "dev": dev,
        "database.auto_migrate": auto_migrate,
        "logging.level": "warning" if choices().quiet else None,
    }
    loaded = load_settings(flags)
    settings = loaded.settings
    log_to_stderr(settings.logging.format, settings.logging.level, color=wants_color(sys.stderr))
    _warn(settings)
    with as_failures():
        asyncio.run(prepare(settings))
    _announce(loaded)
    if settings.server.workers > 1:
        _hand_down(flags, loaded)
    _run(settings)


async def prepare(settings: "Settings") -> None:
    """What must be right before the first request: database, keys, and the registry's file."""
    from grantway.app import open_server

    async with open_server(settings, actor=actor()) as server:
        if settings.registry is not None:
            from grantway.flows.registry_file import read_registry_file
            from grantway.flows.registry_plan import apply

            wanted = read_registry_file(settings.registry, env=os.environ, dev=settings.dev)
            plan = await apply(server, wanted, actor=f"file:{settings.registry.name}")
            for line in plan.lines:
                note(f"  {line}")


def _warn(settings: "Settings") -> None:
    from grantway.settings_keys import others_may_read
    from grantway.settings_rules import plain_port

    for path in (settings.secrets.key_file, settings.secrets.previous_key_file):
        if path is not None and others_may_read(path):
            note(f"warning: anybody on this machine may read {path}: chmod 600 {path}")
    port = settings.server.port
    if plain_port(settings.issuer) not in {None, port}:
        words = f"the issuer is {settings.issuer}, but this server listens on port {port}"
        note(f"warning: {words}: browsers would not find it. Add {_at_port(settings, port)}")


def _at_port(settings: "Settings", port: int) -> str:
    """The flags that make this server one of that port: its issuer, too, where nothing stands before it."""
    from grantway.settings_rules import plain_port

    if plain_port(settings.issuer) is None:
        return f"--port {port}"
    return f"--port {port} --issuer http://{urlsplit(settings.issuer).hostname}:{port}"


def _announce(loaded: "Loaded") -> None:
    settings = loaded.settings
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    facts = [
        ("Grantway", "development server: plain http, this machine only" if settings.dev else ""),
        ("Issuer", settings.issuer),
        ("Listening on", f"http://{host}:{settings.server.port}{_workers(settings.server.workers)}"),
        *_management_fact(settings),
        ("Database", masked(settings.database.url)),
        ("Metadata", f"{settings.issuer}/.well-known/oauth-authorization-server"),
        ("Configuration", str(loaded.config or "none")),
        *[("Refused?", "grantway logs show, in another terminal, says why")] * settings.dev,
    ]
    for name, value in facts:
        note(f"  {name.ljust(14)} {value}".rstrip())


def _workers(count: int) -> str:
    return "" if count == 1 else f", {count} workers"


def _management_fact(settings: "Settings") -> list[tuple[str, str]]:
    own = settings.server
    host = f"[{own.management_host}]" if ":" in own.management_host else own.management_host
    return [("Management", f"http://{host}:{own.management_port}/readyz, /metrics")] * bool(
        own.management_port
    )


def _run(settings: "Settings") -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished."""
    from grantway.cli.http_server import Server, Workers
    from grantway.web.metrics import MULTIPROCESS

    own = settings.server
    with ExitStack() as stack:
        free = _at_port(settings, own.port + 100)
        listeners = [stack.enter_context(listening(own.host, own.port, instead=free))]
        if own.management_port:
            flag = "--management-port"
            listeners.append(
                stack.enter_context(listening(own.management_host, own.management_port, flag=flag))
            )
        # uvicorn raises the signal again when it has finished: by then there is nothing left to stop.
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, _stopped)
        if own.workers == 1:
            app = _application(settings)
            collect_less()
            server = Server(server_config(app, **_patience(settings)))
            server.run(sockets=listeners)
            if not server.started:
                raise Failure("the server did not start", hint="its log above says why; grantway db check")
        else:
            config = server_config(
                "grantway.cli.serve:worker", factory=True, workers=own.workers, **_patience(settings)
            )
            if own.management_port:
                os.environ[MULTIPROCESS] = stack.enter_context(TemporaryDirectory(prefix="grantway-metrics-"))
            Workers(config, sockets=listeners).run()


def _patience(settings: "Settings") -> dict[str, Any]:
    """How long callers may take, as `ServerConfig` wants it."""
    from grantway.cli.slow_callers import Limits
    from grantway.web.requests import networks_of

    own = settings.server
    limits = Limits(
        head=own.head_timeout,
        body=own.body_timeout,
        write=own.write_timeout,
        connections=own.connections_per_network,
        uncounted=networks_of((*own.trusted_proxies, *settings.gateways.trusted)),
    )
    return {"limits": limits, "linger": own.linger, "management_port": own.management_port}


def server_config(app: Any, **more: Any) -> "ServerConfig":
    """How we run uvicorn, here and in the demo. Addresses of proxies are our own business, not its."""
    from grantway.cli.http_server import ServerConfig
    from grantway.cli.slow_callers import Limits

    usual: dict[str, Any] = {
        "lifespan": "on",
        "timeout_graceful_shutdown": PATIENCE,
        "limits": Limits(),
    }
    return ServerConfig(
        app,
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=65,
        backlog=BACKLOG,
        **(usual | more),
    )


def worker() -> Any:
    """The application in a process of its own; its settings come through the environment."""
    from grantway.settings_sources import load

    settings = load().settings
    log_to_stderr(settings.logging.format, settings.logging.level, color=wants_color(sys.stderr))
    app = _application(settings)
    collect_less()
    return app


def _application(settings: "Settings") -> "Application":
    from grantway.app import create_app

    return create_app(settings, management_port=settings.server.management_port)


def collect_less() -> None:
    """Leave what is loaded by now, for good, out of garbage collections, and have fewer of them.

    A full collection of it holds every request up for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _hand_down(flags: dict[str, object], loaded: "Loaded") -> None:
    """Let worker processes read the very settings of this one."""
    from grantway.settings import options

    variables = {option.key: option.env for option in options()}
    os.environ |= {variables[key]: str(value) for key, value in flags.items() if value is not None}
    if loaded.config is not None:
        os.environ["GRANTWAY_CONFIG"] = str(loaded.config.absolute())


def listening(host: str, port: int, *, flag: str = "--port", instead: str | None = None) -> socket.socket:
    """A socket that listens on this address.

    Raises Failure when the port is taken, naming what to add `instead`; by default the flag with a port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)  # only now is the port ours alone
    except OSError as taken:
        listener.close()
        words = f"cannot listen on {host}:{port}: {taken.strerror}"
        free = instead or f"{flag} {port + 100}"
        raise Failure(words, hint=f"another port: {free}", code=CONFLICT) from None
    listener.set_inheritable(True)
    return listener


def _stopped(_: int, __: FrameType | None) -> None:
    """Asked to stop, and stopping: exit code 0."""
