"""Paths of requests: the one reading of what came, the templates of rules, and which template is meant.

Shared with the SDK, so that the server, the gateway and the API read a path one way (threat O2).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

Shape: TypeAlias = tuple[tuple[str, ...], ...]
"""What a template stands for: of each segment, the literal parts around its variables (`segment_shape`)."""

_T = TypeVar("_T")
# One segment, decoded: printable ASCII except what another reader of the path could take for more.
_SEGMENT = re.compile(rb"[^\x00-\x1F\x7F-\xFF/\\;%?#]*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_LITERAL = r"[A-Za-z0-9\-._~!$&'()*+,=:@ ]"
_VARIABLE = r"\{[A-Za-z0-9_][A-Za-z0-9_.\-]*\}"
# Two variables are never neighbours: where one ends and the other begins would be anybody's guess.
_TEMPLATE_SEGMENT = re.compile(rf"(?:{_VARIABLE})?(?:{_LITERAL}+{_VARIABLE})*{_LITERAL}*")
_PARTS = re.compile(rf"({_VARIABLE})")
_NOT_SEGMENTS = frozenset({".", "..", "*"})


class BadPath(Exception):
    """The path could be read in two ways. `reason` says where, without quoting it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def canonical_path(raw_path: bytes) -> str:
    r"""The one reading of a request's path (without query), as it came: percent-encoding decoded once.

    Raises BadPath where another reader could understand another path: an encoded slash, backslash, `;`,
    `?`, `#` or `%`, a raw `\` or `;`, an empty segment before the end, `.` and `..` segments, and control
    or non-ASCII bytes, encoded or not. `/%61dmin` is `/admin`; `/admin/` and `/ADMIN` are other paths.
    """
    if not raw_path.startswith(b"/"):
        raise BadPath("the path does not start with a slash")
    if _BROKEN_ESCAPE.search(raw_path):
        raise BadPath("the path holds a percent sign that encodes nothing")
    segments = [unquote_to_bytes(segment) for segment in raw_path[1:].split(b"/")]
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise BadPath("the path holds a character that could be read in two ways")
    if b"" in segments[:-1]:
        raise BadPath("the path holds an empty segment")
    if b"." in segments or b".." in segments:
        raise BadPath("the path holds a dot segment")
    return "/" + b"/".join(segments).decode("ascii")


def segments_of(path: str) -> tuple[str, ...]:
    """A canonical path or a template, split at slashes. `/` has one segment, which is empty."""
    return tuple(path.split("/")[1:])


def template_problem(template: str) -> str | None:
    """Why this is no path template; None when it is one.

    A template has literal segments, `{name}`, and segments of both such as `{id}.json`; each `{name}` stands
    for at least one character of one segment. Only the last segment may be empty (`/photos/`).
    """
    if not template.startswith("/"):
        return "a path starts with /"
    *inner, last = segments_of(template)
    bad = [one for one in (*inner, last or "x") if not one or not _is_segment(one)]
    if bad:
        return f"{bad[0]!r} is no segment of a canonical path, nor one with a {{name}} in it"
    return None


def _is_segment(segment: str) -> bool:
    return segment not in _NOT_SEGMENTS and _TEMPLATE_SEGMENT.fullmatch(segment) is not None


def segment_shape(segment: str) -> tuple[str, ...]:
    """The literal parts around the variables: `("photos",)`, `("", "")` for `{id}`, `("", ".json")`."""
    return tuple(_PARTS.split(segment)[::2])


def template_shape(template: str) -> Shape:
    """What a template stands for, whatever its variables are called."""
    return tuple(segment_shape(segment) for segment in segments_of(template))


def fits(shape: tuple[str, ...], text: str) -> bool:
    """Does a segment of this shape stand for this text? Each variable takes at least one character."""
    if len(shape) == 1:
        return shape[0] == text
    first, *middle, last = shape
    start, end = len(first) + 1, len(text) - len(last)
    if end < start or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        found = text.find(part, start, end - 1)
        if found < 0:
            return False
        start = found + len(part) + 1
    return start <= end


