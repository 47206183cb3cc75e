"""`grantway doctor`, before a server that is well and before ones that are not."""

import asyncio
import json
import sqlite3
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from grantway.crypto.envelope import MasterKey
from tests.cli.processes import free_ports, running, status


def findings(gw, *words, code=0):
    result = gw("doctor", "--json", *words, code=code)
    found = json.loads(result.stdout)
    assert all(one["hint"] for one in found if one["status"] != "ok"), "says what to do next"
    return {one["name"]: one for one in found}


@contextmanager
def served(folder):
    """A server of this folder; its issuer is in the environment of the test."""
    port = free_ports(1)[0]
    with running(folder, "serve", "--dev", "--port", port) as server:
        server.wait_for(lambda: status(f"http://127.0.0.1:{port}/readyz") == 200)
        yield f"http://localhost:{port}"
        server.stop()


def test_a_server_that_is_well(gw, folder, monkeypatch):
    """Every check passes; dev itself is told as a warning, which --strict counts."""
    with served(folder) as issuer:
        monkeypatch.setenv("GRANTWAY_ISSUER", issuer)
        found = findings(gw)
        assert {"settings": "warning"} == {
            n: one["status"] for n, one in found.items() if one["status"] != "ok"
        }
        assert {"files", "database", "clock", "keys", "issuer", "jwks", "proxy", "throttles"} < set(found)
        assert "✓ keys" in gw("doctor").stdout
        findings(gw, "--strict", code=1)


def test_nobody_there(gw, monkeypatch):
    """It says so, and the rest is still looked at; --offline does not ask."""
    gw("db", "upgrade")
    monkeypatch.setenv("GRANTWAY_ISSUER", f"http://localhost:{free_ports(1)[0]}")
    assert ("error", "none yet: they are made at the first start") == (
        (found := findings(gw, code=1))["issuer"]["status"],
        found["keys"]["detail"],
    )
    assert "issuer" not in findings(gw, "--offline")


def test_a_server_without_its_proxy_is_told_from_none(gw, folder, monkeypatch):
    """W1: what is missing stands before it."""
    with served(folder) as issuer:
        port = issuer.rpartition(":")[2]
        monkeypatch.setenv("GRANTWAY_SERVER__PORT", port)
        monkeypatch.setenv("GRANTWAY_ISSUER", f"https://localhost:{free_ports(1)[0]}")
        hint = findings(gw, code=1)["issuer"]["hint"]
        assert f"the server itself answers at http://127.0.0.1:{port}: look at the proxy" in hint
        assert "  1 error, " in gw("doctor", code=1).stdout


def test_every_mistake_in_the_settings_is_a_finding(gw, monkeypatch):
    monkeypatch.setenv("GRANTWAY_SERVER__PORT", "0")
    monkeypatch.setenv("GRANTWAY_LOGGING__LEVEL", "loud")
    result = gw("doctor", "--json", code=1)
    told = [one["detail"] for one in json.loads(result.stdout)]
    assert ["logging.level", "server.port"] == sorted(line.partition(":")[0] for line in told)


def test_a_database_that_is_behind_and_one_of_a_newer_release(gw, folder, monkeypatch):
    monkeypatch.setenv("GRANTWAY_DATABASE__AUTO_MIGRATE", "no")
    assert "grantway db upgrade" == findings(gw, "--offline", code=1)["database"]["hint"]
    gw("db", "upgrade")
    with closing(sqlite3.connect(folder / "grantway.db")) as database, database:
        database.execute("INSERT INTO grantway_migrations VALUES (99, 'x', 'x', 0)")
    assert "error" == findings(gw, "--offline", code=1)["database"]["status"]


