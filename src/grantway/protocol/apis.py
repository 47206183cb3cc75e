"""Protected APIs: which scope a request for a resource and method needs.

Shared with the SDK, so that the server, the gateway and the API read one set of rules one way.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache, reduce
from urllib.parse import urlsplit

from grantway.protocol.paths import (
    BadPath,
    Shape,
    TemplateTree,
    canonical_path,
    covers,
    segments_of,
    template_problem,
    template_shape,
)
from grantway.protocol.scope import Scope, is_scope_token
from grantway.protocol.step_up import StepUp, step_up_problem

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})
ANY_METHOD = "*"
TOKEN_ALGS = ("ES256", "RS256", "EdDSA")
_FOR_COMMANDS = re.compile("[a-z0-9][a-z0-9_-]*")
_DEFAULT_PORTS = {"https": 443, "http": 80}
# Seconds; the same bound as `tokens.access_lifetime`. A key that has signed is kept for a day at least, so no
# change of a lifetime, however sudden, leaves a live token without the key that it is verified by.
LONGEST_TOKEN = 86_400
# Of one row, wherever one is written down: documents of others may name thousands, and each is compared with
# many. What is stored already is read whatever it holds.
MOST_ALTERNATIVES = 100


class ApiMistakes(ValueError):
    """An API is defined wrongly. `mistakes` holds a sentence for each one, all found at once."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class Sensitivity(StrEnum):
    """What a scope gives away; decides how the consent page shows it."""

    NORMAL = "normal"  # nothing is said
    READ = "read"
    WRITE = "write"
    SENSITIVE = "sensitive"  # shown with a warning, not ticked


class TokenFormat(StrEnum):
    """JWTs verify without asking; opaque tokens can be revoked at once (design: per API)."""

    JWT = "jwt"
    OPAQUE = "opaque"


