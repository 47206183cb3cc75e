"""People who sign in at a site behind a gateway: there, back, and out again."""

import asyncio

import pytest

from grantway.protocol.scope import Scope
from tests.decisions.asking import bearer
from tests.decisions.sites import (
    ALBUM,
    CALLBACK,
    FLOW_COOKIE,
    NAVIGATES,
    ORIGIN,
    SITE_COOKIE,
    SiteBrowser,
    album_client,
    furnish_site,
    parameters,
)


@pytest.fixture(scope="module")
async def site(gate):
    """The gate, with a site behind it."""
    await furnish_site(gate)
    return gate


async def test_a_person_is_sent_to_sign_in_and_comes_back_with_a_session(site):
    """DC06: there and back; the identity is told as for a token; the cookie is a good one (W3)."""
    browser = SiteBrowser(site)
    sent = await browser.visit("/pages/7?size=9")
    asked = parameters(sent)
    assert (302, "no-store") == (sent.status, sent["cache-control"])
    assert sent["location"].startswith(f"{site.node.issuer}/authorize?")
    assert ("code", "album", CALLBACK, "S256") == tuple(
        asked[name] for name in ("response_type", "client_id", "redirect_uri", "code_challenge_method")
    )
    assert "album:see album:change" == asked["scope"]
    for words in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=1800"):
        assert words in sent["set-cookie"].split("; ")
    back = await browser.visit(await browser.at_grantway(sent))
    assert (302, f"{ORIGIN}/pages/7?size=9") == (back.status, back["location"])
    assert back["set-cookie"].startswith(f"{SITE_COOKIE}=gwss_")
    for words in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=28800"):
        assert words in back["set-cookie"].split("; ")
    passed = await browser.visit("/pages/7")
    assert 200 == passed.status
    assert passed.identity == {
        "x-grantway-subject": site.node.people["ada"].subject,
        "x-grantway-client": "album",
        "x-grantway-scopes": "album:see album:change",
        "x-grantway-email": "-",
        "x-grantway-api": ALBUM.identifier,
    }


async def test_a_site_behind_nginx_is_told_in_the_words_of_nginx(site):
    """DC06: 403 with the status beside it, and one cookie at a time."""
    browser = SiteBrowser(site, family="nginx")
    sent = await browser.visit("/")
    assert (403, "302", 1) == (sent.status, sent["x-grantway-status"], len(sent.every("set-cookie")))
    back = await browser.visit(await browser.at_grantway(sent))
    assert (403, "302", 1) == (back.status, back["x-grantway-status"], len(back.every("set-cookie")))
    assert 200 == (await browser.visit("/")).status


