"""What changes between two definitions of an API, line by line; and what a new document changes in one."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import TypeVar

from grantway.protocol.api_access import demands_in_words
from grantway.protocol.apis import Access, Api, ApiScope, Rule, Sensitivity, scopes_needed
from grantway.protocol.paths import Shape

_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)
_Scopes = dict[str, ApiScope]  # by name
_Rules = dict[tuple[str, Shape], Rule]  # by row


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plan: `+` added, `~` changed, `−` removed; a blank where nothing happens."""

    sign: str
    words: str

    def __str__(self) -> str:
        return f"{self.sign} {self.words}"


def scope_words(scope: ApiScope) -> str:
    """A scope in one line."""
    marks = [scope.sensitivity.value, *(["default"] if scope.default else [])]
    return f"{scope.name} ({scope.description}; {', '.join(marks)})"


def rule_words(rule: Rule) -> str:
    """A row in one line."""
    return f"{rule}: {demands_in_words(rule, rule.step_up)}"


# --- two definitions --------------------------------------------------------------------------------


def lines_between(old: Api, new: Api) -> tuple[Line, ...]:
    """What differs, field by field, scope by scope, row by row; none when they are the same."""
    lines = [*_member_lines(old, new)]
    lines += _item_lines(_by_name(old.scopes), _by_name(new.scopes), "scope ", scope_words)
    lines += _item_lines(_by_row(old.rules), _by_row(new.rules), "", rule_words)
    if not lines and old != new:
        lines.append(Line("~", "the same, in another order"))
    return tuple(lines)


def _member_lines(old: Api, new: Api) -> Iterator[Line]:
    for one in fields(Api):
        before, after = getattr(old, one.name), getattr(new, one.name)
        if one.name not in {"scopes", "rules"} and before != after:
            yield Line("~", f"{one.name} {value_words(before)} → {value_words(after)}")


def value_words(value: object) -> str:
    """A value of a field in a line."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Enum):
        return str(value.value)
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _item_lines(
    old: Mapping[_K, _T], new: Mapping[_K, _T], what: str, words: Callable[[_T], str]
) -> Iterator[Line]:
    for key, item in new.items():
        if key not in old:
            yield Line("+", f"{what}{words(item)}")
        elif old[key] != item:
            yield Line("~", f"{what}{words(old[key])} → {words(item)}")
    yield from (Line("−", f"{what}{words(item)}") for key, item in old.items() if key not in new)


def _by_name(scopes: Iterable[ApiScope]) -> _Scopes:
    return {scope.name: scope for scope in scopes}


def _by_row(rules: Iterable[Rule]) -> _Rules:
    return {rule.row: rule for rule in rules}


# --- a definition and a new document ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A definition after a document was brought in."""

    api: Api
    read: Api  # what documents have said of what is there: the base of the next import
    gone_scopes: tuple[str, ...]  # the document has them no more; removed, or kept
    gone_rules: tuple[Rule, ...]
    renamed: Mapping[str, str]  # of the gone scopes: what they seem to be called now


def merge(ours: Api, base: Api | None, theirs: Api, *, prune: bool) -> Merged:
    """Bring a document in: what it changed since `base`, its last import, is changed; the rest stays ours.

    Changes made here by hand stay while the document says what it said. What the document has no more is
    kept, unless `prune`; rows and scopes that were never in a document are nobody's but ours.
    """
    last = replace(theirs, scopes=(), rules=()) if base is None else base
    scopes, gone_scopes = _merged_scopes(ours, last, theirs)
    rules, gone_rules = _merged_rules(ours, last, theirs)
    their_scopes = _by_name(theirs.scopes)
    if prune:
        rules = {row: rule for row, rule in rules.items() if row not in gone_rules}
        needed = scopes_needed(rules.values())  # a row made here by hand may need a scope that is gone
        scopes = {name: one for name, one in scopes.items() if name not in gone_scopes or name in needed}
    for name in sorted(scopes_needed(rules.values()) - scopes.keys()):  # taken out here, needed again
        scopes[name] = their_scopes[name]
    keeps_servers = base is not None and theirs.servers == base.servers
    merged = replace(
        ours,
        scopes=tuple(scopes.values()),
        rules=tuple(rules.values()),
        servers=ours.servers if keeps_servers else theirs.servers,
    )
    return Merged(
        api=merged,
        read=_base_of_the_next(merged, last, theirs, gone_scopes, gone_rules),
        gone_scopes=tuple(gone_scopes),
        gone_rules=tuple(gone_rules.values()),
        renamed=renamed_scopes([*gone_scopes.values()], ours, theirs),
    )


