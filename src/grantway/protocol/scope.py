"""Scope values: a set of scope tokens, kept in the order they were asked for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode

_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
MAX_TOKENS = 100


def is_scope_token(text: str) -> bool:
    """Is this one well-formed scope token? (RFC 6749 §3.3)."""
    return _TOKEN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Scope:
    """An ordered set of scope tokens (RFC 6749 §3.3). Order never matters to a decision, only to display."""

    tokens: tuple[str, ...] = ()

    @classmethod
    def of(cls, tokens: Iterable[str]) -> Self:
        """A scope of these tokens, repeated ones counted once. Raises ValueError for a malformed token."""
        ordered = tuple(dict.fromkeys(tokens))
        for token in ordered:
            if not is_scope_token(token):
                raise ValueError(f"not a scope token: {token!r}")
        return cls(ordered)

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Read the `scope` parameter.

        Raises `invalid_scope` for anything outside the ABNF of RFC 6749 §3.3.
        """
        if not text:
            return cls()
        tokens = text.split(" ")
        if len(tokens) > MAX_TOKENS:
            words = f"more than {MAX_TOKENS} scope values"
            found = Diagnosis(
                Gw.TOO_LONG, words, f"{len(tokens)} values of scope", f"at most {MAX_TOKENS}", words
            )
            raise OAuthError(ErrorCode.INVALID_SCOPE, words, found)
        try:
            return cls.of(token for token in tokens if token)
        except ValueError as bad:
            raise OAuthError(
                ErrorCode.INVALID_SCOPE,
                "scope has a character outside RFC 6749 section 3.3",
                Diagnosis(
                    Gw.SCOPE,
                    str(bad)[:300],
                    received=text[:300],
                    expected="names of visible ASCII without quotes and backslash, one space between two",
                    difference=str(bad)[:300],
                ),
            ) from None

    def __str__(self) -> str:
        return " ".join(self.tokens)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.tokens

    def __le__(self, other: "Scope") -> bool:
        return set(self.tokens) <= set(other.tokens)

    def __or__(self, other: "Scope") -> "Scope":
        return Scope(tuple(dict.fromkeys(self.tokens + other.tokens)))

    def __and__(self, other: "Scope") -> "Scope":
        return Scope(tuple(token for token in self.tokens if token in other.tokens))

    def __sub__(self, other: "Scope") -> "Scope":
        return Scope(tuple(token for token in self.tokens if token not in other.tokens))
