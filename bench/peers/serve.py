"""Starting a peer, signing its browsers in, and stopping it."""

import http.client
import json
import os
import secrets
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.cookies import SimpleCookie
from typing import IO
from urllib.parse import urlencode, urlsplit

from joserfc.jwk import ECKey, RSAKey

from bench.target import Target
from tests.node import CALLBACK, free_port, pkce

READY_WITHIN = 30.0  # seconds
POOL = 16  # more database connections a process gained nothing, fewer cost something
AUDIENCE = "https://api.example/photos"
OPAQUE_AUDIENCE = "https://api.example/albums"
SCOPE = "photos:read"
OPAQUE_SCOPE = "albums:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a peer's app is told, as JSON in the variable `PEER`."""

    round: str
    port: int
    issuer: str
    workers: int
    pool: int  # database connections of each process
    database: str | None
    client_id: str = "printer"
    client_secret: str = field(default_factory=lambda: secrets.token_hex(24))
    machine_id: str = "robot"  # a client for client credentials alone, where one client cannot do both
    machine_secret: str = field(default_factory=lambda: secrets.token_hex(24))
    redirect_uri: str = CALLBACK
    audience: str = AUDIENCE
    opaque_audience: str = OPAQUE_AUDIENCE
    scope: str = SCOPE
    opaque_scope: str = OPAQUE_SCOPE
    people: int = 0
    keys: dict[str, dict] = field(default_factory=lambda: {"ES256": _es256(), "RS256": _rs256()})


def _es256() -> dict:
    return ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True).as_dict(private=True)


def _rs256() -> dict:
    return RSAKey.generate_key(2048, {"alg": "RS256", "use": "sig"}, auto_kid=True).as_dict(private=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """How a peer is started, and where its doors are."""

    command: Callable[[Setup], list[str]]
    prepare: tuple[str, ...] = ()  # run before, to make tables, clients and people
    environment: dict[str, str] = field(default_factory=dict)
    session_cookie: str
    sign_in: Callable[[Target, str], str]  # the path at which a person's browser begins
    doors: dict[str, dict[str, str]]  # by round: what its Target says beyond the common
    machine: bool = False  # client credentials are for the second client


@dataclass(frozen=True, slots=True)
class Running:
    """A peer under way."""

    target: Target
    pids: tuple[int, ...]  # whose CPU, with their children's, is the server's


@contextmanager
def serving(
    kit: Kit, *, round_name: str, workers: int, database: str | None, cores: str, connections: int
) -> Iterator[Running]:
    """Run a peer on loopback until the block ends."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    setup = Setup(
        round=round_name,
        port=port,
        issuer=issuer,
        workers=workers,
        pool=max(1, min(POOL, connections // workers)),
        database=database,
        people=connections,
    )
    environment = {**os.environ, **kit.environment, "PEER": json.dumps(asdict(setup))}
    target = _target(kit, setup)
    pinned = ["taskset", "-c", cores] if cores else []
    with tempfile.TemporaryFile() as log:
        if kit.prepare:
            done = subprocess.run(kit.prepare, env=environment, stdout=log, stderr=log, check=False)
            assert done.returncode == 0, _tail(log)
        process = subprocess.Popen(
            [*pinned, *kit.command(setup)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_ready(process, port, log)
            cookies = tuple(
                sign_in(target, kit.sign_in(target, f"person-{number}"), kit.session_cookie)
                for number in range(connections)
            )
            yield Running(_target(kit, setup, cookies), (process.pid,))
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _target(kit: Kit, setup: Setup, cookies: tuple[str, ...] = ()) -> Target:
    return Target(
        host=f"127.0.0.1:{setup.port}",
        port=setup.port,
        basic=_basic(setup.client_id, setup.client_secret),
        client_id=setup.client_id,
        redirect_uri=setup.redirect_uri,
        cookies=cookies,
        credentials_basic=_basic(setup.machine_id, setup.machine_secret) if kit.machine else "",
        **kit.doors[setup.round],
    )


def _basic(name: str, secret: str) -> str:
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_WITHIN)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the peer did not start:\n{_tail(log)}") from None
            time.sleep(0.05)
        else:
            return


def _tail(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
    return log.read().decode(errors="replace")


def authorization_path(
    target: Target, *, challenge: str, state: str, more: str = "", opaque: bool = False
) -> str:
    """An authorization request; `opaque` asks for an opaque token where that must be asked for."""
    if opaque:
        more += target.opaque_flow_more
    query = urlencode(
        {
            "response_type": "code",
            "client_id": target.client_id,
            "redirect_uri": target.redirect_uri,
            "scope": (target.opaque_scope if opaque else "") or target.scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    return f"{target.authorize}?{query}{target.authorize_more}{more}"


def through_authorization(target: Target, person: str) -> str:
    """Where the browser of a person begins who signs in on the way to a client."""
    return authorization_path(target, challenge=pkce()[1], state="sign-in", more=f"&login_hint={person}")


def through_login(_: Target, person: str) -> str:
    """Where the browser of a person begins at a peer whose app has a login route of ours."""
    return f"/login?person={person}"


def sign_in(target: Target, path: str, cookie_name: str) -> str:
    """Follow the server's redirects to itself as a browser would; answer the session's Cookie header."""
    jar: dict[str, str] = {}
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=READY_WITHIN)
    while True:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status < 400, f"{path}: {answer.status} {body[:500]!r}"
        for header in answer.headers.get_all("set-cookie", []):
            jar |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
        location = answer.headers.get("location")
        if location is None or urlsplit(location).netloc not in {"", target.host}:
            break
        url = urlsplit(location)
        path = f"{url.path}?{url.query}" if url.query else url.path
    connection.close()
    assert cookie_name in jar, f"no session at the end of {path}"
    return f"{cookie_name}={jar[cookie_name]}"
