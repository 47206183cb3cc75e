"""Every endpoint is asked what its OpenAPI description allows, and what it does not (Schemathesis).

The gate asks the same few hundred every time. Ten thousand, other ones each time, and how many there were:

    make test T=tests/openapi ARGS="--hypothesis-profile=openapi-deep -s"
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
import requests
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import validate
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from grantway.flows.throttles import Throttles
from grantway.protocol.clients import ClientType
from grantway.protocol.endpoints import REVOCATION_STREAM
from grantway.protocol.errors import ERRORS
from grantway.protocol.names import GrantType
from grantway.protocol.scope import Scope
from grantway.settings import GatewaySettings
from grantway.web.requests import MAX_BODY
from grantway.web.routes import ROUTES
from scripts.endpoints_page import details
from scripts.openapi_page import document
from tests.node import CALENDAR, CALLBACK, PHOTOS, Node, Visitor, seeded_node, sqlite_url, web_client

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
IDS = ["printer", "cli", "photos_api"]
# What leads further than a text of chance, by the name of the parameter.
KNOWN = {
    "client_id": IDS,
    "redirect_uri": [CALLBACK, "http://127.0.0.1/cb"],
    "response_type": ["code"],
    "code_challenge_method": ["S256"],
    "code_challenge": ["x" * 43],
    "scope": ["photos:read", "openid photos:read", "photos:write"],
    "resource": [PHOTOS.identifier, CALENDAR.identifier],
    "prompt": ["none", "login"],
    "post_logout_redirect_uri": [CALLBACK],
    "X-Original-Method": ["GET", "POST"],
    "X-Forwarded-Method": ["GET", "POST"],
    "X-Original-URL": ["https://api.example/photos", "https://api.example/photos/7?x=y"],
    "X-Forwarded-Host": ["api.example"],
    "X-Forwarded-Uri": ["/photos", "/photos/7?x=y", "/photos/../x"],
    "X-Grantway-Api": [PHOTOS.identifier],
    "api": [PHOTOS.identifier],
    "login": ["1"],
    "token": ["TOKEN"],
    "grant_type": ["client_credentials"],
    "path": ["photos", "calendar", "photos/7"],
}


def described() -> dict:
    """The document of the reference, the values that we know, and the pages that it says nothing about."""
    whole = document()
    for path, methods in ROUTES.items():
        if path in details() or path.startswith(ERRORS):
            continue
        form = {"type": "object", "additionalProperties": {"type": "string"}}
        x = {"name": "x", "in": "query", "schema": {"type": "string"}}
        body = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}
        said = {"responses": {"default": {"description": "a page"}}}
        page = {"GET": {"parameters": [x], **said}, "POST": {"requestBody": body, **said}}
        whole["paths"][path] = {method.lower(): page[method] for method in methods if method in page}
    for item in whole["paths"].values():
        for parameter in item.get("parameters", []):
            parameter["schema"] = led(parameter["name"], parameter["schema"])
        for operation in (one for name, one in item.items() if name != "parameters"):
            operation.pop("security", None)  # we bring our own
            for parameter in operation.get("parameters", []):
                parameter["schema"] = led(parameter["name"], parameter["schema"])
            for media in operation.get("requestBody", {}).get("content", {}).values():
                own = media["schema"].get("properties", {})
                own.update({name: led(name, schema) for name, schema in own.items()})
    return whole


def led(name: str, schema: dict) -> dict:
    known = KNOWN.get(name)
    if known is None:
        return schema
    values = {"enum": known}
    if schema.get("type") == "array":
        return {**schema, "items": {"anyOf": [values, schema["items"]]}}
    return {"anyOf": [values, schema]}


OPERATIONS = {
    found.ok().label: found.ok() for found in schemathesis.openapi.from_dict(described()).get_all_operations()
}


@dataclass
class Asked:
    """The server, ways to be somebody, and what was answered."""

    node: Node
    ways: list[dict[str, str]]
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)


@pytest.fixture(scope="module")
async def asked(tmp_path_factory) -> AsyncIterator[Asked]:
    folder = tmp_path_factory.mktemp("openapi")
    here = GatewaySettings(trusted=("127.0.0.1",))
    async with seeded_node(sqlite_url(folder), gateways=here) as node:
        # Thousands of refusals from one address; that they are throttled is tested by threat H6.
        patient = Throttles(burst=10**9, seconds_each=0.1, clock=time.monotonic)
        object.__setattr__(node.server, "failures", patient)  # frozen, as it is made once
        await node.put_api(replace(PHOTOS, servers=("https://api.example",)))
        nothing = {"redirect_uris": (), "grant_types": frozenset(), "optional_scope": Scope()}
        await node.put_client(
            web_client("photos_api", type="resource_server", api=PHOTOS.identifier, scope=Scope(), **nothing)
        )
        robot = {"grant_types": frozenset({GrantType.CLIENT_CREDENTIALS}), "scope": Scope.of(["photos:read"])}
        await node.put_client(web_client("robot", **{**nothing, "type": ClientType.MACHINE, **robot}))
        visitor = Visitor(node)
        await visitor.tokens(scope="photos:read")
        token = (await visitor.tokens(scope="photos:read"))["access_token"]
        cookies = "; ".join(f"{one.name}={one.value}" for one in visitor.http.cookies.jar)
        known = [node.basic(client_id) for client_id in ("printer", "photos_api", "robot")]
        ways = [{}, *known, {"authorization": f"Bearer {token}"}, {"cookie": cookies}]
        ways += [{"host": "api.example"}, {"host": "api.example", "authorization": f"Bearer {token}"}]
        found = Asked(node, ways)
        yield found
        statuses = Counter(status for _, status in found.answers.elements())
        total = f"{found.answers.total()} requests to {len(OPERATIONS)} operations"
        sys.stdout.write(f"\n{total}: {sorted(statuses.items())}\n")


@pytest.mark.parametrize("label", OPERATIONS)
async def test_an_endpoint_answers_as_it_is_described(asked, label):
    """O8, DC03, RX12: no 5xx; status, content type, headers and shape are those of the reference."""
    profile = settings.get_current_profile_name()
    chosen = settings.get_profile(profile if profile == "openapi-deep" else "openapi")
    operation = OPERATIONS[label]
    ways = asked.ways
    if REVOCATION_STREAM in label:  # what the API's own client is told there has no end: `tests/revocations`
        ways = [way for way in ways if way != asked.node.basic("photos_api")]
    own = (await Visitor(asked.node).tokens(scope="photos:read"))["access_token"]

    def ask(mode: GenerationMode) -> None:
        with requests.Session() as session:
            session.trust_env = False

            @chosen
            @given(operation.as_strategy(generation_mode=mode), st.sampled_from(ways))
            def once(case, way) -> None:
                if isinstance(case.body, dict) and case.body.get("token") == "TOKEN":
                    case.body["token"] = own
                reply = case.call(asked.node.issuer, session, headers=way, allow_redirects=False, timeout=30)
                asked.answers[label, reply.status_code] += 1
                case.validate_response(reply, checks=CHECKS)

            try:
                once()
            except Unsatisfiable:  # without parameters nothing is wrong with any request
                assert mode is GenerationMode.NEGATIVE
                assert not operation.definition.raw.get("parameters")
                assert "requestBody" not in operation.definition.raw

    for mode in GenerationMode:
        await asyncio.to_thread(ask, mode)


async def test_a_form_that_is_too_long_is_answered_as_described(asked):
    """U2: every endpoint of the reference that takes a form says what happens to a long one."""
    async with asked.node.http() as http:
        for path, item in document()["paths"].items():
            if "requestBody" in item.get("post", {}):
                reply = await http.post(path, data={"x": "x" * MAX_BODY})
                content = item["post"]["responses"][str(reply.status_code)]["content"]
                assert 413 == reply.status_code
                assert reply.headers["content-type"].partition(";")[0] in content


def test_the_document_is_a_valid_one():
    """FN17: by another reader than ours."""
    validate(document())
