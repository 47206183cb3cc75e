"""The issuer's public keys, kept at hand: fetched rarely, in the way of no request that can do without."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from grantway.crypto.jose import VerificationKey

_log = logging.getLogger("grantway.sdk")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_BYTES = 256 * 1024
_MAX_KEYS = 100
_RETRY = 2.0  # seconds after a failure

Keys = Mapping[str, VerificationKey]


class KeysUnavailable(Exception):
    """The issuer's keys could not be had, so nothing can be said about any token. A failure of ours: 503."""


class Jwks:
    """The keys at one `jwks_uri` (RFC 7517 §5). Durations are in seconds.

    - Older than `refresh_after`: refreshed in the background, requests go on with what is there.
    - Older than `lifetime`: a request waits for the refresh. If that fails, what is there still counts
      until `keep_for`, without further waiting, so that an API works while the server is away.
    - A key id not among them makes a fetch, at most one in `pause`; after a failure, one in 2 seconds.
    - However many requests want it, one fetch is under way at a time.

    The address is https; plain http is for loopback names. `clock` is a monotonic clock. Needs no start
    and no stop.
    """

    def __init__(
        self,
        uri: str,
        *,
        refresh_after: float = 240,
        lifetime: float = 600,
        keep_for: float = 86_400,
        pause: float = 10,
        timeout: float = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(uri)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError(f"jwks_uri {uri!r}: must be https://, or http:// on loopback")
        self.uri = uri
        self._refresh_after, self._lifetime, self._keep_for = refresh_after, lifetime, keep_for
        self._pause, self._timeout, self._clock = pause, timeout, clock
        self._keys: Keys = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._failing = False
        self._fetch: asyncio.Task[None] | None = None

    async def keys(self) -> Keys:
        """The keys, by id. Raises KeysUnavailable when none were fetched within `keep_for`."""
        age = self._clock() - self._fetched_at
        if age > self._refresh_after:
            fetch = self._refresh()
            must_wait = age > self._keep_for or (age > self._lifetime and not self._failing)
            if fetch is not None and must_wait:
                await asyncio.shield(fetch)
        return self._usable()

    async def keys_with(self, kid: str) -> Keys:
        """The keys, fetched again first if this one is not among them and a fetch is allowed now.

        Raises KeysUnavailable when the last fetch failed and the key may therefore exist.
        """
        if kid not in self._keys:
            fetch = self._refresh()
            if fetch is not None:
                await asyncio.shield(fetch)
            if self._failing and kid not in self._keys:
                raise KeysUnavailable(f"the keys at {self.uri} could not be refreshed")
        return self._usable()

    def _usable(self) -> Keys:
        if not self._keys or self._clock() - self._fetched_at > self._keep_for:
            raise KeysUnavailable(f"no keys from {self.uri}")
        return self._keys

    def _refresh(self) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one; None when the last one is too recent."""
        loop = asyncio.get_running_loop()
        if self._fetch is not None and not self._fetch.done() and self._fetch.get_loop() is loop:
            return self._fetch
        now = self._clock()
        if now - self._tried_at < (min(_RETRY, self._pause) if self._failing else self._pause):
            return None
        self._tried_at = now
        self._fetch = loop.create_task(self._take())
        return self._fetch

    async def _take(self) -> None:
        """Replace the keys by what is published now, or leave them as they are. Never raises."""
        started = self._clock()
        try:
            async with asyncio.timeout(self._timeout):
                keys = read_jwks(await _download(self.uri))
        except Exception as wrong:  # noqa: BLE001 - whatever it was, the keys at hand stay in use
            _log.warning("keys at %s not refreshed: %s: %s", self.uri, type(wrong).__name__, wrong)
            self._failing = True
        else:
            self._keys, self._fetched_at, self._failing = keys, started, False


def read_jwks(document: bytes) -> Keys:
    """The usable keys of a JWK Set, by id (RFC 7517 §5); keys of other kinds are passed over.

    Raises ValueError when it is none, holds no usable key, more than 100, or one id twice.
    """
    try:
        entries = msgspec.json.decode(document, type=_JwkSet).keys
    except msgspec.MsgspecError as bad:
        raise ValueError("not a JWK Set") from bad
    if len(entries) > _MAX_KEYS:
        raise ValueError(f"a JWK Set of {len(entries)} keys; {_MAX_KEYS} are the limit")
    keys: dict[str, VerificationKey] = {}
    for entry in entries:
        try:
            key = VerificationKey.from_jwk(entry)
        except ValueError as unusable:
            _log.info("a published key is passed over: %s", unusable)
            continue
        if key.kid in keys:
            raise ValueError(f"a JWK Set with the id {key.kid!r} twice")
        keys[key.kid] = key
    if not keys:
        raise ValueError("a JWK Set without a usable key")
    return keys


class _JwkSet(msgspec.Struct):
    keys: list[dict[str, object]]


async def _download(uri: str) -> bytes:
    """The body behind an address, at most 256 kB, without following redirects."""
    import httpx2

    is_https = uri.startswith("https:")  # a loopback address is never asked of a proxy
    async with (
        httpx2.AsyncClient(trust_env=is_https, follow_redirects=False) as client,
        client.stream("GET", uri, headers={"accept": "application/jwk-set+json, application/json"}) as reply,
    ):
        if reply.status_code != 200:
            raise ValueError(f"answered {reply.status_code}")
        body = b""
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError(f"more than {_MAX_BYTES} bytes")
    return body
