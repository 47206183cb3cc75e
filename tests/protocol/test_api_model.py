"""API definitions: what a row may ask for, how it is decided, what is odd, and how it is written down."""

import msgspec
import pytest

from grantway.protocol.api_access import Outcome, decide, in_words
from grantway.protocol.api_findings import findings
from grantway.protocol.api_tables import read_apis, table_of
from grantway.protocol.apis import Access, Api, ApiMistakes, ApiScope, Rule, Sensitivity, TokenFormat, rule_of
from grantway.protocol.paths import fits, segment_shape
from grantway.protocol.registration import registry_problems
from grantway.protocol.registry import Registry
from grantway.protocol.resource_metadata import resource_metadata, resource_metadata_url
from grantway.protocol.scope import Scope

NAMES = ("a", "b", "c")
SCOPES = tuple(ApiScope(name=name, description=f"Use {name}") for name in NAMES)


def api(*rules, **members):
    given = {"identifier": "https://api.example/x", "name": "x", "scopes": SCOPES, **members}
    return Api(rules=rules, **given)


def sets(*written):
    return tuple(frozenset(one.split("+")) for one in written)


MIXED = api(
    Rule("GET", "/photos/{id}", frozenset("a")),
    Rule("PUT", "/photos/{id}", any_of=sets("a", "b")),
    Rule("PATCH", "/photos/{id}", frozenset("c"), sets("a", "b")),
    Rule("POST", "/photos", any_of=sets("a+b", "c")),
    Rule("GET", "/health", access=Access.PUBLIC),
    Rule("*", "/photos/{id}", access=Access.DENY),
)


@pytest.mark.parametrize(
    ("request_", "scopes", "outcome", "need", "missing"),
    [
        ("GET /photos/1", "a", "allowed", "a", ""),
        ("GET /photos/1", "b", "lacks_scope", "a", "a"),
        ("GET /photos/1", None, "no_token", "a", "a"),
        ("PUT /photos/1", "b", "allowed", "b", ""),
        ("PUT /photos/1", "c", "lacks_scope", "a", "a"),
        ("PATCH /photos/1", "c b", "allowed", "b c", ""),
        ("PATCH /photos/1", "b", "lacks_scope", "b c", "c"),
        ("PATCH /photos/1", "c", "lacks_scope", "a c", "a"),
        ("POST /photos", "c", "allowed", "c", ""),
        ("POST /photos", "b", "lacks_scope", "a b", "a"),
        ("POST /photos", "", "lacks_scope", "c", "c"),
        ("GET /health", None, "public", "", ""),
        ("GET /health", "", "public", "", ""),
        ("HEAD /health", None, "public", "", ""),
        ("POST /health", None, "unlisted", "", ""),
        ("DELETE /photos/1", "a b c", "denied", "", ""),
        ("GET /nothing", "a b c", "unlisted", "", ""),
        ("HEAD /photos/1", "a", "allowed", "a", ""),
    ],
)
def test_a_request_is_decided_by_all_of_any_of_public_and_deny(request_, scopes, outcome, need, missing):
    """FS45, FS47: what is needed is told as the set that is nearest to what the token has."""
    held = None if scopes is None else Scope(tuple(scopes.split()))
    found = decide(MIXED, *request_.split(), held)
    assert (Outcome(outcome), need, missing) == (found.outcome, str(found.need), str(found.missing))
    assert found.passes == (outcome in ("allowed", "public"))


def test_however_needs_are_written_rules_that_need_the_same_are_equal():
    """FS48: else a second import of the same document would plan a change."""
    one = Rule("GET", "/", frozenset("a"))
    assert one == Rule("GET", "/", any_of=sets("a")) == Rule("GET", "/", any_of=sets("a", "a+b"))
    assert rule_of("GET", "/", [["a", "b"], ["a", "c"]]) == Rule("GET", "/", frozenset("a"), sets("b", "c"))
    assert rule_of("GET", "/", [["c"], ["b"]]) == rule_of("GET", "/", [["b"], ["c"]])
    assert rule_of("GET", "/", [["a"], ["b"], ["a", "b"]]).alternatives == sets("a", "b")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"any_of": (frozenset(),)},
        {"need": frozenset("a"), "access": Access.PUBLIC},
        {"any_of": sets("a", "b"), "access": Access.DENY},
    ],
)
def test_a_row_says_one_thing(members):
    with pytest.raises(ValueError, match="rule GET /"):
        Rule("GET", "/", **members)


@pytest.mark.parametrize(
    ("segment", "text", "stands"),
    [
        ("{id}", "7", True),
        ("{id}", "", False),
        ("{id}.json", "7.json", True),
        ("{id}.json", ".json", False),
        ("{id}.json", "7.jsonx", False),
        ("v{n}", "v", False),
        ("v{n}", "v1", True),
        ("{a}...{b}", "x...y", True),
        ("{a}...{b}", "...", False),
        ("{a}...{b}", "....y", True),
        ("{a}...{b}", ".....", True),
        ("{a}-{b}-{c}", "1-2-3", True),
        ("{a}-{b}-{c}", "1--3", False),
        ("{a}-{b}-{c}", "1-2", False),
        ("users('{id}')", "users('7')", True),
        ("x", "x", True),
        ("x", "X", False),
    ],
)
def test_a_variable_takes_at_least_one_character(segment, text, stands):
    assert stands == fits(segment_shape(segment), text)