def covers(template: str, segments: Sequence[str]) -> bool:
    """Does the template stand for this canonical path, already split at slashes?"""
    shape = template_shape(template)
    return len(shape) == len(segments) and all(map(fits, shape, segments))


_BARE_VARIABLE = ("", "")


@dataclass(slots=True)
class _Node(Generic[_T]):
    literal: "dict[str, _Node[_T]]" = field(default_factory=dict)
    mixed: "list[tuple[tuple[str, ...], _Node[_T]]]" = field(default_factory=list)
    variable: "_Node[_T] | None" = None
    found: _T | None = None

    @property
    def open(self) -> "list[tuple[tuple[str, ...], _Node[_T]]]":
        """Segments that stand for more than one text, in the order they are tried."""
        return self.mixed if self.variable is None else [*self.mixed, (_BARE_VARIABLE, self.variable)]


class TemplateTree(Generic[_T]):
    """What belongs to the most literal template that stands for a path.

    A literal segment beats one with a literal part (the longer part first), and that beats a `{name}`; the
    leftmost difference decides. A look-up costs by the length of the path, not by the number of templates.
    """

    def __init__(self, of_templates: Mapping[Shape, _T]) -> None:
        self._root: _Node[_T] = _Node()
        for shape, value in of_templates.items():
            node = self._root
            for segment in shape:
                node = _below(node, segment)
            node.found = value

    def find(self, segments: Sequence[str]) -> _T | None:
        """What stands for this path, split at slashes; None when no template does."""
        return _find(self._root, segments, 0)

    def overlaps(self) -> Iterator[tuple[_T, _T]]:
        """Of templates that both stand for some path: what the one that wins holds, and the other."""
        return _meetings(self._root, self._root)


def _below(node: _Node[_T], shape: tuple[str, ...]) -> _Node[_T]:
    if len(shape) == 1:
        return node.literal.setdefault(shape[0], _Node())
    if shape == _BARE_VARIABLE:
        node.variable = node.variable or _Node()
        return node.variable
    for known, below in node.mixed:
        if known == shape:
            return below
    made: _Node[_T] = _Node()
    node.mixed.append((shape, made))
    node.mixed.sort(key=lambda one: (-sum(map(len, one[0])), one[0]))
    return made


def _find(node: _Node[_T], segments: Sequence[str], at: int) -> _T | None:
    if at == len(segments):
        return node.found
    text = segments[at]
    below = node.literal.get(text)
    if below is not None and (found := _find(below, segments, at + 1)) is not None:
        return found
    for shape, below in node.open:
        if fits(shape, text) and (found := _find(below, segments, at + 1)) is not None:
            return found
    return None


def _meetings(one: _Node[_T], other: _Node[_T]) -> Iterator[tuple[_T, _T]]:
    """What lies below both, from where their templates part: there `one` is the more literal."""
    if one is not other and one.found is not None and other.found is not None:
        yield one.found, other.found
    for text, below in one.literal.items():
        if (same := other.literal.get(text)) is not None:
            yield from _meetings(below, same)
        for shape, wider in other.open:
            if fits(shape, text):
                yield from _meetings(below, wider)
    for place, (shape, below) in enumerate(one.open):
        for text, narrower in () if one is other else other.literal.items():
            if fits(shape, text):
                yield from _meetings(below, narrower)
        for wider_shape, wider in other.open[place:] if one is other else other.open:
            if _may_meet(shape, wider_shape):
                yield from _meetings(below, wider)


def _may_meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """May two segments with variables stand for the same text? By their beginnings and ends."""
    starts = one[0].startswith(other[0]) or other[0].startswith(one[0])
    ends = one[-1].endswith(other[-1]) or other[-1].endswith(one[-1])
    return starts and ends
