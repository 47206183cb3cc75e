"""From an OpenAPI document to an API definition: its rows as it says, suggestions where it is silent."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urljoin

from grantway.protocol.apis import (
    Access,
    Api,
    ApiScope,
    Rule,
    Sensitivity,
    rule_of,
    scopes_needed,
    server_problem,
)
from grantway.protocol.openapi import Operation, Reading
from grantway.protocol.registry import SERVER_SCOPES

_READING = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
_NO_RESOURCE = re.compile(r"v?\d+(?:\.\d+)*|api|rest|.*[{}].*|")
_MARKS = ":./-_"  # between resource and verb, ours first
_MAX_SENTENCE = 300


class Unprotected(StrEnum):
    """What becomes of operations that anybody may call."""

    AS_SAID = "as-said"  # public where the document says so word for word; where it is silent, suggestions
    SUGGEST = "suggest"  # suggested scopes for all of them
    PUBLIC = "public"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An API definition made of a document."""

    api: Api
    suggested: frozenset[str]  # scopes of our own making


def propose(
    reading: Reading,
    *,
    name: str,
    identifier: str,
    address: str = "",
    taken: Collection[str] = (),
    unprotected: Unprotected = Unprotected.AS_SAID,
) -> Proposal:
    """The API that a document without mistakes describes.

    `taken` are scopes that mean something elsewhere: suggestions avoid them. `address` is where the document
    was read: relative servers are relative to it. Raises ApiMistakes for a bad name or identifier.
    """
    scopes = {scope: said for scope, said in reading.scopes.items() if scope not in SERVER_SCOPES}
    suggestions: dict[str, str] = {}
    rules = []
    for operation in reading.operations:
        rule = _rule(operation, unprotected)
        if rule is None:
            scope, sentence = _suggestion(operation, name, {*taken}, scopes)
            if scope not in scopes:
                suggestions.setdefault(scope, sentence)
            rule = Rule(operation.method, operation.path, frozenset({scope}))
        rules.append(rule)
    api = Api(
        identifier=identifier,
        name=name,
        servers=_servers(reading.servers, address),
        scopes=tuple(_scopes({**scopes, **suggestions}, rules)),
        rules=tuple(rules),
    )
    return Proposal(api=api, suggested=frozenset(suggestions))


def _rule(operation: Operation, unprotected: Unprotected) -> Rule | None:
    """The row of an operation; None where the document names no scope and one has to be suggested."""
    if operation.unprotected:
        public = unprotected is Unprotected.AS_SAID and operation.said_so
        if public or unprotected is Unprotected.PUBLIC:
            return Rule(operation.method, operation.path, access=Access.PUBLIC)
        if unprotected is Unprotected.DENY:
            return Rule(operation.method, operation.path, access=Access.DENY)
        return None
    # `openid` and its like say who is there, never what may be done.
    needed = [one - SERVER_SCOPES.keys() for one in operation.alternatives]
    if not needed or frozenset() in needed:
        return None
    return rule_of(operation.method, operation.path, needed)


def resource_of(path: str, name: str) -> str:
    """What a path is about: its first literal segment that is no version number; else the API's name."""
    segments = (one for one in path.split("/") if not _NO_RESOURCE.fullmatch(one.lower()))
    return re.sub(r"[^a-z0-9]+", "_", next(segments, name).lower()).strip("_") or "api"


def _suggestion(
    operation: Operation, name: str, taken: Collection[str], said: Collection[str]
) -> tuple[str, str]:
    """`<resource>:read` or `<resource>:write`, as the document itself may spell it, and a sentence for it."""
    resource = resource_of(operation.path, name)
    reads = operation.method in _READING
    spelt = [f"{resource}{mark}{'read' if reads else 'write'}" for mark in _MARKS]
    scope = next((one for one in spelt if one in said), spelt[0])
    if scope in taken:
        scope = f"{resource_of('', name)}.{scope}"
    return scope, f"{'See' if reads else 'Change'} {resource.replace('_', ' ')}"


def _scopes(said: Mapping[str, str], rules: Sequence[Rule]) -> Iterable[ApiScope]:
    read = scopes_needed(rule for rule in rules if rule.method in _READING)
    # Where a change needs several, those that nothing is read with carry it: `read` beside `delete` reads.
    changing = frozenset[str]().union(
        *(one - read or one for rule in rules if rule.method not in _READING for one in rule.alternatives)
    )
    for scope, words in said.items():
        kind = Sensitivity.READ if scope in read else Sensitivity.NORMAL
        kind = Sensitivity.WRITE if scope in changing else kind
        sentence = words if len(words) <= _MAX_SENTENCE else f"{words[: _MAX_SENTENCE - 1]}…"
        yield ApiScope(name=scope, description=sentence or f"Use {scope}", sensitivity=kind)


def _servers(written: Iterable[str], address: str) -> tuple[str, ...]:
    """The base URLs that a guard can know by their host; others are passed over."""
    base = address if address.startswith(("https://", "http://")) else ""
    absolute = (urljoin(base, one).rstrip("/") for one in written)
    return tuple(dict.fromkeys(one for one in absolute if server_problem(one) is None))
