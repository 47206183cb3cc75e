"""What an OpenAPI document (3.0, 3.1) says about who may do what: its operations and their security.

Only that is read. Parameters, bodies and schemas are passed over, and so are faults in them: an API is not
less worth guarding because an example in its description is wrong. What is read and cannot be understood is a
mistake, told with its JSON pointer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from grantway.protocol.apis import METHODS
from grantway.protocol.openapi_security import Mistake, Note, Pointer, Schemes, Told, read_schemes
from grantway.protocol.paths import template_problem, template_shape

__all__ = ["Mistake", "Note", "Operation", "Pointer", "Reading", "read_openapi"]

VERSIONS = ("3.0", "3.1")
_OPERATIONS = dict.fromkeys(("get", "put", "post", "delete", "options", "head", "patch", "trace")).keys()
_MAX_REFS = 20  # that follow each other
Progress = Callable[[int, int], None]  # operations read, operations there are


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, and who may call it."""

    method: str  # upper case
    path: str
    pointer: Pointer
    alternatives: tuple[frozenset[str], ...]  # scopes, each set enough; of OAuth 2.0 and OpenID Connect
    unprotected: bool  # may be called by whoever comes
    said_so: bool  # … because the document says so word for word, not because it says nothing

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A document as read. With mistakes, the rest is what could be understood."""

    title: str
    version: str
    servers: tuple[str, ...]  # as written, variables filled in by their defaults
    operations: tuple[Operation, ...]
    scopes: Mapping[str, str]  # every scope that is described or needed → what the document says of it
    mistakes: tuple[Mistake, ...] = ()
    notes: tuple[Note, ...] = field(default=())

    @property
    def unprotected(self) -> tuple[Operation, ...]:
        """The operations that anybody may call."""
        return tuple(one for one in self.operations if one.unprotected)


def read_openapi(document: object, *, progress: Progress | None = None) -> Reading:
    """Read a document that is decoded already. Never raises: what is wrong is among the mistakes."""
    told = Told()
    root = _table(document, (), told)
    _check_version(root, told)
    info = _table(root.get("info"), ("info",), told)
    title, version = (_text(info.get(name), ("info", name), told) for name in ("title", "version"))
    schemes = read_schemes(root, told)
    servers = _servers(root, told)
    paths = _table(root.get("paths"), ("paths",), told)
    operations = tuple(_operations(root, paths, schemes, told, progress or _silent))
    for operation in operations:
        for scope in sorted(frozenset[str]().union(*operation.alternatives)):
            schemes.scopes.setdefault(scope, "")
    return Reading(
        title=title,
        version=version,
        servers=servers,
        operations=operations,
        scopes=schemes.scopes,
        mistakes=tuple(told.mistakes),
        notes=tuple(told.notes),
    )


def _silent(done: int, of: int) -> None:
    """Nobody watches."""


def _check_version(root: Mapping[str, object], told: Told) -> None:
    version = root.get("openapi")
    if isinstance(version, str) and version.startswith(tuple(f"{one}." for one in VERSIONS)):
        return
    if "swagger" in root:
        told.wrong(("swagger",), f"Swagger {root['swagger']} is not read: convert it to OpenAPI 3 first")
    elif root:
        told.wrong(("openapi",), f"OpenAPI {version!r} is not known; known: {' and '.join(VERSIONS)}")


def _table(value: object, pointer: Pointer, told: Told) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    told.wrong(pointer, "is missing" if value is None else "must be an object")
    return {}


def _text(value: object, pointer: Pointer, told: Told) -> str:
    if isinstance(value, str) and value.strip():
        return " ".join(value.split())
    told.wrong(pointer, "is missing" if value is None else "must be a text that is not empty")
    return ""


def _servers(root: Mapping[str, object], told: Told) -> tuple[str, ...]:
    listed = root.get("servers", [])
    if not isinstance(listed, list):
        told.wrong(("servers",), "must be a list")
        return ()
    return tuple(dict.fromkeys(_server(one, ("servers", at), told) for at, one in enumerate(listed)))


def _server(value: object, pointer: Pointer, told: Told) -> str:
    server = _table(value, pointer, told)
    url = _text(server.get("url"), (*pointer, "url"), told)
    variables = server.get("variables")
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        default = variable.get("default") if isinstance(variable, dict) else None
        if not isinstance(default, str):
            told.wrong((*pointer, "variables", name, "default"), "must be a text")
            continue
        url = url.replace(f"{{{name}}}", default)
    return url


def _operations(
    root: Mapping[str, object],
    paths: Mapping[str, object],
    schemes: Schemes,
    told: Told,
    progress: Progress,
) -> Iterator[Operation]:
    total = sum(len(item.keys() & _OPERATIONS) for item in paths.values() if isinstance(item, dict))
    done, seen = 0, dict[tuple[str, object], Operation]()
    for path, value in paths.items():
        if path.startswith("x-"):
            continue
        pointer: Pointer = ("paths", path)
        item = _path_item(root, value, pointer, told)
        problem = template_problem(path)
        if problem and not path.startswith("/"):
            told.wrong(pointer, problem)
            continue
        for name in _OPERATIONS:
            if name not in item:
                continue
            done += 1
            progress(done, max(total, done))
            operation = _operation(item[name], name.upper(), path, schemes, told)
            if operation is None:
                continue
            why_not = problem or (None if operation.method in METHODS else "nobody may send this method")
            if why_not is not None:
                told.note((*pointer, name), f"{operation} is left out, so it is refused: {why_not}")
                continue
            same = seen.setdefault((operation.method, template_shape(path)), operation)
            if same is not operation:
                told.wrong((*pointer, name), f"{operation} is the same resource as {same}")
                continue
            yield operation


def _path_item(
    root: Mapping[str, object], value: object, pointer: Pointer, told: Told
) -> Mapping[str, object]:
    """The path item, where a `$ref` is followed within the document."""
    item = _table(value, pointer, told)
    for _ in range(_MAX_REFS):
        if "$ref" not in item:
            return item
        if len(item) > 1:
            told.note(pointer, "what stands beside its $ref is read first")
        ref = item["$ref"]
        target = _resolved(root, ref)
        if not isinstance(target, dict):
            what = "is not followed: bundle the document first" if _is_remote(ref) else "leads nowhere"
            told.wrong((*pointer, "$ref"), f"the $ref {ref!r} {what}")
            return {name: one for name, one in item.items() if name != "$ref"}
        item = {**target, **{name: one for name, one in item.items() if name != "$ref"}}
    told.wrong((*pointer, "$ref"), "its $ref leads back to itself")
    return {}


def _is_remote(ref: object) -> bool:
    return isinstance(ref, str) and not ref.startswith("#")


def _resolved(root: Mapping[str, object], ref: object) -> object:
    """What a `$ref` within the document names; None when there is nothing."""
    if not isinstance(ref, str) or not ref.startswith("#/"):
        return None
    found: object = root
    for part in ref[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found


def _operation(value: object, method: str, path: str, schemes: Schemes, told: Told) -> Operation | None:
    pointer: Pointer = ("paths", path, method.lower())
    table = _table(value, pointer, told)
    if not isinstance(value, dict):
        return None
    own = "security" in table
    security = schemes.needs(table["security"], (*pointer, "security"), told) if own else schemes.everywhere
    return Operation(
        method=method,
        path=path,
        pointer=pointer,
        alternatives=security.alternatives,
        unprotected=security.open,
        said_so=security.open and security.said,
    )
