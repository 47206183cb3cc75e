"""A server that thinks about nothing: every request is given the same token response.

What the generator reaches against it is the most that it can measure.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench.target import Target

_BODY = b'{"access_token":"%s","refresh_token":"%s","token_type":"Bearer"}' % (b"a" * 500, b"r" * 70)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)


class _Canned(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        self._transport.write(_ANSWER)


@contextlib.contextmanager
def canned(core: str) -> Iterator[Target]:
    """The server in a process of its own, on this core."""
    command = ["taskset", "-c", core, sys.executable, "-m", "bench.canned"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield Target(
                host=f"127.0.0.1:{port}",
                port=port,
                basic="Basic bm9ib2R5Om5vdGhpbmc=",
                client_id="nobody",
                redirect_uri="https://nobody.example/",
                scope="nothing",
                cookies=("nothing=1",),
            )
        finally:
            process.terminate()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(_Canned, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
