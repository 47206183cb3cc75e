"""A real Caddy, as an operator sets it up before an API, without TLS and without anything kept."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Certified
from tests.node import free_port
from tests.services.nginx import replaced, started

_OPTIONS = """
{
	admin off
	auto_https off
}
"""


@contextmanager
def caddy_before_an_api(
    folder: Path,
    site: str,
    *,
    server: str,
    api: str,
    host: str = "api.example",
    certificate: Certified | None = None,
    tls: str = "",
):
    """Caddy with this site; the page's server, API and address become these. Yields its port.

    With a certificate, it speaks TLS; `tls` are further lines of that block.
    """
    program = shutil.which("caddy")
    assert program, "caddy is missing: scripts/test_services.py installs it"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    changes = {
        f"{host} {{": f"http://{host}:{port} {{",
        "127.0.0.1:8600": server.removeprefix("http://"),
        "127.0.0.1:9000": api.removeprefix("http://"),
    }
    if certificate is not None:
        crt, key = certificate.write(folder, "site")
        changes[f"{host} {{"] = f"https://{host}:{port} {{\n\ttls {crt} {key} {{\n{tls}\n\t}}"
    config = folder / "Caddyfile"
    config.write_text(_OPTIONS + replaced(site, changes))
    command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    with started(command, port, XDG_CONFIG_HOME=str(folder), XDG_DATA_HOME=str(folder)):
        yield port
