"""Callers of a node process over plain sockets, who count what became of every request they sent."""

import asyncio
import random
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What became of the requests."""

    answered: int = 0
    statuses: set[int] = field(default_factory=set)
    cut: list[str] = field(default_factory=list)  # sent, and not answered whole


async def read_answer(reader):
    """Status, headers and body of one answer. Raises what the connection raises when it is cut."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return int(lines[0].split()[1]), headers, body


async def call_until_refused(port, request, tally, *, pause=0.02, each=10_000):
    """Request after request on kept connections, and on a new one after `each`, until none is taken."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        try:
            for _ in range(each):
                await asyncio.sleep(random.random() * pause)  # noqa: S311 - hits every moment of a stop
                if reader.at_eof():
                    break  # told before anything was sent
                writer.write(request)
                status, headers, _ = await read_answer(reader)
                tally.answered += 1
                tally.statuses.add(status)
                if headers.get("connection") == "close":
                    break
        except (asyncio.IncompleteReadError, ConnectionError) as cut:
            tally.cut.append(repr(cut))
        finally:
            writer.close()


def post(host, path, form, **headers):
    """A form POST as it goes over the wire."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(form)}\r\n{more}"
        f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}"
    ).encode()


def get(host, path):
    """A GET as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
