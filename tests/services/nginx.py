"""A real nginx, as an operator sets it up: before the server, with client certificates; and before an API."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Authority, Certified
from tests.node import free_port

# What docs/howto/authenticate-an-app.md prints, in the surroundings that a process of its own needs.
AROUND = """
daemon off;
master_process off;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{excerpt}
}}
"""
_SERVER = """
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name id.example;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
{excerpt}
    }}
"""


def _processes(folder: Path, config: Path) -> list[str]:
    return [_program(), "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]


@contextmanager
def started(command: list[str], port: int, **environment: str):
    """This server, for as long as the block lasts."""
    own = {**os.environ, **environment}
    process = subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()


@contextmanager
def nginx_before_an_api(folder: Path, servers: str, *, certificate: Certified, server: str, api: str):
    """nginx with these upstream and server blocks; the page's server, API, port and files become these."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    crt, key = certificate.write(folder, "api")
    port = free_port()
    lines = replaced(
        servers,
        {
            "server 127.0.0.1:8600": f"server {server.removeprefix('http://')}",
            "http://127.0.0.1:9000": api,
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/nginx/api.crt": crt,
            "/etc/nginx/api.key": key,
        },
    )
    config = folder / "nginx.conf"
    config.write_text(AROUND.format(folder=folder, excerpt=lines))
    with started(_processes(folder, config), port):
        yield port


def replaced(text: str, changes: dict[str, str]) -> str:
    for printed, real in changes.items():
        assert printed in text, f"the page does not say {printed}"
        text = text.replace(printed, real)
    return text


@contextmanager
def nginx(folder: Path, excerpt: str, *, authority: Authority, upstream: str):
    """nginx with these lines of configuration; yields its port. The page's upstream becomes this one."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "authority.crt").write_bytes(authority.pem)
    certificate, key = authority.issue("CN=id.example", dns=["id.example", "localhost"]).write(
        folder, "server"
    )
    port = free_port()
    lines = excerpt.replace("http://127.0.0.1:8600", upstream).replace(
        "/etc/nginx/clients.crt", str(folder / "authority.crt")
    )
    config = folder / "nginx.conf"
    server = _SERVER.format(port=port, certificate=certificate, key=key, excerpt=lines)
    config.write_text(AROUND.format(folder=folder, excerpt=server))
    with started(_processes(folder, config), port):
        yield port


def _program() -> str:
    return next(
        path for path in ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "nginx") if os.access(path, os.X_OK)
    )


def _wait(process: subprocess.Popen, port: int) -> None:
    import socket

    for _ in range(500):
        if process.poll() is not None:
            said = process.stderr.read().decode() if process.stderr else ""
            raise RuntimeError(f"{process.args} did not start: {said}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the server did not listen within ten seconds")
