"""Replies that are held back for the end of a turn: none is lost, none overtakes another."""

import asyncio

import uvicorn

from grantway.cli.gathered_writes import GatheredWrites
from grantway.cli.whole_replies import WholeReplies
from grantway.web.replies import Reply, send_reply
from tests.serving import listening

CONNECTIONS, EACH = 40, 6


class Recorded(asyncio.Transport):
    """What would have left, in its order."""

    def __init__(self):
        super().__init__()
        self.left = []

    def write(self, data):
        self.left.append(bytes(data))

    def close(self):
        self.left.append("closed")

    def abort(self):
        self.left.append("aborted")

    def get_write_buffer_size(self):
        return 0

    def is_closing(self):
        return False


def gathered(under_way=2):
    inner = Recorded()
    return inner, GatheredWrites(inner, asyncio.get_running_loop(), range(under_way))


async def test_what_is_held_leaves_at_the_end_of_the_turn_in_its_order():
    """U4: also what is written in the usual way behind it."""
    inner, transport = gathered()
    transport.write_together(b"a")
    transport.write(b"b")
    transport.write_together(b"c")
    assert (inner.left, transport.get_write_buffer_size()) == ([], 3)
    await asyncio.sleep(0)
    assert (inner.left, transport.get_write_buffer_size()) == ([b"abc"], 0)


async def test_nothing_is_held_for_one_alone():
    """U4: a single caller waits for nobody."""
    inner, transport = gathered(under_way=1)
    transport.write_together(b"a")
    assert inner.left == [b"a"]


async def test_an_end_leaves_behind_what_was_held():
    """RX20: a stop cuts no reply; one that is cut off on purpose is."""
    inner, transport = gathered()
    transport.write_together(b"a")
    transport.close()
    await asyncio.sleep(0)
    assert inner.left == [b"a", "closed"]
    inner, transport = gathered()
    transport.write_together(b"a")
    transport.abort()
    await asyncio.sleep(0)
    assert inner.left == ["aborted"]


def connected(protocol=WholeReplies):
    """A connection of a server, without a socket."""
    config = uvicorn.Config(echo, http=protocol, access_log=False, lifespan="off")
    config.load()
    return [(protocol(config, state, {}), Recorded()) for state in [uvicorn.server.ServerState()] * 2]


async def test_what_is_held_for_a_caller_who_has_gone_leaves_nowhere():
    """U3, RX20: their connection is no more; the others get theirs, and no error fills the log."""
    (lost, their_side), (stays, other_side) = connected()
    for protocol, inner in ((lost, their_side), (stays, other_side)):
        protocol.connection_made(inner)
        protocol.data_received(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n")
    await asyncio.sleep(0)
    assert (their_side.left, other_side.left) == ([], [])
    lost.connection_lost(ConnectionResetError())
    await asyncio.sleep(0)
    assert their_side.left == []
    assert [one.endswith(b"/a") for one in other_side.left] == [True]
    stays.connection_lost(None)


async def echo(scope, _receive, send):
    """The path, in a reply that may be held."""
    await send_reply(Reply(200, (), scope["path"].encode(), at_once=True), scope, send)


async def test_everybody_gets_their_own_answers_in_their_order():
    """G1, RX20: many connections, requests sent ahead on each, the last of which ends it."""

    async def asks(port, number):
        paths = [f"/{number}/{turn}" for turn in range(EACH)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        last = "connection: close\r\n"
        for path in paths:
            more = last if path == paths[-1] else ""
            writer.write(f"GET {path} HTTP/1.1\r\nhost: a\r\n{more}\r\n".encode())
        said = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        bodies = [one.partition(b"\r\n\r\n")[2].decode() for one in said.split(b"HTTP/1.1 200 OK")[1:]]
        assert paths == bodies

    async with listening(echo, http=WholeReplies, access_log=False) as port:
        await asyncio.gather(*(asks(port, number) for number in range(CONNECTIONS)))
