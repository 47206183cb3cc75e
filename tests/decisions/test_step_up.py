"""Rows that demand a good or a fresh sign-in (RFC 9470): of tokens, and of people at a site."""

from dataclasses import replace

import pytest

from grantway.protocol.apis import Rule
from grantway.protocol.assurance import ONE_FACTOR
from grantway.protocol.scope import Scope
from grantway.protocol.step_up import StepUp
from grantway.testing.passing_time import passing_in_postgres, passing_in_sqlite
from tests.decisions.asking import PHOTOS, bearer, shape
from tests.decisions.sites import ALBUM, ORIGIN, SiteBrowser, furnish_site, parameters

FRESH, GOLD = StepUp(max_age=300), StepUp(acr_values=("gold", "silver"), max_age=60)


@pytest.fixture(scope="module")
async def site(gate):
    """Both kinds of API, with demands: of some rows, and of all."""
    await furnish_site(gate)
    fresh = Rule("GET", "/photos", frozenset({"photos:read"}), step_up=FRESH)
    rows = [one for one in PHOTOS.rules if str(one) != str(fresh)]
    await gate.node.put_api(replace(PHOTOS, rules=(*rows, fresh)))
    gold = Rule("GET", "/pages/{id}", frozenset({"album:see"}), step_up=GOLD)
    known = Rule("GET", "/known", frozenset({"album:see"}), step_up=StepUp(acr_values=(ONE_FACTOR,)))
    rows = [one for one in ALBUM.rules if str(one) != str(gold)]
    await gate.node.put_api(replace(ALBUM, rules=(*rows, gold, known), step_up=FRESH))
    return gate


@pytest.fixture
def pass_time(database):
    """Make everybody's sign-in older."""
    if database.startswith("postgresql"):
        return passing_in_postgres(database)
    return passing_in_sqlite(database.removeprefix("sqlite:///"))


@pytest.mark.parametrize("family", ["forward", "nginx", "envoy"])
async def test_an_old_sign_in_is_refused_with_what_is_wanted(site, pass_time, family):
    """DC07, DC02: 401, the code of RFC 9470, the age; a row that demands nothing lets the token pass."""
    token = await site.token("photos:read", "photos:write")
    assert 200 == (await site.ask(family, "GET", "/v1/photos", bearer(token))).status
    late = await site.token("photos:read", "photos:write")
    await pass_time(301)
    refused = await site.ask(family, "GET", "/v1/photos", bearer(late))
    assert (401, "insufficient_user_authentication") == (refused.meant, refused.json["error"])
    for words in ('error="insufficient_user_authentication"', 'max_age="300"', 'scope="photos:read"'):
        assert words in refused["www-authenticate"]
    assert "acr_values" not in refused["www-authenticate"]
    assert 200 == (await site.ask(family, "GET", "/v1/photos/7", bearer(late))).status
    lacking = await site.ask(family, "DELETE", "/v1/photos/7", bearer(late))
    assert "insufficient_scope" == lacking.json["error"]


async def test_a_token_of_nobody_has_no_sign_in(site):
    """DC07: client credentials; what is not known is not there."""
    reply = await site.node.token("robot", grant_type="client_credentials", scope="photos:read")
    token = bearer(reply.json()["access_token"])
    refused = await site.ask("forward", "GET", "/v1/photos", token)
    assert (401, "insufficient_user_authentication") == (refused.status, refused.json["error"])
    assert 200 == (await site.ask("forward", "GET", "/v1/photos/7", token)).status


async def test_the_demand_of_an_api_holds_for_rows_without_one_of_their_own(site, pass_time):
    """DC07: the row's own is in place of it, a public row demands nothing."""
    await site.node.change_client("other", scope=Scope.of(["album:see"]), optional_scope=Scope())
    token = await site.token("album:see", client_id="other")
    await pass_time(301)

    async def ask(target: str):
        asked = shape("forward", "GET", target, bearer(token), host="album.example", api=ALBUM.identifier)
        return await site.send(*asked)

    refused = await ask("/")
    assert (401, 'max_age="300"' in refused["www-authenticate"]) == (refused.status, True)
    assert 200 == (await ask("/known")).status
    gold = await ask("/pages/7")
    assert 'acr_values="gold silver", max_age="60"' in gold["www-authenticate"]
    assert 200 == (await ask("/about")).status


async def test_a_person_with_an_old_sign_in_is_asked_for_another(site, pass_time):
    """DC07, DC06: sent with max_age, asked for the password again, and back where they were."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    await pass_time(301)
    script = await browser.ask("/", "Accept: */*")
    assert (401, "insufficient_user_authentication") == (script.status, script.json["error"])
    sent = await browser.visit("/")
    assert (302, "300") == (sent.status, parameters(sent)["max_age"])
    page = await browser.person.get(sent["location"])
    assert 'id="login-submit"' in page.text
    back = await browser.visit(await browser.at_grantway(await browser.visit("/")))
    assert f"{ORIGIN}/" == back["location"]
    assert 200 == (await browser.visit("/")).status


async def test_what_signing_in_cannot_mend_is_a_page_and_no_circle(site, pass_time):
    """DC07, DC06: a sign-in that nobody here can make."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    told = await browser.visit("/pages/7")
    assert (403, b"Signing in was not enough" in told.body) == (told.status, True)
    assert [] == told.every("location")
    later = SiteBrowser(site)
    await later.sign_in()
    await pass_time(30)
    sent = await later.visit("/pages/7")
    assert "gold silver" == parameters(sent)["acr_values"]
