"""The feed of revocations: a stream kept open beside all requests, so that revoked JWTs are refused."""

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from grantway.crypto.jose import BadToken, UnknownKey
from grantway.protocol.revocations import STREAM_MEMBER
from grantway.sdk.credentials import Credentials
from grantway.sdk.fetching import answered, checked_address, http_client, read_body
from grantway.sdk.jwks import Jwks
from grantway.sdk.kept import Unavailable
from grantway.sdk.revoked import BadMessage, Revoked
from grantway.sdk.threads import anew_after_fork, beside
from grantway.sdk.verify import AccessToken, ReadyVerifier, Verifier

if TYPE_CHECKING:
    import httpx2

__all__ = ["Health", "RevocationFeed", "Watched"]

_log = logging.getLogger("grantway.sdk")
_SILENCE = 7.0  # seconds; the server says something every two
_LONGEST_PAUSE = 10.0  # seconds between two tries
_MAX_EVENT = 32 * 1024 * 1024  # bytes
_TURNED_AWAY = frozenset({400, 401, 403})  # the server's answers to wrong credentials, and a proxy's
_TOLD_EVERY = 40  # tries: about five minutes
_FIX = (
    "check the client id and the secret, key or certificate that RevocationFeed is given; at the server, "
    "`grantway app create --type resource_server --api API` makes new credentials, `grantway app secret add "
    "APP` a new secret"
)


@dataclass(frozen=True, slots=True)
class Health:
    """How it stands. `age`: seconds since everything revoked until then is known; None: never yet."""

    connected: bool
    age: float | None
    entries: int
    problem: str | None  # of the last try, in words for the operator


class _TurnedAway(Exception):
    """The API's credentials cannot be used, or are refused: a mistake in the set-up, here or there."""


