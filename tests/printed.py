"""What the pages of the documentation print, and how it is run: typed off, as a reader would."""

import asyncio
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PATIENCE = 120  # seconds; a busy machine starts slowly


def section(page: str, heading: str = "") -> str:
    """The text of a page (its path below the root of the repository), or of one section of it."""
    text = (ROOT / page).read_text("utf-8")
    if not heading:
        return text
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{heading.count('#')}}} |\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert found, f"{page} has no {heading!r}"
    return found[1]


def blocks(page: str, kind: str, heading: str = "") -> list[str]:
    """The blocks of one kind, in reading order."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", section(page, heading), re.DOTALL | re.MULTILINE)
    assert found, f"{page} {heading}: no {kind}"
    return found


def program(page: str, heading: str = "", kind: str = "python") -> str:
    """The blocks of a section, as the one program they are."""
    return "\n".join(blocks(page, kind, heading))


def commands(page: str, heading: str = "") -> Iterator[list[str]]:
    """What is typed at the prompt, as a shell would split it."""
    for block in blocks(page, "console", heading):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield shlex.split(line.removeprefix("$ "))


def clean_environment(**own: str) -> dict[str, str]:
    """Our environment without the server's settings and without proxies."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {name: value for name, value in kept.items() if not name.startswith("GRANTWAY_")} | own


def grantway(words: Sequence[str], folder: Path, *, typed: str | None = None, **own: str) -> str:
    """Run a command of ours in this folder; what it printed. `own` are variables of its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "grantway", *words],
        cwd=folder,
        env=clean_environment(**own),
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert 0 == done.returncode, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def register_as_printed(
    page: str, heading: str, folder: Path, *, issuer: str, database: str, origin: str
) -> dict[str, str]:
    """Run the registrations of a section for an app at `origin`; the variables that were saved for it."""
    server = {"GRANTWAY_DEV": "true", "GRANTWAY_ISSUER": issuer, "GRANTWAY_DATABASE__URL": database}
    saved: dict[str, str] = {}
    for name, *words in commands(page, heading):
        if name != "grantway":
            continue
        grantway([re.sub(r"https://\w+\.example", origin, word) for word in words], folder, **server)
        if "--env-file" in words:
            lines = (folder / words[words.index("--env-file") + 1]).read_text("utf-8").splitlines()
            saved |= dict(line.split("=", 1) for line in lines)
    assert saved, f"{page} {heading}: no registration with --env-file"
    return saved


@asynccontextmanager
async def started(
    command: Sequence[str],
    folder: Path,
    *,
    port: int | None = None,
    variables: Mapping[str, str],
    log: str = "said.txt",
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program of somebody else, in a process of its own; with `port`, once it listens there."""
    with (folder / log).open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=clean_environment(**variables), stdout=said, stderr=said
        )
        try:
            if port is not None:
                await _listening(process, port, folder / log)
            yield process
        except BaseException as failed:
            failed.add_note(f"{command[0]} said:\n{(folder / log).read_text('utf-8')}")
            raise
        finally:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Told to stop; made to, if it does not."""
    with suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            process.kill()
    await process.wait()


async def _listening(process: asyncio.subprocess.Process, port: int, said: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"it ended before it listened:\n{said.read_text('utf-8')}")