def _merged_scopes(ours: Api, last: Api, theirs: Api) -> tuple[_Scopes, _Scopes]:
    """The scopes as they are to be, and those that are gone from the document; marked as they were here."""
    old = _by_name(last.scopes)
    scopes, gone = _merged(_by_name(ours.scopes), old, _by_name(theirs.scopes))
    marked = {
        scope.name: _with_our_marks(scopes[scope.name], scope, old.get(scope.name)) for scope in ours.scopes
    }
    return scopes | marked, gone


def _merged_rules(ours: Api, last: Api, theirs: Api) -> tuple[_Rules, _Rules]:
    """The same of the rows. What they demand of a sign-in stays ours: documents have no word for it."""
    own = _by_row(ours.rules)
    rules, gone = _merged(own, _by_row(last.rules), _by_row(theirs.rules))
    demanding = {
        row: replace(rules[row], step_up=rule.step_up)
        for row, rule in own.items()
        if rules[row].access is Access.SCOPES
    }
    return rules | demanding, gone


def _base_of_the_next(merged: Api, last: Api, theirs: Api, gone_scopes: _Scopes, gone_rules: _Rules) -> Api:
    """What the document says, and what earlier ones said of what is gone from it and was kept."""
    old_scopes, old_rules = _by_name(last.scopes), _by_row(last.rules)
    names, rows = {scope.name for scope in merged.scopes}, {rule.row for rule in merged.rules}
    rules = _by_row(theirs.rules)
    rules |= {row: rule for row, rule in old_rules.items() if row in gone_rules and row in rows}
    wanted = gone_scopes.keys() & names | scopes_needed(rules.values())
    known = _by_name(theirs.scopes)
    kept = [scope for name, scope in old_scopes.items() if name in wanted and name not in known]
    return replace(theirs, scopes=(*theirs.scopes, *kept), rules=tuple(rules.values()))


def _merged(
    ours: Mapping[_K, _T], old: Mapping[_K, _T], theirs: Mapping[_K, _T]
) -> tuple[dict[_K, _T], dict[_K, _T]]:
    """The items as they are to be, with those kept that are gone; and those that are gone."""
    found = dict(ours) | {key: item for key, item in theirs.items() if old.get(key) != item}
    return found, {key: item for key, item in ours.items() if key in old and key not in theirs}


def _with_our_marks(new: ApiScope, own: ApiScope, base: ApiScope | None) -> ApiScope:
    """Documents say nothing of defaults and sensitivity: what was marked here by hand stays marked."""
    by_hand = own.sensitivity is not Sensitivity.NORMAL and (
        base is None or own.sensitivity is not base.sensitivity
    )
    return replace(new, default=own.default, sensitivity=own.sensitivity if by_hand else new.sensitivity)


def renamed_scopes(gone: Sequence[ApiScope], ours: Api, theirs: Api) -> dict[str, str]:
    """Scopes that are gone, and the new one that seems to stand for each.

    It has the same sentence, or is needed by the very rows that needed the old one.
    """
    known = {scope.name for scope in ours.scopes}
    come = [scope for scope in theirs.scopes if scope.name not in known]
    before, after = _rows_of_scopes(ours), _rows_of_scopes(theirs)
    found: dict[str, str] = {}
    for old in gone:
        for new in come:
            same_rows = old.name in before and before[old.name] == after.get(new.name)
            if same_rows or (old.description == new.description and new.name not in found.values()):
                found[old.name] = new.name
                break
    return found


def _rows_of_scopes(api: Api) -> dict[str, set[tuple[str, Shape]]]:
    rows: dict[str, set[tuple[str, Shape]]] = {}
    for rule in api.rules:
        for scope in rule.scopes:
            rows.setdefault(scope, set()).add(rule.row)
    return rows
