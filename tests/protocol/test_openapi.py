"""OpenAPI documents: what their security means for each operation, what is suggested, and the way back."""

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from grantway.protocol.api_changes import lines_between, merge
from grantway.protocol.apis import Access, Api, ApiScope, Rule, Sensitivity
from grantway.protocol.openapi import read_openapi
from grantway.protocol.openapi_api import Unprotected, propose, resource_of
from grantway.protocol.openapi_export import document_of, filled_in
from grantway.protocol.openapi_security import as_json_pointer

ISSUER = "https://id.example"
SCHEMES = {
    "oauth": {
        "type": "oauth2",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "https://old.example/a",
                "tokenUrl": "https://old.example/t",
                "scopes": {"read": "Read  your\nphotos", "write": "", "unused": "Never needed"},
            },
            "clientCredentials": {"tokenUrl": "https://old.example/t", "scopes": {"write": "Add photos"}},
        },
    },
    "oidc": {
        "type": "openIdConnect",
        "openIdConnectUrl": "https://old.example/.well-known/openid-configuration",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "alias": {"$ref": "#/components/securitySchemes/oauth"},
}


def document(paths=None, **members):
    return {
        "openapi": "3.1.0",
        "info": {"title": "Photos API", "version": "1.4.0"},
        "servers": [{"url": "https://api.example/photos"}],
        "paths": {} if paths is None else paths,
        "components": {"securitySchemes": SCHEMES},
        **members,
    }


def get(security=None, **more):
    own = {} if security is None else {"security": security}
    return {"get": {**own, "responses": {"200": {"description": "yes"}}, **more}}


def proposal(given, **members):
    reading = read_openapi(given)
    assert reading.mistakes == ()
    wishes = {"name": "photos", "identifier": "https://api.example/photos", **members}
    return propose(reading, **wishes)


def rule(given, method="GET", path="/photos", **members):
    return proposal(given, **members).api.rule_for(method, path)


@pytest.mark.parametrize(
    ("security", "need"),
    [
        ([{"oauth": ["read"]}], ["read"]),
        ([{"oauth": ["read", "write"]}], ["read+write"]),
        ([{"oauth": ["read"]}, {"oauth": ["write"]}], ["read", "write"]),
        ([{"oauth": ["read"]}, {"key": []}], ["read"]),
        ([{"oauth": ["read"], "key": []}], ["read"]),
        ([{"oauth": ["read"], "oidc": ["write"]}], ["read+write"]),
        ([{"oidc": ["photos.read"]}], ["photos.read"]),
        ([{"alias": ["read"]}], ["read"]),
        ([{"oauth": ["read", "write"]}, {"oidc": ["read"]}], ["read"]),
        ([{"oidc": ["openid", "read"]}], ["read"]),
        # Nothing of these names a scope of the API: one is suggested.
        ([{"key": []}], ["photos:read"]),
        ([{"oauth": []}], ["photos:read"]),
        ([{"oauth": []}, {"oauth": ["read"]}], ["photos:read"]),
        ([{"oidc": ["openid", "profile"]}], ["photos:read"]),
        (None, ["photos:read"]),
    ],
)  # fmt: skip
def test_the_security_of_an_operation_becomes_the_needs_of_its_row(security, need):
    """FC1: any requirement is enough, each needs all its scopes; one that asks for no token is no way in."""
    found = rule(document({"/photos": get(security)}))
    assert ["+".join(sorted(one)) for one in found.alternatives] == need


@pytest.mark.parametrize(
    ("everywhere", "own", "unprotected", "said"),
    [
        (None, None, True, False),
        (None, [], True, True),
        ([], None, True, True),
        ([{"oauth": ["read"]}], [], True, True),
        ([{"oauth": ["read"]}], None, False, False),
        ([{"oauth": ["read"]}], [{}, {"oauth": ["read"]}], True, True),
        ([], [{"key": []}], False, False),
    ],
)
def test_an_operation_is_unprotected_when_nothing_need_be_shown(everywhere, own, unprotected, said):
    """FC1: its own security stands in place of the document's, an empty requirement makes it optional."""
    everywhere = {} if everywhere is None else {"security": everywhere}
    (found,) = read_openapi(document({"/photos": get(own)}, **everywhere)).operations
    assert (found.unprotected, found.said_so) == (unprotected, said)


