"""What was revoked, told to the APIs that it concerns: all that still matters at once, then as it happens.

A message tells one API only of what may be its own tokens, and vouches for the moment until which it tells
everything: where the database is away, nothing is vouched for.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import msgspec
from msgspec import Struct

from grantway.crypto.seal import BrokenSeal
from grantway.crypto.secrets import new_id
from grantway.flows.revocation_reader import PAGE, RevocationReader
from grantway.flows.snapshot import Snapshots
from grantway.protocol.apis import LONGEST_TOKEN, Api
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.registry import Registry
from grantway.protocol.revocations import (
    MESSAGE_ALG,
    MESSAGE_LIFETIME,
    REVOCATIONS_TYPE,
    Head,
    Listing,
    Revocation,
    RevokedKind,
    digest,
)
from grantway.storage.port import Store, Unavailable

HEARTBEAT = 2.0  # seconds between messages that say that there is nothing new
STREAM_LIFETIME = 600.0  # seconds; then whoever listens proves who they are again
FAR_BEHIND = 5_000  # whoever missed more than so many rows is told all that still matters instead
_SHARED_FOR = 0.5  # seconds for which a complete message serves everybody who asks
_MARGIN = 60  # seconds beyond the life of a token: clocks differ, and APIs are lenient
_PURPOSE = "revocations"
_NEVER = float("-inf")


class Message(Struct, frozen=True):
    """Two lines for one API, and up to which number they tell everything, which is nobody else's business."""

    id: str
    text: bytes
    number: int
    as_of: float
    entries: int


def concerns(revocation: Revocation, api: Api, registry: Registry) -> bool:
    """May this API have seen a token that it revokes?"""
    if revocation.kind is not RevokedKind.SCOPE and any(
        name == api.identifier or _is_same(registry.find_api(name), api) for name in revocation.audience
    ):
        return True
    return any(_is_same(registry.api_of_scope.get(token), api) for token in revocation.scope)


def _is_same(found: Api | None, api: Api) -> bool:
    return found is not None and found.identifier == api.identifier


