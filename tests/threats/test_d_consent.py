"""Consent under attack (threats D)."""

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from grantway.protocol.clients import client_problems
from grantway.protocol.scope import Scope
from grantway.settings import LoginSettings
from tests.node import (
    CALLBACK,
    PHOTOS,
    Visitor,
    answer_of,
    leaving_url,
    native_client,
    sqlite_url,
    web_client,
)
from tests.threats.attacks import (
    APP_CALLBACK,
    EVIL,
    LOOPBACK,
    PAYLOAD,
    Target,
    consent_page,
    is_refused_here,
    login_page,
    post_form,
    seal_of,
    target_on,
)

SITES = ["cross-site", "same-site", "none, cross-site", "Same-Origin", "x"]


def allowing(page, **fields):
    return {"x": seal_of(page), "answer": "allow", **fields}


# --- nobody but the person, on our own page, allows ---------------------------


@pytest.mark.parametrize("site", SITES)
async def test_another_site_cannot_allow(visitor, site):
    """D2: with the right seal and cookies, were they known."""
    page = await consent_page(visitor)
    reply = await post_form(visitor, "/consent", allowing(page), **{"sec-fetch-site": site})
    assert is_refused_here(reply, 403)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1"])
async def test_without_fetch_metadata_the_origin_decides(visitor, origin):
    """D2: an old browser."""
    page = await consent_page(visitor)
    headers = {"sec-fetch-site": "", "sec-fetch-dest": "", "sec-fetch-mode": "", "origin": origin}
    assert is_refused_here(await post_form(visitor, "/consent", allowing(page), **headers), 403)


async def test_no_other_seal_allows(target, visitor):
    """D2: missing, mutilated, of another step, another flow, another session, another purpose."""
    page = await consent_page(visitor)
    another = Visitor(target)
    before_login = await login_page(visitor, prompt="login consent")
    logout = re.search(r'name="csrf" value="([^"]+)"', (await visitor.get("/logout")).text)
    assert logout is not None
    device = next(c.value for c in visitor.http.cookies.jar if c.name.endswith("gw_d"))
    seal = seal_of(page)
    others = [
        None,
        "x",
        seal[:-1],
        seal + "A",
        seal[:20] + ("A" if seal[20] != "A" else "B") + seal[21:],
        seal_of(before_login),
        seal_of(await consent_page(another, username="eve")),
        logout[1],
        device,
    ]
    for other in others:
        fields = {"answer": "allow"} if other is None else {"answer": "allow", "x": other}
        reply = await post_form(visitor, "/consent", fields)
        assert reply.status_code == (400 if other is None else 403)
        assert "location" not in reply.headers
    assert "code" in answer_of(await visitor.submit(page, answer="allow"))


async def test_a_signed_in_person_cannot_answer_for_another(target):
    """D9: A's page in B's browser, even with A's flow cookie in it."""
    ada, eve = Visitor(target), Visitor(target)
    page = await consent_page(ada)
    await eve.sign_in(await login_page(eve), "eve")
    assert is_refused_here(await post_form(eve, "/consent", allowing(page)), 403)
    for cookie in ada.http.cookies.jar:
        if "gw_tx_" in cookie.name:
            eve.http.cookies.jar.set_cookie(cookie)
    assert is_refused_here(await post_form(eve, "/consent", allowing(page)), 403)
    assert is_refused_here(await eve.get(f"/consent?x={seal_of(page)}"), 403)
    assert "code" in answer_of(await ada.submit(page, answer="allow"))


async def test_only_a_clear_allow_is_one(visitor):
    """D2: any other answer, and none, is a denial."""
    for answer in (None, "", "ALLOW", "yes", "deny", "login"):
        page = await consent_page(visitor)
        fields = {"x": seal_of(page)} if answer is None else {"x": seal_of(page), "answer": answer}
        reply = await visitor.get((await post_form(visitor, "/consent", fields)).headers["location"])
        assert answer_of(reply)["error"] == "access_denied"


