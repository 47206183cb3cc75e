"""API definitions as tables, the way TOML or JSON holds them. Every mistake is told at once, with its place.

The server's registry and the SDK read the same tables with the same function:

    [[apis]]
    name = "photos"
    audience = "https://api.example/photos"     # the `aud` of its tokens
    aliases = ["https://photos.example"]        # by which `resource` may name it, too
    listed = true                               # in the server's metadata, for everybody to read
    servers = ["https://api.example/v1"]        # base URLs; the paths of the rules are below them
    token_format = "jwt"                        # or "opaque"; also token_alg, token_lifetime (seconds)
    max_age = 86400                             # people signed in so lately (seconds); also acr_values

    [[apis.scopes]]
    name = "photos:read"
    description = "See your photos"
    sensitivity = "read"                        # "write", "sensitive", or "normal": nothing is said
    default = true

    [[apis.rules]]
    path = "/photos/{id}"
    GET = ["photos:read"]                       # every scope of the list is needed
    PUT = { any_of = ["photos:write", ["photos:read", "photos:admin"]] }    # all_of beside it, if need be
    DELETE = { all_of = ["photos:admin"], max_age = 300 }   # of its own, in place of the API's; or acr_values
    HEAD = "public"                             # no token is needed
    POST = "deny"                               # nothing passes
    "*" = ["photos:write"]                      # every method without a line of its own
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from grantway.protocol.apis import (
    ANY_METHOD,
    METHODS,
    TOKEN_ALGS,
    Access,
    Api,
    ApiMistakes,
    ApiScope,
    Rule,
    Sensitivity,
    TokenFormat,
    alternatives_problem,
)
from grantway.protocol.step_up import StepUp
from grantway.protocol.tables import Table

_Choice = TypeVar("_Choice", bound=StrEnum)
_LIST_OF_SCOPES = 'must be a list of scopes such as ["photos:read"], and hold at least one'
_PLACEHOLDER = "urn:unknown"  # lets the rest of a definition be checked when its audience is missing


def read_apis(tables: object, *, place: str = "apis") -> tuple[Api, ...]:
    """The APIs of a list of tables. Raises ApiMistakes, each sentence starting with its place under `place`.

    Names and audiences are unique; a key that is not known is a mistake.
    """
    mistakes: list[str] = []
    if not isinstance(tables, list):
        raise ApiMistakes([f"{place}: must be a list of tables ([[{place}]])"])
    apis = [_read_api(_ApiTable(table, f"{place}[{at}]", mistakes)) for at, table in enumerate(tables)]
    for what, given in (
        ("name", [api.name for api in apis if api is not None]),
        ("audience", [api.identifier for api in apis if api is not None and api.identifier != _PLACEHOLDER]),
    ):
        twice = dict.fromkeys(one for one in given if given.count(one) > 1)
        mistakes += [f"{place}: {what} {one!r} is used by more than one API" for one in twice]
    if mistakes:
        raise ApiMistakes(mistakes)
    return tuple(api for api in apis if api is not None)


class _ApiTable(Table):
    """A table of an API, or one below it."""

    def choice(self, key: str, default: _Choice) -> _Choice:
        value = self.get(key)
        kinds = type(default)
        if value is None:
            return default
        if not isinstance(value, str) or value not in [str(kind) for kind in kinds]:
            *first, last = [repr(str(kind)) for kind in kinds]
            self.note(f"must be {', '.join(first)} or {last}, not {value!r}", key)
            return default
        return kinds(value)

    def one_of(self, key: str, known: tuple[str, ...], default: str) -> str:
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, str) or value not in known:
            self.note(f"must be one of {', '.join(known)}, not {value!r}", key)
            return default
        return value

    def seconds(self, key: str) -> int | None:
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            self.note("must be a whole number of seconds above 0", key)
            return None
        return value

    def texts(self, key: str) -> list[str]:
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            self.note("must be a list of texts", key)
            return []
        return value

    def rule(self, method: str, path: str) -> Rule | None:
        value = self.get(method)
        try:
            if isinstance(value, str):
                return self._without_scopes(method, path, value)
            if isinstance(value, dict):
                return self._with_choice(method, path, value)
            need = _scopes(value)
            if need is None:
                self.note(_LIST_OF_SCOPES, method)
                return None
            return Rule(method, path, need) if path else None
        except ValueError as wrong:
            self.note(str(wrong))
            return None

    def _without_scopes(self, method: str, path: str, value: str) -> Rule | None:
        if value not in (Access.PUBLIC, Access.DENY):
            self.note(f"must be a list of scopes, 'public' or 'deny', not {value!r}", method)
            return None
        return Rule(method, path, access=Access(value)) if path else None

    def _with_choice(self, method: str, path: str, value: Mapping[str, object]) -> Rule | None:
        table = _ApiTable(value, f"{self.place}.{method}", self.mistakes)
        need, choice = _scopes(table.get("all_of")), table.get("any_of")
        if need is None and "all_of" in value:
            table.note(_LIST_OF_SCOPES, "all_of")
            return None
        found = (
            [_scopes([one] if isinstance(one, str) else one) for one in choice]
            if isinstance(choice, list)
            else []
        )
        any_of = tuple(one for one in found if one is not None)
        if len(any_of) < len(found) or (not found and "any_of" in value):
            table.note("must be a list of scopes, or of lists of scopes: one of them is enough", "any_of")
            return None
        if problem := alternatives_problem(any_of):
            table.note(problem, "any_of")
            return None
        step_up = table.step_up()
        table.refuse_the_rest()
        return Rule(method, path, need or frozenset(), any_of, step_up=step_up) if path else None

    def step_up(self) -> StepUp | None:
        """What is demanded of a sign-in, if anything."""
        max_age, acr_values = self.seconds("max_age"), self.texts("acr_values")
        return StepUp.demanding(acr_values, max_age)


def _read_api(table: _ApiTable) -> Api | None:
    if not table.is_table:
        return None
    name = table.needed("name")
    if name:
        table.place = f"{table.place} ({name})"
    scopes = [_read_scope(one) for one in table.tables("scopes")]
    rules = [rule for one in table.tables("rules") for rule in _read_rules(one)]
    own_name = name or table.place
    try:
        api = Api(
            name=own_name,
            identifier=table.needed("audience") or _PLACEHOLDER,
            aliases=tuple(table.texts("aliases")),
            servers=tuple(table.texts("servers")),
            scopes=tuple(scope for scope in scopes if scope is not None),
            rules=tuple(rules),
            token_format=table.choice("token_format", TokenFormat.JWT),
            token_alg=table.one_of("token_alg", TOKEN_ALGS, TOKEN_ALGS[0]),
            token_lifetime=table.seconds("token_lifetime"),
            step_up=table.step_up(),
            listed=table.flag("listed"),
        )
    except ApiMistakes as wrong:
        for mistake in wrong.mistakes:
            table.note(mistake.removeprefix(f"api {own_name!r}: "))
        api = None
    table.refuse_the_rest()
    return api


def _read_scope(table: _ApiTable) -> ApiScope | None:
    name = table.needed("name") if table.is_table else ""
    if not name:
        return None
    description = table.needed("description")
    sensitivity = table.choice("sensitivity", Sensitivity.NORMAL)
    default = table.flag("default")
    table.refuse_the_rest()
    try:
        return ApiScope(name=name, description=description, sensitivity=sensitivity, default=default)
    except ValueError as wrong:
        table.note(str(wrong), "name")
        return None


def _read_rules(table: _ApiTable) -> list[Rule]:
    path = table.needed("path") if table.is_table else ""
    methods = [key for key in table.names() if key in METHODS or key == ANY_METHOD]
    rules = [rule for method in methods if (rule := table.rule(method, path)) is not None]
    if table.is_table and not methods:
        table.note(f"names no method; known: {', '.join(sorted(METHODS))} or *")
    table.refuse_the_rest(*METHODS)
    return rules


def _scopes(value: object) -> frozenset[str] | None:
    """A list of scopes, all of them needed."""
    if isinstance(value, list) and value and all(isinstance(one, str) and one for one in value):
        return frozenset(value)
    return None


# --- an API as its table -----------------------------------------------------------------------------


def table_of(api: Api) -> dict[str, object]:
    """The table that `read_apis` reads as this API, without what goes without saying.

    Only texts, numbers, lists and tables: fit for TOML and JSON. Who manages the API is not part of it.
    """
    members: dict[str, object] = {
        "name": api.name,
        "audience": api.identifier,
        "aliases": list(api.aliases),
        "servers": list(api.servers),
        "token_format": api.token_format.value,
        "token_alg": api.token_alg,
        "token_lifetime": api.token_lifetime,
        **_step_up_table(api.step_up),
        "listed": api.listed or None,
        "scopes": [_scope_table(scope) for scope in api.scopes],
        "rules": _rule_tables(api.rules),
    }
    return {name: value for name, value in members.items() if value is not None and value != []}


def _step_up_table(step_up: StepUp | None) -> dict[str, object]:
    if step_up is None:
        return {}
    table: dict[str, object] = {"acr_values": list(step_up.acr_values)} if step_up.acr_values else {}
    return table if step_up.max_age is None else {**table, "max_age": step_up.max_age}


def _scope_table(scope: ApiScope) -> dict[str, object]:
    table: dict[str, object] = {"name": scope.name, "description": scope.description}
    if scope.sensitivity is not Sensitivity.NORMAL:
        table["sensitivity"] = scope.sensitivity.value
    return {**table, "default": True} if scope.default else table


def _rule_tables(rules: Sequence[Rule]) -> list[dict[str, object]]:
    """Rows that follow each other and share their path share a table: the order stays."""
    tables: list[dict[str, object]] = []
    for rule in rules:
        if not tables or tables[-1]["path"] != rule.path:
            tables.append({"path": rule.path})
        tables[-1][rule.method] = needs_value(rule)
    return tables


def needs_value(rule: Rule) -> object:
    """What a row needs, as a table writes it."""
    if rule.access is not Access.SCOPES:
        return rule.access.value
    step_up = _step_up_table(rule.step_up)
    if not rule.any_of:
        return {"all_of": sorted(rule.need), **step_up} if step_up else sorted(rule.need)
    choice = [sorted(one) if len(one) > 1 else next(iter(one)) for one in rule.any_of]
    table = {"all_of": sorted(rule.need), "any_of": choice} if rule.need else {"any_of": choice}
    return {**table, **step_up}