class RevocationFeed:
    """The feed of one node.

    `lifetime` is that of access tokens, in seconds, where an API does not say; `streams`, how many one API
    may have here. `clock` never goes back.
    """

    def __init__(
        self,
        store: Store,
        snapshots: Snapshots,
        *,
        issuer: str,
        lifetime: int,
        streams: int,
        clock: Callable[[], float],
    ) -> None:
        self._store, self._snapshots, self._clock = store, snapshots, clock
        self._issuer, self._lifetime, self._most = issuer, lifetime, streams
        self._completing = asyncio.Lock()
        self._complete: dict[str, tuple[float, Message]] = {}
        self._longest_of: dict[str, tuple[float, int]] = {}  # by API: when it was looked up, seconds
        self.reader = RevocationReader(store, now=snapshots.now, clock=clock)
        self.streams: Counter[str] = Counter()  # open ones, by API
        self.stopped = False

    # --------------------------------------------------------------------- who listens

    def open(self, client: Client, api: Api) -> "Listener":
        """A place for one more who listens. Raises `temporarily_unavailable` when this API has them all."""
        if self.streams[api.identifier] >= self._most:
            words = "too many streams of this API are open"
            found = Diagnosis(
                Gw.TOO_MANY_STREAMS,
                words,
                received=f"one more stream for {api.identifier}",
                expected=f"at most {self._most} for one API in one process of the server",
                difference="each process of the API needs one: there are more, or some are opened again and "
                "again",
            )
            raise OAuthError(ErrorCode.TEMPORARILY_UNAVAILABLE, words, found, retry_after=30)
        self.streams[api.identifier] += 1
        self.reader.start()
        return Listener(self, client, api, until=self._clock() + STREAM_LIFETIME)

    def leave(self, api: Api) -> None:
        """One who listened is gone; with the last one, reading ends."""
        self.streams[api.identifier] -= 1
        if not self.streams[api.identifier]:
            del self.streams[api.identifier]
        if not self.streams:
            self.reader.stop()

    def stop(self) -> None:
        """End all streams: the node stops."""
        self.stopped = True
        self.reader.stop()

    def may_go_on(self, client: Client, api: Api, until: float) -> bool:
        """Is this still the API's own client, and its time not over?"""
        registry = self._snapshots.newest.registry
        found = registry.clients.get(client.id)
        return (
            not self.stopped
            and self._clock() < until
            and api.identifier in registry.apis
            and found is not None
            and found.enabled
            and found.api == api.identifier
            and found.auth_method is client.auth_method
            and found.tokens_valid_from == client.tokens_valid_from
        )

    # --------------------------------------------------------------------- what is told

    async def complete(self, api: Api) -> Message:
        """All that still matters to this API. Raises Unavailable."""
        async with self._completing:
            now = self._clock()
            self._complete = {
                one: kept for one, kept in self._complete.items() if now - kept[0] <= _SHARED_FOR
            }
            if api.identifier not in self._complete:
                message = await self._all_of(api)
                self._complete[api.identifier] = (now, message)
            return self._complete[api.identifier][1]

    async def _all_of(self, api: Api) -> Message:
        as_of, keep = self._snapshots.now(), await self._longest(api)
        horizon = await self._store.revocation_horizon(since=as_of - keep)
        registry, listing = self._snapshots.newest.registry, Listing(api.identifier)
        last = horizon.before
        while last < horizon.newest:
            page = await self._store.list_revocations(after=last, limit=PAGE)
            for one in page:
                if one.number <= horizon.newest and concerns(one, api, registry):
                    listing.add(one)
            last = page[-1].number if page else horizon.newest
            await asyncio.sleep(0)  # SQLite is read on the event loop: others come in between
        return self.signed(api, listing, keep=keep, as_of=as_of, number=horizon.newest, after=None)

    async def news(self, api: Api, *, since: int, after: str, told_until: float) -> Message | None:
        """What came after a number, continuing the message with that id; None when it is too much."""
        reader, keep = self.reader, await self._longest(api)
        newest, as_of = max(reader.newest or 0, since), max(reader.as_of, told_until)
        if newest - since > FAR_BEHIND:
            return None
        registry, listing = self._snapshots.newest.registry, Listing(api.identifier)
        while since < newest and (rows := await reader.rows_after(since)):
            for one in rows:
                if one.number <= newest and concerns(one, api, registry):
                    listing.add(one)
            since = rows[-1].number
        return self.signed(api, listing, keep=keep, as_of=as_of, number=newest, after=after)

    async def look(self, api: Api, seen: int) -> tuple[bool, int]:
        """Is there anything for this API after that number, and up to which number was looked?"""
        registry = self._snapshots.newest.registry
        while rows := await self.reader.rows_after(seen):
            if any(concerns(one, api, registry) for one in rows):
                return True, seen
            seen = rows[-1].number
        return False, seen

    async def _longest(self, api: Api) -> int:
        """The longest life of any token of this API that may be alive, in seconds, and a margin.

        Its own, and those of the versions that were in force within a day.
        """
        asked_at, longest = self._longest_of.get(api.identifier, (_NEVER, 0))
        if self._clock() - asked_at > HEARTBEAT * 5 or not longest:
            asked_at, now = self._clock(), self._snapshots.now()
            newest = self._snapshots.newest.registry.apis.get(api.identifier, api)
            longest = newest.token_lifetime_or(self._lifetime)
            for version in await self._store.list_api_versions(api.identifier):
                if version.api is not None:
                    longest = max(longest, version.api.token_lifetime_or(self._lifetime))
                if version.at < now - LONGEST_TOKEN:
                    break
            self._longest_of[api.identifier] = (asked_at, longest)
        return longest + _MARGIN

    def signed(
        self, api: Api, listing: Listing, *, keep: int, as_of: float, number: int, after: str | None
    ) -> Message:
        """The message. Raises Unavailable where there is no key to sign it with."""
        now, snapshot, line = self._snapshots.now(), self._snapshots.newest, listing.line()
        key = snapshot.sealer.seal(
            number.to_bytes(8), purpose=_PURPOSE, binding=api.identifier.encode(), flow_id=new_id(now)
        )
        head = Head(
            iss=self._issuer,
            aud=api.identifier,
            iat=int(now),
            exp=int(now) + MESSAGE_LIFETIME,
            as_of=round(as_of, 3),
            id=key,
            keep=keep,
            sha256=digest(line),
            after=after,
        )
        claims = {name: value for name, value in msgspec.structs.asdict(head).items() if value is not None}
        signing = snapshot.signing_keys.get(MESSAGE_ALG)
        if signing is None:
            raise Unavailable(f"no active {MESSAGE_ALG} key")
        token = signing.sign(claims, typ=REVOCATIONS_TYPE)
        text = token.encode("ascii") + b"\n" + line
        return Message(key, text, number, as_of, listing.entries)

    def number_of(self, api: Api, key: str) -> int | None:
        """Where the message with this id ended; None when it is not this API's, or of a lost database."""
        newest, sealer = self.reader.newest, self._snapshots.newest.sealer
        try:
            number = int.from_bytes(sealer.open(key, purpose=_PURPOSE, binding=api.identifier.encode()))
        except BrokenSeal:
            return None
        return None if newest is None or number > newest else number


class Listener:
    """One stream. It holds a number and nothing else: who reads slowly is told more at once, later."""

    def __init__(self, feed: RevocationFeed, client: Client, api: Api, *, until: float) -> None:
        self._feed, self._client, self._api, self._until = feed, client, api, until
        self._is_open = True

    def close(self) -> None:
        """Leave."""
        if self._is_open:
            self._is_open = False
            self._feed.leave(self._api)

    async def messages(self, after: str | None) -> AsyncIterator[Message | None]:
        """What is told, continuing the message with this id, or beginning with all that still matters.

        None when nothing can be vouched for at the moment. Ends where whoever listens has to come again.
        """
        feed, api, reader = self._feed, self._api, self._feed.reader
        told: Message | None = None
        seen, said_at = 0, _NEVER
        while feed.may_go_on(self._client, api, self._until):
            turn = reader.turns
            if reader.age > HEARTBEAT:
                yield None
            elif told is None:
                number = None if after is None else feed.number_of(api, after)
                if after is not None and number is not None:
                    told = await feed.news(api, since=number, after=after, told_until=0.0)
                told = told or await feed.complete(api)
                seen, said_at = told.number, reader.as_of
                yield told
            else:
                is_news, seen = await feed.look(api, seen)
                if is_news or reader.as_of - said_at >= HEARTBEAT:
                    news = await feed.news(api, since=told.number, after=told.id, told_until=told.as_of)
                    told = news or await feed.complete(api)
                    seen, said_at = told.number, reader.as_of
                    yield told
            await reader.next_turn(turn, HEARTBEAT)