class Access(StrEnum):
    """What a row asks for."""

    SCOPES = "scopes"
    PUBLIC = "public"  # no token
    DENY = "deny"  # nothing passes, whatever the token


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
    """One row: what a request for `method` on `path` needs.

    Every scope of `need` and, where `any_of` holds sets, all of one of them; or no token (`public`); or it
    never passes (`deny`). `path` is a template (`paths.template_problem`). `method` is upper case, or `*` for
    those without a row of their own. However the needs are written, rules that need the same are equal.
    `step_up` is what it demands of the sign-in behind the token, in place of what its API demands.
    """

    method: str
    path: str
    need: frozenset[str] = frozenset()
    any_of: tuple[frozenset[str], ...] = ()
    access: Access = Access.SCOPES
    step_up: StepUp | None = None

    def __post_init__(self) -> None:
        if self.method != ANY_METHOD and self.method not in METHODS:
            raise ValueError(f"rule {self}: unknown method; known: {', '.join(sorted(METHODS))} or *")
        if problem := template_problem(self.path):
            raise ValueError(f"rule {self}: {problem}")
        need, any_of = _in_order(frozenset(self.need), tuple(self.any_of))
        object.__setattr__(self, "need", need)
        object.__setattr__(self, "any_of", any_of)
        named = bool(need or any_of)
        if self.access is Access.SCOPES and not named:
            raise ValueError(f"rule {self}: needs at least one scope")
        if self.access is not Access.SCOPES and named:
            raise ValueError(f"rule {self}: says {self.access}, and names scopes")
        if self.step_up is not None and self.access is not Access.SCOPES:
            raise ValueError(f"rule {self}: says {self.access}, and demands a sign-in")
        if self.step_up is not None and (problem := step_up_problem(self.step_up)):
            raise ValueError(f"rule {self}: {problem}")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def row(self) -> tuple[str, Shape]:
        """Which row it is, whatever the variables of its path are called: a definition has one of each."""
        return self.method, template_shape(self.path)

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that is named, needed in all cases or in some."""
        return self.need.union(*self.any_of)

    @property
    def alternatives(self) -> tuple[frozenset[str], ...]:
        """The sets of scopes of which each one is enough; none for `public` and `deny`."""
        if self.access is not Access.SCOPES:
            return ()
        return tuple(self.need | one for one in self.any_of) or (self.need,)

    def enough(self, having: Iterable[str] = ()) -> Scope:
        """Scopes that would be enough: the alternative of which somebody who has these lacks least.

        Sorted, so that it is always told alike; empty for `public` and `deny`.
        """
        had = frozenset(having)
        nearest = min(self.alternatives, key=lambda one: len(one - had), default=frozenset())
        return Scope(tuple(sorted(nearest)))

    def covers(self, segments: tuple[str, ...]) -> bool:
        """Does the template stand for this path, already split at slashes?"""
        return covers(self.path, segments)


def scopes_needed(rules: Iterable[Rule]) -> frozenset[str]:
    """Every scope that one of these rules names."""
    return frozenset[str]().union(*(rule.scopes for rule in rules))


def rule_of(
    method: str, path: str, alternatives: Iterable[Iterable[str]], step_up: StepUp | None = None
) -> Rule:
    """The row that any one of these sets of scopes satisfies.

    Raises ValueError as Rule does, and for too many of them.
    """
    sets = [frozenset(one) for one in alternatives]
    if problem := alternatives_problem(sets):
        raise ValueError(f"rule {method} {path}: {problem}")
    common = reduce(frozenset.__and__, sets) if sets else frozenset()
    return Rule(method, path, common, tuple(one - common for one in sets), step_up=step_up)


def alternatives_problem(sets: Iterable[frozenset[str]]) -> str | None:
    """Why these are too many for one row; None when they are not. Repeated ones count once."""
    if (count := len(set(sets))) <= MOST_ALTERNATIVES:
        return None
    return (
        f"{count} alternatives are too many: at most {MOST_ALTERNATIVES} sets of scopes, each of them enough"
    )


@lru_cache(maxsize=64)  # all operations of a document may share one long list
def _in_order(
    need: frozenset[str], any_of: tuple[frozenset[str], ...]
) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
    """One way to write it: what all alternatives share is needed, none holds another, they are sorted."""
    sets = {one - need for one in any_of}
    if sets:
        common = reduce(frozenset.__and__, sets)
        need, sets = need | common, {one - common for one in sets}
    if frozenset() in sets:
        return need, ()
    return need, tuple(sorted(_least(sets), key=sorted))


def _least(sets: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """Those that hold no other of them. Each is compared with those alone that share its rarest scope.

    A set within another has all its scopes there, so it stands among the sets of one of the other's scopes:
    filed under its own rarest, it is found by looking under each scope of the other.
    """
    found: list[frozenset[str]] = []
    filed: dict[str, list[frozenset[str]]] = {}
    often = Counter(scope for one in sets for scope in one)
    for one in sorted(sets, key=len):
        if not any(other < one for scope in one for other in filed.get(scope, ())):
            found.append(one)
            filed.setdefault(min(one, key=lambda scope: (often[scope], scope)), []).append(one)
    return found


def spoken(name: str) -> str:
    """A name made for commands, such as city_library, as people read it: City library. Others as they are."""
    if not _FOR_COMMANDS.fullmatch(name):
        return name
    words = re.sub("[_-]+", " ", name).rstrip()
    return words[:1].upper() + words[1:]


@dataclass(frozen=True, kw_only=True)
class Api:
    """A registered API (RFC 8707 resource, RFC 9728 protected resource)."""

    identifier: str  # absolute URI without fragment; the `aud` of its tokens
    name: str
    aliases: tuple[str, ...] = ()  # other URIs by which `resource` may name it; never an `aud`
    servers: tuple[str, ...] = ()  # base URLs, such as https://api.example/v1; paths of rules are below them
    scopes: tuple[ApiScope, ...] = ()
    rules: tuple[Rule, ...] = ()
    token_format: TokenFormat = TokenFormat.JWT
    token_alg: str = "ES256"
    token_lifetime: int | None = None  # seconds; None: the server's setting
    step_up: StepUp | None = None  # demanded of every sign-in, where a row demands nothing of its own
    listed: bool = False  # named to whoever reads the server's metadata (RFC 9728 §4)
    managed_by_file: bool = False  # of the server's registry: changed in that file only

    def __post_init__(self) -> None:
        if wrong := _wrong_with(self):
            raise ApiMistakes(f"api {self.name!r}: {one}" for one in wrong)

    @property
    def spoken_name(self) -> str:
        """Its name as people read it."""
        return spoken(self.name)

    def find_scope(self, name: str) -> ApiScope | None:
        """The scope of that name, or None."""
        return next((scope for scope in self.scopes if scope.name == name), None)

    def token_lifetime_or(self, default: int) -> int:
        """Seconds for which its tokens live: its own number, or the server's."""
        return default if self.token_lifetime is None else self.token_lifetime

    @property
    def default_scope(self) -> tuple[str, ...]:
        """The scopes given when a request names none."""
        return tuple(scope.name for scope in self.scopes if scope.default)

    @property
    def bases(self) -> tuple[tuple[str, str], ...]:
        """Host (with its port, unless it is the usual one) and base path of each server; no path is empty."""
        return tuple(_base(server) for server in self.servers)

    def step_up_of(self, rule: Rule | None) -> StepUp | None:
        """What a request that is judged by this row demands of the sign-in behind its token."""
        return self.step_up if rule is None or rule.step_up is None else rule.step_up

    def rule_for(self, method: str, path: str) -> Rule | None:
        """The row that judges this request, or None: what is not listed is refused.

        The most literal template decides (`paths.TemplateTree`), then a row for the method beats `*`. `path`
        is the canonical path below the server's base, without query. HEAD follows GET when it has no row. A
        method outside METHODS is covered by no row, `*` included.
        """
        if method not in METHODS:
            return None
        rows = self.templates.find(segments_of(path))
        if rows is None:
            return None
        as_get = rows.get("GET") if method == "HEAD" else None
        return rows.get(method) or as_get or rows.get(ANY_METHOD)

    @cached_property
    def templates(self) -> TemplateTree[dict[str, Rule]]:
        """The rows of each template, by method."""
        by_shape: dict[Shape, dict[str, Rule]] = {}
        for rule in self.rules:
            by_shape.setdefault(template_shape(rule.path), {})[rule.method] = rule
        return TemplateTree(by_shape)


