"""The issuer's public keys, kept at hand."""

import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from grantway.crypto.jose import VerificationKey
from grantway.sdk.fetching import checked_address, http_client, read_body
from grantway.sdk.kept import Kept, Unavailable

_log = logging.getLogger("grantway.sdk")
_MAX_KEYS = 100

Keys = Mapping[str, VerificationKey]


class KeysUnavailable(Unavailable):
    """The issuer's keys could not be had, so nothing can be said about any token. A failure of ours: 503."""


class Jwks(Kept[Keys]):
    """The keys at one `jwks_uri` (RFC 7517 §5); see `Kept` for the durations, in seconds.

    A key id not among them makes a fetch, at most one in `pause`. The address is https; plain http is for
    loopback names.
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
        self.uri = checked_address("jwks_uri", uri)
        super().__init__(
            self._download,
            f"keys at {uri}",
            refresh_after=refresh_after,
            lifetime=lifetime,
            keep_for=keep_for,
            pause=pause,
            timeout=timeout,
            clock=clock,
        )

    async def keys(self) -> Keys:
        """The keys, by id. Raises KeysUnavailable when none were fetched within `keep_for`."""
        return await self.get()

    async def keys_with(self, kid: str) -> Keys:
        """The keys, fetched again first if this one is not among them and a fetch is allowed now.

        Raises KeysUnavailable when the last fetch failed and the key may therefore exist.
        """
        if not self._has(kid):
            await self._fetch_again()
            if self._failing and not self._has(kid):
                raise self._away(f"the {self._what} could not be refreshed")
        return self._usable()

    def _has(self, kid: str) -> bool:
        return self._value is not None and kid in self._value

    def _away(self, why: str) -> Unavailable:
        return KeysUnavailable(why)

    async def _download(self) -> Keys:
        accept = {"accept": "application/jwk-set+json, application/json"}
        async with http_client(self.uri) as client:
            _, body, _ = await read_body(client, "GET", self.uri, headers=accept)
        return read_jwks(body)


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