@pytest.mark.parametrize(
    ("wish", "said", "silent"),
    [
        (Unprotected.AS_SAID, "public", "scopes"),
        (Unprotected.SUGGEST, "scopes", "scopes"),
        (Unprotected.PUBLIC, "public", "public"),
        (Unprotected.DENY, "deny", "deny"),
    ],
)
def test_what_is_unprotected_becomes_what_the_operator_wishes(wish, said, silent):
    """FC1: a document that says nothing opens nothing."""
    given = document({"/said": get([]), "/silent": get()})
    for path, access in (("/said", said), ("/silent", silent)):
        assert rule(given, path=path, unprotected=wish).access is Access(access)


def test_scopes_have_the_sentences_of_the_document_and_kinds_by_what_they_allow():
    """FS46: what a person will read at consent."""
    paths = {"/photos": {**get([{"oauth": ["read"]}]), "post": {"security": [{"oauth": ["write"]}]}},
             "/x": get([{"oidc": ["extra"]}]), "/albums/{id}": {"delete": {}}}  # fmt: skip
    made = proposal(document(paths))
    assert {(one.name, one.description, one.sensitivity.value) for one in made.api.scopes} == {
        ("read", "Read your photos", "read"),
        ("write", "Add photos", "write"),
        ("unused", "Never needed", "normal"),
        ("extra", "Use extra", "read"),
        ("albums:write", "Change albums", "write"),
    }
    assert made.suggested == {"albums:write"}
    assert made.api.servers == ("https://api.example/photos",)


def test_a_scope_that_reads_is_no_change_because_another_is_needed_beside_it():
    """FS46: "Can see" beside "See your photos", though DELETE needs it and the scope to delete."""
    paths = {
        "/photos": {**get([{"oauth": ["read"]}]), "delete": {"security": [{"oauth": ["read", "write"]}]}}
    }
    kinds = {one.name: one.sensitivity.value for one in proposal(document(paths)).api.scopes}
    assert (kinds["read"], kinds["write"]) == ("read", "write")
    paths["/x"] = get([{"oauth": ["write"]}])  # both are read with: nobody can tell which one changes
    kinds = {one.name: one.sensitivity.value for one in proposal(document(paths)).api.scopes}
    assert (kinds["read"], kinds["write"]) == ("write", "write")


@pytest.mark.parametrize("said", ["photos.read", "photos/read", "photos-read", "photos_read", "photos:read"])
def test_a_suggestion_is_spelt_as_the_scopes_of_the_document(said):
    """FC1: no `photos:read` beside the document's own `photos.read`."""
    given = document({"/photos/{id}": get([{"oauth": [said]}]), "/photos": get()})
    made = proposal(given)
    assert [one.need for one in made.api.rules] == [{said}, {said}]
    assert not made.suggested


def test_a_suggestion_takes_no_name_that_means_something_elsewhere():
    """One scope means one thing in the registry."""
    found = rule(document({"/photos": get()}), taken={"photos:read"})
    assert found.need == {"photos.photos:read"}


@pytest.mark.parametrize(
    ("path", "resource"),
    [("/photos/{id}", "photos"), ("/v1/Photo-Albums", "photo_albums"), ("/api/v2.1/x", "x"),
     ("/{tenant}/users", "users"), ("/", "shop"), ("/{id}", "shop"), ("/2010-04-01/A.json", "2010_04_01")],
)  # fmt: skip
def test_a_path_is_about_its_first_word(path, resource):
    assert resource_of(path, "shop") == resource


