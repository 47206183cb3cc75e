"""`grantway serve`, as a process."""

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.cli.processes import free_ports, running, status

REGISTRY = """
[[apis]]
name = "photos"
audience = "https://api.example/photos"
scopes = [{ name = "photos:read", description = "See your photos" }]

[[apps]]
id = "spa"
name = "Photo Viewer"
type = "spa"
redirect_uris = ["https://viewer.example/cb"]
scopes = ["photos:read"]
"""


@pytest.fixture
def port():
    return free_ports(1)[0]


def ready(port):
    return lambda: status(f"http://127.0.0.1:{port}/readyz") == 200


def lives(pid):
    """Does it run? One that has ended may wait to be taken note of."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(tmp_path, port, how):
    with running(tmp_path, "serve", "--dev", "--port", port) as server:
        server.wait_for(ready(port))
        assert status(f"http://127.0.0.1:{port}/.well-known/oauth-authorization-server") == 200
        assert server.stop(how) == 0
        assert server.said["stdout"] == ""
        for part in (f"http://localhost:{port}", "sqlite:///grantway.db", "development server", "logs show"):
            assert part in server.said["stderr"]
        assert "Traceback" not in server.said["stderr"]


def test_a_request_under_way_is_finished(tmp_path, port):
    """SIGTERM drains: what was begun gets its answer, and nothing new is taken."""
    with running(tmp_path, "serve", "--dev", "--port", port) as server:
        server.wait_for(ready(port))
        with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
            head = f"POST /token HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: 12\r\n"
            slow.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant".encode())
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            server.wait_for(lambda: status(f"http://127.0.0.1:{port}/livez") is None)
            slow.sendall(b"_type=x")
            assert slow.recv(1000).startswith(b"HTTP/1.1 401")
        assert server.end() == 0


def test_a_restart_finds_its_keys_again(tmp_path, port):
    """The made-up key of development is kept beside the database."""
    for _ in range(2):
        with running(tmp_path, "serve", "--dev", "--port", port) as server:
            server.wait_for(ready(port))
            assert server.stop() == 0


@pytest.mark.parametrize(
    ("words", "env", "told"),
    [
        ((), {}, "issuer: is missing"),
        (("--issuer", "https://id.example"), {}, "secrets.key: is needed"),
        (("--issuer", "http://id.example", "--dev"), {}, "plain http is for this machine only"),
        (("--dev", "--host", "0.0.0.0"), {}, "server.host: with dev only this machine"),  # noqa: S104
        (("--dev", "--workers", "2"), {}, "need PostgreSQL"),
        (("--dev",), {"GRANTWAY_ISUER": "x"}, "did you mean GRANTWAY_ISSUER"),
        (("--dev", "--no-auto-migrate"), {}, "grantway db upgrade"),
    ],
)
def test_unsafe_settings_start_nothing(tmp_path, port, words, env, told):
    """Threats S3, W7."""
    with running(tmp_path, "serve", "--port", port, *words, **env) as server:
        assert server.end() in {1, 5}
        assert told in server.said["stderr"]
        assert server.said["stderr"].splitlines()[-1].startswith("hint: ")
        assert status(f"http://127.0.0.1:{port}/readyz") is None


def test_without_the_master_key_of_its_database_it_does_not_start(tmp_path, port):
    """Threat S2: start without the key ends with a clear text."""
    with running(tmp_path, "serve", "--dev", "--port", port) as server:
        server.wait_for(ready(port))
        server.stop()
    (tmp_path / "grantway.dev-key").unlink()
    with running(tmp_path, "serve", "--dev", "--port", port) as server:
        assert server.end() == 1
        assert "master key" in server.said["stderr"]
        assert "Traceback" not in server.said["stderr"]


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, "serve", "--dev", "--port", port) as server:
            assert server.end() == 5
            assert f"cannot listen on 127.0.0.1:{port}" in server.said["stderr"]
            other = port + 100
            assert f"--port {other} --issuer http://localhost:{other}\n" in server.said["stderr"]


def test_an_issuer_of_another_port_is_warned_of(tmp_path, port):
    with running(tmp_path, "serve", "--dev", "--port", port, "--issuer", "http://localhost:1") as server:
        server.wait_for(ready(port))
        assert f"Add --port {port} --issuer http://localhost:{port}\n" in server.said["stderr"]


def test_the_registry_of_its_file_is_in_force_when_it_answers(tmp_path, port):
    (tmp_path / "grantway.toml").write_text(REGISTRY)
    uri = (
        f"http://127.0.0.1:{port}/authorize?client_id=spa&response_type=code&scope=photos:read"
        "&redirect_uri=https://viewer.example/cb&code_challenge_method=S256"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
    for told in ("+ app spa (Photo Viewer, spa)", ""):
        with running(tmp_path, "serve", "--dev", "--port", port) as server:
            server.wait_for(ready(port))
            assert status(uri, host=f"localhost:{port}") == 303  # to the login page, not an error page
            server.stop()
            assert told in server.said["stderr"]


def test_a_file_with_mistakes_starts_nothing(tmp_path, port):
    """Threat B5."""
    (tmp_path / "grantway.toml").write_text(REGISTRY.replace("https://viewer.example/cb", "javascript:x"))
    with running(tmp_path, "serve", "--dev", "--port", port) as server:
        assert server.end() == 1
        assert "redirect_uri 'javascript:x'" in server.said["stderr"]


def test_a_key_file_that_everybody_may_read_is_warned_of(tmp_path, port):
    """Threat S2."""
    with running(tmp_path, "init", "--issuer", "https://id.example") as init:
        assert init.end() == 0
    (tmp_path / "grantway.key").chmod(0o644)
    with running(tmp_path, "serve", "--port", port) as server:
        server.wait_for(ready(port))
        server.stop()
        assert "anybody on this machine may read" in server.said["stderr"]


def set_up(folder: Path, database: str) -> None:
    """A new server in this folder, and its tables."""
    for words in (("init", "--issuer", "https://id.example", "--db", database), ("db", "upgrade")):
        with running(folder, *words) as command:
            assert command.end() == 0, command.said


async def test_several_workers_share_one_port_on_postgresql(tmp_path, port, postgres_dsn):
    set_up(tmp_path, postgres_dsn)
    with running(tmp_path, "serve", "--port", port, "--workers", 2) as server:
        server.wait_for(ready(port))
        assert server.stop() == 0
        assert "Traceback" not in server.said["stderr"]


async def test_workers_do_not_outlive_the_process_that_started_them(tmp_path, port, postgres_dsn):
    """RX2: after a kill -9 of the supervisor alone the port is free for its successor."""
    set_up(tmp_path, postgres_dsn)
    with running(tmp_path, "serve", "--port", port, "--workers", 2) as server:
        server.wait_for(ready(port))
        server.process.kill()
        deadline = time.monotonic() + 20
        while ready(port)():
            assert time.monotonic() < deadline, "orphans answer"
            time.sleep(0.1)


async def test_workers_that_start_when_their_supervisor_is_gone_end_at_once(tmp_path, port, postgres_dsn):
    """RX2: killed while they were loading, they have never seen it alive."""
    set_up(tmp_path, postgres_dsn)
    with running(tmp_path, "serve", "--port", port, "--workers", 2) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        server.wait_for(lambda: len(children.read_text().split()) >= 3)  # with multiprocessing's own helper
        workers = [int(pid) for pid in children.read_text().split()]
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + 60
        while left := [pid for pid in workers if lives(pid)]:
            assert time.monotonic() < deadline, f"orphans live: {left}"
            time.sleep(0.1)


def test_the_healthcheck_tells_by_its_exit_code(tmp_path, port):
    with running(tmp_path, "serve", "--dev", "--port", port) as server:
        server.wait_for(ready(port))
        with running(tmp_path, "healthcheck", GRANTWAY_DEV="1", GRANTWAY_SERVER__PORT=str(port)) as check:
            assert check.end() == 0, check.said
        server.stop()