def _wrong_with(api: Api) -> list[str]:
    """Every mistake at once, so that one reading of the message is enough."""
    wrong = []
    if api.token_alg not in TOKEN_ALGS:
        wrong.append(f"token_alg {api.token_alg!r} is not one of {', '.join(TOKEN_ALGS)}")
    if api.token_lifetime is not None and not 0 < api.token_lifetime <= LONGEST_TOKEN:
        wrong.append(f"token_lifetime must be above 0 and at most {LONGEST_TOKEN} seconds (one day)")
    if api.listed and not api.identifier.startswith(("https://", "http://")):
        wrong.append("listed: only an API whose audience is an address, where its description is")
    if api.step_up is not None and (problem := step_up_problem(api.step_up)):
        wrong.append(problem)
    names = [scope.name for scope in api.scopes]
    known = set(names)
    if len(known) < len(names):
        wrong += [f"scope {name} is defined twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    uris = [("identifier", api.identifier), *(("alias", alias) for alias in api.aliases)]
    wrong += [
        f"{what} {uri!r} is not an absolute URI without fragment (RFC 8707 §2)"
        for what, uri in uris
        if not _is_resource(uri)
    ]
    if len({uri.rstrip("/") for _, uri in uris}) < len(uris):
        wrong.append("an alias repeats the identifier or another alias, a slash at the end aside")
    wrong += [f"server {one!r}: {problem}" for one in api.servers if (problem := server_problem(one))]
    if len(set(api.servers)) < len(api.servers):
        wrong.append("a server is named twice")
    rows: set[tuple[str, Shape]] = set()
    for rule in api.rules:
        if rule.row in rows:
            wrong.append(f"two rules judge {rule}")
        rows.add(rule.row)
        if unknown := sorted(rule.scopes - known):
            wrong.append(f"rule {rule} needs {', '.join(unknown)}, not among the scopes")
    return wrong


def _is_resource(uri: str) -> bool:
    scheme, separator, rest = uri.partition(":")
    return bool(separator and scheme.isalnum() and rest) and "#" not in uri and uri.isascii()


def server_problem(server: str) -> str | None:
    """Why this is no base URL of an API; None when it is one, written the one way it can be."""
    try:
        parts = urlsplit(server)
        host, port = parts.hostname or "", parts.port
        path = canonical_path((parts.path or "/").encode())
    except BadPath as bad:
        return bad.reason
    except (ValueError, UnicodeEncodeError):
        return "not an address"
    if parts.scheme not in _DEFAULT_PORTS or not host or not server.isascii():
        return "not an https:// (or http://) address with a host"
    plain = f"{parts.scheme}://{parts.netloc}" + ("" if path == "/" else path)
    if parts.query or parts.fragment or "@" in parts.netloc or server != plain or path.endswith("//"):
        return f"an address without user name, query and fragment, such as {parts.scheme}://{host}/v1"
    if path.endswith("/") and path != "/":
        return "the base of all paths has no slash at its end"
    if parts.netloc != parts.netloc.lower() or port == _DEFAULT_PORTS[parts.scheme]:
        return "write the host in lower case, and no port that is the usual one"
    return None


def _base(server: str) -> tuple[str, str]:
    parts = urlsplit(server)
    return parts.netloc, parts.path
