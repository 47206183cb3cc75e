"""A process that forks after it has listened: gunicorn with a preloaded application, Celery, others."""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grantway.sdk import Answer, ClientSecret, Protection, RevocationFeed
from grantway.sdk.bearer import Brought
from grantway.sdk.kept import Kept, Unavailable
from grantway.sdk.protection import Asked
from grantway.sdk.threads import wait_for
from tests.node import PHOTOS, Visitor
from tests.revocations.conftest import PATIENCE

# --- what the process does that forks: this file is its program, too ---------------------------------


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201 - read by the test


def end_with(child: int) -> None:
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def listen_and_fork(issuer: str, secret: str, gone: str, kept: str) -> None:
    """While a thread holds what it holds where a stream is about to be opened."""
    feed = RevocationFeed(issuer, PHOTOS.identifier, ClientSecret("photos_api", secret))
    protection = Protection(api=PHOTOS, issuer=issuer, revocations=feed)

    def status(token: str) -> int:
        brought = Brought(authorization=(f"Bearer {token}",))
        found = protection.check_now(Asked(method="GET", path="/photos"), brought)
        return found.status if isinstance(found, Answer) else 200

    say(status(gone), status(kept))
    input()  # until one of them is revoked
    both = threading.Barrier(2)

    def hold() -> None:
        with feed._lock:
            both.wait()
            threading.Event().wait()

    threading.Thread(target=hold, daemon=True).start()
    both.wait()
    if (child := os.fork()) == 0:
        while status(gone) == 200:
            time.sleep(0.05)
        say(status(gone), status(kept), feed.health.connected)
        os._exit(0)
    end_with(child)


def fetch_and_fork() -> None:
    """While a thread waits for the keys."""
    parent, under_way = os.getpid(), threading.Event()

    async def bring() -> str:
        if os.getpid() == parent:
            under_way.set()
            await asyncio.sleep(3600)
        return "fetched"

    hour = 3600.0
    keys = Kept(bring, "keys", refresh_after=hour, lifetime=hour, keep_for=hour, pause=hour, timeout=hour)
    threading.Thread(target=lambda: wait_for(keys.get()), daemon=True).start()
    under_way.wait()
    if (child := os.fork()) == 0:
        try:
            say(wait_for(keys.get()))
        except Unavailable as away:
            say(away)
        os._exit(0)
    end_with(child)


# --- and what is said of it --------------------------------------------------------------------------


@asynccontextmanager
async def program(act: str, **told: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process; it is gone afterwards, whatever has become of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        process_group=0,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await tell(process, json.dumps([act, told]))
            yield process
            assert 0 == await process.wait()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
            await process.wait()


async def tell(process: asyncio.subprocess.Process, line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line.encode() + b"\n")
    await process.stdin.drain()


async def heard(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def test_a_child_of_a_process_that_listened_listens_by_itself(node):
    """N6, O8: also when a thread of its parent was just about to begin."""
    gone, kept = [await Visitor(node).tokens(scope="photos:read offline_access") for _ in range(2)]
    told = {"gone": gone["access_token"], "kept": kept["access_token"]}
    secret = node.secrets["photos_api"]
    async with program("listen_and_fork", issuer=node.issuer, secret=secret, **told) as process:
        assert "200 200" == await heard(process)
        reply = await node.post("/revoke", "printer", token=gone["refresh_token"])
        assert 200 == reply.status_code
        await tell(process, "")
        assert "401 200 True" == await heard(process)


async def test_a_child_fetches_what_its_parent_was_fetching():
    """O8: that fetch has ended with the thread it ran in; for seconds there would be no keys."""
    async with program("fetch_and_fork") as process:
        assert "fetched" == await heard(process)


if __name__ == "__main__":
    name, arguments = json.loads(input())
    {"listen_and_fork": listen_and_fork, "fetch_and_fork": fetch_and_fork}[name](**arguments)
