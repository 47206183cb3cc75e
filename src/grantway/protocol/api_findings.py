"""What is odd about an API definition without being wrong: found, and named in a sentence each."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from grantway.protocol.apis import ANY_METHOD, METHODS, Access, Api, scopes_needed
from grantway.protocol.assurance import ACR_VALUES
from grantway.protocol.paths import template_shape


class FindingKind(StrEnum):
    """What was found."""

    OVERLAP = "overlap"  # some path is meant by two templates
    UNREACHABLE = "unreachable"  # a row that never judges anything
    UNUSED_SCOPE = "unused_scope"  # no row needs it


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity."""

    kind: FindingKind
    about: str  # the row or scope
    words: str

    def __str__(self) -> str:
        return self.words


def findings(api: Api) -> tuple[Finding, ...]:
    """Overlapping templates, rows that are never reached, scopes that no row needs."""
    return (*_unreachable(api), *_overlaps(api), *_unused_scopes(api), *_never_passing(api))


def _unreachable(api: Api) -> Iterator[Finding]:
    methods: dict[object, set[str]] = defaultdict(set)
    for rule in api.rules:
        methods[template_shape(rule.path)] |= {rule.method, "HEAD"} if rule.method == "GET" else {rule.method}
    for rule in api.rules:
        if rule.method == ANY_METHOD and methods[template_shape(rule.path)] >= METHODS:
            words = f"{rule} is never reached: every method has a rule of its own"
            yield Finding(FindingKind.UNREACHABLE, str(rule), words)


def _overlaps(api: Api) -> Iterator[Finding]:
    """Of two templates that both stand for some path, the more literal one judges it, alone."""
    for here, there in api.templates.overlaps():
        lost = [] if ANY_METHOD in here else sorted(there.keys() - here.keys())
        narrow, wide = next(iter(here.values())).path, next(iter(there.values())).path
        refused = f"; refused there, for want of a rule: {', '.join(lost)}" if lost else ""
        words = f"{narrow} and {wide} overlap: what both stand for is judged by {narrow}{refused}"
        yield Finding(FindingKind.OVERLAP, narrow, words)


def _unused_scopes(api: Api) -> Iterator[Finding]:
    needed = scopes_needed(api.rules)
    for scope in api.scopes:
        if scope.name not in needed:
            words = f"no rule needs the scope {scope.name}: whoever has it may do no more than without it"
            yield Finding(FindingKind.UNUSED_SCOPE, scope.name, words)


def _never_passing(api: Api) -> Iterator[Finding]:
    """Rows that demand a sign-in nobody can make here; and an API of which every row says deny."""
    for rule in api.rules:
        demanded = api.step_up_of(rule)
        named = demanded is not None and rule.access is Access.SCOPES and demanded.acr_values
        if named and not set(named) & set(ACR_VALUES):
            words = f"{rule} never lets anybody pass: no sign-in here is {' or '.join(named)}"
            yield Finding(FindingKind.UNREACHABLE, str(rule), words)
    if api.rules and all(rule.access is Access.DENY for rule in api.rules):
        yield Finding(FindingKind.UNREACHABLE, api.name, "every rule says deny: nothing ever passes")
