"""The guard: one request, to an address that was judged before it is dialled."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeAlias
from urllib.parse import urlsplit

from grantway.egress.addresses import Address, is_global_unicast, is_loopback

if TYPE_CHECKING:
    import ssl
    from types import ModuleType

    import httpx2

PATIENCE = 5.0  # seconds for all of it: resolving, connecting, reading
CONNECT_PATIENCE = 2.0  # seconds for each address
MAX_BYTES = 256 * 1024
MAX_URL = 2048  # characters
_MAX_ADDRESSES = 4  # of one name

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


class Unreachable(Exception):
    """There is no answer, because the address may not be called or the call failed. `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Budget(Protocol):
    """How often each host may be called."""

    def wait(self, key: str) -> float:
        """Seconds until it may be called again; 0.0 when it may now."""

    def take(self, key: str) -> None:
        """Count one call."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is asked of it."""

    method: str
    headers: Mapping[str, str]
    body: bytes | None
    most: int


@dataclass(frozen=True, slots=True)
class _Target:
    """An address as written, taken apart."""

    scheme: str
    host: str
    port: int
    path: str
    netloc: str

    def at(self, address: Address) -> str:
        """The same, with the address to dial in place of the name."""
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}"


async def resolve_name(host: str, port: int) -> Sequence[str]:
    """Every address of a name, as the operating system knows it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Egress:
    """Makes the calls. With `dev`, and only then, this machine may be called, by plain http too."""

    def __init__(
        self,
        *,
        budget: Budget,
        dev: bool = False,
        resolve: Resolve = resolve_name,
        trust: "Callable[[], ssl.SSLContext] | None" = None,
        patience: float = PATIENCE,
    ) -> None:
        self._budget, self._dev, self._resolve = budget, dev, resolve
        self._make_trust, self._patience = trust, patience
        self._loaded: ModuleType | None = None

    async def fetch(
        self, url: str, *, accept: str, most: int = MAX_BYTES, patience: float | None = None
    ) -> bytes:
        """The body behind an address that answers 200. Raises Unreachable with the reason."""
        answer = await self.call("GET", url, headers={"accept": accept}, most=most, patience=patience)
        if answer.status != 200:
            raise Unreachable(f"it answered {answer.status}, expected 200 without a redirect")
        return answer.body

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        most: int = MAX_BYTES,
        patience: float | None = None,
    ) -> Answer:
        """One request; redirects are answers like any other and are not followed. Raises Unreachable.

        `patience`: seconds for all of it, where somebody waits and the usual is too long.
        """
        patience = self._patience if patience is None else min(patience, self._patience)
        target, ask = _taken_apart(url), _Ask(method, dict(headers or {}), body, most)
        if wait := self._budget.wait(target.host):
            raise Unreachable(f"{target.host} was called too often; again in {wait:.0f} s")
        self._budget.take(target.host)
        try:
            async with asyncio.timeout(patience):
                addresses = await self._judged(target)
                return await self._dial(target, addresses, ask)
        except TimeoutError:
            raise Unreachable(f"no answer within {patience:g} s") from None

    async def _judged(self, target: _Target) -> list[Address]:
        """The addresses of the name, asked for once; one bad one among them refuses all (threat L2)."""
        try:
            texts = await self._resolve(target.host, target.port)
            found = list(dict.fromkeys(ipaddress.ip_address(text) for text in texts))
        except (OSError, UnicodeError, ValueError) as bad:
            raise Unreachable(f"the name {target.host} was not resolved: {bad}") from None
        if not found:
            raise Unreachable(f"the name {target.host} has no address")
        at_home = self._dev and all(map(is_loopback, found))
        for address in found:
            if not (at_home or is_global_unicast(address)):
                raise Unreachable(f"{target.host} is at {address}, which is not an address of the internet")
        if target.scheme != "https" and not at_home:
            raise Unreachable("plain http: only https is called")
        return found[:_MAX_ADDRESSES]

    async def _dial(self, target: _Target, addresses: Sequence[Address], ask: _Ask) -> Answer:
        httpx2 = await self._library()
        # What is sent asks for no compression, so that the size on the wire is the size in memory.
        own = {**ask.headers, "host": target.netloc, "accept-encoding": "identity", "connection": "close"}
        limits = httpx2.Timeout(self._patience, connect=CONNECT_PATIENCE)
        failure: Exception | None = None
        for address in addresses:
            # A client for each call: no connection is ever used for another name.
            async with httpx2.AsyncClient(
                verify=self._trust, trust_env=False, follow_redirects=False, timeout=limits
            ) as client:
                request = client.build_request(
                    ask.method,
                    target.at(address),
                    headers=own,
                    content=ask.body,
                    extensions={"sni_hostname": target.host},
                )
                try:
                    return await _answer(client, request, ask.most)
                except (httpx2.ConnectError, httpx2.ConnectTimeout) as away:
                    failure = away
                except (httpx2.HTTPError, httpx2.InvalidURL) as broken:
                    raise Unreachable(f"the call failed: {type(broken).__name__} {broken}".strip()) from None
        raise Unreachable(f"no connection to {target.host}: {type(failure).__name__} {failure}".strip())

    async def _library(self) -> "ModuleType":
        """httpx2, read in a thread at the first call: the 0.2 s that this takes would be everybody's."""
        if self._loaded is None:
            self._loaded = await asyncio.to_thread(import_module, "httpx2")
        return self._loaded

    @cached_property
    def _trust(self) -> "ssl.SSLContext":
        import httpx2

        return httpx2.create_ssl_context(trust_env=False) if self._make_trust is None else self._make_trust()


async def _answer(client: "httpx2.AsyncClient", request: "httpx2.Request", most: int) -> Answer:
    reply = await client.send(request, stream=True)
    try:
        if reply.headers.get("content-encoding", "identity") != "identity":
            raise Unreachable("the answer is compressed, which was not asked for")
        body = b""
        async for chunk in reply.aiter_raw():
            body += chunk
            if len(body) > most:
                raise Unreachable(f"the answer is longer than {most} bytes")
        return Answer(reply.status_code, dict(reply.headers), body)
    finally:
        await reply.aclose()


def _taken_apart(url: str) -> _Target:
    """The parts of an address, if it can be read in one way only. Raises Unreachable."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Unreachable("not an address") from None
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Unreachable(f"not an address of at most {MAX_URL} printable ASCII characters")
    if parts.scheme not in {"https", "http"} or not host:
        raise Unreachable("not an https:// address with a host")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise Unreachable("an address with a user name or a fragment")
    if "%" in host or port == 0:
        raise Unreachable("a host or port that cannot be called")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    usual = {"https": 443, "http": 80}[parts.scheme]
    return _Target(parts.scheme, host, port or usual, path, parts.netloc)