@pytest.mark.parametrize(
    ("servers", "address", "found"),
    [
        ([{"url": "/v1"}], "https://api.example/openapi.yaml", ["https://api.example/v1"]),
        ([{"url": "/v1"}], "openapi.yaml", []),
        ([{"url": "https://{region}.example/v1/", "variables": {"region": {"default": "eu"}}}], "",
         ["https://eu.example/v1"]),
        ([{"url": "https://a.example"}, {"url": "https://a.example/"}], "", ["https://a.example"]),
        ([{"url": "https://a.example?x"}, {"url": "{scheme}://b"}], "", []),
    ],
)  # fmt: skip
def test_servers_are_those_that_a_guard_can_know(servers, address, found):
    assert list(proposal(document(servers=servers), address=address).api.servers) == found


@pytest.mark.parametrize(
    ("given", "pointer", "words"),
    [
        ([], "#", "must be an object"),
        ({"swagger": "2.0"}, "#/swagger", "Swagger 2.0 is not read"),
        (document(openapi="4.0.0"), "#/openapi", "OpenAPI '4.0.0' is not known; known: 3.0 and 3.1"),
        (document(openapi=3.1), "#/openapi", "OpenAPI 3.1 is not known"),
        (document(info={"version": "1"}), "#/info/title", "is missing"),
        (document(paths=[]), "#/paths", "must be an object"),
        (document({"photos": get()}), "#/paths/photos", "a path starts with /"),
        (document({"/a": 7}), "#/paths/~1a", "must be an object"),
        (document({"/a/{x}": {"get": 7}}), "#/paths/~1a~1{x}/get", "must be an object"),
        (document({"/a": get(7)}), "#/paths/~1a/get/security", "must be a list"),
        (document({"/a": get([7])}), "#/paths/~1a/get/security/0", "must be an object"),
        (document({"/a": get([{"nope": []}])}), "#/paths/~1a/get/security/0/nope",
         "no security scheme is named 'nope'; there: oauth, oidc, key, alias"),
        (document({"/a": get([{"oauth": "read"}])}), "#/paths/~1a/get/security/0/oauth", "a list of scopes"),
        (document({"/a": get([{"oauth": ["a b"]}])}), "#/paths/~1a/get/security/0/oauth/0", "a scope token"),
        (document(security={}), "#/security", "must be a list"),
        (document({"/a": {"$ref": "other.yaml#/a"}}), "#/paths/~1a/$ref", "bundle the document first"),
        (document({"/a": {"$ref": "https://e.example/x"}}), "#/paths/~1a/$ref", "is not followed"),
        (document({"/a": {"$ref": "#/components/pathItems/x"}}), "#/paths/~1a/$ref", "leads nowhere"),
        (document({"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}}), "#/paths/~1a/$ref",
         "leads back to itself"),
        (document({"/a/{x}": get(), "/a/{y}": get()}), "#/paths/~1a~1{y}/get",
         "is the same resource as GET /a/{x}"),
        (document(components={"securitySchemes": {"x": {"type": "magic"}}}),
         "#/components/securitySchemes/x/type", "must be one of apiKey"),
        (document(components={"securitySchemes": {"x": {"$ref": "#/components/securitySchemes/x"}}}),
         "#/components/securitySchemes/x/type", "must be one of"),
        (document(components={"securitySchemes": {"x": {"type": "oauth2"}}}),
         "#/components/securitySchemes/x/flows", "is missing"),
        (document(components={"securitySchemes": {"x": {"type": "oauth2", "flows": {"implicit": {}}}}}),
         "#/components/securitySchemes/x/flows/implicit/scopes", "must be an object"),
        (document(servers=[{"url": "https://{x}.example", "variables": {"x": {}}}]),
         "#/servers/0/variables/x/default", "must be a text"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_told_with_its_place(given, pointer, words):
    """FC1: nothing is guessed where the document contradicts itself, nothing remote is followed."""
    told = {as_json_pointer(one.pointer): one.words for one in read_openapi(given).mistakes}
    assert words in told[pointer], told


def test_every_mistake_is_told_at_once():
    given = document({"/a": get([{"nope": []}]), "/b": get(7), "c": {}}, info={})
    assert len(read_openapi(given).mistakes) == 5


def test_what_nothing_can_guard_is_left_out_and_named():
    """Not listed is refused."""
    given = document({"/a#b": get(), "/c": {"trace": {}}, "/d": get()})
    reading = read_openapi(given)
    assert [str(one) for one in reading.operations] == ["GET /d"]
    assert [one.words.partition(":")[0] for one in reading.notes] == [
        "GET /a#b is left out, so it is refused",
        "TRACE /c is left out, so it is refused",
    ]


def test_references_within_the_document_are_followed():
    item = get([{"oauth": ["write"]}])
    given = document({"/a": {"$ref": "#/components/pathItems/a~1b"}, "x-note": 7})
    given["components"] = {"securitySchemes": SCHEMES, "pathItems": {"a/b": item}}
    assert rule(given, path="/a").need == {"write"}


def test_progress_is_told_for_each_operation():
    told = []
    read_openapi(document({f"/{n}": get() for n in range(5)}), progress=lambda *at: told.append(at))
    assert told == [(n, 5) for n in range(1, 6)]


# --- the way back -------------------------------------------------------------------------------------

WHOLE = Api(
    identifier="https://api.example/photos",
    name="photos",
    servers=("https://api.example/photos",),
    scopes=tuple(ApiScope(name=one, description=f"Use {one}") for one in ("a", "b", "c")),
    rules=(
        Rule("GET", "/photos/{id}", frozenset("a")),
        Rule("PUT", "/photos/{id}", any_of=(frozenset("ab"), frozenset("c"))),
        Rule("GET", "/files/{name}.{ext}", frozenset("b")),
        Rule("GET", "/health", access=Access.PUBLIC),
    ),
)


def test_an_exported_document_is_good_openapi_and_says_the_same():
    """FC1: import, export and import again plan nothing."""
    made = document_of(WHOLE, issuer=ISSUER)
    assert list(OpenAPIV31SpecValidator(made).iter_errors()) == []
    back = proposal(made).api
    assert back.rules == WHOLE.rules
    assert [(one.name, one.description) for one in back.scopes] == [
        (one.name, one.description) for one in WHOLE.scopes
    ]
    assert back.servers == WHOLE.servers


def test_rows_that_openapi_has_no_words_for_are_spelled_out_or_left_out():
    api = Api(
        identifier="urn:x",
        name="x",
        scopes=WHOLE.scopes[:1],
        rules=(
            Rule("*", "/a", frozenset("a")),
            Rule("DELETE", "/a", access=Access.DENY),
            Rule("*", "/b", access=Access.DENY),
            Rule("QUERY", "/c", frozenset("a")),
        ),
    )
    made = document_of(api, issuer=ISSUER)["paths"]
    assert {path: set(item) for path, item in made.items()} == {
        "/a": {"get", "put", "post", "options", "head", "patch"}
    }


def test_a_document_is_filled_in_with_the_security_of_its_rows():
    """FC1: the security is ours, everything else is as it was."""
    paths = {"/photos/{item}": get([{"key": []}], parameters=[{"name": "item", "in": "path", "required": True,
             "schema": {"type": "string"}}]), "/health": get(), "/gone": get()}  # fmt: skip
    given = document(paths, openapi="3.0.3")
    filled, refused = filled_in(given, WHOLE, issuer=ISSUER)
    assert list(OpenAPIV30SpecValidator(filled).iter_errors()) == []
    assert filled["paths"]["/photos/{item}"]["get"]["security"] == [{"grantway": ["a"]}]
    assert filled["paths"]["/health"]["get"]["security"] == []
    assert "security" not in filled["paths"]["/gone"]["get"]
    assert refused == ("GET /gone",)
    assert given["paths"]["/photos/{item}"]["get"]["security"] == [{"key": []}], "the original is untouched"
    flow = filled["components"]["securitySchemes"]["grantway"]["flows"]["authorizationCode"]
    assert flow["tokenUrl"] == f"{ISSUER}/token"
    assert flow["scopes"] == {"a": "Use a", "b": "Use b", "c": "Use c"}


# --- a new document over an older one ------------------------------------------------------------------


def definition(rows, scopes="abc", **members):
    return Api(
        identifier="urn:x",
        name="x",
        scopes=tuple(ApiScope(name=one, description=f"Use {one}") for one in scopes),
        rules=tuple(Rule(*row.split()[:2], frozenset(row.split()[2:])) for row in rows),
        **members,
    )


def merged(ours, base, theirs, *, prune=False):
    found = merge(ours, base, theirs, prune=prune)
    return [f"{one} {' '.join(sorted(one.need))}" for one in found.api.rules], found


@pytest.mark.parametrize(
    ("ours", "base", "theirs", "prune", "then"),
    [
        ([], [], ["GET /a a"], False, ["GET /a a"]),
        (["GET /a a"], ["GET /a a"], ["GET /a b"], False, ["GET /a b"]),
        (["GET /a c"], ["GET /a a"], ["GET /a a"], False, ["GET /a c"]),  # changed by hand
        (["GET /a c"], ["GET /a a"], ["GET /a b"], False, ["GET /a b"]),
        ([], ["GET /a a"], ["GET /a a"], False, []),  # taken out by hand
        (["GET /a a", "GET /b b"], ["GET /a a", "GET /b b"], ["GET /a a"], False, ["GET /a a", "GET /b b"]),
        (["GET /a a", "GET /b b"], ["GET /a a", "GET /b b"], ["GET /a a"], True, ["GET /a a"]),
        (["GET /a a", "GET /hand b"], ["GET /a a"], ["GET /a a"], True, ["GET /a a", "GET /hand b"]),
        (["GET /hand b"], None, ["GET /a a"], False, ["GET /hand b", "GET /a a"]),
        (["GET /hand b"], None, ["GET /a a"], True, ["GET /hand b", "GET /a a"]),
        (["GET /a a"], None, ["GET /a b"], False, ["GET /a b"]),
        (["GET /a/{x} a"], ["GET /a/{x} a"], ["GET /a/{y} a"], False, ["GET /a/{y} a"]),
    ],
)  # fmt: skip
def test_a_document_changes_what_it_changed_and_nothing_else(ours, base, theirs, prune, then):
    """FC1: hand-made changes stay, what is gone is kept unless pruned."""
    rows, found = merged(
        definition(ours), None if base is None else definition(base), definition(theirs), prune=prune
    )
    assert rows == then
    again = merge(found.api, found.read, definition(theirs), prune=prune)
    assert lines_between(found.api, again.api) == (), "a second time there is nothing to do"
    assert again.read == found.read


def test_gone_scopes_stay_while_a_row_needs_them_and_renamed_ones_are_recognised():
    base = definition(["GET /a a", "GET /b b"], "ab")
    theirs = definition(["GET /a x", "GET /b b"], "xb")
    _, kept = merged(base, base, theirs)
    assert (kept.gone_scopes, dict(kept.renamed)) == (("a",), {"a": "x"})
    assert {one.name for one in kept.api.scopes} == {"a", "b", "x"}
    _, pruned = merged(base, base, theirs, prune=True)
    assert {one.name for one in pruned.api.scopes} == {"b", "x"}
    by_hand = definition(["GET /a a", "GET /b b", "GET /mine a"], "ab")
    _, pruned = merged(by_hand, base, theirs, prune=True)
    assert {one.name for one in pruned.api.scopes} == {"a", "b", "x"}, "a row made by hand needs it"


def test_marks_made_by_hand_stay_when_the_sentence_changes():
    base = definition([], "a")
    mine = ApiScope(name="a", description="Use a", sensitivity=Sensitivity.SENSITIVE, default=True)
    ours = Api(identifier="urn:x", name="x", scopes=(mine,))
    theirs = Api(identifier="urn:x", name="x", scopes=(ApiScope(name="a", description="New words"),))
    (scope,) = merge(ours, base, theirs, prune=False).api.scopes
    assert (scope.description, scope.sensitivity, scope.default) == ("New words", Sensitivity.SENSITIVE, True)
