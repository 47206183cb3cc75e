"""`grantway healthcheck`: for containers and scripts."""

import http.client
from urllib.parse import urlsplit

import click

from grantway.cli.commands import FAILED, UNREACHABLE, Failure, Leaf
from grantway.cli.printing import note
from grantway.cli.running import load_settings


@click.command(cls=Leaf)
@click.option("--url", metavar="URL", help="Address to ask, instead of the one that is configured.")
@click.option("--timeout", type=float, default=5.0, show_default=True, help="Seconds to wait.")
def healthcheck(*, url: str | None, timeout: float) -> None:
    """Is the server ready? Exit code 0 if it is, 1 if it says no, 6 if it does not answer."""
    if url is None:
        server = load_settings().settings.server
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104 - asked, not bound
        url = f"http://{f'[{host}]' if ':' in host else host}:{server.port}/readyz"
    where = urlsplit(url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=timeout)
    try:
        connection.request("GET", where.path or "/readyz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as away:
        raise Failure(f"{url}: {away}", hint="is it running? grantway serve", code=UNREACHABLE) from None
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        raise Failure(f"{url} answered {status}", hint="its log says why; grantway db check", code=FAILED)
    note(f"{url} is ready")
