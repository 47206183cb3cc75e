"""The tables of a registry file: what stands in them beside what any table holds."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import TypeVar

from grantway.protocol.durations import parse_duration
from grantway.protocol.tables import Table

_Choice = TypeVar("_Choice", bound=StrEnum)


class RegistryTable(Table):
    """A table of an app or a person, or one below it."""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; left out means empty."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.note('must be a list of texts such as ["one", "two"]', key)
            return ()
        return tuple(value)

    def choice(self, key: str, default: _Choice) -> _Choice:
        """One of the words of an enumeration."""
        given = self.get(key)
        return default if given is None else next(iter(self._known(key, [given], type(default))), default)

    def choices(self, key: str, kind: type[_Choice]) -> frozenset[_Choice] | None:
        """Several of the words of an enumeration; None when left out."""
        return frozenset(self._known(key, self.texts(key), kind)) if self.has(key) else None

    def _known(self, key: str, words: Iterable[object], kind: type[_Choice]) -> list[_Choice]:
        """Those of the words that the enumeration has; the others are noted."""
        known = {str(one): one for one in kind}
        found = []
        for word in words:
            if isinstance(word, str) and word in known:
                found.append(known[word])
            else:
                self.note(f"must be one of {', '.join(known)}, not {word!r}", key)
        return found

    def seconds(self, key: str) -> int | None:
        """A duration, in whole seconds."""
        value = self.get(key)
        if value is None:
            return None
        try:
            seconds = parse_duration(value) if isinstance(value, str) else value
        except ValueError as bad:
            self.note(str(bad), key)
            return None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds < inf:
            self.note("must be a duration of at least a second, such as 30d", key)
            return None
        return int(seconds)

    def moment(self, key: str) -> float | None:
        """A date or a time, in Unix seconds; without a zone it is UTC."""
        value = self.get(key)
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
            except (OSError, ValueError) as bad:  # ValueError: not UTF-8, or a NUL in the name
                self.note(f"{path} cannot be read: {getattr(bad, 'strerror', 'not text')}", f"{key}_file")
        if variable is not None:
            text = env.get(variable)
            if not text:
                self.note(f"the environment has no {variable}", f"{key}_env")
        return text or None
