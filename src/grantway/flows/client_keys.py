"""The keys that clients publish at their `jwks_uri`: fetched through the egress guard, and kept for a while.

A stranger may name any client, so naming one costs at most one fetch per interval, whoever asks and whatever
key they name; and a client's outage does not lock it out while its keys are not too old.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from grantway.crypto.foreign import ForeignKey, read_published_keys
from grantway.egress import Egress, Unreachable

FRESH = 600.0  # seconds for which keys are used without looking again
USABLE = 3600.0  # seconds for which they are used when looking again fails; then they are gone
PATIENCE = 2.5  # seconds: a token request waits meanwhile
LOOK_EVERY = 30.0  # seconds between two looks at one address
MAX_ADDRESSES = 1000  # the least recently used are forgotten
_log = logging.getLogger("grantway.client_keys")


@dataclass(slots=True)
class _Kept:
    keys: tuple[ForeignKey, ...] = ()
    fetched_at: float = float("-inf")
    looked_at: float = float("-inf")
    why: str = ""  # the last look failed
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


class ClientKeys:
    """What this node knows of the keys behind each address. `clock` counts seconds and never jumps."""

    def __init__(self, egress: Egress, *, clock: Callable[[], float]) -> None:
        self._egress, self._clock = egress, clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def keys(self, uri: str) -> tuple[ForeignKey, ...]:
        """The keys there, at most an hour old. Raises Unreachable when there are none."""
        kept = self._kept_of(uri)
        if self._clock() - kept.fetched_at >= FRESH:
            await self._look(uri, kept)
        if self._clock() - kept.fetched_at >= USABLE:
            raise Unreachable(kept.why or "its keys have not been read yet")
        return kept.keys

    async def newer_keys(self, uri: str, seen: tuple[ForeignKey, ...]) -> tuple[ForeignKey, ...] | None:
        """Others than those seen, if there are any by now: for a key that is not known yet."""
        kept = self._kept_of(uri)
        if kept.keys is seen:
            await self._look(uri, kept)
        return None if kept.keys is seen else kept.keys

    def _kept_of(self, uri: str) -> _Kept:
        kept = self._kept.get(uri)
        if kept is None:
            kept = self._kept[uri] = _Kept()
            if len(self._kept) > MAX_ADDRESSES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(uri)
        return kept

    async def _look(self, uri: str, kept: _Kept) -> None:
        """Fetch, unless somebody just did. A failure leaves what there was."""
        async with kept.looking:
            now = self._clock()
            if now - kept.looked_at < LOOK_EVERY:
                return
            kept.looked_at = now
            try:
                document = await self._egress.fetch(
                    uri, accept="application/jwk-set+json, application/json", patience=PATIENCE
                )
                kept.keys, kept.why = read_published_keys(document), ""
                kept.fetched_at = now
            except (Unreachable, ValueError) as wrong:
                kept.why = str(wrong)
                _log.warning("keys at %s not read: %s", uri, wrong)
