"""Access tokens that only the server can read: asked about by introspection, and remembered for a moment."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from grantway.crypto.jose import MAX_TOKEN_LENGTH
from grantway.sdk.credentials import Credentials
from grantway.sdk.fetching import checked_address, edition, http_client, read_body
from grantway.sdk.kept import Unavailable
from grantway.sdk.verify import AccessToken, BadToken, read_claims

if TYPE_CHECKING:
    import httpx2

__all__ = ["Introspection"]

_log = logging.getLogger("grantway.sdk")
_DEAD = "not a token of this API, or no longer in force"
_ALLOWED_TYPES = ("bearer",)


# Where connections may be used: in their event loop, with the certificate they were opened with.
_Place: TypeAlias = tuple[asyncio.AbstractEventLoop, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the server said about a token: JSON, or None for a dead one. Good until then (monotonic)."""

    claims: bytes | None
    until: float


class Introspection:
    """A verifier that asks the server about each token (RFC 7662), with the API's own credentials.

    An answer is remembered by the digest of its token: for `keep` seconds if the token lives, never beyond
    its `exp`; for `keep_refused` if it does not. So a revoked token passes for at most `keep` seconds more.
    At most `remembered` answers are kept, the dead in a place of their own so that a flood of invented tokens
    pushes no living one out. One question about a token is under way at a time. The server's failure is ours:
    Unavailable, never a pass. `endpoint` defaults to `{issuer}/introspect`. `clock` answers in Unix seconds,
    `ticks` is a monotonic clock.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        credentials: Credentials,
        *,
        endpoint: str | None = None,
        keep: float = 5,
        keep_refused: float = 5,
        remembered: int = 10_000,
        timeout: float = 3,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - in an API, this is the composition root
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer, self.audience = issuer, audience
        self._endpoint = checked_address("endpoint", endpoint or f"{issuer}/introspect")
        self._credentials, self._keep, self._keep_refused = credentials, keep, keep_refused
        self._remembered, self._timeout = remembered, timeout
        self._clock, self._ticks = clock, ticks
        self._living: dict[bytes, _Known] = {}
        self._dead: dict[bytes, _Known] = {}
        self._asking: dict[tuple[int, bytes], asyncio.Task[_Known]] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._client: tuple[_Place, httpx2.AsyncClient] | None = None

    def at_hand(self, token: str, *, certificate: bytes | None = None) -> AccessToken | None:
        """As `verify`, if the answer is remembered; None if the server has to be asked."""
        digest = _digest(token)
        known = self._living.get(digest) or self._dead.get(digest)
        if known is None or self._ticks() >= known.until:
            return None
        return self._read(known, certificate)

    async def verify(self, token: str, *, certificate: bytes | None = None) -> AccessToken:
        """The token, if the server says that it lives and is for this audience.

        Raises BadToken for every other, and Unavailable when the server did not say.
        """
        ready = self.at_hand(token, certificate=certificate)
        if ready is not None:
            return ready
        return self._read(await self._ask(token), certificate)

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        if self._client is not None and self._client[0][0] is asyncio.get_running_loop():
            await self._client[1].aclose()
            self._client = None

    def _read(self, known: _Known, certificate: bytes | None) -> AccessToken:
        """The token of an answer, judged anew each time: against the clock and this request's certificate."""
        if known.claims is None:
            raise BadToken(_DEAD)
        claims: Mapping[str, object] = msgspec.json.decode(known.claims)
        expires_at = claims.get("exp")
        if isinstance(expires_at, int | float) and self._clock() >= expires_at:
            raise BadToken("expired")
        return read_claims(claims, certificate=certificate)

    async def _ask(self, token: str) -> _Known:
        loop, digest = asyncio.get_running_loop(), _digest(token)
        place = (id(loop), digest)
        task = self._asking.get(place)
        if task is None:
            task = loop.create_task(self._answer(token, digest))
            self._asking[place] = task
            task.add_done_callback(lambda done: self._answered(place, done))
        return await asyncio.shield(task)

    def _answered(self, place: tuple[int, bytes], done: "asyncio.Task[_Known]") -> None:
        self._asking.pop(place, None)
        if not done.cancelled():
            done.exception()  # seen, even if everybody who waited is gone

    async def _answer(self, token: str, digest: bytes) -> _Known:
        if len(token) > MAX_TOKEN_LENGTH:
            return _Known(None, 0)
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._question(token)
            claims = msgspec.json.decode(body, type=dict[str, object])
        except Exception as wrong:
            _log.warning("%s did not answer: %s: %s", self._endpoint, type(wrong).__name__, wrong)
            raise Unavailable(f"{self._endpoint} did not answer") from wrong
        now = self._ticks()
        if not self._is_living(claims):
            known = _Known(None, now + self._keep_refused)
            self._living.pop(digest, None)
            self._remember(self._dead, digest, known)
            return known
        left = float(str(claims["exp"])) - self._clock()
        known = _Known(body, now + min(self._keep, max(left, 0)))
        self._dead.pop(digest, None)
        self._remember(self._living, digest, known)
        return known

    def _is_living(self, claims: Mapping[str, object]) -> bool:
        """Does the server vouch for it as an access token for this audience? (RFC 7662 §2.2, §4)."""
        audience, expires_at, kind = claims.get("aud"), claims.get("exp"), claims.get("token_type")
        audiences = audience if isinstance(audience, list) else [audience]
        return (
            claims.get("active") is True
            and claims.get("iss") == self.issuer
            and self.audience in audiences
            and isinstance(kind, str)
            and kind.lower() in _ALLOWED_TYPES
            and isinstance(expires_at, int | float)
            and not isinstance(expires_at, bool)
            and self._clock() < expires_at
        )

    def _remember(self, where: dict[bytes, _Known], digest: bytes, known: _Known) -> None:
        if len(where) >= self._remembered:
            where.clear()
        where[digest] = known

    async def _question(self, token: str) -> bytes:
        proof = self._credentials.for_request(self.issuer)
        place = (asyncio.get_running_loop(), edition(proof.certificate))
        if self._client is None or self._client[0] != place:
            self._retire()
            self._client = (place, http_client(self._endpoint, certificate=proof.certificate))
        client = self._client[1]
        headers = {**proof.headers, "accept": "application/json"}
        form = {**proof.form, "token": token, "token_type_hint": "access_token"}
        _, body, _ = await read_body(client, "POST", self._endpoint, headers=headers, form=form)
        return body

    def _retire(self) -> None:
        """Let go of connections with an old certificate, once nobody waits for an answer on them."""
        if self._client is None or self._client[0][0] is not asyncio.get_running_loop():
            return
        client = self._client[1]

        async def close() -> None:
            try:
                await asyncio.sleep(self._timeout)
            finally:
                await client.aclose()

        task = asyncio.create_task(close())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