@pytest.mark.parametrize(
    "lines",
    [
        ("Accept: application/json",),
        ("Accept: */*", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty"),
        ("Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"),
        ("Accept: text/html", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"),
        (*NAVIGATES, "Upgrade: websocket"),
        (*NAVIGATES, "Authorization: Bearer nonsense"),
        (*NAVIGATES, "Authorization: Basic YTpi"),
    ],
    ids=range(7),
)
async def test_only_a_person_who_opens_a_page_is_sent_away(site, lines):
    """DC06, DC02: everybody else gets the challenge of RFC 6750."""
    answer = await SiteBrowser(site).ask("/", *lines)
    assert (401, []) == (answer.status, answer.every("location"))
    assert answer["www-authenticate"].startswith('Bearer realm="Album"')


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
async def test_another_method_than_get_is_not_sent_away(site, method):
    """DC06."""
    answer = await SiteBrowser(site).ask("/", *NAVIGATES, method=method)
    assert (401, []) == (answer.status, answer.every("location"))


async def test_without_login_in_the_address_nobody_is_sent_anywhere(site):
    """DC06: the gateway's configuration decides, and a cookie counts for nothing there."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    jar = f"Cookie: {SITE_COOKIE}={browser.cookies[SITE_COOKIE]}"
    answer = await site.ask("forward", "GET", "/", *NAVIGATES, jar, host="album.example")
    assert (401, []) == (answer.status, answer.every("location"))


async def test_a_token_counts_before_a_cookie(site):
    """DC06: where both come, the header alone is judged."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    assert 200 == (await browser.visit("/")).status
    other = await site.token("photos:read")
    for words in (bearer("nonsense"), bearer(other), "Authorization: Basic YTpi"):
        assert 401 == (await browser.visit("/", words)).status


async def test_a_public_page_needs_nobody(site):
    """DC06."""
    passed = await SiteBrowser(site).visit("/about")
    assert (200, "-") == (passed.status, passed.identity["x-grantway-subject"])


@pytest.mark.parametrize("host", ["evil.example", "album.example.evil.example", "album.example:8443"])
async def test_a_host_without_an_app_sends_nobody_anywhere(site, host):
    """DC06, A1: the address to come back to is the registered one, byte for byte."""
    answer = await SiteBrowser(site, host=host).visit("/")
    assert (401, []) == (answer.status, answer.every("location"))


async def test_two_apps_of_one_callback_are_none(site):
    """DC06: which of them would get the consent?"""
    await site.node.put_client(album_client(), secret=False)
    twin = album_client()
    await site.node.put_client(type(twin)(**{**_members(twin), "id": "twin"}), secret=False)
    try:
        assert 401 == (await SiteBrowser(site).visit("/")).status
    finally:
        await site.node.change_client("twin", enabled=False)
    assert 302 == (await SiteBrowser(site).visit("/")).status


def _members(client):
    return {name: getattr(client, name) for name in client.__dataclass_fields__}


@pytest.mark.parametrize(
    ("target", "to"),
    [
        ("/pages/7?next=https://evil.example/", "/pages/7?next=https://evil.example/"),
        ("/?a=" + "b" * 996, "/?a=" + "b" * 996),
        ("/?a=" + "b" * 997, "/"),
    ],
    ids=range(3),
)
async def test_people_come_back_to_the_site_and_to_nowhere_else(site, target, to):
    """DC06, A1: whatever the address holds, and however long it is."""
    back = await SiteBrowser(site).sign_in(target)
    assert f"{ORIGIN}{to}" == back["location"]


async def test_nothing_is_stored_for_whoever_does_not_sign_in(site):
    """U5: a thousand visitors leave nothing behind."""
    before = await site.node.store.live_counts()
    for _ in range(20):
        assert 302 == (await SiteBrowser(site).visit("/")).status
    assert before == await site.node.store.live_counts()


async def test_a_revoked_consent_ends_the_session(site):
    """DC06, O9: as it ends access tokens."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    assert 200 == (await browser.visit("/")).status
    person = site.node.people["ada"]
    await site.node.store.revoke_consent(person.subject, "album", [])
    async with asyncio.timeout(5):
        while (await browser.visit("/")).status == 200:
            await asyncio.sleep(0.1)
    assert 302 == (await browser.visit("/")).status
    assert 401 == (await browser.ask("/", "Accept: application/json")).status


async def test_a_permission_that_is_missing_is_named_and_can_be_given(site):
    """DC06: a page that says so, with the way to it; nobody is sent round in a circle."""
    await site.node.store.revoke_consent(site.node.people["ada"].subject, "album", [])
    browser = SiteBrowser(site)
    await browser.sign_in(ticked=[])
    assert 200 == (await browser.visit("/")).status
    lacking = await browser.visit("/edit")
    assert (403, []) == (lacking.status, lacking.every("location"))
    assert lacking["content-type"].startswith("text/html")
    assert b"Use album:change" in lacking.body
    script = await browser.ask("/edit", "Accept: application/json")
    assert (403, "insufficient_scope") == (script.status, script.json["error"])
    link = lacking.body.decode().partition('id="site-go" class="button primary" href="')[2].partition('"')[0]
    lacking.headers.append(("location", link.replace("&amp;", "&")))
    before = browser.cookies[SITE_COOKIE]
    back = await browser.visit(await browser.at_grantway(lacking, ticked=["album:change"]))
    assert f"{ORIGIN}/edit" == back["location"]
    assert before != browser.cookies[SITE_COOKIE]
    assert 200 == (await browser.visit("/edit")).status


async def test_what_the_app_may_not_ask_for_has_no_way_to_it(site):
    """DC06: no link that would lead to a refusal."""
    await site.node.change_client("album", scope=Scope.of(["album:see"]), optional_scope=Scope())
    try:
        browser = SiteBrowser(site)
        await browser.sign_in()
        lacking = await browser.visit("/edit")
        assert (403, True) == (lacking.status, b"site-go" not in lacking.body)
    finally:
        await site.node.put_client(album_client(), secret=False)


async def test_signing_out_ends_the_session_and_offers_the_rest(site):
    """DC06, P2, P4: the cookie is dead, not only gone."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    kept = browser.cookies[SITE_COOKIE]
    out = await browser.ask("/.grantway/sign-out", *NAVIGATES, "Sec-Fetch-Site: same-origin")
    assert (302, f"{site.node.issuer}/end-session?client_id=album") == (out.status, out["location"])
    assert SITE_COOKIE not in browser.cookies
    browser.cookies[SITE_COOKIE] = kept
    async with asyncio.timeout(5):
        while (await browser.ask("/", "Accept: */*")).status == 200:
            await asyncio.sleep(0.1)


async def test_a_picture_on_a_page_of_the_site_signs_nobody_out(site):
    """P2: what others wrote on the site is of the same origin."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    picture = ("Accept: image/*", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Dest: image")
    assert 403 == (await browser.ask("/.grantway/sign-out", *picture)).status
    assert 200 == (await browser.visit("/")).status


@pytest.mark.parametrize("lines", [("Sec-Fetch-Site: cross-site",), ("Sec-Fetch-Site: same-site",), ()])
async def test_nobody_is_signed_out_by_a_link_of_another_site(site, lines):
    """P2: it asks first; only the page that asked ends it."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    asks = await browser.ask("/.grantway/sign-out", *NAVIGATES, *lines)
    assert (403, b"Sign out?" in asks.body) == (asks.status, True)
    assert 200 == (await browser.visit("/")).status
    link = asks.body.decode().partition('href="https://album.example')[2].partition('"')[0]
    other = SiteBrowser(site)
    await other.sign_in()
    assert 403 == (await other.ask(link, *NAVIGATES, *lines)).status
    assert 302 == (await browser.ask(link, *NAVIGATES, *lines)).status


async def test_the_cookies_of_the_site_are_told_without_ours(site):
    """DC06: gateways that copy it pass on nothing that opens the site."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    passed = await browser.ask("/", "Accept: */*", others="theme=dark; lang=en")
    assert {SITE_COOKIE, FLOW_COOKIE} <= browser.cookies.keys()
    assert (200, "theme=dark; lang=en") == (passed.status, passed["cookie"])
    assert [] == (await browser.ask("/", "Accept: */*")).every("cookie")
