"""From bytes to a document: JSON, or YAML as OpenAPI means it. Whoever wrote it may be anybody.

YAML is read from the events of the safe C parser (PyYAML), by the JSON schema of YAML 1.2 that OpenAPI asks
for: a plain `no` or `2024-01-01` is a text, a tag is refused, and so is a name that stands twice. Size, depth
and what aliases multiply are bounded, before anything is built (no bomb, no recursion).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from grantway.protocol.openapi_security import Pointer

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 200
MAX_NODES = 5_000_000  # counting what aliases repeat each time
_BOM = "\ufeff"
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class NotADocument(Exception):
    """It cannot be read at all. `line` counts from 1."""

    def __init__(self, words: str, line: int | None = None) -> None:
        super().__init__(words if line is None else f"line {line}: {words}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Document:
    """A document as written, and what it holds."""

    text: str
    is_json: bool
    root: object

    def lines(self, pointers: Iterable[Pointer]) -> dict[Pointer, int]:
        """The line on which each of these begins, or the nearest thing around it that is there; from 1."""
        wanted = set(pointers)
        around = {pointer[:end] for pointer in wanted for end in range(len(pointer) + 1)}
        places = _json_places(self.text) if self.is_json else _yaml_places(self.text)
        found: dict[Pointer, int] = {(): 1}
        for pointer, line in places:
            if pointer in around:
                found.setdefault(pointer, line)
        return {one: _nearest(one, found) for one in wanted}


def _nearest(pointer: Pointer, found: Mapping[Pointer, int]) -> int:
    return next(found[pointer[:end]] for end in range(len(pointer), -1, -1) if pointer[:end] in found)


def read_text(raw: bytes) -> Document:
    """Decode a document. Raises NotADocument with the line, for what cannot be read or is too large."""
    if len(raw) > MAX_BYTES:
        raise NotADocument(f"longer than {MAX_BYTES // 1024 // 1024} MB")
    try:
        text = raw.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as bad:
        raise NotADocument("not UTF-8", raw[: bad.start].count(b"\n") + 1) from None
    is_json = text.lstrip()[:1] == "{"
    return Document(text, is_json, _read_json(text) if is_json else _read_yaml(text))


# --- JSON -------------------------------------------------------------------------------------------


def _read_json(text: str) -> object:
    try:
        return _not_too_deep(json.loads(text, object_pairs_hook=_once, parse_constant=_no_number))
    except json.JSONDecodeError as bad:
        raise NotADocument(f"not JSON: {bad.msg}", bad.lineno) from None
    except RecursionError:
        raise NotADocument(f"nested more than {MAX_DEPTH} deep") from None
    except ValueError as bad:
        raise NotADocument(f"not JSON: {bad}") from None


def _not_too_deep(root: object) -> object:
    level: list[object] = [root]
    for _ in range(MAX_DEPTH + 1):
        inside = [one for one in level if isinstance(one, dict | list) and one]
        if not inside:
            return root
        level = [one for each in inside for one in (each.values() if isinstance(each, dict) else each)]
    raise NotADocument(f"nested more than {MAX_DEPTH} deep")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{twice!r} stands twice in one object")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _json_places(text: str) -> Iterator[tuple[Pointer, int]]:
    """Every value of a JSON text that is known to be right, with its line."""
    path: list[str | int] = []
    is_list: list[bool] = []
    expects_name, line, at = False, 1, 0
    for match in _JSON_TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at, token = match.start(), match[0]
        if token in "}]":
            is_list.pop()
            path.pop()
            expects_name = False
        elif token == ",":
            expects_name = not is_list[-1]
            if is_list[-1]:
                path[-1] = int(path[-1]) + 1
        elif token == ":":
            expects_name = False
        elif expects_name:
            path[-1] = json.loads(token)
            yield tuple(path), line
        else:
            yield tuple(path), line
            if token in "{[":
                is_list.append(token == "[")
                path.append(0 if token == "[" else "")
                expects_name = token == "{"


# --- YAML -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A mapping or a list that is being read."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    weight: int = 1
    name: str | None = None  # of a mapping: the name that waits for its value


@dataclass(slots=True)
class _Builder:
    """Builds a document from the events of a YAML parser."""

    root: object = None
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[object, int]] = field(default_factory=dict)
    nodes: int = 0
    documents: int = 0

    def put(self, value: object, anchor: str | None, weight: int, line: int) -> None:
        """A value is complete."""
        self.nodes += weight
        if self.nodes > MAX_NODES:
            raise NotADocument(f"more than {MAX_NODES} values, counting what aliases repeat", line)
        if anchor is not None:
            self.anchors[anchor] = (value, weight)
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        top.weight += weight
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.name is None:
            top.name = self._name(value, top.value, line)
        else:
            top.value[top.name] = value
            top.name = None

    def _name(self, value: object, mapping: dict[str, Any], line: int) -> str:
        if isinstance(value, dict | list):
            raise NotADocument("a name must be a text", line)
        name = value if isinstance(value, str) else json.dumps(value)
        if name == "<<":
            raise NotADocument("merge keys (<<) are not part of OpenAPI: write out what they bring in", line)
        if name in mapping:
            raise NotADocument(f"{name!r} stands twice in one object", line)
        return name

    def open(self, value: dict[str, Any] | list[Any], anchor: str | None, line: int) -> None:
        """A mapping or a list begins."""
        if len(self.stack) >= MAX_DEPTH:
            raise NotADocument(f"nested more than {MAX_DEPTH} deep", line)
        self.stack.append(_Open(value, anchor))

    def close(self, line: int) -> None:
        """It ends."""
        done = self.stack.pop()
        self.put(done.value, done.anchor, done.weight, line)
        self.nodes -= done.weight - 1  # its members were counted one by one

    def alias(self, anchor: str, line: int) -> None:
        """What was built before stands here, too."""
        if anchor not in self.anchors:
            raise NotADocument(f"*{anchor} names nothing that is complete: it would hold itself", line)
        value, weight = self.anchors[anchor]
        self.put(value, None, weight, line)


def _read_yaml(text: str) -> object:
    import yaml

    builder = _Builder()
    try:
        events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        for event in events:
            _take(builder, event, event.start_mark.line + 1)
    except yaml.MarkedYAMLError as bad:
        mark = bad.problem_mark or bad.context_mark
        raise NotADocument(f"not YAML: {bad.problem}", None if mark is None else mark.line + 1) from None
    except yaml.YAMLError as bad:
        raise NotADocument(f"not YAML: {' '.join(str(bad).split())}") from None
    return builder.root


def _take(builder: _Builder, event: Any, line: int) -> None:
    match type(event).__name__:
        case "ScalarEvent":
            builder.put(_scalar(event, line), event.anchor, 1, line)
        case "MappingStartEvent" | "SequenceStartEvent" as kind:
            if event.tag is not None:
                raise NotADocument(f"the tag {event.tag} is not read", line)
            builder.open({} if kind == "MappingStartEvent" else [], event.anchor, line)
        case "MappingEndEvent" | "SequenceEndEvent":
            builder.close(line)
        case "AliasEvent":
            builder.alias(event.anchor, line)
        case "DocumentStartEvent":
            builder.documents += 1
            if builder.documents > 1:
                raise NotADocument("more than one document in the file", line)


def _scalar(event: Any, line: int) -> object:
    """By the JSON schema of YAML 1.2, whatever else YAML 1.1 makes of a word."""
    text: str = event.value
    if event.tag not in {None, "!", "tag:yaml.org,2002:str"}:
        raise NotADocument(f"the tag {event.tag} is not read", line)
    if event.tag is not None or event.style in {"'", '"', "|", ">"}:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text) and len(text) < 40:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


@dataclass(slots=True)
class _Level:
    """A collection that is passed through: where it lies, and which of its members came last."""

    path: Pointer
    member: str | int  # a name in a mapping, a place in a list
    expects_name: bool = False  # of a mapping: is a name next, or the value of the last one?


def _yaml_places(text: str) -> Iterator[tuple[Pointer, int]]:
    """Every value of a YAML text that is known to be right, with its line; aliases are not looked into."""
    import yaml

    levels: list[_Level] = []
    events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
    for event in events:
        kind, line = type(event).__name__, event.start_mark.line + 1
        if kind in {"MappingEndEvent", "SequenceEndEvent"}:
            levels.pop()
        elif kind in {"ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"}:
            inner = levels[-1] if levels else None
            if inner is not None and inner.expects_name:
                name = _scalar(event, line) if kind == "ScalarEvent" else ""
                inner.member = name if isinstance(name, str) else json.dumps(name)
                inner.expects_name = False
                yield (*inner.path, inner.member), line
                continue
            path = _next_place(inner)
            yield path, line
            if kind == "MappingStartEvent":
                levels.append(_Level(path, "", expects_name=True))
            elif kind == "SequenceStartEvent":
                levels.append(_Level(path, -1))


def _next_place(level: _Level | None) -> Pointer:
    """The pointer of the value that comes now; None: the root."""
    if level is None:
        return ()
    if isinstance(level.member, int):
        level.member += 1
    else:
        level.expects_name = True
    return (*level.path, level.member)
