"""Protected APIs: which scope a request for a resource and method needs.

Shared with the SDK, so that the server, the gateway and the API read one set of rules one way.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from grantway.protocol.scope import is_scope_token

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})
ANY_METHOD = "*"
TOKEN_ALGS = ("ES256", "RS256", "EdDSA")
_SEGMENT = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z0-9\-._~!$&'()*+,=:@ ]+")
# Seconds; the same bound as `tokens.access_lifetime`. A key that has signed is kept for a day at least, so no
# change of a lifetime, however sudden, leaves a live token without the key that it is verified by.
LONGEST_TOKEN = 86_400


class ApiMistakes(ValueError):
    """An API is defined wrongly. `mistakes` holds a sentence for each one, all found at once."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class Sensitivity(StrEnum):
    """How much a scope gives away; decides how the consent page shows it."""

    NORMAL = "normal"
    SENSITIVE = "sensitive"


class TokenFormat(StrEnum):
    """JWTs verify without asking; opaque tokens can be revoked at once (design: per API)."""

    JWT = "jwt"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiScope:
    """One scope of an API: its token, and the sentence a person reads at consent."""

    name: str
    description: str
    sensitivity: Sensitivity = Sensitivity.NORMAL
    default: bool = False  # given when a request names no scope

    def __post_init__(self) -> None:
        if not is_scope_token(self.name):
            raise ValueError(f"scope {self.name!r}: not a scope token (RFC 6749 §3.3)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: a request for `method` on `path` needs every scope of `need`.

    `path` is a template of literal segments and `{name}` segments, each `{name}` standing for
    exactly one non-empty segment. Only the last may be empty (`/photos/`). `method` is upper case,
    or `*` for those without a row of their own.
    """

    method: str
    path: str
    need: frozenset[str]

    def __post_init__(self) -> None:
        if self.method != ANY_METHOD and self.method not in METHODS:
            raise ValueError(
                f"rule {self.method} {self.path}: unknown method; known: {', '.join(sorted(METHODS))} or *"
            )
        if not self.path.startswith("/"):
            raise ValueError(f"rule {self.method} {self.path}: a path starts with /")
        *inner, last = self.segments
        bad = [one for one in (*inner, last or "x") if not _SEGMENT.fullmatch(one) or one in (".", "..", "*")]
        if bad:
            raise ValueError(
                f"rule {self.method} {self.path}: {bad[0]!r} is no segment of a canonical path,"
                " nor a {name} that stands for a whole one"
            )
        if not self.need:
            raise ValueError(f"rule {self.method} {self.path}: needs at least one scope")

    @property
    def segments(self) -> tuple[str, ...]:
        """The path template, split at slashes."""
        return tuple(self.path.split("/")[1:])

    def covers(self, segments: tuple[str, ...]) -> bool:
        """Does the template stand for this path, already split at slashes?"""
        own = self.segments
        return len(own) == len(segments) and all(
            theirs != "" if _is_variable(mine) else mine == theirs
            for mine, theirs in zip(own, segments, strict=True)
        )


_VARIABLE = "{}"


def _is_variable(segment: str) -> bool:
    return segment.startswith("{")


def _shape(rule: Rule) -> tuple[str, ...]:
    return tuple(_VARIABLE if _is_variable(segment) else segment for segment in rule.segments)


@dataclass(frozen=True, kw_only=True)
class Api:
    """A registered API (RFC 8707 resource, RFC 9728 protected resource)."""

    identifier: str  # absolute URI without fragment; the `aud` of its tokens
    name: str
    scopes: tuple[ApiScope, ...] = ()
    rules: tuple[Rule, ...] = ()
    token_format: TokenFormat = TokenFormat.JWT
    token_alg: str = "ES256"
    token_lifetime: int | None = None  # seconds; None: the server's setting
    managed_by_file: bool = False  # of the server's registry: changed in that file only

    def __post_init__(self) -> None:
        if wrong := _wrong_with(self):
            raise ApiMistakes(f"api {self.name!r}: {one}" for one in wrong)

    def find_scope(self, name: str) -> ApiScope | None:
        """The scope of that name, or None."""
        return next((scope for scope in self.scopes if scope.name == name), None)

    @property
    def default_scope(self) -> tuple[str, ...]:
        """The scopes given when a request names none."""
        return tuple(scope.name for scope in self.scopes if scope.default)

    def rule_for(self, method: str, path: str) -> Rule | None:
        """The row that judges this request, or None: what is not listed is refused.

        A literal segment beats a `{name}`, the leftmost difference first; a row for the method
        beats `*`. `path` is the canonical path, without query. HEAD follows GET when it has no row.
        A method outside METHODS is covered by no row, `*` included.
        """
        if method not in METHODS:
            return None
        segments = tuple(path.split("/")[1:])
        for rows in self._templates.get(len(segments), ()):
            some = next(iter(rows.values()))
            if some.covers(segments):
                as_get = rows.get("GET") if method == "HEAD" else None
                return rows.get(method) or as_get or rows.get(ANY_METHOD)
        return None

    def covers(self, path: str) -> bool:
        """Is there a row for this canonical path, whatever the method?"""
        segments = tuple(path.split("/")[1:])
        return any(rule.covers(segments) for rule in self.rules)

    @cached_property
    def _templates(self) -> Mapping[int, list[dict[str, Rule]]]:
        """By number of segments: the rows of each template by method, the most literal template first."""
        by_shape: dict[tuple[str, ...], dict[str, Rule]] = {}
        for rule in self.rules:
            by_shape.setdefault(_shape(rule), {})[rule.method] = rule
        by_length: dict[int, list[dict[str, Rule]]] = {}
        for shape in sorted(by_shape, key=lambda shape: [segment == _VARIABLE for segment in shape]):
            by_length.setdefault(len(shape), []).append(by_shape[shape])
        return by_length


def _wrong_with(api: Api) -> list[str]:
    """Every mistake at once, so that one reading of the message is enough."""
    wrong = []
    if api.token_alg not in TOKEN_ALGS:
        wrong.append(f"token_alg {api.token_alg!r} is not one of {', '.join(TOKEN_ALGS)}")
    if api.token_lifetime is not None and not 0 < api.token_lifetime <= LONGEST_TOKEN:
        wrong.append(f"token_lifetime must be above 0 and at most {LONGEST_TOKEN} seconds (one day)")
    names = [scope.name for scope in api.scopes]
    wrong += [f"scope {name} is defined twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    scheme, separator, rest = api.identifier.partition(":")
    if not (separator and scheme.isalnum() and rest) or "#" in api.identifier or not api.identifier.isascii():
        wrong.append(f"identifier {api.identifier!r} is not an absolute URI without fragment (RFC 8707 §2)")
    rows: set[tuple[str, tuple[str, ...]]] = set()
    for rule in api.rules:
        shape = _shape(rule)
        if (rule.method, shape) in rows:
            wrong.append(f"two rules judge {rule.method} {rule.path}")
        rows.add((rule.method, shape))
        if unknown := sorted(rule.need - set(names)):
            wrong.append(f"rule {rule.method} {rule.path} needs {', '.join(unknown)}, not among the scopes")
    return wrong
