"""Why a request did not pass a gateway: a diagnosis for each cause, and what to do next."""

import pytest

from grantway.protocol.catalogue import CATALOGUE
from grantway.protocol.diagnosis import Gw
from grantway.settings import GatewaySettings
from tests.decisions.asking import HOST, bearer, gate_on
from tests.diagnosis.looked_up import looked_up_by
from tests.node import sqlite_url

ADD_ROW = "`grantway api edit Photos --add-rule"
ADD_SERVER = "`grantway api edit Photos --add-server https://HOST/BASE`"


@pytest.mark.parametrize(
    ("asked", "gw", "fix"),
    [
        (
            ("POST", "/v1/photos", HOST),
            Gw.API_LACKS_SCOPE,
            "Let the app ask for photos:write with resource=https",
        ),
        (("DELETE", "/v1/photos", HOST), Gw.API_UNLISTED, "/photos has rules for GET, OPTIONS, POST alone."),
        (("DELETE", "/v1/photos", HOST), Gw.API_UNLISTED, f"{ADD_ROW} 'DELETE /photos SCOPE'`"),
        (
            ("GET", "/v1/album's", HOST),
            Gw.API_UNLISTED,
            "No rule has the path /album's (below the base of the",
        ),
        (("GET", "/v1/album's", HOST), Gw.API_UNLISTED, f"{ADD_ROW} 'GET /album'\"'\"'s SCOPE'`"),
        (("GET", "/v1/internal", HOST), Gw.API_DENIED, "--remove-rule 'GET /internal'`"),
        (("GET", "/photos", HOST), Gw.API_UNKNOWN, "Photos is at https://api.example/v1, and the path"),
        (("GET", "/photos", HOST), Gw.API_UNKNOWN, ADD_SERVER),
        (("GET", "/v1/photos", "else.example"), Gw.API_UNKNOWN, "No API has the host else.example."),
        (("GET", "/v1//photos", HOST), Gw.GATEWAY_UNREADABLE, ""),
    ],
)
async def test_each_cause_says_what_to_do_next(gate, reader, asked, gw, fix):
    """FU1, FU2, FC2: wrong scope, method, path, rule, base, host, spelling."""
    method, target, host = asked
    answer = await gate.ask("nginx", method, target, bearer(reader), host=host)
    record = await looked_up_by(gate.node, answer["grantway-flow"])
    assert gw == record["diagnosis"]
    assert fix in record.get("fix", "")
    assert CATALOGUE[gw].errors[0] == record["error"]


@pytest.mark.parametrize("named", ["https://api.example/photos", "https://nobody.example"])
async def test_an_api_that_the_gateway_names_is_looked_for_by_its_name(gate, reader, named):
    """FU1: its base, or that there is none."""
    answer = await gate.ask("nginx", "GET", "/photos", bearer(reader), api=named)
    record = await looked_up_by(gate.node, answer["grantway-flow"])
    assert Gw.API_UNKNOWN == record["diagnosis"]
    assert ("below none of its servers" if "photos" in named else "is not there") in record["fix"]
    assert record["received"] == f"GET {HOST}/photos for {named}"


async def test_a_path_of_two_readings_is_quoted_to_the_operator_alone(gate, reader):
    """FU1: which one it was, without its query, in which there may be a token."""
    answer = await gate.ask("nginx", "GET", "/v1/../photos?access_token=x", bearer(reader))
    record = await looked_up_by(gate.node, answer["grantway-flow"])
    assert record["message"] == "Not accepted: the path holds a dot segment: /v1/../photos"
    assert "photos" not in answer["www-authenticate"]


@pytest.mark.parametrize("lines", [[], ["Authorization: Bearer gwat_0"], ["Authorization: Basic eDp5"]])
async def test_a_token_that_is_none_is_the_tokens_fault(gate, lines):
    """FU1: not a rule's."""
    answer = await gate.ask("nginx", "GET", "/v1/photos", *lines)
    assert Gw.API_REFUSED == (await looked_up_by(gate.node, answer["grantway-flow"]))["diagnosis"]


async def test_a_stranger_that_asks_is_named(tmp_path):
    """FU1, O3."""
    async with gate_on(sqlite_url(tmp_path), gateways=GatewaySettings(trusted=("192.0.2.1",))) as gate:
        answer = await gate.ask("nginx", "GET", "/v1/photos")
        record = await looked_up_by(gate.node, answer["grantway-flow"])
    assert (Gw.GATEWAY_UNKNOWN, "one of gateways.trusted") == (record["diagnosis"], record["expected"])
