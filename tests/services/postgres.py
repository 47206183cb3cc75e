"""A private, throw-away PostgreSQL: its own data, its own port, gone with the process that started it."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal, Self

import asyncpg

READY_WITHIN = 30.0  # seconds; also for crash recovery after an immediate stop
PREFIX = "grantway-postgres-"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "logging_collector": "off",
}
SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Postgres:
    """One cluster. Real durability (fsync, synchronous commit), trust authentication on loopback only.

    Further `settings` as in postgresql.conf.
    """

    def __init__(self, **settings: str) -> None:
        self._settings = SETTINGS | settings
        remove_what_killed_runs_left()
        self.port = free_port()
        self.home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        if os.geteuid() == 0:  # the server refuses to be root
            shutil.chown(self.home, "postgres", "postgres")
        initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"]
        command = [*as_postgres(), program("initdb"), *initdb, f"--pgdata={self.home}/data"]
        subprocess.run(command, check=True, cwd=self.home, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    # ---------------------------------------------------------------------------------- databases

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    async def fresh_database(self, template: str = "template1") -> str:
        """Make a database and answer its DSN.

        It is empty, or a copy of the given one (DSN or name), to which nobody may be connected meanwhile.
        """
        name = f"test_{next(self._numbers)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template.rpartition("/")[2]}"')
        return self.dsn(name)

    async def drop_database(self, dsn: str) -> None:
        await self._execute(f'DROP DATABASE IF EXISTS "{dsn.rpartition("/")[2]}" WITH (FORCE)')

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.dsn())
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    # --------------------------------------------------------------------------------- life cycle

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the server as our own child; answer once it accepts connections."""
        settings = [f"--{name}={value}" for name, value in self._all_settings().items()]
        command = [*as_postgres(), program("postgres"), "-D", f"{self.home}/data", *settings]
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.home, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + READY_WITHIN
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log_tail = (self.home / "server.log").read_text(errors="replace")[-2000:]
                self.stop("immediate")
                raise RuntimeError(f"PostgreSQL did not start:\n{log_tail}")
            time.sleep(0.02)

    def _all_settings(self) -> dict[str, str]:
        return self._settings | {"port": str(self.port)}

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop by pid. `fast` ends sessions and writes a checkpoint; `immediate` is like a power cut."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(SIGNALS[mode])
            self._process.wait(timeout=READY_WITHIN)
        self._process = None

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Same data, same port. After `immediate` the server recovers from its log as after a crash."""
        self.stop(mode)
        self.start()

    def _is_ready(self) -> bool:
        try:
            lines = (self.home / "data" / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


def as_postgres() -> list[str]:
    """How to run a server program: never as root, and stopped by the kernel should this process be killed."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() == 0:
        return [
            str(setpriv),
            "--reuid=postgres",
            "--regid=postgres",
            "--init-groups",
            "--pdeathsig=QUIT",
            "--",
        ]
    return [setpriv, "--pdeathsig=QUIT", "--"] if setpriv else []


def program(name: str) -> str:
    """Debian keeps the server's programs out of PATH, one folder a version; take the newest."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda folder: int(folder.parent.name)
    )
    found = shutil.which(name, path=str(folders[-1])) if folders else shutil.which(name)
    assert found, f"{name} not found: run scripts/test_services.py"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def remove_what_killed_runs_left() -> None:
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            os.kill(int(left.name.removeprefix(PREFIX).split("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (PermissionError, ValueError):
            continue


def version() -> str:
    """What the newest installed server calls itself: "15.14"."""
    said = subprocess.run([program("postgres"), "--version"], check=True, capture_output=True, text=True)
    return said.stdout.split()[2]
