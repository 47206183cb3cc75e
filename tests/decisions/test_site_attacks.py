"""What others may try where people sign in: forged requests, stolen callbacks, cookies elsewhere."""

import pytest

from grantway.crypto.secrets import SecretKind, issue_secret
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
)
from tests.node import leaving_url, query_of

SCRIPT = "Accept: */*"


@pytest.fixture(scope="module")
async def site(gate):
    """The gate, with a site behind it."""
    await furnish_site(gate)
    return gate


@pytest.fixture
async def ada(site):
    """A browser that has signed in."""
    browser = SiteBrowser(site)
    await browser.sign_in()
    return browser


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Sec-Fetch-Site: same-origin",), 200),
        (("Sec-Fetch-Site: none",), 200),
        (("Sec-Fetch-Site: same-site",), 403),
        (("Sec-Fetch-Site: cross-site",), 403),
        (("Sec-Fetch-Site: cross-site", f"Origin: {ORIGIN}"), 403),
        ((f"Origin: {ORIGIN}",), 200),
        (("Origin: https://evil.example",), 403),
        (("Origin: http://album.example",), 403),
        (("Origin: null",), 403),
        ((), 403),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "QUERY"])
async def test_a_cookie_counts_for_a_change_only_from_a_page_of_the_site(ada, method, lines, status):
    """W5, D2: the truth table of the how-to page, for each method that may change something."""
    answer = await ada.ask("/", SCRIPT, *lines, method=method)
    assert status == answer.status
    assert ("access_denied" in answer.body.decode()) is (status == 403)


async def test_a_forged_form_is_not_sent_to_sign_in_and_a_token_needs_no_origin(site, ada):
    """W5: a browser's cookie is what others can make it send; a token is not."""
    assert 403 == (await ada.ask("/", *NAVIGATES, "Sec-Fetch-Site: cross-site", method="POST")).status
    await site.node.add_secret("album")
    tokens = await ada.person.tokens("album", scope="album:see", redirect_uri=CALLBACK)
    token = bearer(tokens["access_token"])
    assert 200 == (await ada.ask("/", SCRIPT, token, "Sec-Fetch-Site: cross-site", method="POST")).status


@pytest.mark.parametrize(
    "header", ["Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-Fetch-Mode: websocket"]
)
async def test_a_socket_of_another_site_is_not_opened(ada, header):
    """W5: it is a GET, and afterwards nobody asks any more."""
    assert 403 == (await ada.ask("/", header, "Origin: https://sub.album.example")).status
    assert 200 == (await ada.ask("/", header, f"Origin: {ORIGIN}")).status


async def test_a_socket_that_the_gateway_alone_tells_of_is_one(site, ada):
    """W5: with `authRequestHeaders`, Traefik drops every sign of a socket but its scheme."""
    told = ("X-Forwarded-Method: GET", "X-Forwarded-Host: album.example", "X-Forwarded-Uri: /")
    cookie = f"Cookie: {SITE_COOKIE}={ada.cookies[SITE_COOKIE]}"
    asked = f"/decision/forward?api={ALBUM.identifier}&login=1"
    for proto, status in (("https", 200), ("wss", 403)):
        answer = await site.send("GET", asked, *told, f"X-Forwarded-Proto: {proto}", cookie)
        assert status == answer.status


@pytest.mark.parametrize("space", ["\xa0", "\x85"], ids=["a0", "85"])
async def test_a_name_behind_a_strange_space_is_another_name(site, ada, space):
    """W3, C1: for a browser it has no `__Host-` at its beginning, so any host beside this one may set it."""
    tossed = f"{space}{SITE_COOKIE}={ada.cookies[SITE_COOKIE]}"
    assert 401 == (await SiteBrowser(site).ask("/", SCRIPT, others=tossed)).status
    assert 200 == (await SiteBrowser(site).ask("/", SCRIPT, others=tossed.replace(space, ""))).status


@pytest.mark.parametrize(
    "query", ["x=1&x=2", "x=%00", "x=%ff", "x=\xe9", "&".join(["a=1"] * 101)], ids=range(5)
)
async def test_signing_out_with_a_malformed_address_asks_first(ada, query):
    """O8, P2: never a fault of the server, and the session lives."""
    answer = await ada.ask(f"/.grantway/sign-out?{query}", *NAVIGATES, "Sec-Fetch-Site: cross-site")
    assert (403, b"Sign out?" in answer.body) == (answer.status, True)
    assert 200 == (await ada.ask("/", SCRIPT)).status


