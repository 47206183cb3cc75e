"""Reads the tables of a registry file; every mistake is noted with its place, none is raised."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from grantway.protocol.durations import parse_duration

_Choice = TypeVar("_Choice", bound=StrEnum)


class Table:
    """One table being read. Answers with usable values; what was wrong with them is in `mistakes`."""

    def __init__(self, raw: object, place: str, mistakes: list[str]) -> None:
        self.place, self._mistakes = place, mistakes
        self._raw: Mapping[str, object] = raw if isinstance(raw, dict) else {}
        self._asked: set[str] = set()
        if not isinstance(raw, dict):
            self.note("must be a table")

    def note(self, mistake: str, key: str = "") -> None:
        """Something is wrong here."""
        self._mistakes.append(f"{self.place}.{key}: {mistake}" if key else f"{self.place}: {mistake}")

    def has(self, key: str) -> bool:
        """Is this key given?"""
        return key in self._raw

    def _get(self, key: str) -> object:
        self._asked.add(key)
        return self._raw.get(key)

    def text(self, key: str) -> str | None:
        """A text, or None."""
        value = self._get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.note("must be a text that is not empty", key)
        return None

    def needed(self, key: str) -> str:
        """A text that must be there."""
        if not self.has(key):
            self._asked.add(key)
            self.note("is missing", key)
        return self.text(key) or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; left out means empty."""
        value = self._get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.note('must be a list of texts such as ["one", "two"]', key)
            return ()
        return tuple(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.note("must be true or false", key)
        return default

    def choice(self, key: str, default: _Choice, allowed: Collection[_Choice] | None = None) -> _Choice:
        """One of the words of an enumeration."""
        return next(iter(self._choices(key, [self._get(key)], type(default), allowed)), default)

    def choices(self, key: str, kind: type[_Choice]) -> frozenset[_Choice] | None:
        """Several of the words of an enumeration; None when left out."""
        return frozenset(self._choices(key, list(self.texts(key)), kind, None)) if self.has(key) else None

    def _choices(
        self, key: str, words: list[object], kind: type[_Choice], allowed: Collection[_Choice] | None
    ) -> list[_Choice]:
        known = {str(one): one for one in (kind if allowed is None else allowed)}
        found = []
        for word in words:
            if isinstance(word, str) and word in known:
                found.append(known[word])
            elif word is not None:
                self.note(f"must be one of {', '.join(known)}, not {word!r}", key)
        return found

    def seconds(self, key: str) -> int | None:
        """A duration, in whole seconds."""
        value = self._get(key)
        if value is None:
            return None
        try:
            seconds = parse_duration(value) if isinstance(value, str) else value
        except ValueError as bad:
            self.note(str(bad), key)
            return None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 1:
            self.note("must be a duration of at least a second, such as 30d", key)
            return None
        return int(seconds)

    def moment(self, key: str) -> float | None:
        """A date or a time, in Unix seconds; without a zone it is UTC."""
        value = self._get(key)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = ()
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time(), UTC)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        if value is not None:
            self.note("must be a date such as 2027-01-31", key)
        return None

    def table(self, key: str) -> "Table":
        """One table."""
        return Table(self._get(key), f"{self.place}.{key}", self._mistakes)

    def tables(self, key: str) -> list["Table"]:
        """A list of tables."""
        value = self._get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(f"must be a list of tables ([[{key}]])", key)
            return []
        return [Table(one, f"{self.place}.{key}[{at}]", self._mistakes) for at, one in enumerate(value)]

    def secret(self, key: str, *, folder: Path, env: Mapping[str, str], plain: str) -> str | None:
        """A secret from `<plain>`, `<key>_file` or `<key>_env`, of which at most one may be given."""
        given = [name for name in (plain, f"{key}_file", f"{key}_env") if self.has(name)]
        text, path, variable = self.text(plain), self.text(f"{key}_file"), self.text(f"{key}_env")
        if len(given) > 1:
            self.note(f"give one of {', '.join(given)}, not {len(given)}")
            return None
        if path is not None:
            try:
                text = (folder / path).read_text("utf-8").strip("\r\n")
            except (OSError, UnicodeDecodeError) as bad:
                self.note(f"{path} cannot be read: {getattr(bad, 'strerror', 'not text')}", f"{key}_file")
        if variable is not None:
            text = env.get(variable)
            if not text:
                self.note(f"the environment has no {variable}", f"{key}_env")
        return text or None

    def refuse_the_rest(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._raw:
            if key not in self._asked:
                close = get_close_matches(key, self._asked, 1)
                self.note("is not known" + (f"; did you mean {close[0]}?" if close else ""), key)
