"""Grantway as operators run it: `grantway serve` in processes of its own, to be measured, killed, restarted.

`tests.node` runs a node inside the test; here every node is a process group, so that `kill -9` means it.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.node import free_port
from tests.services.cpu import family
from tests.services.seeds import key_file

READY_WITHIN = 30.0  # seconds
STOPPED_WITHIN = 30.0


@dataclass
class NodeProcess:
    """One `grantway serve`. All nodes of one fleet share issuer, database and folder."""

    database: str
    folder: Path  # of its log, and of the master key that the fleet shares
    workers: int = 1
    cores: str = ""  # as for taskset: "0" or "0,1"; empty for any
    port: int = field(default_factory=free_port)
    issuer: str = ""
    module: str = "grantway"  # what is run
    settings: Mapping[str, str] = field(default_factory=dict)  # GRANTWAY_… variables
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.issuer = self.issuer or f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Everything the node said, over all its starts."""
        return self.folder / f"node-{self.port}.log"

    @property
    def host(self) -> str:
        """What a Host header says: the issuer's, whichever node is asked."""
        return self.issuer.rpartition("/")[2]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            if self.running:  # it was only slow: nobody else would stop it
                self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.terminate()

    @property
    def running(self) -> bool:
        """Is its main process alive?"""
        return self.process is not None and self.process.poll() is None

    def start(self, *, wait: bool = True) -> float:
        """Start it; seconds until it answered. With `wait=False` at once, and `wait_ready` answers later."""
        began = time.perf_counter()
        command = [sys.executable, "-m", self.module, "--quiet", "serve", "--dev", "--port", str(self.port)]
        command += ["--issuer", self.issuer, "--workers", str(self.workers)]
        if self.cores:
            command = ["taskset", "-c", self.cores, *command]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | self._environment() | dict(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its workers die with it when the group is killed
            )
        if wait:
            self.wait_ready()
        return time.perf_counter() - began

    def _environment(self) -> dict[str, str]:
        own = {"DATABASE__URL": self.database, "SECRETS__KEY_FILE": str(key_file(self.folder))}
        return {f"GRANTWAY_{name}": value for name, value in own.items()}

    def wait_ready(self) -> None:
        """Return once it answers; raises RuntimeError with the end of its log when it does not."""
        deadline = time.monotonic() + READY_WITHIN
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/.well-known/oauth-authorization-server",
            headers={"Host": self.host},
        )
        while True:
            try:
                with urllib.request.urlopen(request, timeout=2):  # noqa: S310 - as above
                    return
            except OSError:
                if not self.running or time.monotonic() > deadline:
                    words = self.log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"the node on port {self.port} did not start:\n{words}") from None
                time.sleep(0.02)

    def kill(self) -> None:
        """`kill -9` of the whole node: no goodbye, nothing flushed by it."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=STOPPED_WITHIN)

    def terminate(self) -> int:
        """Ask it to stop (SIGTERM) and wait; its exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(timeout=STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def pids(self) -> tuple[int, ...]:
        """Its living processes, workers included."""
        return family(self.process.pid) if self.running and self.process else ()
