"""Commands that stay: started as real processes, watched, and stopped by a signal."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from urllib.error import HTTPError

PATIENCE = 30  # seconds; a busy machine starts slowly


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_):
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Staying)


def free_ports(count):
    """Ports nobody listens on at the moment."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def status(url, **headers):
    """What a GET answers; None when nothing does."""
    try:
        with _OPENER.open(urllib.request.Request(url, headers=headers), timeout=5) as answer:  # noqa: S310
            return answer.status
    except HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return None


class Running:
    """A process of ours, and what it has said so far."""

    def __init__(self, process):
        self.process = process
        self.said = {"stdout": "", "stderr": ""}
        self._readers = [
            threading.Thread(target=self._read, args=(name, getattr(process, name)), daemon=True)
            for name in self.said
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name, stream):
        for line in stream:
            self.said[name] += line

    def wait_for(self, ready):
        """Until `ready()` holds. Fails when the process ends before."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.said}"
            assert time.monotonic() < deadline, f"not ready: {self.said}"
            time.sleep(0.02)

    def stop(self, how=signal.SIGTERM):
        """Send a signal; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.end()

    def end(self):
        """Wait for the end; the exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code


def _hears_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(folder, *words, **env):
    """`grantway …` in this directory, in a process of its own; killed at the end if it is still there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRANTWAY_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "grantway", *map(str, words)],
        cwd=folder,
        env={**kept, "HOME": str(folder / "home"), "NO_COLOR": "1", **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore Ctrl-C, and its children after it.
        preexec_fn=_hears_ctrl_c,  # noqa: PLW1509 - it takes no lock
        start_new_session=True,  # so that all it has started can be ended with it
    )
    found = Running(process)
    try:
        yield found
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whoever is left holds the pipes
        found.end()
        process.stdout.close()
        process.stderr.close()
