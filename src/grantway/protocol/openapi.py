"""What an OpenAPI document (3.0, 3.1) says about who may do what: its operations and their security.

Only that is read. Parameters, bodies and schemas are passed over, and so are faults in them: an API is not
less worth guarding because an example in its description is wrong. What is read and cannot be understood is a
mistake, told with its JSON pointer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from grantway.protocol.apis import METHODS
from grantway.protocol.openapi_security import Mistake, Note, Pointer, Remarks, Schemes, read_schemes
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
    remarks = Remarks()
    root = _table(document, (), remarks)
    _check_version(root, remarks)
    info = _table(root.get("info"), ("info",), remarks)
    title, version = (_text(info.get(name), ("info", name), remarks) for name in ("title", "version"))
    schemes = read_schemes(root, remarks)
    servers = _servers(root, remarks)
    paths = _table(root.get("paths"), ("paths",), remarks)
    operations = tuple(_operations(root, paths, schemes, remarks, progress or _silent))
    for operation in operations:
        for scope in sorted(frozenset[str]().union(*operation.alternatives)):
            schemes.scopes.setdefault(scope, "")
    return Reading(
        title=title,
        version=version,
        servers=servers,
        operations=operations,
        scopes=schemes.scopes,
        mistakes=tuple(remarks.mistakes),
        notes=tuple(remarks.notes),
    )


def _silent(done: int, of: int) -> None:
    """Nobody watches."""


def _check_version(root: Mapping[str, object], remarks: Remarks) -> None:
    version = root.get("openapi")
    if isinstance(version, str) and version.startswith(tuple(f"{one}." for one in VERSIONS)):
        return
    if "swagger" in root:
        remarks.mistake(("swagger",), f"Swagger {root['swagger']} is not read: convert it to OpenAPI 3 first")
    elif root:
        remarks.mistake(("openapi",), f"OpenAPI {version!r} is not known; known: {' and '.join(VERSIONS)}")


def _table(value: object, pointer: Pointer, remarks: Remarks) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    remarks.mistake(pointer, "is missing" if value is None else "must be an object")
    return {}


def _text(value: object, pointer: Pointer, remarks: Remarks) -> str:
    if isinstance(value, str) and value.strip():
        return " ".join(value.split())
    remarks.mistake(pointer, "is missing" if value is None else "must be a text that is not empty")
    return ""


def _servers(root: Mapping[str, object], remarks: Remarks) -> tuple[str, ...]:
    listed = root.get("servers", [])
    if not isinstance(listed, list):
        remarks.mistake(("servers",), "must be a list")
        return ()
    return tuple(dict.fromkeys(_server(one, ("servers", at), remarks) for at, one in enumerate(listed)))


def _server(value: object, pointer: Pointer, remarks: Remarks) -> str:
    server = _table(value, pointer, remarks)
    url = _text(server.get("url"), (*pointer, "url"), remarks)
    variables = server.get("variables")
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        default = variable.get("default") if isinstance(variable, dict) else None
        if not isinstance(default, str):
            remarks.mistake((*pointer, "variables", name, "default"), "must be a text")
            continue
        url = url.replace(f"{{{name}}}", default)
    return url


def _operations(
    root: Mapping[str, object],
    paths: Mapping[str, object],
    schemes: Schemes,
    remarks: Remarks,
    progress: Progress,
) -> Iterator[Operation]:
    total = sum(len(item.keys() & _OPERATIONS) for item in paths.values() if isinstance(item, dict))
    done, seen = 0, dict[tuple[str, object], Operation]()
    for path, value in paths.items():
        if path.startswith("x-"):
            continue
        pointer: Pointer = ("paths", path)
        item = _path_item(root, value, pointer, remarks)
        problem = template_problem(path)
        if problem and not path.startswith("/"):
            remarks.mistake(pointer, problem)
            continue
        for name in _OPERATIONS:
            if name not in item:
                continue
            done += 1
            progress(done, max(total, done))
            operation = _operation(item[name], name.upper(), path, schemes, remarks)
            if operation is None:
                continue
            why_not = problem or (None if operation.method in METHODS else "nobody may send this method")
            if why_not is not None:
                remarks.note((*pointer, name), f"{operation} is left out, so it is refused: {why_not}")
                continue
            same = seen.setdefault((operation.method, template_shape(path)), operation)
            if same is not operation:
                remarks.mistake((*pointer, name), f"{operation} is the same resource as {same}")
                continue
            yield operation


def _path_item(
    root: Mapping[str, object], value: object, pointer: Pointer, remarks: Remarks
) -> Mapping[str, object]:
    """The path item, where a `$ref` is followed within the document."""
    item = _table(value, pointer, remarks)
    for _ in range(_MAX_REFS):
        if "$ref" not in item:
            return item
        if len(item) > 1:
            remarks.note(pointer, "what stands beside its $ref is read first")
        ref = item["$ref"]
        target = _resolved(root, ref)
        if not isinstance(target, dict):
            what = "is not followed: bundle the document first" if _is_remote(ref) else "leads nowhere"
            remarks.mistake((*pointer, "$ref"), f"the $ref {ref!r} {what}")
            return {name: one for name, one in item.items() if name != "$ref"}
        item = {**target, **{name: one for name, one in item.items() if name != "$ref"}}
    remarks.mistake((*pointer, "$ref"), "its $ref leads back to itself")
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


def _operation(value: object, method: str, path: str, schemes: Schemes, remarks: Remarks) -> Operation | None:
    pointer: Pointer = ("paths", path, method.lower())
    table = _table(value, pointer, remarks)
    if not isinstance(value, dict):
        return None
    own = "security" in table
    security = (
        schemes.needs(table["security"], (*pointer, "security"), remarks) if own else schemes.everywhere
    )
    return Operation(
        method=method,
        path=path,
        pointer=pointer,
        alternatives=security.alternatives,
        unprotected=security.open,
        said_so=security.open and security.said,
    )
