"""A real nginx, as an operator sets it up before the server: TLS, and client certificates handed over."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Authority
from tests.node import free_port

# What docs/howto/authenticate-an-app.md prints, in the surroundings that a process of its own needs.
_CONFIG = """
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
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name id.example;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
{excerpt}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, excerpt: str, *, authority: Authority, upstream: str):
    """nginx with these lines of configuration; yields its port. The page's upstream becomes this one."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "authority.crt").write_bytes(authority.pem)
    certificate, key = authority.issue("CN=id.example", dns=["id.example"]).write(folder, "server")
    port = free_port()
    lines = excerpt.replace("http://127.0.0.1:8600", upstream).replace(
        "/etc/nginx/clients.crt", str(folder / "authority.crt")
    )
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(folder=folder, port=port, certificate=certificate, key=key, excerpt=lines)
    )
    command = [_program(), "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()


def _program() -> str:
    return next(
        path for path in ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "nginx") if os.access(path, os.X_OK)
    )


def _wait(process: subprocess.Popen, port: int) -> None:
    import socket

    for _ in range(500):
        if process.poll() is not None:
            raise RuntimeError(
                f"nginx did not start: {(process.stderr or b'') and process.stderr.read().decode()}"
            )
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nginx did not listen within ten seconds")
