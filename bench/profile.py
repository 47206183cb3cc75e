"""Where each microsecond of a code exchange goes: a flame graph, and the same summed up by room.

Sampled from outside, without stopping the server (py-spy). What is spent in C, or in the kernel, counts for
the Python function that called it.
"""

import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import uvloop

from bench import workloads
from bench.contenders import grantway, ground
from bench.generator import Result, run
from bench.measuring import fetched
from bench.peers import Running
from bench.sections import GENERATOR_CORE, SERVER_CORE, Options, Section, on_core, say
from tests.services.cpu import cpu_seconds

RATE = 1000  # samples a second
FLAMES = "code-exchange.svg"
# Whose file the innermost Python frame is in.
_ROOMS = (
    ("grantway/crypto", "crypto: secrets, hashes, the ES256 signature"),
    ("grantway/protocol", "protocol: the rules"),
    ("grantway/flows", "flows: the steps of the grant"),
    ("grantway/storage", "storage: gathering, rows"),
    ("grantway/", "web: request and reply"),
    ("asyncpg", "asyncpg: the driver"),
    ("uvicorn/protocols", "uvicorn: HTTP, and the socket's write"),
    ("asyncio/runners", "uvloop: the loop, the socket's read, the kernel"),
)
_ELSE = "the standard library"
_FILE = re.compile(r"\(([^()]+?)(?::\d+)?\)$")


def profile(options: Options, *, into: Path) -> Section:
    """Profile a worker that exchanges codes; the flame graph is written into this folder."""
    contender = grantway("PostgreSQL")
    with ground(SERVER_CORE) as on, on_core(GENERATOR_CORE), contender.start(on) as running:
        seconds = max(4.0, options.seconds * 2)
        _watched(running, "flamegraph", into / FLAMES, seconds)
        _without_paths(into / FLAMES)
        with tempfile.TemporaryDirectory() as folder:
            stacks = Path(folder, "stacks")
            cost = _watched(running, "raw", stacks, seconds)
            shares = by_room(stacks.read_text())
    facts = {f"µs in {room}": share * cost for room, share in shares.items()} | {"µs altogether": cost}
    about = (
        f"One process, 32 connections, pinned; {RATE} samples a second. What is spent in C or in the kernel "
        f"counts for the Python function that called it. The [flame graph]({FLAMES}) shows every function."
    )
    return Section("profile", "Where the microseconds of a code exchange go", about, facts=facts)


def _watched(running: Running, kind: str, output: Path, seconds: float) -> float:
    """Watch one run of exchanges; µs of CPU for each of them."""
    target, pid = running.target, running.pids[0]
    codes = iter(fetched(target, connections=32, count=round(6000 * seconds)))
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), "--nonblocking"]
    command += ["--rate", str(RATE), "--format", kind, "--output", str(output), "--duration", "unlimited"]
    before = cpu_seconds(pid)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as watching:
        story = workloads.code_exchange(target, codes)
        result: Result = uvloop.run(run(target.port, story, connections=32, warm_up=0.0, seconds=seconds))
        watching.send_signal(signal.SIGINT)
    cost = (cpu_seconds(pid) - before) / result.done * 1e6
    say(f"{result.done} exchanges at {cost:.0f} µs while watched")
    return cost


def _without_paths(picture: Path) -> None:
    """Its title is the command with every path of this machine."""
    text = picture.read_text()
    for folder in (picture.parent, Path(sys.executable).parent):
        text = text.replace(f"{folder}/", "")
    picture.write_text(text)


def by_room(stacks: str) -> dict[str, float]:
    """The share of each room, of stacks as lines `frame;frame;frame count`."""
    counts: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        found = _FILE.search(frames)
        file = found[1] if found else ""
        counts[next((room for part, room in _ROOMS if part in file), _ELSE)] += int(count)
    whole = sum(counts.values())
    return {room: count / whole for room, count in counts.most_common()}
