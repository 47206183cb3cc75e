"""How the parts of an API are written on the command line, and how an API is shown."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from grantway.cli.commands import USAGE, Failure
from grantway.cli.printing import Cell
from grantway.protocol.durations import show_duration

if TYPE_CHECKING:
    from grantway.protocol.apis import Api, ApiScope, Rule
    from grantway.protocol.step_up import StepUp

FORMATS = ("jwt", "opaque")
_WIDEST = 40  # a longer path does not push the others' scopes away


def read_scope(text: str) -> "ApiScope":
    """A scope written as `photos:read=See your photos`."""
    from grantway.protocol.apis import ApiScope

    name, equals, sentence = text.partition("=")
    if not equals or not sentence.strip():
        raise _unreadable(f"scope {text!r} has no sentence", "--scope 'photos:read=See your photos'")
    try:
        return ApiScope(name=name.strip(), description=sentence.strip())
    except ValueError as bad:
        raise _unreadable(str(bad), "--scope 'photos:read=See your photos'") from None


def with_marks(
    scopes: Sequence["ApiScope"], defaults: Collection[str], marks: Mapping[str, Collection[str]]
) -> tuple["ApiScope", ...]:
    """The scopes, with these marked as default and others, by kind, as read, write or sensitive."""
    from grantway.protocol.apis import Sensitivity

    kinds = {name: Sensitivity(kind) for kind, names in marks.items() for name in names}
    if unknown := {*defaults, *kinds} - {one.name for one in scopes}:
        raise _unreadable(
            f"no scope is named {', '.join(sorted(unknown))}", "add it with --scope NAME=SENTENCE"
        )
    return tuple(
        replace(
            one,
            default=one.default or one.name in defaults,
            sensitivity=kinds.get(one.name, one.sensitivity),
        )
        for one in scopes
    )


def read_step_up(max_age: str | None, acr_values: Sequence[str]) -> "StepUp | None":
    """What is demanded of a sign-in; None where nothing is. Raises ValueError."""
    from grantway.protocol.step_up import StepUp

    if max_age is not None and not max_age.isdecimal():
        raise ValueError(f"max_age={max_age} is no number of seconds")
    return StepUp.demanding(acr_values, None if max_age is None else int(max_age))


def step_up_json(step_up: "StepUp | None") -> dict[str, Any]:
    """Stable keys for scripts."""
    return {
        "max_age": None if step_up is None else step_up.max_age,
        "acr_values": [] if step_up is None else list(step_up.acr_values),
    }


def _demanded(words: Sequence[str]) -> "tuple[list[str], StepUp | None]":
    """The words of a row without `max_age=300` and `acr=NAME`, and what those demand."""
    pairs = [word.partition("=")[::2] for word in words]
    ages = [value for name, value in pairs if name == "max_age"]
    names = [value for name, value in pairs if name == "acr"]
    if len(ages) > 1:
        raise ValueError("max_age is given twice")
    rest = [word for word in words if word.partition("=")[0] not in {"max_age", "acr"}]
    return rest, read_step_up(ages[0] if ages else None, names)


def read_rule(text: str) -> "Rule":
    """A rule: `GET /photos/{id} photos:read`, `… a b or c`, `… a max_age=300 acr=NAME`, `… public`, `… deny`.

    What it demands of the sign-in stands behind the scopes.
    """
    from grantway.protocol.apis import Access, Rule, rule_of

    words = text.replace(",", " ").split()
    if len(words) < 3:
        raise _unreadable(f"rule {text!r} is not METHOD PATH SCOPE", "--rule 'GET /photos/{id} photos:read'")
    try:
        (method, path, *needs), step_up = _demanded(words)
        if needs in (["public"], ["deny"]):
            return Rule(method.upper(), path, access=Access(needs[0]), step_up=step_up)
        alternatives = [one.split() for one in " ".join(needs).split(" or ")]
        return rule_of(method.upper(), path, alternatives, step_up)
    except ValueError as bad:
        raise _unreadable(str(bad), "--rule 'GET /photos/{id} photos:read'") from None


def read_rule_name(text: str) -> tuple[str, str]:
    """Method and path of a row, written as `GET /photos/{id}`."""
    words = text.split()
    if len(words) != 2:
        raise _unreadable(f"{text!r} is not METHOD PATH", "--remove-rule 'GET /photos/{id}'")
    return words[0].upper(), words[1]


def below_base(api: "Api", path: str) -> str:
    """The path below the base of the API, of a whole address; any other path as it is."""
    if "://" not in path:
        return path
    for server in sorted(api.servers, key=len, reverse=True):
        if path == server or path.startswith(f"{server}/"):
            return path[len(server) :] or "/"
    raise Failure(
        f"{path} is below no server of {api.name}: {', '.join(api.servers) or 'it has none'}",
        hint=f"grantway api edit {shlex.quote(api.name)} --add-server URL",
    )


def base_in(api: "Api", path: str) -> str:
    """The path of a server of the API with which this path begins; empty where there is none."""
    bases = (base.rstrip("/") for _, base in api.bases)
    return next((base for base in bases if base and path.startswith(f"{base}/")), "")


def _unreadable(words: str, hint: str) -> Failure:
    return Failure(words, hint=hint, code=USAGE)


def api_facts(api: "Api") -> dict[str, Cell]:
    """What there is to say about an API."""
    from grantway.protocol.api_access import demands_in_words
    from grantway.protocol.api_findings import findings

    lifetime = "" if api.token_lifetime is None else f", for {show_duration(api.token_lifetime)}"
    width = max((len(one.name) for one in api.scopes), default=0)
    path_width = min(_WIDEST, max((len(rule.path) for rule in api.rules), default=0))
    return {
        "Audience": api.identifier,
        "Aliases": "\n".join(api.aliases),
        "Servers": "\n".join(api.servers),
        "Tokens": f"{api.token_format} {api.token_alg}{lifetime}",
        "Listed": "in the server's metadata" if api.listed else None,
        "Demands": None if api.step_up is None else str(api.step_up),
        "Scopes": "\n".join(f"{one.name.ljust(width)}  {one.description}{_marks(one)}" for one in api.scopes),
        "Rules": "\n".join(
            f"{rule.method.ljust(7)} {rule.path.ljust(path_width)}  {demands_in_words(rule, rule.step_up)}"
            for rule in api.rules
        ),
        "Odd": "\n".join(map(str, findings(api))),
        "State": "by file" if api.managed_by_file else None,
    }


def _marks(scope: "ApiScope") -> str:
    words = ["default"] if scope.default else []
    words += [scope.sensitivity.value] if scope.sensitivity.value != "normal" else []
    return f" ({', '.join(words)})" if words else ""


def api_json(api: "Api") -> dict[str, Any]:
    """Stable keys for scripts."""
    from grantway.protocol.api_findings import findings

    return {
        "name": api.name,
        "audience": api.identifier,
        "aliases": list(api.aliases),
        "servers": list(api.servers),
        "token_format": api.token_format.value,
        "token_alg": api.token_alg,
        "token_lifetime": api.token_lifetime,
        **step_up_json(api.step_up),
        "listed": api.listed,
        "scopes": [
            {
                "name": one.name,
                "description": one.description,
                "sensitivity": one.sensitivity.value,
                "default": one.default,
            }
            for one in api.scopes
        ],
        "rules": [
            {
                "method": rule.method,
                "path": rule.path,
                "access": rule.access.value,
                "needs": sorted(rule.need),
                "any_of": [sorted(one) for one in rule.any_of],
                **step_up_json(rule.step_up),
            }
            for rule in api.rules
        ],
        "findings": [
            {"kind": one.kind.value, "about": one.about, "words": one.words} for one in findings(api)
        ],
        "managed_by_file": api.managed_by_file,
    }