@pytest.mark.parametrize(
    ("path", "judged_by"),
    [
        ("/a/x.json", "/a/{id}.json"),
        ("/a/x.xml", "/a/{id}"),
        ("/a/list.json", "/a/list.json"),
        ("/a/x-long.json", "/a/{id}-long.json"),
        ("/b/x.json", "/{kind}/{id}.json"),
    ],
)
def test_the_longer_literal_part_wins(path, judged_by):
    rows = ["/{kind}/{id}.json", "/a/{id}", "/a/{id}.json", "/a/list.json", "/a/{id}-long.json"]
    for order in (rows, rows[::-1]):
        definition = api(*(Rule("GET", row, frozenset("a")) for row in order))
        assert judged_by == definition.rule_for("GET", path).path


def test_what_is_odd_is_found_and_named():
    """FS47: overlaps, rows that are never reached, scopes without a row."""
    every = [Rule(method, "/all", frozenset("a")) for method in
             ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "*")]  # fmt: skip
    odd = api(
        *every,
        Rule("GET", "/photos/new", frozenset("a")),
        Rule("GET", "/photos/{id}", frozenset("a")),
        Rule("DELETE", "/photos/{id}", frozenset("b")),
        Rule("GET", "/{kind}/new", frozenset("b")),
        Rule("GET", "/albums/{id}/cover", frozenset("a")),
    )
    assert [str(one) for one in findings(odd)] == [
        "* /all is never reached: every method has a rule of its own",
        (
            "/photos/new and /photos/{id} overlap: what both stand for is judged by /photos/new;"
            " refused there, for want of a rule: DELETE"
        ),
        "/photos/new and /{kind}/new overlap: what both stand for is judged by /photos/new",
        "/photos/{id} and /{kind}/new overlap: what both stand for is judged by /photos/{id}",
        "no rule needs the scope c: whoever has it may do no more than without it",
    ]
    assert findings(api(Rule("*", "/", any_of=sets("a", "b", "c")))) == ()


def test_overlaps_are_those_that_a_comparison_of_all_pairs_finds():
    segments = ("x", "y", "{v}", "{v}.json", "x.json")
    rows = [f"/{one}/{two}" for one in segments for two in segments]
    texts = ("x", "y", "z", "z.json", "x.json")
    definition = api(*(Rule("GET", row, frozenset("abc"[:1])) for row in rows), scopes=SCOPES[:1])
    both = {
        frozenset((one.path, two.path))
        for one in definition.rules
        for two in definition.rules
        if one is not two and any(one.covers((a, b)) and two.covers((a, b)) for a in texts for b in texts)
    }
    told = [frozenset(str(one).partition(" overlap")[0].split(" and ")) for one in findings(definition)]
    assert both == set(told)
    assert len(told) == len(set(told))


def test_a_definition_is_written_as_it_is_read():
    """FS48: the table that is published, or exported, makes the same API again."""
    whole = api(
        *MIXED.rules,
        aliases=("https://old.example/x",),
        servers=("https://api.example/v1", "http://localhost:8080"),
        scopes=(
            ApiScope(name="a", description="A", sensitivity=Sensitivity.READ, default=True),
            ApiScope(name="b", description="B", sensitivity=Sensitivity.SENSITIVE),
            ApiScope(name="c", description="C"),
        ),
        token_format=TokenFormat.OPAQUE,
        token_alg="RS256",
        token_lifetime=60,
    )
    table = table_of(whole)
    assert read_apis([table]) == (whole,)
    assert read_apis([msgspec.json.decode(msgspec.json.encode(table))]) == (whole,)
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Api) == whole
    assert table["rules"][0] == {
        "path": "/photos/{id}",
        "GET": ["a"],
        "PUT": {"any_of": ["a", "b"]},
        "PATCH": {"all_of": ["c"], "any_of": ["a", "b"]},
    }


