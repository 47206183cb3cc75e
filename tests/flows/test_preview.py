"""What a token would say is what it says."""

import base64
import json
from dataclasses import replace

import pytest

from grantway.flows.consents import withdraw
from grantway.flows.preview import MADE_LATER, Wish, preview
from grantway.flows.registry import change_client
from grantway.flows.rejections import NotFound
from grantway.protocol.apis import TokenFormat
from grantway.protocol.names import AuthMethod, SubjectType
from grantway.protocol.scope import Scope
from tests.node import CALENDAR, PHOTOS, Visitor, machine_client, seeded_node, sqlite_url, web_client

OPENID = "openid photos:read photos:write"
CHANGES = {"iat", "exp", "auth_time", "jti", "grant_id", "at_hash", "sid"}


@pytest.fixture
async def node(tmp_path):
    async with seeded_node(sqlite_url(tmp_path)) as node:
        yield node


def claims_of(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def told(found):
    return {one.scope: (one.is_in, one.why) for one in found.scopes}


def settled(claims):
    return {name: value for name, value in claims.items() if name not in CHANGES}


@pytest.mark.parametrize("subject_type", list(SubjectType))
async def test_the_claims_are_those_of_the_token_that_is_issued_then(node, subject_type):
    """FC1: access token, ID token, lifetime, scope and refresh token; for pairwise subjects, too."""
    every = web_client().scope | Scope.of(["openid"])
    await node.put_client(web_client("app", scope=every))
    # A flow, not the store alone: the first pairwise client makes the salt.
    await change_client(node.server, "app", lambda old: replace(old, subject_type=subject_type), actor="x")
    await node.put_api(replace(PHOTOS, token_alg="RS256", token_lifetime=77))
    before = await preview(
        node.server, Wish(client_id="app", username="ada", scope=OPENID, resource=PHOTOS.identifier)
    )
    assert before.refusal is None
    assert before.asks
    issued = await Visitor(node).tokens("app", scope=OPENID, resource=PHOTOS.identifier)
    claims = claims_of(issued["access_token"])
    assert settled(before.claims) == settled(claims)
    assert set(before.claims) == set(claims)
    assert before.claims["exp"] - before.claims["iat"] == claims["exp"] - claims["iat"] == 77
    assert before.claims["jti"] == before.claims["grant_id"] == MADE_LATER
    assert (before.planned.alg, before.planned.lifetime) == ("RS256", issued["expires_in"])
    id_token = claims_of(issued["id_token"])
    assert settled(before.id_token_claims) == settled(id_token)
    assert set(before.id_token_claims) == set(id_token)
    assert before.with_refresh_token == ("refresh_token" in issued)
    assert Scope.of(one.scope for one in before.scopes if one.is_in) == Scope.parse(issued["scope"])


async def test_an_app_by_itself_gets_what_it_gets(node):
    """FC1, FS57: client credentials."""
    robot = machine_client("robot", "photos:read")
    await node.put_client(robot)
    found = await preview(node.server, Wish(client_id="robot"))
    reply = (await node.token("robot", grant_type="client_credentials")).json()
    assert settled(found.claims) == settled(claims_of(reply["access_token"]))
    assert told(found) == {"photos:read": (True, "a default scope; robot acts for itself")}
    assert not found.with_refresh_token


async def test_each_scope_is_in_or_out_for_a_reason(node):
    """FC1: what is unknown, not registered, not ticked, elsewhere, allowed before."""
    every = web_client().scope | Scope.of(["calendar:read"])
    await node.change_client("printer", scope=every)
    ada = {"client_id": "printer", "username": "ada"}
    assert told(await preview(node.server, Wish(**ada))) == {
        "photos:read": (True, "a default scope; ada is asked, and it comes with Allow"),
        "photos:write": (False, "no scope was asked for, and this one is no default"),
        "photos:delete": (False, "no scope was asked for, and this one is no default"),
        "offline_access": (False, "no scope was asked for, and this one is no default"),
        "calendar:read": (False, "no scope was asked for, and this one is no default"),
    }
    wide = Wish(**ada, scope="photos:read photos:write photos:delete calendar:read",
                resource=PHOTOS.identifier, unticked=Scope.of(["photos:write"]))  # fmt: skip
    assert told(await preview(node.server, wide)) == {
        "photos:read": (True, "asked for; ada is asked, and it comes with Allow"),
        "photos:write": (False, "ada would have to tick it: it was left out"),
        "photos:delete": (False, "ada would have to tick it: it is sensitive"),
        "calendar:read": (False, "it belongs to Calendar, and the token is for Photos: choose with resource"),
    }
    ticked = await preview(node.server, replace(wide, ticked=Scope.of(["photos:delete"])))
    assert told(ticked)["photos:delete"] == (True, "asked for; ada is asked, and leaves it ticked")
    await Visitor(node).tokens(scope="photos:read")
    after = await preview(node.server, Wish(**ada, scope="photos:read"))
    assert (after.asks, told(after)) == (False, {"photos:read": (True, "asked for; ada allowed it before")})
    await withdraw(node.server, node.people["ada"], "printer", actor="test")
    assert (await preview(node.server, Wish(**ada, scope="photos:read"))).asks


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        ({"scope": "photos:read nope"}, "invalid_scope", {"nope": "no API defines it",
          "photos:read": "may be asked for; the request as a whole is refused"}),
        ({"scope": "calendar:read"}, "invalid_scope", {"calendar:read": "printer is not registered for it"}),
        ({"resource": "urn:nobody", "scope": "photos:read"}, "invalid_target", {}),
        ({"username": None, "scope": "photos:read"}, "unauthorized_client", {}),
        ({"client_id": "cli", "username": None}, "unauthorized_client", {}),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_as_the_protocol_tells_it(node, wish, code, words):
    found = await preview(node.server, Wish(**{"client_id": "printer", "username": "ada", **wish}))
    assert (found.refusal.code.value, found.claims) == (code, None)
    assert {one.scope: one.why for one in found.scopes}.items() >= words.items()
    assert not any(one.is_in for one in found.scopes)


async def test_nobody_who_may_not_have_a_token_is_promised_one(node):
    await node.change_client("printer", enabled=False)
    found = await preview(node.server, Wish(client_id="printer", username="ada"))
    assert found.refusal.code.value == "invalid_client"
    for wish in (Wish(client_id="nobody"), Wish(client_id="printer", username="eve")):
        with pytest.raises(NotFound):
            await preview(node.server, wish)


async def test_a_preview_stores_nothing(node):
    """It looks at what would be, at no cost for anybody."""
    await preview(node.server, Wish(client_id="printer", username="ada", scope="photos:read"))
    assert await node.store.list_consents(node.people["ada"].subject) == []
    assert await node.store.count_live_grants() == []
    await node.put_api(replace(CALENDAR, token_format=TokenFormat.OPAQUE))
    await node.change_client("printer", scope=Scope.of(["calendar:read"]), optional_scope=Scope(),
                             auth_method=AuthMethod.CLIENT_SECRET_BASIC)  # fmt: skip
    opaque = await preview(node.server, Wish(client_id="printer", username="ada", scope="calendar:read"))
    assert opaque.planned.token_format is TokenFormat.OPAQUE
    assert opaque.claims["aud"] == CALENDAR.identifier
