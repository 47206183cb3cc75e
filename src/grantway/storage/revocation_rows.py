"""Rows ↔ revocations, and what a change of a client revokes, written once for both databases."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from grantway.protocol.clients import Client
from grantway.protocol.revocations import Revocation, RevokedKind
from grantway.storage.rows import Row, read_scope, read_texts


def read_revocation(row: Row) -> Revocation:
    """A revocation from its row."""
    number, kind, key, audience, scope, issued_before, at = row
    return Revocation(
        number=number,
        kind=RevokedKind(kind),
        id=key,
        audience=read_texts(audience),
        scope=read_scope(scope),
        issued_before=issued_before,
        at=at,
    )


def write_audience(audience: Iterable[str]) -> str:
    """The column of the APIs that a revocation concerns."""
    return msgspec.json.encode(sorted(audience)).decode()


@dataclass(frozen=True, slots=True)
class ClientEnd:
    """All that was issued to a client before a moment is dead."""

    client: Client  # as it was
    scope: str  # all it could ask for, before and after the change
    issued_before: int | None  # Unix seconds; None: the end of the present second

    def audience(self, granted: Iterable[str]) -> str:
        """The APIs that may have seen its tokens: by its live grants (their column of resources), by default.

        Those that its scopes belong to are found by whoever knows the APIs.
        """
        named = {one for text in granted for one in read_texts(text)}
        return write_audience(named | ({self.client.default_api} if self.client.default_api else set()))


def end_of(old: Client | None, new: Client | None) -> ClientEnd | None:
    """What this change of a client revokes; None when nothing, or when it had nothing."""
    if old is None:
        return None
    if new is None:
        return ClientEnd(old, str(old.scope), None)
    scope = str(old.scope | new.scope)
    if old.enabled and not new.enabled:
        return ClientEnd(old, scope, None)
    if new.tokens_valid_from > old.tokens_valid_from:
        return ClientEnd(old, scope, int(new.tokens_valid_from))
    return None