async def test_a_link_of_another_site_shows_the_page_and_changes_nothing(ada):
    """W5: the cookie is Lax, so that people may arrive from anywhere."""
    assert 200 == (await ada.ask("/", *NAVIGATES, "Sec-Fetch-Site: cross-site")).status


async def test_a_method_named_in_a_header_is_refused_with_a_cookie_as_with_a_token(ada):
    """O7."""
    assert 400 == (await ada.ask("/", SCRIPT, "X-HTTP-Method-Override: DELETE")).status


async def test_the_cookie_of_one_site_opens_no_other(site, ada):
    """O3, C19: the same app and API at another host; the stored hash is that of the site."""
    twin = "https://twin.example/.grantway/callback"
    own = album_client().redirect_uris
    await site.node.change_client("album", redirect_uris=(*own, twin))
    other = SiteBrowser(site, host="twin.example", cookies=dict(ada.cookies))
    answer = await other.ask("/", SCRIPT)
    assert (401, "missing_token") == (answer.status, answer.json["error"])
    assert 302 == (await other.visit("/")).status
    await site.node.change_client("album", redirect_uris=own)
    assert 200 == (await ada.visit("/")).status


async def test_a_session_ends_when_the_site_has_another_app(site, ada):
    """C15, O9: whose session it is, is looked at each time."""
    members = {name: getattr(album_client(), name) for name in album_client().__dataclass_fields__}
    await site.node.change_client("album", redirect_uris=("https://elsewhere.example/cb",))
    await site.node.put_client(type(album_client())(**{**members, "id": "heir"}), secret=False)
    assert 401 == (await ada.ask("/", SCRIPT)).status
    await site.node.change_client("heir", enabled=False)
    await site.node.change_client("album", redirect_uris=album_client().redirect_uris)
    assert 200 == (await ada.ask("/", SCRIPT)).status


async def test_the_cookie_is_no_access_token_and_a_token_no_cookie(site, ada):
    """E5: each has a prefix and a hash domain of its own."""
    cookie = ada.cookies[SITE_COOKIE]
    asked = await site.ask("forward", "GET", "/", bearer(cookie), host="album.example", api=ALBUM.identifier)
    assert 401 == asked.status
    async with site.node.http() as http:
        for text in (cookie, "gwat_" + cookie[5:]):
            told = await http.get("/userinfo", headers={"authorization": f"Bearer {text}"})
            assert 401 == told.status_code
    opaque = await site.token("notes:read")
    assert 401 == (await SiteBrowser(site, cookies={SITE_COOKIE: opaque}).ask("/", SCRIPT)).status


async def test_a_cookie_that_is_cut_longer_or_made_up_is_nobody(site, ada):
    """C19, E5: as if there were none."""
    cookie = ada.cookies[SITE_COOKIE]
    made_up = issue_secret(SecretKind.SITE_SESSION, now=site.node.server.now()).text
    flipped = cookie[:40] + ("A" if cookie[40] != "A" else "B") + cookie[41:]
    for text in (cookie[:-1], cookie + "A", flipped, made_up, cookie[:21] + made_up[21:], "x", "é"):
        browser = SiteBrowser(site, cookies={SITE_COOKIE: text})
        assert 401 == (await browser.ask("/", SCRIPT)).status
        assert 302 == (await browser.visit("/")).status


async def test_a_sign_in_ends_in_the_browser_that_began_it(site):
    """A8, Q4, C2: neither with another browser's cookie nor without one; the code stays good for its own."""
    attacker, victim = SiteBrowser(site), SiteBrowser(site)
    callback = await attacker.at_grantway(await attacker.visit("/"))
    refused = await victim.visit(callback)
    assert (403, b"cannot be finished" in refused.body) == (refused.status, True)
    await victim.visit("/")
    assert FLOW_COOKIE in victim.cookies
    assert 403 == (await victim.visit(callback)).status
    told = _query(callback)
    forged = f"/.grantway/callback?error=access_denied&state={told['state']}&iss={told['iss']}"
    assert b"cannot be finished" in (await victim.visit(forged)).body
    assert SITE_COOKIE not in victim.cookies
    assert 302 == (await attacker.visit(callback)).status


