"""How the parts of an API are written on the command line, and how an API is shown."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from grantway.cli.commands import USAGE, Failure
from grantway.cli.printing import Cell
from grantway.protocol.durations import show_duration

if TYPE_CHECKING:
    from grantway.protocol.apis import Api, ApiScope, Rule

FORMATS = ("jwt", "opaque")


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
    scopes: Sequence["ApiScope"], defaults: Collection[str], sensitive: Collection[str]
) -> tuple["ApiScope", ...]:
    """The scopes, with these marked as default and those as sensitive."""
    from grantway.protocol.apis import Sensitivity

    if unknown := {*defaults, *sensitive} - {one.name for one in scopes}:
        raise _unreadable(
            f"no scope is named {', '.join(sorted(unknown))}", "add it with --scope NAME=SENTENCE"
        )
    return tuple(
        replace(
            one,
            default=one.default or one.name in defaults,
            sensitivity=Sensitivity.SENSITIVE if one.name in sensitive else one.sensitivity,
        )
        for one in scopes
    )


def read_rule(text: str) -> "Rule":
    """A row written as `GET /photos/{id} photos:read`."""
    from grantway.protocol.apis import Rule

    words = text.replace(",", " ").split()
    if len(words) < 3:
        raise _unreadable(f"rule {text!r} is not METHOD PATH SCOPE", "--rule 'GET /photos/{id} photos:read'")
    try:
        return Rule(words[0].upper(), words[1], frozenset(words[2:]))
    except ValueError as bad:
        raise _unreadable(str(bad), "--rule 'GET /photos/{id} photos:read'") from None


def read_rule_name(text: str) -> tuple[str, str]:
    """Method and path of a row, written as `GET /photos/{id}`."""
    words = text.split()
    if len(words) != 2:
        raise _unreadable(f"{text!r} is not METHOD PATH", "--remove-rule 'GET /photos/{id}'")
    return words[0].upper(), words[1]


def _unreadable(words: str, hint: str) -> Failure:
    return Failure(words, hint=hint, code=USAGE)


def api_facts(api: "Api") -> dict[str, Cell]:
    """What there is to say about an API."""
    lifetime = "" if api.token_lifetime is None else f", for {show_duration(api.token_lifetime)}"
    width = max((len(one.name) for one in api.scopes), default=0)
    return {
        "Audience": api.identifier,
        "Tokens": f"{api.token_format} {api.token_alg}{lifetime}",
        "Scopes": "\n".join(f"{one.name.ljust(width)}  {one.description}{_marks(one)}" for one in api.scopes),
        "Rules": "\n".join(
            f"{rule.method.ljust(7)} {rule.path}  {' '.join(sorted(rule.need))}" for rule in api.rules
        ),
        "State": "by file" if api.managed_by_file else None,
    }


def _marks(scope: "ApiScope") -> str:
    words = ["default"] if scope.default else []
    words += ["sensitive"] if scope.sensitivity.value == "sensitive" else []
    return f" ({', '.join(words)})" if words else ""


def api_json(api: "Api") -> dict[str, Any]:
    """Stable keys for scripts."""
    return {
        "name": api.name,
        "audience": api.identifier,
        "token_format": api.token_format.value,
        "token_alg": api.token_alg,
        "token_lifetime": api.token_lifetime,
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
            {"method": rule.method, "path": rule.path, "needs": sorted(rule.need)} for rule in api.rules
        ],
        "managed_by_file": api.managed_by_file,
    }
