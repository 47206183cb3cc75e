"""Security in an OpenAPI document: its schemes, and what a list of requirements asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from grantway.protocol.apis import alternatives_problem
from grantway.protocol.scope import is_scope_token

Pointer = tuple[str | int, ...]
_KINDS = ("apiKey", "http", "mutualTLS", "oauth2", "openIdConnect")
_FLOWS = ("implicit", "password", "clientCredentials", "authorizationCode")
_WITH_SCOPES = frozenset({"oauth2", "openIdConnect"})


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something that cannot be understood, and where."""

    pointer: Pointer
    words: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is understood and worth knowing, and where."""

    pointer: Pointer
    words: str


@dataclass(slots=True)
class Remarks:
    """The mistakes and notes that come up while a document is read."""

    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def mistake(self, pointer: Pointer, words: str) -> None:
        """Add a mistake."""
        self.mistakes.append(Mistake(pointer, words))

    def note(self, pointer: Pointer, words: str) -> None:
        """Add something worth knowing."""
        self.notes.append(Note(pointer, words))


def as_json_pointer(pointer: Pointer) -> str:
    """The pointer as a URI fragment shows it: `#/paths/~1photos/get` (RFC 6901)."""
    return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in pointer)


@dataclass(frozen=True, slots=True)
class Security:
    """What a list of requirements asks for."""

    alternatives: tuple[frozenset[str], ...]  # scopes; an empty set: any token will do
    open: bool  # nothing is asked for, or it may be left out
    said: bool  # the document says so, or says something


@dataclass(slots=True)
class Schemes:
    """The security schemes of a document."""

    kinds: Mapping[str, str]  # name → type
    scopes: dict[str, str]  # scope → what is said of it
    everywhere: Security = Security((), open=True, said=False)

    def needs(self, value: object, pointer: Pointer, remarks: Remarks) -> Security:
        """Read a list of requirements, of which one has to be met (OpenAPI, Security Requirement Object).

        Of each, the scopes of its OAuth 2.0 and OpenID Connect schemes count; a requirement without such a
        scheme is no way in here, where tokens are asked for, but it does protect the operation.
        """
        if not isinstance(value, list):
            remarks.mistake(pointer, "must be a list")
            return Security((), open=False, said=True)
        alternatives = []
        is_open = not value
        for at, requirement in enumerate(value):
            if not isinstance(requirement, dict):
                remarks.mistake((*pointer, at), "must be an object")
                continue
            is_open = is_open or not requirement
            if (scopes := self._scopes_of(requirement, (*pointer, at), remarks)) is not None:
                alternatives.append(scopes)
        if problem := alternatives_problem(alternatives):
            remarks.mistake(pointer, problem)
        return Security(tuple(alternatives), open=is_open, said=True)

    def _scopes_of(
        self, requirement: Mapping[str, object], pointer: Pointer, remarks: Remarks
    ) -> frozenset[str] | None:
        scopes: set[str] = set()
        speaks_of_tokens = False
        for name, listed in requirement.items():
            kind = self.kinds.get(name)
            if kind is None:
                known = ", ".join(self.kinds) or "none"
                remarks.mistake((*pointer, name), f"no security scheme is named {name!r}; there: {known}")
            elif not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
                remarks.mistake((*pointer, name), "must be a list of scopes")
            elif kind in _WITH_SCOPES:
                speaks_of_tokens = True
                for at, scope in enumerate(listed):
                    if not is_scope_token(scope):
                        remarks.mistake(
                            (*pointer, name, at), f"{scope!r} is not a scope token (RFC 6749 §3.3)"
                        )
                scopes.update(filter(is_scope_token, listed))
        return frozenset(scopes) if speaks_of_tokens else None


def read_schemes(root: Mapping[str, object], remarks: Remarks) -> Schemes:
    """The schemes of a document, and what it asks for where an operation says nothing."""
    components = root.get("components", {})
    listed = components.get("securitySchemes", {}) if isinstance(components, dict) else None
    if not isinstance(listed, dict):
        remarks.mistake(("components", "securitySchemes"), "must be an object")
        listed = {}
    schemes = Schemes({}, {})
    kinds: dict[str, str] = {}
    for name, value in listed.items():
        pointer: Pointer = ("components", "securitySchemes", name)
        scheme = _followed(listed, value)
        kind = scheme.get("type") if isinstance(scheme, dict) else None
        if not isinstance(scheme, dict) or not isinstance(kind, str) or kind not in _KINDS:
            remarks.mistake((*pointer, "type"), f"must be one of {', '.join(_KINDS)}, not {kind!r}")
            continue
        kinds[name] = kind
        if kind == "oauth2":
            _read_flows(scheme.get("flows"), (*pointer, "flows"), schemes.scopes, remarks)
    schemes.kinds = kinds
    if "security" in root:
        schemes.everywhere = schemes.needs(root["security"], ("security",), remarks)
    return schemes


def _followed(listed: Mapping[str, object], value: object) -> object:
    """A scheme that is a reference to another one of the document."""
    start = "#/components/securitySchemes/"
    for _ in listed:
        ref = value.get("$ref") if isinstance(value, dict) else None
        if not isinstance(ref, str) or not ref.startswith(start):
            return value
        value = listed.get(ref.removeprefix(start).replace("~1", "/").replace("~0", "~"))
    return value


def _read_flows(value: object, pointer: Pointer, scopes: dict[str, str], remarks: Remarks) -> None:
    if not isinstance(value, dict):
        remarks.mistake(pointer, "is missing" if value is None else "must be an object")
        return
    for name in _FLOWS:
        flow = value.get(name)
        if flow is None:
            continue
        listed = flow.get("scopes") if isinstance(flow, dict) else None
        if not isinstance(listed, dict):
            remarks.mistake((*pointer, name, "scopes"), "must be an object of scopes and what they mean")
            continue
        for scope, words in listed.items():
            if not is_scope_token(scope):
                remarks.mistake((*pointer, name, "scopes", scope), "is not a scope token (RFC 6749 §3.3)")
                continue
            said = "".join(one for one in " ".join(str(words or "").split()) if one.isprintable())
            scopes[scope] = scopes.get(scope) or said
