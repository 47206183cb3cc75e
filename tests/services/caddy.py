"""A real Caddy, as an operator sets it up before an API, without TLS and without anything kept."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from tests.node import free_port
from tests.services.nginx import replaced, started

_OPTIONS = """
{
	admin off
	auto_https off
}
"""


@contextmanager
def caddy_before_an_api(folder: Path, site: str, *, server: str, api: str):
    """Caddy with this site; the page's server, API and address become these. Yields its port."""
    program = shutil.which("caddy")
    assert program, "caddy is missing: scripts/test_services.py installs it"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    changes = {
        "api.example {": f"http://api.example:{port} {{",
        "127.0.0.1:8600": server.removeprefix("http://"),
        "127.0.0.1:9000": api.removeprefix("http://"),
    }
    config = folder / "Caddyfile"
    config.write_text(_OPTIONS + replaced(site, changes))
    command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    with started(command, port, XDG_CONFIG_HOME=str(folder), XDG_DATA_HOME=str(folder)):
        yield port
