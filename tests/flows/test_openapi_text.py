"""Documents that anybody may have written: read as OpenAPI means them, within bounds, with lines."""

import pytest

from grantway.flows import openapi_text
from grantway.flows.openapi_text import NotADocument, read_text

YAML = b"""\
# a comment
openapi: 3.1.0
info: {title: No, version: "1"}
paths:
  /photos:
    get:
      security:
        - oauth: [read, write]
        - {}
    post: &post
      tags: [on, no, ~, 1, 1.5, 2024-01-01, 0x10, 1_000, 1e3, yes, 'true', !!str 7]
  /again:
    post: *post
"""
JSON = b"""{
\t"openapi": "3.1.0",
\t"paths": {"/a\\"b": {
\t\t"get": {"security": [
\t\t\t{"oauth": ["read",
\t\t\t\t"write"]}, {}]}}},
\t"x": [1, [2, {}],
\t\ttrue]
}"""


def test_yaml_means_what_openapi_says_it_means():
    """FC1: YAML 1.2's JSON schema; `no` is a word, a date is a text."""
    found = read_text(YAML)
    root = found.root
    assert not found.is_json
    assert root["info"] == {"title": "No", "version": "1"}
    assert root["paths"]["/photos"]["post"]["tags"] == [
        "on", "no", None, 1, 1.5, "2024-01-01", "0x10", "1_000", 1000.0, "yes", "true", "7",
    ]  # fmt: skip
    assert root["paths"]["/again"] == {"post": root["paths"]["/photos"]["post"]}
    assert root["paths"]["/photos"]["get"]["security"] == [{"oauth": ["read", "write"]}, {}]
    assert read_text(b"\xef\xbb\xbf200: ok\ntrue: x").root == {"200": "ok", "true": "x"}


@pytest.mark.parametrize(
    ("raw", "pointer", "line"),
    [
        (YAML, (), 1),
        (YAML, ("openapi",), 2),
        (YAML, ("info", "version"), 3),
        (YAML, ("paths", "/photos", "get", "security", 0, "oauth", 1), 8),
        (YAML, ("paths", "/photos", "get", "security", 1), 9),
        (YAML, ("paths", "/photos", "get", "nothing", "there"), 6),
        (YAML, ("paths", "/again", "post", "tags"), 13),
        (JSON, (), 1),
        (JSON, ("paths", '/a"b', "get"), 4),
        (JSON, ("paths", '/a"b', "get", "security", 0), 5),
        (JSON, ("paths", '/a"b', "get", "security", 0, "oauth", 1), 6),
        (JSON, ("paths", '/a"b', "get", "security", 1), 6),
        (JSON, ("x", 1, 1), 7),
        (JSON, ("x", 2), 8),
        (JSON, ("y",), 1),
    ],
)
def test_each_pointer_has_its_line_or_that_of_what_is_around_it(raw, pointer, line):
    assert read_text(raw).lines([pointer]) == {pointer: line}


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (BOMB, "line 7: more than 5000000 values, counting what aliases repeat"),
        (b"a: &x [*x]", "names nothing that is complete"),
        (b"a: &x {b: *x}", "names nothing that is complete"),
        (b"a: *nowhere", "undefined alias|names nothing"),
        (b"a:\n  b: !!python/object/apply:os.system [id]", "line 2: the tag .*os.system is not read"),
        (b"a: !local x", "the tag !local is not read"),
        (b"a: {}\nb:\n  <<: {}", "line 3: merge keys"),
        (b"a: 1\nb: 2\na: 3", "line 3: 'a' stands twice"),
        (b"? [a]\n: b", "a name must be a text"),
        (b"--- 1\n--- 2", "more than one document"),
        (b"[" * 100_000, "nested more than 200 deep"),
        (b"- " * 50_000, "nested more than 200 deep"),
        (b"a: [1", "line 2: not YAML|line 1: not YAML"),
        (b"a: \x00", "not YAML"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        (b'{"a": ' + b"[" * 100_000, "nested more than 200 deep|not JSON"),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "nested more than 200 deep"),
        (b'{"a":\n NaN}', "NaN is no number"),
        (b'{"a":\n\n 1,}', "line 3: not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"a: 1\nb: \xff", "line 2: not UTF-8"),
    ],
    ids=range(21),
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_line_and_costs_little(raw, words):
    """FC1: no bomb, no recursion, nothing constructed, nothing read in two ways."""
    with pytest.raises(NotADocument, match=words):
        read_text(raw)


def test_a_document_that_is_too_large_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(openapi_text, "MAX_BYTES", 1024 * 1024)
    with pytest.raises(NotADocument, match="longer than 1 MB"):
        read_text(b" " * (1024 * 1024 + 1))