@pytest.mark.parametrize(
    ("value", "mistake"),
    [
        ("open", "GET: must be a list of scopes, 'public' or 'deny', not 'open'"),
        ({"any_of": "a"}, "GET.any_of: must be a list of scopes, or of lists of scopes"),
        ({"any_of": [[]]}, "GET.any_of: must be a list"),
        ({"any_of": [7]}, "GET.any_of: must be a list"),
        ({"all_of": [], "any_of": ["a"]}, "GET.all_of: must be a list of scopes"),
        (
            {"any_of": [f"a{number}" for number in range(101)]},
            "GET.any_of: 101 alternatives are too many: at",
        ),
        ({"any_off": ["a"]}, "GET.any_off: is not known; did you mean any_of?"),
        ({}, "rule GET /: needs at least one scope"),
    ],
)
def test_a_cell_that_says_nothing_readable(value, mistake):
    table = {"name": "x", "audience": "urn:x", "scopes": [{"name": "a", "description": "A"}]}
    with pytest.raises(ApiMistakes) as told:
        read_apis([{**table, "rules": [{"path": "/", "GET": value}]}])
    assert any(one.removeprefix("apis[0] (x).rules[0]").lstrip(".: ").startswith(mistake)
               for one in told.value.mistakes), told.value  # fmt: skip


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"aliases": ("photos",)}, "alias 'photos' is not an absolute URI"),
        ({"aliases": ("https://api.example/x/",)}, "an alias repeats"),
        ({"servers": ("ftp://api.example",)}, "not an https://"),
        ({"servers": ("https://api.example/",)}, "such as https://api.example/v1"),
        ({"servers": ("https://api.example/v1/",)}, "no slash at its end"),
        ({"servers": ("https://u@api.example",)}, "without user name"),
        ({"servers": ("https://api.example?x",)}, "without user name, query"),
        ({"servers": ("https://API.example",)}, "lower case"),
        ({"servers": ("https://api.example:443",)}, "usual"),
        ({"servers": ("https://api.example/a/../b",)}, "dot segment"),
        ({"servers": ("https://api.example:x",)}, "not an address"),
        ({"servers": ("https://api.example",) * 2}, "named twice"),
    ],
)
def test_addresses_are_written_one_way(members, words):
    with pytest.raises(ApiMistakes, match=words):
        api(**members)


PHOTOS = Api(identifier="https://api.example/photos", name="photos", aliases=("https://photos.example",),
             servers=("https://api.example/photos", "https://photos.example"))  # fmt: skip
RAW = Api(identifier="urn:raw", name="raw", servers=("https://api.example/photos/raw", "http://h:81"))


@pytest.mark.parametrize(
    ("host", "path", "found"),
    [
        ("api.example", "/photos", ("photos", "/")),
        ("API.example", "/photos/1", ("photos", "/1")),
        ("api.example", "/photos/raw/1", ("raw", "/1")),
        ("api.example", "/photos/rawer", ("photos", "/rawer")),
        ("api.example", "/photosx", None),
        ("photos.example", "/", ("photos", "/")),
        ("photos.example", "/1", ("photos", "/1")),
        ("h:81", "/1", ("raw", "/1")),
        ("h", "/1", None),
    ],
)
def test_an_api_is_found_by_host_and_the_longest_base_path(host, path, found):
    at = Registry.of(1, [], [PHOTOS, RAW]).api_at(host, path)
    assert found == (None if at is None else (at[0].name, at[1]))


def test_an_alias_names_the_api_and_is_nobody_elses():
    """FU14, RFC 8707 §2: a slash more or less and an older address name the same API."""
    registry = Registry.of(1, [], [PHOTOS, RAW])
    for name in (PHOTOS.identifier, PHOTOS.identifier + "/", *PHOTOS.aliases, "https://photos.example/"):
        assert registry.find_api(name) is PHOTOS
    assert registry.find_api("https://photos.example/x") is None
    for clash in (
        Api(identifier="https://photos.example/", name="y"),
        Api(identifier="urn:y", name="y", aliases=(PHOTOS.identifier,)),
        Api(identifier="urn:y", name="y", servers=("http://photos.example",)),
        Api(identifier="urn:y", name="y", aliases=("https://id.example",)),
    ):
        both = Registry.of(1, [], [PHOTOS, clash])
        assert registry_problems(both, [], [clash.identifier], issuer="https://id.example")
        assert not registry_problems(both, [], [], issuer="https://id.example")


def test_what_an_api_tells_about_itself_follows_from_its_rows():
    """RFC 9728 §2, §3.1."""
    told = resource_metadata(MIXED, issuer="https://id.example")
    assert told["resource"] == MIXED.identifier
    assert told["authorization_servers"] == ["https://id.example"]
    assert told["scopes_supported"] == ["a", "b", "c"]
    address = "https://api.example/.well-known/oauth-protected-resource"
    assert resource_metadata_url("https://api.example/x") == f"{address}/x"
    assert resource_metadata_url("https://api.example/") == address
    assert resource_metadata_url("https://api.example?x=1") == f"{address}?x=1"
    assert resource_metadata_url("urn:x") is None


def test_needs_are_told_in_words():
    told = [in_words(rule) for rule in MIXED.rules]
    assert told == ["a", "a or b", "a and c, or b and c", "a and b, or c", "no token", "nothing passes"]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("city_library", "City library"),
        ("photos", "Photos"),
        ("photo-albums-2", "Photo albums 2"),
        ("Photo Albums", "Photo Albums"),
        ("iCal", "iCal"),
        ("api.example", "api.example"),
        ("_", "_"),
    ],
)
def test_a_name_made_for_commands_is_read_as_words(name, read):
    assert api(name=name).spoken_name == read