async def test_two_answers_at_once_are_none(visitor):
    """A3, D2: allow and deny together cannot be read."""
    page = await consent_page(visitor)
    assert is_refused_here(await post_form(visitor, "/consent", allowing(page, answer=["deny", "allow"])))


async def test_one_flow_gives_one_code(visitor):
    """D2: a second Allow, or Allow after Back, is already done."""
    page = await consent_page(visitor)
    replies = [await post_form(visitor, "/consent", allowing(page)) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [303, 200, 200]
    assert all("Already done" in reply.text for reply in replies[1:])


async def test_a_flow_has_one_code_for_as_long_as_it_lives(tmp_path):
    """D2: also where the operator lets flows live for an hour, and the spent code is long gone."""
    login = LoginSettings(flow_lifetime=3600)
    async with target_on(sqlite_url(tmp_path), login=login) as target:
        visitor = Visitor(target)
        page = await consent_page(visitor)
        assert (await post_form(visitor, "/consent", allowing(page))).status_code == 303
        await target.pass_time(3590)
        while await target.store.drop_expired():
            pass
        assert "Already done" in (await post_form(visitor, "/consent", allowing(page))).text


# --- nobody is impersonated in silence --------------------------------------------


@pytest.mark.parametrize("first_party", [False, True])
@pytest.mark.parametrize(
    ("uri", "registered"),
    [
        (LOOPBACK, ("http://127.0.0.1/cb",)),
        ("http://[::1]:5123/cb", ("http://[::1]/cb",)),
        ("http://localhost:5123/cb", ("http://localhost/cb",)),
        (APP_CALLBACK, (APP_CALLBACK,)),
        ("https://app.example/cb", ("https://app.example/cb", APP_CALLBACK)),
    ],
)
async def test_a_client_that_anybody_can_pretend_to_be_asks_every_time(
    target, visitor, uri, registered, first_party
):
    """D4: RFC 8252 §8.6; consent of before does not count, nor does being first-party."""
    await target.put_client(native_client("native", redirect_uris=registered, first_party=first_party))
    assert "code" in await visitor.approve("native", redirect_uri=uri)
    assert 'id="consent-allow"' in (await visitor.get(visitor.link("native", redirect_uri=uri))).text
    silent = await visitor.get(visitor.link("native", redirect_uri=uri, prompt="none"))
    assert answer_of(silent)["error"] == "consent_required"


async def test_a_client_of_one_host_is_remembered(visitor):
    """D4: the counter-example, without which the rule above would say nothing."""
    await visitor.approve()
    assert "code" in answer_of(await visitor.get(visitor.link(prompt="none")))


async def test_the_person_reads_who_asks_and_where_they_go(visitor):
    """D10, FS46: host of the redirect, warnings for apps on the device, the account it is about."""
    texts = {
        CALLBACK: (await consent_page(visitor)).text,
        LOOPBACK: (await consent_page(visitor, "cli", redirect_uri=LOOPBACK)).text,
        APP_CALLBACK: (await consent_page(visitor, "app", redirect_uri=APP_CALLBACK)).text,
    }
    assert "<code>printer.example</code>" in texts[CALLBACK]
    assert "runs on your own device" in texts[LOOPBACK]
    assert "<code>127.0.0.1:5123</code>" in texts[LOOPBACK]
    assert "Another app could answer in its place" in texts[APP_CALLBACK]
    assert "<code>com.example.app:</code>" in texts[APP_CALLBACK]
    assert all("Ada Lovelace" in text and "See your photos" in text for text in texts.values())
    vouched = [address for address, text in texts.items() if ">Verified<" in text]
    assert vouched == [CALLBACK], "nobody vouches for what another app could pretend to be"


# --- no more than was allowed ---------------------------------------------------------


async def test_more_than_was_allowed_is_asked(fresh):
    """D7: an old consent covers what it said."""
    visitor = Visitor(fresh)
    tokens = await visitor.tokens(scope="photos:read")
    wider = "photos:read photos:write"
    silent = await visitor.get(visitor.link(scope=wider, prompt="none"))
    assert answer_of(silent)["error"] == "consent_required"
    page = await visitor.get(visitor.link(scope=wider))
    assert 'id="consent-allow"' in page.text
    refused = await fresh.refresh(tokens["refresh_token"], scope=wider)
    assert refused.json()["error"] == "invalid_scope"


@pytest.mark.parametrize(
    "ticked",
    [
        ["photos:write", "calendar:read"],
        ["photos:write photos:delete"],
        ["photos:write", "admin"],
        ["photos:delete", PAYLOAD],
        ["*"],
        [" "],
    ],
)
async def test_a_box_that_was_not_on_the_page_gives_nothing(target, visitor, ticked):
    """D7: the answer can only choose among what was asked."""
    answer = await visitor.approve(scope="photos:read photos:write", prompt="consent", scope_ticked=ticked)
    scope = (await target.redeem(answer["code"], visitor.verifier)).json()["scope"]
    assert set(scope.split()) <= {"photos:read", "photos:write"}
    assert ("photos:write" in scope) == ("photos:write" in ticked)


def _described_otherwise(api):
    return replace(api, scopes=tuple(replace(one, description=f"{one.description}!") for one in api.scopes))


@pytest.mark.parametrize("change", ["boxes", "words", "name", "consent"])
async def test_only_what_was_on_the_page_is_allowed(fresh, change):
    """D7, D10: an app that is edited while the page is open asks once more; nothing is given for it."""
    visitor = Visitor(fresh)
    await visitor.approve(scope="photos:read")
    wanted = "photos:read photos:write"
    page = await consent_page(visitor, scope=wanted, prompt=None)
    if change == "boxes":
        await fresh.change_client("printer", optional_scope=Scope())
    elif change == "words":
        await fresh.put_api(_described_otherwise(PHOTOS))
    elif change == "name":
        await fresh.change_client("printer", name="Your Bank")
    else:
        await fresh.store.revoke_consent(fresh.people["ada"].subject, "printer", [])
    again = await visitor.submit(page, answer="allow", scope=[])
    assert 'id="consent-allow"' in again.text
    answer = answer_of(await visitor.submit(again, answer="allow"))
    reply = await fresh.redeem(answer["code"], visitor.verifier)
    assert reply.json()["scope"] == wanted


async def test_scopes_taken_from_a_client_leave_its_tokens_at_the_next_refresh(fresh):
    """D7: requested ∩ consented ∩ allowed to the client now."""
    visitor = Visitor(fresh)
    tokens = await visitor.tokens(scope="photos:read photos:write")
    await fresh.change_client("printer", scope=Scope.of(["photos:read"]), optional_scope=Scope())
    assert (await fresh.refresh(tokens["refresh_token"])).json()["scope"] == "photos:read"


async def test_a_withdrawn_consent_leaves_nothing_alive(fresh):
    """D13: refresh token, JWT, opaque token, code; and the next request asks again."""
    visitor = Visitor(fresh)
    tokens = await visitor.tokens()
    opaque = await visitor.tokens(scope="notes:read")
    code = await visitor.code()
    await fresh.store.revoke_consent(fresh.people["ada"].subject, "printer", [])
    assert not await fresh.is_alive(tokens["access_token"])
    assert not await fresh.is_alive(opaque["access_token"], "notes_api")
    assert (await fresh.redeem(code, visitor.verifier)).json()["error"] == "invalid_grant"
    assert (await fresh.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert answer_of(await visitor.get(visitor.link(prompt="none")))["error"] == "consent_required"


# --- markup stays words ---------------------------------------------------------------------


class Elements(HTMLParser):
    """What a browser would make of a page: elements, their handlers, and where they lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: set[str] = set()
        self.urls: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}
        self.urls |= {value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}}


def assert_inert(page) -> None:
    found = Elements(page.text)
    assert not {"svg", "iframe"} & found.tags
    assert not found.handlers
    assert not any(re.match(r"\s*(javascript|data|vbscript):", url, re.IGNORECASE) for url in found.urls)
    assert "<svg onload" not in page.text


async def test_markup_in_what_is_registered_stays_words(fresh):
    """D3: names of client, API, scope sentence and person, on every page that shows them."""
    visitor = Visitor(fresh)
    evil = f"{PAYLOAD}</title><script>alert(1)</script>{{{{7*7}}}}"
    await fresh.change_client("printer", name=evil[:100], terms_uri=f"https://evil.example/{evil[:6]}")
    scopes = tuple(
        type(scope)(name=scope.name, description=evil, sensitivity=scope.sensitivity, default=scope.default)
        for scope in PHOTOS.scopes
    )
    await fresh.put_api(type(PHOTOS)(identifier=PHOTOS.identifier, name=evil, scopes=scopes))
    await fresh.add_person("mallory", evil)
    login = await login_page(visitor)
    consent = await visitor.sign_in(login, "mallory")
    pages = [
        login,
        consent,
        await visitor.submit(consent, answer="allow"),
        await visitor.get(visitor.link(prompt="select_account")),
        await visitor.get(visitor.link(redirect_uri=EVIL)),
        await visitor.get("/logout"),
    ]
    assert "{{7*7}}" in consent.text
    for page in pages:
        assert_inert(page)
        assert "<script>alert" not in page.text


@pytest.mark.parametrize("name", ["homepage", "terms_uri", "privacy_uri"])
@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://app.example",
        "//evil",
        "https://a b",
        "JAVASCRIPT:x",
        "https://",
        "https:///x",
        "https://[",
        "https://app.example@evil.example",
        "https://app.example\\@evil.example",
    ],
)
def test_links_of_a_client_are_web_addresses(name, uri):
    """D3: the scheme is checked when they are registered."""
    assert client_problems(web_client(**{name: uri}))


async def test_markup_in_any_parameter_stays_words(target, visitor):
    """A6: every parameter of every page, in values and in names."""
    page = await consent_page(visitor)
    names = [
        *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt"),
        *("code_challenge", "code_challenge_method", "max_age", "login_hint", "ui_locales", "resource", "x"),
        *("request", "request_uri", "username", "password", "answer", "csrf", PAYLOAD),
    ]
    for path, name in itertools.product(("/login", "/consent", "/select-account", "/continue"), names):
        assert_inert(await visitor.http.get(f"{path}?x={seal_of(page)}", params={name: PAYLOAD}))
        assert_inert(await post_form(visitor, path, {"x": seal_of(page), name: PAYLOAD}))
    for name in names:
        shown = await visitor.get(visitor.link(**{"redirect_uri": EVIL, name: PAYLOAD}))
        assert_inert(shown)
        shown = await Visitor(target).get(visitor.link(**{name: PAYLOAD}))
        if leaving_url(shown) is None:
            assert_inert(shown)


async def test_what_was_typed_is_shown_again_as_words(visitor):
    """A6: the user name of a failed try, the hint of a link."""
    page = await login_page(visitor, login_hint=PAYLOAD)
    assert_inert(page)
    assert_inert(await visitor.sign_in(page, PAYLOAD, "x"))


async def test_a_form_for_the_client_holds_its_values_as_values(visitor):
    """A6: form_post repeats the state inside an attribute."""
    page = await consent_page(visitor, response_mode="form_post", state=PAYLOAD)
    page = await visitor.submit(page, answer="allow")
    assert_inert(page)
    assert 'name="state" value="&#34;&#39;&gt;&lt;svg onload=1&gt;"' in page.text


async def test_consent_is_given_to_one_client_alone(target: Target, visitor):
    """D4: another client of the same owner starts from nothing."""
    await visitor.approve()
    link = visitor.link("code_only", redirect_uri="https://once.example/cb", prompt="none")
    assert answer_of(await visitor.get(link))["error"] == "consent_required"
