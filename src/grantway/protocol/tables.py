"""Tables of a TOML or JSON document, read member by member; every mistake is noted with its place.

Shared with the SDK. What only some tables hold is read by a class of their own on top of this one.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Self


class Table:
    """One table being read. Answers with usable values; what was wrong with them is in `mistakes`."""

    def __init__(self, raw: object, place: str, mistakes: list[str]) -> None:
        self.place, self.mistakes = place, mistakes
        self._raw: Mapping[str, object] = raw if isinstance(raw, dict) else {}
        self._asked: set[str] = set()
        self.is_table = isinstance(raw, dict)
        if not self.is_table:
            self.note("must be a table")

    def note(self, mistake: str, key: str = "") -> None:
        """Something is wrong here."""
        self.mistakes.append(f"{self.place}.{key}: {mistake}" if key else f"{self.place}: {mistake}")

    def names(self) -> tuple[str, ...]:
        """The keys that are given."""
        return tuple(self._raw)

    def has(self, key: str) -> bool:
        """Is this key given?"""
        return key in self._raw

    def get(self, key: str) -> object:
        """What is given, as it is; None when nothing is."""
        self._asked.add(key)
        return self._raw.get(key)

    def text(self, key: str) -> str | None:
        """A text, or None."""
        value = self.get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.note("must be a text that is not empty", key)
        return None

    def needed(self, key: str) -> str:
        """A text that must be there; empty when it is not."""
        if self.get(key) is None:
            self.note("is missing", key)
        return self.text(key) or ""

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.note("must be true or false", key)
        return default

    def table(self, key: str) -> Self:
        """One table."""
        return type(self)(self.get(key), f"{self.place}.{key}", self.mistakes)

    def tables(self, key: str) -> list[Self]:
        """A list of tables; left out means none."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note("must be a list of tables", key)
            return []
        return [type(self)(one, f"{self.place}.{key}[{at}]", self.mistakes) for at, one in enumerate(value)]

    def refuse_the_rest(self, *others: str) -> None:
        """Note every key that nothing asked for. `others` are known too, though nothing asked."""
        known = {key.lower(): key for key in (*self._asked, *others)}
        for key in self._raw:
            if key not in known.values():
                close = get_close_matches(key.lower(), known, 1)
                self.note("is not known" + (f"; did you mean {known[close[0]]}?" if close else ""), key)