class RevocationFeed:
    """What the authorization server says is revoked, asked with the API's own credentials and kept in memory.

    It begins with the first request that is checked, in a thread of its own, whatever the framework; that
    request waits for it, about `timeout` seconds at most. While the server is away, tokens are judged by what
    is known, and live to their end otherwise; with `must_be_fresh`, in seconds and at least 5, everything is
    refused with 503 once nothing was heard for so long. Where the API's credentials are refused before
    anything was read, everything is refused with 503 in any case. At most `most` entries are kept; where
    there are more, the feed counts as away. `stream` is the address, which otherwise the issuer's metadata
    says.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        credentials: Credentials,
        *,
        stream: str | None = None,
        must_be_fresh: float | None = None,
        jwks: Jwks | None = None,
        most: int = 500_000,
        timeout: float = 3,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - in an API, this is the composition root
    ) -> None:
        if must_be_fresh is not None and must_be_fresh < 5:
            raise ValueError("must_be_fresh: at least 5 seconds; the server says something every two")
        self.issuer, self.audience = checked_address("issuer", issuer), audience
        self._address = None if stream is None else checked_address("stream", stream)
        self._credentials, self._must_be_fresh, self._timeout = credentials, must_be_fresh, timeout
        self._jwks = Jwks(f"{issuer}/jwks") if jwks is None else jwks
        self._new = partial(Revoked, issuer, audience, most=most, clock=clock)
        self.begin_anew()
        anew_after_fork(self)

    def begin_anew(self) -> None:
        """Know nothing and listen to nothing until the next request; so does a child of this process."""
        self._lock = threading.Lock()  # the one of before may be held by a thread that a fork has ended
        self._forget()

    def _forget(self) -> None:
        self._revoked = self._new()
        self._tried: Future[None] = Future()  # done with the first message, or the first failure
        self._running: Future[None] | None = None
        self._connected = False
        self._problem: str | None = None
        self._turned_away = 0  # times, since something was heard

    @property
    def health(self) -> Health:
        """How it stands, for a health page or a log."""
        age = None if self._knows_nothing else self._revoked.age
        return Health(self._connected, age, len(self._revoked), self._problem)

    @property
    def _knows_nothing(self) -> bool:
        return self._revoked.age == float("inf")

    def watching(self, verifier: Verifier) -> "Watched":
        """A verifier that refuses what is revoked."""
        return Watched(verifier, self)

    def is_ready(self) -> bool:
        """Start, if that is to be done; False while the first try is under way."""
        if self._running is None:
            self._start()
        return self._tried.done()

    async def ready(self) -> None:
        """Wait for the end of the first try, whatever it is."""
        if not self.is_ready():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout + 1):
                    await asyncio.shield(asyncio.wrap_future(self._tried))

    def judge(self, token: AccessToken) -> AccessToken:
        """The token, with what is left of its scope. Raises BadToken when it is revoked, and Unavailable."""
        if self._must_be_fresh is not None and self._revoked.age > self._must_be_fresh:
            age = self._revoked.age
            known = "never read" if age == float("inf") else f"last read {age:.0f} s ago"
            raise Unavailable(f"what is revoked was {known}: {self._problem}")
        if self._turned_away and self._knows_nothing:
            raise Unavailable(f"what is revoked was never read: {self._problem}")
        found = self._revoked.verdict(token)
        if found is None:
            raise BadToken("revoked")
        return found

    def close(self) -> None:
        """End the stream. The next request would open another one."""
        with self._lock:
            if self._running is not None:
                self._running.cancel()
            self._forget()

    # ------------------------------------------------------------------- beside all requests

    def _start(self) -> None:
        with self._lock:
            if self._running is None:
                self._running = beside(self._keep_listening())

    async def _keep_listening(self) -> None:
        failures = 0
        while True:
            known = self._revoked.last_id
            try:
                await self._listen()
                self._problem = "the stream has ended"
            except _TurnedAway as wrong:
                self._problem = f"the API's credentials are refused: {wrong}"
                if self._turned_away % _TOLD_EVERY == 0:
                    so = "every token is refused" if self._knows_nothing else "nothing new is heard of"
                    _log.error("revocations: %s; until that is mended, %s; %s", self._problem, so, _FIX)
                self._turned_away += 1
            except Exception as wrong:  # noqa: BLE001 - whatever it was, the next try may go well
                self._problem = f"{type(wrong).__name__}: {wrong}"
                if isinstance(wrong, BadMessage):
                    self._revoked.last_id = None  # all of it again
                level = logging.WARNING if failures in {0, 10} else logging.DEBUG
                _log.log(level, "revocations: %s", self._problem)
            failures = 0 if self._revoked.last_id not in {None, known} else failures + 1
            self._connected = False
            self._settle()
            pause = min(_LONGEST_PAUSE, 0.25 * 2 ** min(failures, 10))
            await asyncio.sleep(pause * (0.5 + secrets.randbelow(500) / 1000))

    async def _listen(self) -> None:
        """One stream, to its end."""
        import httpx2

        try:
            proof = self._credentials.for_request(self.issuer)
            opened = http_client(self._address or self.issuer, certificate=proof.certificate)
        except Exception as unusable:
            raise _TurnedAway(f"{type(unusable).__name__}: {unusable}") from unusable
        async with opened as client:
            if self._address is None:
                self._address = await self._discovered(client)
            headers = {**proof.headers, "accept": "text/event-stream"}
            if self._revoked.last_id is not None:
                headers["last-event-id"] = self._revoked.last_id
            timeout = httpx2.Timeout(self._timeout, read=_SILENCE)
            method, form = ("POST", dict(proof.form)) if proof.form else ("GET", None)
            async with client.stream(
                method, self._address, headers=headers, data=form, timeout=timeout
            ) as reply:
                if reply.status_code in _TURNED_AWAY:
                    raise _TurnedAway(f"{self._address} {answered(reply)}")
                if reply.status_code != 200:
                    raise ValueError(f"{self._address} {answered(reply)}")
                events, heard_at = _Events(), time.monotonic()
                async for chunk in reply.aiter_bytes():
                    for text in events.taken_from(chunk):
                        await self._take(text)
                        heard_at = time.monotonic()
                    if time.monotonic() - heard_at > _SILENCE and not events.is_within_one:
                        raise ValueError(f"{self._address} vouches for nothing")  # another node may

    async def _take(self, text: bytes) -> None:
        try:
            self._revoked.take(text, await self._jwks.keys())
        except UnknownKey as unknown:
            try:
                self._revoked.take(text, await self._jwks.keys_with(unknown.kid))
            except UnknownKey as forged:
                raise BadMessage(forged.reason) from forged
        self._connected, self._problem, self._turned_away = True, None, 0
        self._settle()

    async def _discovered(self, client: "httpx2.AsyncClient") -> str:
        """The address, by the issuer's metadata (RFC 8414 §3)."""
        from grantway.protocol.metadata import metadata_path

        parts = urlsplit(self.issuer)
        uri = f"{parts.scheme}://{parts.netloc}{metadata_path(self.issuer)}"
        async with asyncio.timeout(self._timeout):
            _, body, _ = await read_body(client, "GET", uri, headers={"accept": "application/json"})
        found = msgspec.json.decode(body, type=dict[str, object])
        address = found.get(STREAM_MEMBER)
        if found.get("issuer") != self.issuer or not isinstance(address, str):
            raise ValueError(f"{uri} names no {STREAM_MEMBER} of {self.issuer}")
        return checked_address(STREAM_MEMBER, address)

    def _settle(self) -> None:
        if not self._tried.done():
            self._tried.set_result(None)


class _Events:
    """The data of Server-Sent Events, from chunks cut anywhere (HTML standard, §9.2.6)."""

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def is_within_one(self) -> bool:
        """Has one begun that is not whole yet?"""
        return self._rest.startswith((b"id:", b"data:"))

    def taken_from(self, chunk: bytes) -> Iterator[bytes]:
        """The events that this chunk completes. Raises BadMessage for one without end."""
        self._rest += chunk
        while (end := self._rest.find(b"\n\n")) >= 0:
            block = bytes(self._rest[:end])
            del self._rest[: end + 2]
            lines = [line[6:] for line in block.split(b"\n") if line.startswith(b"data: ")]
            if lines:
                yield b"\n".join(lines)
        if len(self._rest) > _MAX_EVENT:
            raise BadMessage(f"more than {_MAX_EVENT} bytes")


class Watched:
    """A verifier whose good tokens are held against what is revoked."""

    def __init__(self, verifier: Verifier, feed: RevocationFeed) -> None:
        self.feed, self._verifier = feed, verifier
        self._ready = verifier if isinstance(verifier, ReadyVerifier) else None

    def at_hand(self, token: str, *, certificate: bytes | None = None) -> AccessToken | None:
        """As `verify`, if nothing has to be waited for; else None."""
        if self._ready is None or not self.feed.is_ready():
            return None
        found = self._ready.at_hand(token, certificate=certificate)
        return None if found is None else self.feed.judge(found)

    async def verify(self, token: str, *, certificate: bytes | None = None) -> AccessToken:
        """The token, if it is good and not revoked. Raises as the verifier does, and Unavailable."""
        found = await self._verifier.verify(token, certificate=certificate)
        await self.feed.ready()
        return self.feed.judge(found)
