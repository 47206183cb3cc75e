"""Three public APIs as their owners describe them: what is imported is what a second count finds.

The documents come from npm packages of pinned versions (tests/npm/package.json). They are counted again here
by walking the raw document, read by another parser, with none of our code.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from grantway.flows.openapi_import import Wishes, apply_import, load_document, plan_import
from grantway.protocol.apis import Access
from grantway.protocol.openapi_export import document_of, filled_in
from grantway.protocol.openapi_security import as_json_pointer

NPM = Path(__file__).parents[1] / "npm" / "node_modules"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TOKENS = {"oauth2", "openIdConnect"}


@dataclass(frozen=True)
class Real:
    """A document, and what there is to find in it."""

    file: str
    operations: int
    unprotected: int
    scopes: int  # that the document itself names


REAL = {
    "@octokit/openapi 23.0.2": Real("@octokit/openapi/generated/api.github.com.json", 1223, 1223, 0),
    "@figma/rest-api-spec 0.43.0": Real("@figma/rest-api-spec/openapi/openapi.yaml", 54, 0, 22),
    "@blockfrost/openapi 0.1.93": Real("@blockfrost/openapi/openapi.yaml", 129, 1, 0),
}


@pytest.fixture(params=REAL)
def real(request):
    package, version = request.param.rsplit(" ", 1)
    assert json.loads((NPM / package / "package.json").read_text())["version"] == version
    return REAL[request.param]


def raw_of(real):
    return (NPM / real.file).read_bytes()


def second_reading(raw):
    """By the libraries' own constructors."""
    return json.loads(raw) if raw.lstrip()[:1] == b"{" else yaml.load(raw, yaml.CSafeLoader)


def second_count(document):
    """Operations, unprotected ones and scopes, by walking the document: nothing of ours is called."""
    kinds = {name: one["type"] for name, one in document["components"].get("securitySchemes", {}).items()}
    scopes = {
        scope
        for scheme in document["components"].get("securitySchemes", {}).values()
        for flow in scheme.get("flows", {}).values()
        for scope in flow["scopes"]
    }
    operations, unprotected = 0, 0
    for item in document["paths"].values():
        for method in METHODS & item.keys():
            operations += 1
            security = item[method].get("security", document.get("security"))
            unprotected += not security or {} in security
            for requirement in security or []:
                for name, needed in requirement.items():
                    scopes |= set(needed) if kinds[name] in TOKENS else set()
    return operations, unprotected, scopes


async def test_the_counts_of_a_real_document_are_those_of_a_second_count(server, real):
    """FC1: operations, scopes and unprotected operations."""
    raw = raw_of(real)
    operations, unprotected, scopes = second_count(second_reading(raw))
    assert (operations, unprotected, len(scopes)) == (real.operations, real.unprotected, real.scopes)
    plan = await plan_import(server, load_document(raw, real.file), Wishes(name="real"))
    assert len(plan.new.rules) == operations
    assert len(plan.unprotected) == unprotected
    own = {scope.name for scope in plan.new.scopes} - plan.suggested
    assert own == scopes
    assert plan.notes == ()
    first = [str(line).removeprefix("+ ").partition(":")[0] for line in plan.lines[:unprotected]]
    assert set(first) == {str(operation) for operation in plan.unprotected}


async def test_each_row_of_a_real_document_needs_what_the_document_says(server, real):
    """FC1: row by row, against the raw document."""
    raw = raw_of(real)
    document = second_reading(raw)
    kinds = {name: one["type"] for name, one in document["components"].get("securitySchemes", {}).items()}
    plan = await plan_import(server, load_document(raw, real.file), Wishes(name="real"))
    for rule in plan.new.rules:
        operation = document["paths"][rule.path][rule.method.lower()]
        security = operation.get("security", document.get("security"))
        said = [
            {scope for name, listed in one.items() if kinds[name] in TOKENS for scope in listed}
            for one in security or []
            if any(kinds[name] in TOKENS for name in one)
        ]
        if security == []:
            assert rule.access is Access.PUBLIC, rule
        elif said:
            assert set(rule.alternatives) <= {frozenset(one) for one in said}, rule
            assert all(any(way <= one for way in rule.alternatives) for one in said), rule
        else:
            assert rule.scopes <= plan.suggested, rule
        assert plan.new.rule_for(rule.method, rule.path) == rule, "its template leads to itself"


async def test_a_second_import_of_a_real_document_plans_nothing_and_so_does_its_export(server, real):
    """FC1: through the database, and through OpenAPI and back."""
    found = load_document(raw_of(real), real.file)
    done = await apply_import(server, found, Wishes(name="real"), actor="x")
    assert done.source.digest == hashlib.sha256(raw_of(real)).hexdigest()
    again = await plan_import(server, found, Wishes(name="real", prune=True))
    assert (again.is_known, again.lines, again.kept, again.impact) == (True, (), (), ())
    (version,) = await server.store.list_api_versions(done.new.identifier)
    assert version.api == server.snapshots.current().registry.apis[done.new.identifier] == done.new
    exported = json.dumps(document_of(done.new, issuer="https://id.example")).encode()
    back = await plan_import(server, load_document(exported, real.file), Wishes(name="real"))
    assert (back.lines, back.kept) == ((), ())


async def test_a_real_document_is_filled_in_and_stays_the_same_elsewhere(server, real):
    """FC1: every operation says which of our scopes it needs; nothing else differs."""
    document = second_reading(raw_of(real))
    api = (await plan_import(server, load_document(raw_of(real), real.file), Wishes(name="real"))).new
    filled, refused = filled_in(document, api, issuer="https://id.example")
    assert refused == ()
    assert second_count(filled)[:2] == (
        real.operations,
        sum(rule.access is Access.PUBLIC for rule in api.rules),
    )
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            own = filled["paths"][path][method].pop("security")
            item[method].pop("security", None)
            assert all(set(one) == {"grantway"} for one in own)
    filled["components"]["securitySchemes"].pop("grantway")
    document["components"].setdefault("securitySchemes", {})
    assert filled == document


def test_a_place_in_a_large_document_has_its_line():
    """FC1: 13 MB of JSON, the last operation."""
    raw = raw_of(REAL["@octokit/openapi 23.0.2"])
    assert len(raw) > 10_000_000
    broken = raw.replace(
        b'"operationId": "meta/get-zen"', b'"security": [{"nobody": []}], "operationId": "x"'
    )
    with pytest.raises(Exception, match="nobody") as bad:
        load_document(broken, "github.json")
    (mistake,) = bad.value.mistakes
    assert mistake.pointer == as_json_pointer(("paths", "/zen", "get", "security", 0, "nobody"))
    assert b'{"nobody": []}' in broken.split(b"\n")[mistake.line - 1]
