"""What a definition demands of a sign-in: written, read, compared, kept when a document comes in."""

from dataclasses import replace

import pytest

from grantway.protocol.api_access import decide
from grantway.protocol.api_changes import lines_between, merge
from grantway.protocol.api_findings import findings
from grantway.protocol.api_tables import read_apis, table_of
from grantway.protocol.apis import Access, Api, ApiMistakes, ApiScope, Rule
from grantway.protocol.scope import Scope
from grantway.protocol.step_up import StepUp
from grantway.protocol.tokens import SignIn
from grantway.sdk import AccessToken
from grantway.sdk.guard import Allowed, Refused, judge
from grantway.storage.registry_rows import read_api, write_api

NOW = 1_795_262_400.0
READ, WRITE = frozenset({"photos:read"}), frozenset({"photos:write"})
API = Api(
    identifier="https://api.example/photos",
    name="photos",
    scopes=tuple(ApiScope(name=name, description=name) for name in ("photos:read", "photos:write")),
    rules=(
        Rule("GET", "/photos", READ),
        Rule("PUT", "/photos", any_of=(READ, WRITE), step_up=StepUp(acr_values=("gold",))),
        Rule("DELETE", "/photos", WRITE, step_up=StepUp(max_age=300)),
        Rule("GET", "/health", access=Access.PUBLIC),
    ),
    step_up=StepUp(max_age=86_400, acr_values=("urn:grantway:acr:1",)),
)


def test_what_is_written_is_what_is_read():
    """DC07: as a table, and in the database."""
    assert (API,) == read_apis([table_of(API)])
    assert read_api(write_api(API)) == API
    rows = table_of(API)["rules"][0]
    assert rows["DELETE"] == {"all_of": ["photos:write"], "max_age": 300}
    assert rows["PUT"] == {"any_of": ["photos:read", "photos:write"], "acr_values": ["gold"]}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"max_age": 300}, "needs at least one scope"),
        ({"all_of": ["photos:read"], "max_age": 0}, "above 0"),
        ({"all_of": ["photos:read"], "max_age": "5m"}, "whole number of seconds"),
        ({"all_of": ["photos:read"], "max_age": 10**9}, "at most 999999999"),
        ({"all_of": ["photos:read"], "acr_values": ["a b"]}, "names without spaces"),
        ({"all_of": ["photos:read"], "acr": ["gold"]}, "acr: is not known"),
    ],
)
def test_a_demand_that_cannot_be_meant_is_a_mistake(rule, told):
    """DC07: all of them, with their places."""
    table = {**table_of(API), "rules": [{"path": "/photos", "GET": rule}]}
    with pytest.raises(ApiMistakes, match=told):
        read_apis([table])


def test_a_public_row_demands_no_sign_in():
    """DC07: there is nobody to demand it of."""
    with pytest.raises(ValueError, match="demands a sign-in"):
        Rule("GET", "/health", access=Access.PUBLIC, step_up=StepUp(max_age=1))


@pytest.mark.parametrize(
    ("sign_in", "met"),
    [
        (SignIn("gold", NOW - 300), True),
        (SignIn("gold", NOW - 301), False),
        (SignIn("silver", NOW), False),
        (SignIn(None, NOW), False),
        (SignIn("gold", None), False),
        (SignIn(), False),
    ],
)
def test_what_is_not_known_of_a_sign_in_it_has_not(sign_in, met):
    """DC07: RFC 9470 §3."""
    assert met is StepUp(acr_values=("gold",), max_age=300).is_met_by(sign_in, NOW)


def test_a_change_is_a_line_and_a_version():
    """DC07: what `api diff` shows."""
    other = replace(API, step_up=None, rules=(*API.rules[:2], Rule("DELETE", "/photos", WRITE), API.rules[3]))
    assert [
        "~ step_up a sign-in as urn:grantway:acr:1 at most 86400 s ago → none",
        "~ DELETE /photos: photos:write; a sign-in at most 300 s ago → DELETE /photos: photos:write",
    ] == [str(line) for line in lines_between(API, other)]


def test_a_demand_that_nobody_can_meet_is_found():
    """DC07: named before people find it."""
    (odd,) = findings(API)
    assert "PUT /photos never lets anybody pass: no sign-in here is gold" == str(odd)


def test_a_document_that_is_imported_takes_no_demand_away():
    """DC07: OpenAPI has no word for it; a row whose scopes it changes keeps what it demands."""
    bare = replace(API, step_up=None, rules=tuple(replace(rule, step_up=None) for rule in API.rules))
    theirs = replace(bare, rules=(*bare.rules[:2], Rule("DELETE", "/photos", READ), bare.rules[3]))
    merged = merge(API, bare, theirs, prune=True).api
    assert Rule("DELETE", "/photos", READ, step_up=StepUp(max_age=300)) in merged.rules
    assert API.step_up == merged.step_up
    assert merge(merged, theirs, theirs, prune=True).api == merged
    opened = replace(theirs, rules=(*bare.rules[:2], Rule("DELETE", "/photos", access=Access.PUBLIC)))
    assert (
        Rule("DELETE", "/photos", access=Access.PUBLIC) in merge(merged, theirs, opened, prune=True).api.rules
    )


def test_a_check_says_what_would_be_demanded_besides():
    """DC07: `api check` knows scopes, and tells the rest."""
    decision = decide(API, "DELETE", "/photos", Scope(("photos:write",)))
    assert (True, True) == (decision.passes, decision.why.endswith("; a sign-in at most 300 s ago"))


def token(**claims) -> AccessToken:
    return AccessToken(
        subject="ada",
        client_id="printer",
        scope=Scope(("photos:read", "photos:write")),
        audience=frozenset({API.identifier}),
        expires_at=NOW + 60,
        token_id="t",
        grant_id="g",
        claims=claims,
    )


def test_the_sdk_demands_what_the_definition_demands():
    """DC07: by the row, else by the API; and without knowing the time, never a pass."""
    lately = token(auth_time=NOW - 10, acr="urn:grantway:acr:1")
    old = token(auth_time=NOW - 301, acr="urn:grantway:acr:1")
    assert Allowed(API.rules[2]) == judge(API, lately, "DELETE", "/photos", now=NOW)
    refused = judge(API, old, "DELETE", "/photos", now=NOW)
    assert isinstance(refused, Refused)
    assert (401, "insufficient_user_authentication", StepUp(max_age=300)) == (
        refused.status,
        refused.error,
        refused.step_up,
    )
    assert isinstance(judge(API, old, "GET", "/photos", now=NOW), Allowed)
    assert isinstance(judge(API, token(auth_time=NOW), "GET", "/photos", now=NOW), Refused)
    assert isinstance(judge(API, lately, "DELETE", "/photos"), Refused)
