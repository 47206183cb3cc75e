"""The server that stands before the WSGI applications of these tests."""

import asyncio

from tests.sdk.callers import Caller
from tests.serving import wsgi


def application(_environ, start):
    start("200 OK", [("content-length", "2")])
    return [b"ok"]


async def test_a_connection_that_says_nothing_keeps_nobody_waiting():
    """Neither other callers nor the end of a test."""
    async with asyncio.timeout(30):
        async with wsgi(application) as port:
            _, silent = await asyncio.open_connection("127.0.0.1", port)
            assert 200 == (await Caller(port)(b"/")).status
        silent.close()