def test_keys_that_are_old_or_under_another_master_key(gw, folder, monkeypatch):
    """K13, S2: each with the command that helps."""
    first, second = MasterKey.generate().to_text(), MasterKey.generate().to_text()
    monkeypatch.setenv("GRANTWAY_SECRETS__KEY", first)
    gw("app", "list")
    assert "ok" == findings(gw, "--offline")["keys"]["status"]
    with closing(sqlite3.connect(folder / "grantway.db")) as database, database:
        database.execute("UPDATE stored_keys SET state_since = state_since - 92 * 86400 WHERE alg = 'ES256'")
    assert "grantway keys rotate --alg ES256" in findings(gw, "--offline")["keys"]["hint"]
    monkeypatch.setenv("GRANTWAY_SECRETS__KEY", second)
    assert "error" == findings(gw, "--offline", code=1)["keys"]["status"]
    monkeypatch.setenv("GRANTWAY_SECRETS__PREVIOUS_KEY", first)
    assert "grantway keys rewrap" in findings(gw, "--offline")["keys"]["hint"]
    gw("keys", "rewrap")
    assert "take secrets.previous_key away" in findings(gw, "--offline")["keys"]["hint"]


def test_files_that_others_may_read(gw, folder):
    """S2."""
    gw("app", "list")
    (folder / "grantway.db").chmod(0o644)
    assert findings(gw, "--offline", code=1)["files"]["hint"].startswith("chmod 600 ")


@contextmanager
def proxy(to, *, longest=8_000, host=True, paths=True):
    """A reverse proxy that has one of the usual faults."""
    import urllib.request

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if len(self.path) > longest:
                self.send_error(414)
                return
            path = self.path if paths else f"/elsewhere{self.path}"
            headers = {"Host": self.headers["Host"] if host else "backend.internal"}
            request = urllib.request.Request(to + path, headers=headers)  # noqa: S310 - loopback
            try:
                answer = urllib.request.urlopen(request, timeout=5)  # noqa: S310 - loopback
            except urllib.error.HTTPError as refused:
                answer = refused
            with answer:
                body = answer.read()
                self.send_response(answer.status)
                for name in ("content-type", "content-security-policy"):
                    if answer.headers[name]:
                        self.send_header(name, answer.headers[name])
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("fault", "name", "told"),
    [
        ({}, "proxy", "large_client_header_buffers"),
        ({"longest": 20_000, "host": False}, "issuer", "Host header"),
        ({"longest": 20_000, "paths": False}, "issuer", "at the root of the host"),
    ],
)
def test_a_proxy_that_does_not_pass_everything_on(*, gw, folder, monkeypatch, fault, name, told):
    """W1: its fault is named, with what to write into its configuration."""
    with served(folder) as issuer, proxy(issuer.replace("localhost", "127.0.0.1"), **fault) as front:
        monkeypatch.setenv("GRANTWAY_ISSUER", issuer)
        found = findings(gw, "--url", front, code=1)
        assert ("error", True) == (found[name]["status"], told in found[name]["hint"])


def test_a_server_of_another_issuer_or_another_registry(gw, folder, monkeypatch):
    """What is served is compared with what this configuration would serve."""
    with served(folder) as issuer:
        monkeypatch.setenv("GRANTWAY_ISSUER", issuer)
        monkeypatch.setenv("GRANTWAY_DATABASE__URL", "sqlite:///other.db")
        gw(
            "api",
            "create",
            "x",
            "--audience",
            "https://x.example",
            "--scope",
            "x:read=Read",
            "--default",
            "x:read",
        )
        found = findings(gw)
        assert "scopes_supported" in found["issuer"]["detail"]
        assert "not served" in found["jwks"]["detail"]


async def test_postgresql_is_looked_into(gw, monkeypatch, postgres_dsn):
    monkeypatch.setenv("GRANTWAY_DATABASE__URL", postgres_dsn)
    await asyncio.to_thread(gw, "db", "upgrade")
    await asyncio.to_thread(gw, "app", "list")
    found = await asyncio.to_thread(findings, gw, "--offline")
    assert "PostgreSQL" in found["database"]["detail"]
