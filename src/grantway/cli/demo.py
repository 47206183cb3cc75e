"""`grantway demo`: a server, a sample app and a sample API, from nothing to something to click."""

import asyncio
import json
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import click

from grantway.cli.commands import Failure, Leaf, choices
from grantway.cli.logs import log_to_stderr
from grantway.cli.running import as_failures
from grantway.cli.serve import listening

if TYPE_CHECKING:
    from grantway.cli.demo_servers import Part
    from grantway.flows.registry_file import Wanted
    from grantway.settings import Settings

_F = TypeVar("_F", bound=Callable[..., Any])
_CLIENT_ID = "photo_printer"
_TOKENS_LIVE = 120  # seconds: short enough to see one end


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """One demo: its addresses, its data, and the app's secret."""

    port: int
    app_port: int
    api_port: int
    data: Path
    secret: str = field(repr=False)

    @property
    def issuer(self) -> str:
        """The server; by name, while app and API go by number: browsers keep their cookies apart."""
        return f"http://localhost:{self.port}"

    @property
    def app_url(self) -> str:
        """The sample app."""
        return f"http://127.0.0.1:{self.app_port}"

    @property
    def api_url(self) -> str:
        """The sample API."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def config(self) -> Path:
        """A configuration file, for other commands on the demo's data."""
        return self.data / "grantway.toml"


def _port(name: str, default: int, variable: str, text: str) -> Callable[[_F], _F]:
    kind = click.IntRange(1, 65535)
    return click.option(name, type=kind, default=default, show_default=True, envvar=variable, help=text)


@click.command(cls=Leaf)
@_port("--port", 8600, "GRANTWAY_DEMO_PORT", "Port of the server.")
@_port("--app-port", 8601, "GRANTWAY_DEMO_APP_PORT", "Port of the sample app.")
@_port("--api-port", 8602, "GRANTWAY_DEMO_API_PORT", "Port of the sample API.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="GRANTWAY_DEMO_DATA",
    help="Keep the data in this directory. Default: a temporary one.",
)
def demo(*, port: int, app_port: int, api_port: int, data: Path | None) -> None:
    """Bring up a server, a sample app and a sample API, and say what to click. Ctrl-C stops everything."""
    from grantway.crypto.secrets import random_base62

    log_to_stderr("console", "warning")
    with ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grantway-demo-")))
        else:
            data.mkdir(parents=True, exist_ok=True)
        own = Demo(
            port=port, app_port=app_port, api_port=api_port, data=data.absolute(), secret=random_base62(43)
        )
        with as_failures():
            settings, wanted = _settings(own), _wanted(own)
            asyncio.run(_seed(settings, wanted))
            _serve(own, settings, wanted)


def _settings(own: Demo) -> "Settings":
    """The demo's settings, also written to a file, so that other commands find its data."""
    from grantway.settings import DatabaseSettings, Settings, TokenSettings
    from grantway.settings_server import ServerSettings

    settings = Settings(
        issuer=own.issuer,
        dev=True,
        server=ServerSettings(port=own.port),
        database=DatabaseSettings(url=f"sqlite:///{quote(str(own.data))}/grantway.db"),
        tokens=TokenSettings(access_lifetime=_TOKENS_LIVE),
    )
    own.config.write_text(
        f"""# Written by `grantway demo`.
issuer = "{own.issuer}"
dev = true
server = {{ port = {own.port} }}
database = {{ url = "sqlite:///grantway.db" }}
tokens = {{ access_lifetime = "{_TOKENS_LIVE}s" }}
""",
        "utf-8",
    )
    return settings


def _wanted(own: Demo) -> "Wanted":
    """The API, the app and the people, as the two files beside the samples say, at the demo's addresses."""
    import grantway.samples
    from grantway.flows.registry_file import WantedSecret, read_registry_file

    folder = Path(grantway.samples.__file__).parent
    apis = read_registry_file(folder / "photos.toml", env={}, dev=True).apis
    rest = read_registry_file(folder / "demo.toml", env={}, dev=True)
    (client,) = rest.clients
    draft = replace(client.draft, redirect_uris=(f"{own.app_url}/callback",))
    secret = WantedSecret(text=own.secret, label="demo")
    return replace(
        rest,
        apis=tuple(replace(api, identifier=own.api_url) for api in apis),
        clients=(replace(client, draft=draft, secrets=(secret,)),),
    )


async def _seed(settings: "Settings", wanted: "Wanted") -> None:
    from grantway.app import open_server
    from grantway.flows.registry_plan import apply

    async with open_server(settings, actor="demo") as server:
        await apply(server, wanted, actor="demo", prune=True)


def _serve(own: Demo, settings: "Settings", wanted: "Wanted") -> None:
    import uvloop

    from grantway.app import create_app
    from grantway.cli.demo_servers import serve_together

    try:
        from grantway.samples.photos_api import create_photos_api
        from grantway.samples.printer import PrinterConfig, create_printer
    except ModuleNotFoundError as missing:
        raise Failure(f"the sample app needs {missing.name}", hint="pip install 'grantway[demo]'") from None
    config = PrinterConfig(
        issuer=own.issuer,
        client_id=_CLIENT_ID,
        client_secret=own.secret,
        base_url=own.app_url,
        api_url=own.api_url,
    )
    printer, photos = create_printer(config), create_photos_api(issuer=own.issuer, base_url=own.api_url)
    with ExitStack() as stack:
        parts: list[Part] = [
            (create_app(settings), [stack.enter_context(one) for one in _localhost(own.port)]),
            (printer, [stack.enter_context(listening("127.0.0.1", own.app_port, flag="--app-port"))]),
            (photos, [stack.enter_context(listening("127.0.0.1", own.api_port, flag="--api-port"))]),
        ]
        uvloop.run(serve_together(parts, ready=lambda: _announce(own, wanted)))


def _localhost(port: int) -> list[socket.socket]:
    """Browsers may take `localhost` for either address of this machine."""
    listeners = [listening("127.0.0.1", port)]
    if socket.has_ipv6:
        with suppress(Failure):  # this machine has no IPv6
            listeners.append(listening("::1", port))
    return listeners


def _announce(own: Demo, wanted: "Wanted") -> None:
    """What to click; for scripts one line of JSON."""
    people = [{"username": one.username, "password": one.password} for one in wanted.people]
    if choices().json:
        document = {
            "issuer": own.issuer,
            "app": own.app_url,
            "api": own.api_url,
            "client_id": _CLIENT_ID,
            "people": people,
            "config": str(own.config),
        }
        click.echo(json.dumps(document))
        sys.stdout.flush()
        return
    listed = "   ".join(f"{one['username']} / {one['password']}" for one in people)
    click.echo(
        f"""
  Grantway demo: nothing leaves this machine

  Sample app   {own.app_url}    Photo Printer (web app, code + PKCE)
  Sample API   {own.api_url}    Photos, protected by the SDK
  Server       {own.issuer}
  People       {listed}

  Do this      1 open the sample app: Connect my photos, sign in as ada
               2 leave "Delete your photos" unticked: Allow
               3 Show my photos, Add a photo: the API lets the app in
               4 Delete photo 1: the API refuses, and the app shows why
               5 take it back:  {_command()} --config {own.config} grants revoke ada {_CLIENT_ID}
                 then Refresh the token: refused. Access ends within {_TOKENS_LIVE // 60} minutes

  Ctrl-C stops everything. A server of your own: grantway init
"""
    )
    sys.stdout.flush()


def _command() -> str:
    """How to call this program from the shell that started it."""
    return "grantway" if shutil.which("grantway") else sys.argv[0]
