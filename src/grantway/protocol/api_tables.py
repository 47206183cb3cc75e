"""API definitions as tables, the way TOML or JSON holds them. Every mistake is told at once, with its place.

The server's registry and the SDK read the same tables with the same function:

    [[apis]]
    name = "photos"
    audience = "https://api.example/photos"     # the `aud` of its tokens
    token_format = "jwt"                        # or "opaque"; also token_alg, token_lifetime (seconds)

    [[apis.scopes]]
    name = "photos:read"
    description = "See your photos"
    sensitivity = "normal"                      # or "sensitive"
    default = true

    [[apis.rules]]
    path = "/photos/{id}"
    GET = ["photos:read"]                       # every scope of the list is needed
    "*" = ["photos:write"]                      # every method without a line of its own
"""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from grantway.protocol.apis import (
    ANY_METHOD,
    METHODS,
    TOKEN_ALGS,
    Api,
    ApiMistakes,
    ApiScope,
    Rule,
    Sensitivity,
    TokenFormat,
)

_Choice = TypeVar("_Choice", bound=StrEnum)
_PLACEHOLDER = "urn:unknown"  # lets the rest of a definition be checked when its audience is missing


def read_apis(tables: object, *, place: str = "apis") -> tuple[Api, ...]:
    """The APIs of a list of tables. Raises ApiMistakes, each sentence starting with its place under `place`.

    Names and audiences are unique; a key that is not known is a mistake.
    """
    mistakes: list[str] = []
    if not isinstance(tables, list):
        raise ApiMistakes([f"{place}: must be a list of tables ([[{place}]])"])
    apis = [_read_api(_Table(table, f"{place}[{at}]", mistakes)) for at, table in enumerate(tables)]
    for what, given in (
        ("name", [api.name for api in apis if api is not None]),
        ("audience", [api.identifier for api in apis if api is not None and api.identifier != _PLACEHOLDER]),
    ):
        twice = dict.fromkeys(one for one in given if given.count(one) > 1)
        mistakes += [f"{place}: {what} {one!r} is used by more than one API" for one in twice]
    if mistakes:
        raise ApiMistakes(mistakes)
    return tuple(api for api in apis if api is not None)


class _Table:
    """One table being read: answers with usable values and notes what was wrong with them."""

    def __init__(self, raw: object, place: str, mistakes: list[str]) -> None:
        self.place, self.mistakes = place, mistakes
        self._raw: Mapping[str, object] = raw if isinstance(raw, dict) else {}
        self._asked: set[str] = set()
        self.is_table = isinstance(raw, dict)
        if not self.is_table:
            self.note("must be a table")

    def note(self, mistake: str, key: str = "") -> None:
        where = f"{self.place}.{key}" if key else self.place
        self.mistakes.append(f"{where}: {mistake}")

    def names(self) -> tuple[str, ...]:
        return tuple(self._raw)

    def _get(self, key: str) -> object:
        self._asked.add(key)
        return self._raw.get(key)

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            self.note("is missing" if value is None else "must be a text that is not empty", key)
            return ""
        return value

    def choice(self, key: str, default: _Choice) -> _Choice:
        value = self._get(key)
        kinds = type(default)
        if value is None:
            return default
        if not isinstance(value, str) or value not in [str(kind) for kind in kinds]:
            self.note(f"must be {' or '.join(repr(str(kind)) for kind in kinds)}, not {value!r}", key)
            return default
        return kinds(value)

    def one_of(self, key: str, known: tuple[str, ...], default: str) -> str:
        value = self._get(key)
        if value is None:
            return default
        if not isinstance(value, str) or value not in known:
            self.note(f"must be one of {', '.join(known)}, not {value!r}", key)
            return default
        return value

    def flag(self, key: str) -> bool:
        value = self._get(key)
        if value is not None and not isinstance(value, bool):
            self.note("must be true or false", key)
        return value is True

    def seconds(self, key: str) -> int | None:
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            self.note("must be a whole number of seconds above 0", key)
            return None
        return value

    def texts(self, key: str) -> list[str]:
        value = self._get(key)
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            self.note('must be a list of scopes such as ["photos:read"], and hold at least one', key)
            return []
        return value

    def tables(self, key: str) -> list["_Table"]:
        value = self._get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note("must be a list of tables", key)
            return []
        return [_Table(one, f"{self.place}.{key}[{at}]", self.mistakes) for at, one in enumerate(value)]

    def refuse_the_rest(self, *others: str) -> None:
        """Note every key that nothing asked for. `others` are known too, though nothing asked."""
        known = {key.lower(): key for key in (*self._asked, *others)}
        for key in self._raw:
            if key not in known.values():
                close = get_close_matches(key.lower(), known, 1)
                self.note("is not known" + (f"; did you mean {known[close[0]]}?" if close else ""), key)


def _read_api(table: _Table) -> Api | None:
    if not table.is_table:
        return None
    name = table.text("name")
    if name:
        table.place = f"{table.place} ({name})"
    scopes = [_read_scope(one) for one in table.tables("scopes")]
    rules = [rule for one in table.tables("rules") for rule in _read_rules(one)]
    own_name = name or table.place
    try:
        api = Api(
            name=own_name,
            identifier=table.text("audience") or _PLACEHOLDER,
            scopes=tuple(scope for scope in scopes if scope is not None),
            rules=tuple(rules),
            token_format=table.choice("token_format", TokenFormat.JWT),
            token_alg=table.one_of("token_alg", TOKEN_ALGS, TOKEN_ALGS[0]),
            token_lifetime=table.seconds("token_lifetime"),
        )
    except ApiMistakes as wrong:
        for mistake in wrong.mistakes:
            table.note(mistake.removeprefix(f"api {own_name!r}: "))
        api = None
    table.refuse_the_rest()
    return api


def _read_scope(table: _Table) -> ApiScope | None:
    name = table.text("name") if table.is_table else ""
    if not name:
        return None
    description = table.text("description")
    sensitivity = table.choice("sensitivity", Sensitivity.NORMAL)
    default = table.flag("default")
    table.refuse_the_rest()
    try:
        return ApiScope(name=name, description=description, sensitivity=sensitivity, default=default)
    except ValueError as wrong:
        table.note(str(wrong), "name")
        return None


def _read_rules(table: _Table) -> list[Rule]:
    path = table.text("path") if table.is_table else ""
    rules = []
    methods = [key for key in table.names() if key in METHODS or key == ANY_METHOD]
    for method in methods:
        need = frozenset(table.texts(method))
        try:
            if need and path:
                rules.append(Rule(method, path, need))
        except ValueError as wrong:
            table.note(str(wrong))
    if table.is_table and not methods:
        table.note(f"names no method; known: {', '.join(sorted(METHODS))} or *")
    table.refuse_the_rest(*METHODS)
    return rules
