"""How soon a revoked token is refused by an API that listens, and how long the list is.

Run with `python -m bench.revocations [times]`. The API, a node on SQLite and a client share one process; the
delay is that from the server's answer to the first refusal, asked every 5 ms.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from grantway.crypto.secrets import new_id
from grantway.protocol.revocations import Listing, Revocation, RevokedKind
from grantway.protocol.scope import Scope
from tests.node import PHOTOS, seeded_node, sqlite_url
from tests.revocations.conftest import asked, listening, seed, status

ENTRIES = 10_000


def listed(entries: int) -> int:
    """Bytes of a list of so many grants."""
    listing = Listing(PHOTOS.identifier)
    for number in range(entries):
        listing.add(
            Revocation(
                number=number,
                kind=RevokedKind.GRANT,
                id=new_id(1.9e9),
                audience=(PHOTOS.identifier,),
                scope=Scope(),
                issued_before=None,
                at=1.9e9,
            )
        )
    return len(listing.line())


async def delays(times: int) -> list[float]:
    """Seconds, sorted."""
    found = []
    with TemporaryDirectory() as folder:
        async with seeded_node(sqlite_url(Path(folder))) as node:
            await seed(node)
            with listening(node) as protection:
                for _ in range(times):
                    text = (await node.token("robot", grant_type="client_credentials")).json()["access_token"]
                    assert await status(protection, text) == 200
                    await node.post("/revoke", "robot", token=text)
                    began = time.monotonic()
                    while await status(protection, text) == 200:  # noqa: ASYNC110 - callers have no event either
                        await asyncio.sleep(0.005)
                    found.append(time.monotonic() - began)
                text = (await node.token("robot", grant_type="client_credentials")).json()["access_token"]
                token = await asked(protection, text)
                began = time.perf_counter()
                for _ in range(20_000):
                    protection.feed.judge(token)  # type: ignore[attr-defined]
                print(f"{(time.perf_counter() - began) / 20_000 * 1e6:.1f} µs for each good token")
    return sorted(found)


def main() -> None:
    """Print the figures."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f"{listed(ENTRIES)} bytes for {ENTRIES} revoked grants, {listed(1)} for one")
    found = asyncio.run(delays(times))
    print(
        f"{times} revocations: refused after {statistics.median(found):.2f} s (median), "
        f"{found[int(times * 0.95)]:.2f} s (19 of 20), {found[-1]:.2f} s (the latest)"
    )


if __name__ == "__main__":
    main()