async def test_a_code_of_another_sign_in_of_this_browser_is_refused(site):
    """A5: code and state of two flows; the verifier and the nonce are those of one."""
    browser = SiteBrowser(site)
    one = await browser.at_grantway(await browser.visit("/"))
    two = await browser.at_grantway(await browser.visit("/"))
    code, state = _query(one)["code"], _query(two)["state"]
    mixed = f"/.grantway/callback?code={code}&state={state}&iss={_query(one)['iss']}"
    assert 403 == (await browser.visit(mixed)).status
    assert SITE_COOKIE not in browser.cookies
    assert 302 == (await browser.visit(two)).status


@pytest.mark.parametrize("iss", ["", "https%3A%2F%2Fevil.example"])
async def test_an_answer_of_another_issuer_is_refused(site, iss):
    """A9: RFC 9207 §2.4."""
    browser = SiteBrowser(site)
    query = _query(await browser.at_grantway(await browser.visit("/")))
    answer = await browser.visit(f"/.grantway/callback?code={query['code']}&state={query['state']}&iss={iss}")
    assert (403, SITE_COOKIE in browser.cookies) == (answer.status, False)


async def test_signing_in_again_ends_the_session_of_before(site, ada):
    """C1: a new cookie, and the old one is dead."""
    old = dict(ada.cookies)
    await ada.visit("/")
    other = SiteBrowser(site, cookies={FLOW_COOKIE: old[FLOW_COOKIE]})
    other.person = ada.person
    callback = await other.at_grantway(await other.visit("/"))
    assert 302 == (await ada.visit(callback)).status
    assert old[SITE_COOKIE] != ada.cookies[SITE_COOKIE]
    grants = await site.node.store.list_live_grants(site.node.people["ada"].subject)
    assert grants
    row = await site.node.store.find_opaque_token(old[SITE_COOKIE][5:21])
    facts = await site.node.store.token_facts(token_id=row.id, grant_id=row.grant_id)
    assert facts.grant_live is False


async def test_a_person_who_cancels_is_told_and_has_no_session(site):
    """DC06: a page, no circle."""
    browser = SiteBrowser(site)
    page = await browser.person.get((await browser.visit("/"))["location"])
    page = await browser.person.submit(page, answer="cancel")
    told = await browser.visit(leaving_url(page).removeprefix(ORIGIN))
    assert (403, b"You are not signed in" in told.body) == (told.status, True)
    assert SITE_COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "target",
    ["/.grantway/callback", "/.grantway/callback?state=x", "/.grantway/callback?state=a&state=b&code=c"],
    ids=range(3),
)
async def test_a_callback_of_nobody_is_a_page(site, target):
    """G7: never a fault."""
    assert 403 == (await SiteBrowser(site).visit(target)).status


@pytest.mark.parametrize("query", ["login=2", "login=1&login=1", "api=x&login=yes", "login=1&next=/"])
async def test_a_wrong_address_of_the_decision_lets_nothing_pass(site, query):
    """O8: a slip in the gateway's configuration is found at once."""
    told = ("X-Forwarded-Method: GET", "X-Forwarded-Host: album.example", "X-Forwarded-Uri: /about")
    answer = await site.send("GET", f"/decision/forward?{query}", *told, "X-Forwarded-Proto: https")
    assert 400 == answer.status


@pytest.mark.parametrize("proto", [(), ("X-Forwarded-Proto: ftp",), ("X-Forwarded-Proto: https",) * 2])
async def test_where_people_sign_in_the_scheme_is_told_once(site, proto):
    """O3: it is part of the site's origin."""
    told = ("X-Forwarded-Method: GET", "X-Forwarded-Host: album.example", "X-Forwarded-Uri: /")
    asked = f"/decision/forward?api={ALBUM.identifier}&login=1"
    assert 400 == (await site.send("GET", asked, *told, *proto)).status


def _query(callback: str) -> dict[str, str]:
    return {name: one for name, (one,) in query_of(callback).items()}
