"""HTTP/1.1 as an experiment needs it: a connection that may break at any moment, and answers that say so."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlencode


class Broken(Exception):
    """The connection ended before the answer was whole: nobody knows what happened to the request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()  # every Set-Cookie header

    @property
    def status_code(self) -> int:
        """The status, by the name that the forms of `tests.node` look for."""
        return self.status

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


class Wire:
    """One keep-alive connection to a node, opened when first used and again after it broke."""

    def __init__(self, port: int, host: str) -> None:
        self._port, self._host = port, host
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.answered = 0  # by this connection; 0 says that it is a fresh one
        self.begun = False  # has anything of an answer arrived?

    async def get(self, path: str, **headers: str) -> Reply:
        """A GET request. Raises Broken."""
        return await self.send("GET", path, headers)

    async def post(self, path: str, form: dict[str, str], **headers: str) -> Reply:
        """A form POST. Raises Broken."""
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return await self.send("POST", path, kind | headers, urlencode(form).encode())

    async def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b"", *, within: float = 30.0
    ) -> Reply:
        """Send one request and read its answer, in at most `within` seconds. Raises Broken."""
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"content-length: {len(body)}")
        octets = "\r\n".join([*lines, "", ""]).encode() + body
        try:
            async with asyncio.timeout(within):
                return await self._exchange(octets)
        except (OSError, EOFError, TimeoutError) as end:
            await self.close()
            raise Broken(type(end).__name__) from end
        except BaseException:
            await self.close()
            raise

    async def _exchange(self, octets: bytes) -> Reply:
        self.begun = False
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self.answered = 0
        self._writer.write(octets)
        first = await self._reader.readexactly(1)
        self.begun = True
        head = (first + await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [
            (name.lower(), value.strip())
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        ]
        headers = dict(pairs)
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        cookies = tuple(value for name, value in pairs if name == "set-cookie")
        self.answered += 1
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return Reply(int(head[0].split(" ")[1]), headers, body, cookies)

    async def close(self) -> None:
        """Hang up."""
        writer, self._reader, self._writer = self._writer, None, None
        if writer is not None:
            writer.close()
