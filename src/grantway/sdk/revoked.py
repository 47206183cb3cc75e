"""What an API was told of revoked tokens: messages checked, kept while they matter, asked about tokens."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from grantway.crypto.jose import BadToken, VerificationKey, check_claims, verify
from grantway.protocol.revocations import (
    REVOCATIONS_TYPE,
    Body,
    Head,
    RevokedKind,
    digest,
    fingerprint,
    prints_in,
    scope_of_grant,
)
from grantway.protocol.scope import Scope
from grantway.sdk.verify import AccessToken

__all__ = ["BadMessage", "Gap", "Revoked"]

_SWEPT_EVERY = 30.0  # seconds
_CLOCKS_APART = 10.0  # seconds
_DRIFT = 0.001  # seconds a second by which clocks may come to differ


class BadMessage(Exception):
    """A message that proves nothing: forged, for another API, too old, told before, or too long."""


class Gap(BadMessage):
    """A message that continues another one than the last: something lies between."""


class Revoked:
    """What one issuer has told one API. Threads may ask at any time; one at a time may tell.

    `most` entries are kept at most. `clock` answers in Unix seconds, `ticks` is a monotonic clock.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        most: int = 500_000,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - in an API, this is the composition root
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.issuer, self.audience = issuer, audience
        self._most, self._clock, self._ticks = most, clock, ticks
        self._prints: dict[bytes, float] = {}  # → when it is over
        self._clients: dict[bytes, tuple[int, float]] = {}  # → issued before, when it is over
        self._scopes_until = float("-inf")  # until then a scope may be among them
        self._swept_at = self._ticks()
        self._as_of = float("-inf")
        self._least_delay = float("inf")
        self._heard_at = self._ticks()
        self._fresh_at = float("-inf")
        self.last_id: str | None = None  # of the last message; None: a complete one is needed

    def __len__(self) -> int:
        return len(self._prints) + len(self._clients)

    @property
    def age(self) -> float:
        """Seconds since the moment until which everything is known; infinite before the first message."""
        return self._ticks() - self._fresh_at

    # ----------------------------------------------------------------------- about a token

    def verdict(self, token: AccessToken) -> AccessToken | None:
        """The token with what is left of its scope, or None when it is revoked."""
        if self._prints:
            if token.grant_id is not None and self._holds(RevokedKind.GRANT, token.grant_id):
                return None
            if self._holds(RevokedKind.TOKEN, token.token_id):
                return None
        if self._clients and self._is_of_before(token):
            return None
        if token.grant_id is not None and self._scopes_until > self._ticks():
            grant = token.grant_id
            left = [
                one for one in token.scope if not self._holds(RevokedKind.SCOPE, scope_of_grant(grant, one))
            ]
            if len(left) < len(token.scope.tokens):
                return replace(token, scope=Scope(tuple(left))) if left else None
        return token

    def _holds(self, kind: RevokedKind, name: str) -> bool:
        return fingerprint(self.audience, kind, name) in self._prints

    def _is_of_before(self, token: AccessToken) -> bool:
        found = self._clients.get(fingerprint(self.audience, RevokedKind.CLIENT, token.client_id))
        issued_at = token.claims.get("iat")
        return found is not None and (not isinstance(issued_at, int | float) or issued_at < found[0])

    # ----------------------------------------------------------------------- messages

    def take(self, text: bytes, keys: Mapping[str, VerificationKey]) -> None:
        """Learn what a message tells. Raises BadMessage, or UnknownKey when newly published keys may help.

        A message adds; nothing that was told before is taken back, whatever is sent.
        """
        signed, _, line = text.partition(b"\n")
        head = self._head(signed.decode("ascii", "replace"), keys)
        if head.sha256 != digest(line):
            raise BadMessage("the list is not the one that was signed")
        if head.after is not None and head.after != self.last_id:
            raise Gap("something lies between this message and the last one")
        try:
            body = msgspec.json.decode(line, type=Body)
            fresh = list(prints_in(body.revoked))
            clients = {next(prints_in(name)): before for name, before in body.clients.items()}
        except (msgspec.MsgspecError, ValueError, StopIteration) as bad:
            raise BadMessage("the list cannot be read") from bad
        self._sweep()
        if self._with(fresh, clients) > self._most:
            raise BadMessage(f"more than {self._most} entries")
        self._add(fresh, clients, until=self._ticks() + head.keep, with_scopes=body.has_scopes)
        self.last_id, self._as_of = head.id, head.as_of
        # However the clocks differ: a message that was on its way for longer than others is as much older.
        # By ticks: setting the clock here changes nothing. One that is set there is believed by and by.
        ticks = self._ticks()
        delay, least = ticks - head.as_of, self._least_delay + (ticks - self._heard_at) * _DRIFT
        self._least_delay, self._heard_at = min(least, delay), ticks
        self._fresh_at = ticks - (delay - self._least_delay)

    def _head(self, token: str, keys: Mapping[str, VerificationKey]) -> Head:
        try:
            claims = verify(token, keys, typ=REVOCATIONS_TYPE)
            check_claims(claims, issuer=self.issuer, audience=self.audience, now=self._clock())
            head = msgspec.convert(claims, type=Head)
        except BadToken as bad:
            if type(bad) is not BadToken:
                raise  # an unknown key
            raise BadMessage(bad.reason) from bad
        except msgspec.ValidationError as bad:
            raise BadMessage("the head cannot be read") from bad
        if head.as_of < self._as_of:
            raise BadMessage("older than what was told before")
        if head.as_of > self._clock() + _CLOCKS_APART:
            raise BadMessage("from the future")
        return head

    def _add(
        self, fresh: list[bytes], clients: Mapping[bytes, int], *, until: float, with_scopes: bool
    ) -> None:
        for one in fresh:
            self._prints[one] = max(until, self._prints.get(one, until))
        for name, before in clients.items():
            known = self._clients.get(name, (before, until))
            self._clients[name] = (max(before, known[0]), max(until, known[1]))
        if with_scopes:
            self._scopes_until = max(until, self._scopes_until)

    def _with(self, fresh: list[bytes], clients: Mapping[bytes, int]) -> int:
        """How many there would be with these; a complete list tells again what is known."""
        most = len(self) + len(fresh) + len(clients)
        if most <= self._most:
            return most
        return len(self._prints.keys() | set(fresh)) + len(self._clients.keys() | clients.keys())

    def _sweep(self) -> None:
        """Forget what is over."""
        now = self._ticks()
        if now - self._swept_at >= _SWEPT_EVERY:
            self._swept_at = now
            self._prints = {one: until for one, until in self._prints.items() if until > now}
            self._clients = {one: kept for one, kept in self._clients.items() if kept[1] > now}
