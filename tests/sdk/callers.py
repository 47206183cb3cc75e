"""A caller that writes requests byte by byte, because every client library tidies paths up."""

import asyncio
import json

from tests.serving import PATIENCE

CHALLENGE = "www-authenticate"


class Reply:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split(" ")[1])
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = b"".join(chunks_of(self.body))

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def challenge(self):
        return self.headers.get(CHALLENGE)


class Caller:
    """Writes requests byte by byte, because every client library tidies paths up."""

    def __init__(self, port):
        self.port = port

    async def __call__(self, target, *headers, method=b"GET", body=b""):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [b"%s %s HTTP/1.1" % (method, target), b"Host: api.example", b"Connection: close", *headers]
        if body:
            lines += [
                b"Content-Length: %d" % len(body),
                b"Content-Type: application/x-www-form-urlencoded",
            ]
        writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        async with asyncio.timeout(PATIENCE):
            raw = await reader.read()
        writer.close()
        await writer.wait_closed()
        return Reply(raw)


def chunks_of(body):
    """The parts of a chunked body (RFC 9112 §7.1)."""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        yield body[:length]
        body = body[length + 2 :]


def bearer(text):
    """The Authorization header of a token."""
    return b"Authorization: Bearer " + text.encode()
