"""API definitions: which rule judges a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.protocol import apis
from grantway.protocol.apis import METHODS, Api, ApiMistakes, ApiScope, Rule, rule_of
from grantway.protocol.openapi import read_openapi
from grantway.protocol.openapi_security import as_json_pointer

R, W = frozenset({"r"}), frozenset({"w"})
SCOPES = (ApiScope(name="r", description="Read"), ApiScope(name="w", description="Write"))


def api(*rules, **members):
    rows = tuple(Rule(method, path, need) for method, path, need in rules)
    members = {"identifier": "https://api.example", "name": "api", "scopes": SCOPES, **members}
    return Api(rules=rows, **members)


ALBUMS = api(
    ("GET", "/", R),
    ("GET", "/albums", R),
    ("POST", "/albums", W),
    ("GET", "/albums/{id}", R),
    ("*", "/albums/{id}", W),
    ("GET", "/albums/mine", W),
    ("GET", "/{kind}/{id}/cover", R),
    ("GET", "/albums/{id}/{part}", W),
    ("HEAD", "/albums", W),
    ("GET", "/albums/", W),
)


@pytest.mark.parametrize(
    ("method", "path", "judged_by"),
    [
        ("GET", "/", "GET /"),
        ("GET", "/albums", "GET /albums"),
        ("POST", "/albums", "POST /albums"),
        ("HEAD", "/albums", "HEAD /albums"),
        ("GET", "/albums/", "GET /albums/"),
        ("GET", "/albums/7", "GET /albums/{id}"),
        ("HEAD", "/albums/7", "GET /albums/{id}"),
        ("DELETE", "/albums/7", "* /albums/{id}"),
        ("GET", "/albums/mine", "GET /albums/mine"),
        ("GET", "/albums/Mine", "GET /albums/{id}"),
        ("GET", "/albums/7/cover", "GET /albums/{id}/{part}"),
        ("GET", "/films/7/cover", "GET /{kind}/{id}/cover"),
        ("GET", "/albums/7/", None),
        ("GET", "/albums//cover", None),
        ("DELETE", "/albums/mine", None),
        ("DELETE", "/albums", None),
        ("PUT", "/albums", None),
        ("GET", "/Albums", None),
        ("GET", "/films", None),
        ("GET", "/albums/7/8/9", None),
        ("GET", "", None),
        ("GET", "albums", None),
        ("get", "/albums", None),
        ("*", "/albums/7", None),
        ("PROPFIND", "/albums/7", None),
        ("CONNECT", "/albums/7", None),
    ],
)
def test_the_most_literal_template_judges_and_what_is_not_listed_is_refused(method, path, judged_by):
    rule = ALBUMS.rule_for(method, path)
    assert judged_by == (None if rule is None else f"{rule.method} {rule.path}")


def test_the_order_of_the_rows_does_not_matter():
    turned = api(*((rule.method, rule.path, rule.need) for rule in reversed(ALBUMS.rules)))
    for path in ("/albums", "/albums/7", "/albums/mine", "/albums/7/cover", "/films/7/cover", "/x"):
        for method in METHODS:
            assert ALBUMS.rule_for(method, path) == turned.rule_for(method, path)


@pytest.mark.parametrize(
    ("method", "path", "need"),
    [
        ("GET", "albums", R),
        ("GET", "/a//b", R),
        ("GET", "/a/./b", R),
        ("GET", "/a/..", R),
        ("GET", "/a?b", R),
        ("GET", "/a#b", R),
        ("GET", "/a%2fb", R),
        ("GET", "/{a}{b}", R),
        ("GET", "/{+a}", R),
        ("GET", "/{}", R),
        ("GET", "/{a b}", R),
        ("GET", "/*", R),
        ("get", "/a", R),
        ("TRACE", "/a", R),
        ("GET", "/a", frozenset()),
    ],
)
def test_a_row_that_could_be_misread_is_refused(method, path, need):
    with pytest.raises(ValueError, match="rule"):
        Rule(method, path, need)


@pytest.mark.parametrize(
    ("rules", "members", "words"),
    [
        ([("GET", "/a", R), ("GET", "/a", W)], {}, "two rules"),
        ([("GET", "/{a}", R), ("GET", "/{b}", W)], {}, "two rules"),
        ([("GET", "/a", frozenset({"x"}))], {}, "not among the scopes"),
        ([], {"scopes": SCOPES * 2}, "defined twice"),
        ([], {"identifier": "photos"}, "absolute URI"),
        ([], {"identifier": "https://api.example/#x"}, "absolute URI"),
        ([], {"token_alg": "none"}, "token_alg"),
        ([], {"token_alg": "HS256"}, "token_alg"),
        ([], {"token_lifetime": 0}, "token_lifetime"),
        ([], {"token_lifetime": 86_401}, "at most 86400 seconds"),
    ],
)
def test_a_contradiction_is_named(rules, members, words):
    with pytest.raises(ApiMistakes, match=words):
        api(*rules, **members)


@given(st.lists(st.frozensets(st.sampled_from("abcd"), min_size=1), min_size=1, max_size=9))
def test_of_alternatives_those_remain_that_hold_no_other(sets):
    """FS48: as comparing each with each would find; however they are written, the row is the same."""
    rule = rule_of("GET", "/x", sets)
    least = {one for one in sets if not any(other < one for other in sets)}
    assert set(rule.alternatives) == least
    assert rule == rule_of("GET", "/x", reversed(sets))


class Compared(frozenset):
    """A set that counts how often it is compared."""

    count = 0

    def __lt__(self, other):
        Compared.count += 1
        return frozenset.__lt__(self, other)


def test_many_alternatives_are_not_compared_each_with_each():
    """U2: a document of others may have thousands; they would take minutes."""
    sets = {Compared({f"a{number}", f"b{number % 50}"}) for number in range(5_000)}
    assert len(apis._least(sets)) == 5_000
    assert Compared.count < 50_000


MANY = [{f"a{number}", "b"} for number in range(101)]


def test_a_row_has_a_hundred_alternatives_at_most():
    """U2: they are compared with each other; repeated ones count once, and what is stored already is read."""
    assert len(rule_of("GET", "/x", [*MANY[:100], MANY[0]]).alternatives) == 100
    with pytest.raises(ValueError, match="rule GET /x: 101 alternatives are too many: at most 100 sets"):
        rule_of("GET", "/x", MANY)
    assert len(Rule("GET", "/x", any_of=tuple(map(frozenset, MANY))).alternatives) == 101


def test_a_list_that_all_operations_share_is_compared_once():
    """U2: however many inherit it."""
    apis._in_order.cache_clear()
    for number in range(1_000):
        rule_of("GET", f"/x/{number}", MANY[:100])
    assert apis._in_order.cache_info().misses == 1


def test_a_document_with_too_many_alternatives_is_told_where_they_are():
    """U2: in one operation, or for all; before any two of them are compared."""
    many = [{"oauth": sorted(one)} for one in MANY]
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Photos", "version": "1"},
        "components": {"securitySchemes": {"oauth": {"type": "openIdConnect"}}},
        "security": many,
        "paths": {"/photos": {"get": {"security": many}, "put": {"security": many[:100]}}},
    }
    told = {as_json_pointer(one.pointer): one.words for one in read_openapi(document).mistakes}
    words = "101 alternatives are too many: at most 100 sets of scopes, each of them enough"
    assert told == {"#/paths/~1photos/get/security": words, "#/security": words}
