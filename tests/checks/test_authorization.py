"""The authorization endpoint: requests that are in order, however they are written."""

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from tests.checks.answers import (
    FORM,
    is_code,
    is_consent,
    is_login,
    is_refusal,
    page_of,
    posted,
    returned,
    tokens_of,
    told_on_a_page,
)
from tests.node import CALLBACK, FETCH, Visitor, leaving_url, query_of

CROSS_SITE = {**FETCH, **FORM, "sec-fetch-site": "cross-site", "origin": "https://printer.example"}


def query(link: str) -> str:
    return urlsplit(link).query


async def open_with(visitor: Visitor, extra: str, **parameters):
    """Open a link with something written at its end."""
    return await visitor.get(visitor.link(**parameters) + extra)


async def test_a_valid_request_is_answered_with_a_code_the_state_the_issuer_and_nothing_else(node, visitor):
    """AZ01, FS1, FS2, FN6: first with a person to ask, then at once."""
    page = await page_of(visitor)
    assert is_login(page)
    page = await visitor.sign_in(page)
    assert is_consent(page)
    first = is_code(returned(await visitor.submit(page, answer="allow")), node)
    again = await page_of(visitor)
    assert again.status_code == 303
    second = is_code(returned(again), node)
    assert first != second


async def test_a_browser_without_fetch_metadata_is_sent_back_by_a_plain_redirect(node):
    """AZ01: scripts and old browsers follow the status alone."""
    visitor = Visitor(node, fetch=False)
    page = await visitor.sign_in(await page_of(visitor), "eve")
    page = await visitor.submit(page, answer="allow")
    assert page.status_code == 303
    is_code(returned(page), node)


async def test_a_code_cannot_be_guessed(node, member):
    """AZ01: at least 128 random bits, apart from what tells the time."""
    codes = [is_code(returned(await page_of(member)), node) for _ in range(5)]
    parts = [re.fullmatch(r"gwac_[0-9A-Za-z]{16}([0-9A-Za-z]{43})[0-9A-Za-z]{6}", code) for code in codes]
    assert len({part[1] for part in parts}) == 5


STATES = [
    "&=#+%",
    "a b",
    "%26%3D",
    "a+b",
    "?x=1&y=2#z",
    "\"'><svg onload=1>",
    "\\\\",
    "{}[]|^`~",
    "grüße 🐟 日本",
    "s" * 400,
    "ü" * 1024,
    "-._~!*'();:@$,/",
    " lead and trail ",
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: ascii(state[:20]))
async def test_state_comes_back_byte_for_byte(node, member, state):
    """AZ02: by redirect, and in a form, and with an error as well."""
    is_code(returned(await page_of(member, state=state)), node, state)
    is_code(posted(await page_of(member, state=state, response_mode="form_post")), node, state)
    is_refusal(
        returned(await page_of(member, state=state, scope="nonsense")), node, "invalid_scope", state=state
    )


async def test_state_survives_the_pages_of_a_person(node, visitor):
    """AZ02"""
    state = "&=#+% grüße" + "x" * 400
    is_code(await visitor.approve(state=state), node, state)


async def test_a_state_is_refused_rather_than_cut(node, member):
    """AZ02, FS11: 2,048 bytes are the most; of a longer one nothing is sent back."""
    is_code(returned(await page_of(member, state="x" * 2048)), node, "x" * 2048)
    is_refusal(returned(await page_of(member, state="x" * 2049)), node, "invalid_request", state=None)


@pytest.mark.parametrize("state", [None, ""])
async def test_without_a_state_the_answer_has_none(node, member, state):
    """AZ03: an empty one counts as left out (RFC 6749 §3.1)."""
    is_code(returned(await page_of(member, state=state)), node, state=None)
    is_refusal(
        returned(await page_of(member, state=state, scope="nonsense")), node, "invalid_scope", state=None
    )


async def post(visitor: Visitor, link: str, **headers):
    """The same request by POST, as another site's form would send it: without our Lax cookies."""
    body = query(link)
    jar, visitor.http.cookies = visitor.http.cookies, type(visitor.http.cookies)()
    reply = await visitor.http.post("/authorize", content=body, headers={**CROSS_SITE, **headers})
    arrived, visitor.http.cookies = visitor.http.cookies, jar
    for cookie in arrived.jar:
        visitor.http.cookies.jar.set_cookie(cookie)
    return reply


async def test_a_posted_request_is_answered_like_one_by_get(node, member):
    """AZ04: the session counts, though its cookie stays at home when another site posts."""
    reply = await post(member, member.link())
    assert reply.status_code == 303
    code = is_code(returned(await member.get(reply.headers["location"])), node)
    tokens_of(await node.redeem(code, member.verifier))


async def test_a_posted_request_asks_a_stranger_to_sign_in(node, visitor):
    """AZ04"""
    reply = await post(visitor, visitor.link(state="posted"))
    page = await visitor.get(reply.headers["location"])
    assert is_login(page)
    page = await visitor.sign_in(page)
    if is_consent(page):
        page = await visitor.submit(page, answer="allow")
    is_code(returned(page), node, "posted")


async def test_what_is_wrong_with_a_posted_request_is_said_like_by_get(node, visitor):
    """AZ04"""
    is_refusal(returned(await post(visitor, visitor.link(scope="nonsense"))), node, "invalid_scope")
    told_on_a_page(await post(visitor, visitor.link(redirect_uri="https://evil.example/")))
    told_on_a_page(await post(visitor, visitor.link(), **{"content-type": "application/json"}))
    silent = await post(visitor, visitor.link(prompt="none"))
    is_refusal(returned(await visitor.get(silent.headers["location"])), node, "login_required")


@pytest.mark.parametrize(
    "extra",
    [
        "&foo=bar",
        "&foo=bar&foo=baz",
        "&nonce=",
        "&prompt=&max_age=&response_mode=&login_hint=",
        "&state=",
        "&x[]=1&x%5B%5D=2",
        "&scope[]=nonsense&redirect_uri[]=https://evil.example/",
        "&",
        "&&&=&",
        "&foo",
        "&=bar",
        "&%F0%9F%90%9F=%F0%9F%90%9F",
        "&response_type%00=token",
    ],
)
async def test_what_is_unknown_or_empty_is_ignored(node, member, extra):
    """AZ05"""
    is_code(returned(await open_with(member, extra)), node)


async def test_the_order_of_parameters_does_not_matter(node, member):
    """AZ06"""
    pairs = parse_qsl(query(member.link()))
    for order in (pairs[::-1], sorted(pairs), sorted(pairs, key=lambda pair: pair[1])):
        is_code(returned(await member.get("/authorize?" + urlencode(order))), node)


async def test_the_order_of_scopes_does_not_matter(node):
    """AZ06: not to consent, and not to what is granted; one named twice counts once."""
    visitor = Visitor(node)
    first = await visitor.tokens(
        "single", redirect_uri="https://single.example/cb", scope="photos:read photos:write"
    )
    again = await page_of(
        visitor,
        "single",
        redirect_uri="https://single.example/cb",
        scope="photos:write photos:read  photos:write",
        prompt="none",
    )
    code = is_code(returned(again, "https://single.example/cb"), node)
    reply = await node.redeem(code, visitor.verifier, "single", redirect_uri="https://single.example/cb")
    assert set(tokens_of(reply)["scope"].split()) == set(first["scope"].split())


async def test_form_post_answers_with_a_form_to_the_redirect_uri(node, visitor, member):
    """AZ14: at once, after the pages of a person, and with an error."""
    is_code(posted(await page_of(member, response_mode="form_post")), node)
    page = await visitor.sign_in(await page_of(visitor, response_mode="form_post"), "eve")
    if is_consent(page):
        page = await visitor.submit(page, answer="allow")
    code = is_code(posted(page), node)
    tokens_of(await node.redeem(code, visitor.verifier))
    is_refusal(posted(await page_of(member, response_mode="form_post", scope="x")), node, "invalid_scope")


async def test_only_the_page_that_posts_to_the_client_may_post_elsewhere(node, member, visitor):
    """AZ14: its policy alone names no form-action; nothing else is loosened."""
    leaving, login = await page_of(member, response_mode="form_post"), await page_of(visitor)
    policies = [page.headers["content-security-policy"] for page in (leaving, login)]
    assert "form-action" not in policies[0]
    assert policies[0] == policies[1].replace(" form-action 'self';", "")


async def test_fragment_is_obeyed(node, member):
    """AZ15: nothing is left in the query, where servers would log it."""
    for scope, check in (("photos:read", is_code), ("nonsense", is_refusal)):
        page = await page_of(member, response_mode="fragment", scope=scope)
        url = leaving_url(page)
        assert url.startswith(CALLBACK + "#")
        assert not urlsplit(url).query
        answer = dict(parse_qsl(urlsplit(url).fragment))
        check(answer, node, *([] if check is is_code else ["invalid_scope"]))


async def test_query_is_what_happens_anyway(node, member):
    """AZ15"""
    is_code(returned(await page_of(member, response_mode="query")), node)


async def test_every_answer_names_the_issuer_of_the_metadata(node, member):
    """AZ33"""
    async with node.http() as http:
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["authorization_response_iss_parameter_supported"] is True
    pages = [
        await page_of(member, scope=scope, response_mode=mode)
        for scope in ("photos:read", "nonsense")
        for mode in ("query", "form_post")
    ]
    answers = [returned(page) if page.status_code == 303 else posted(page) for page in pages]
    assert [answer["iss"] for answer in answers] == [metadata["issuer"]] * 4
    assert quote(metadata["issuer"], safe="") in leaving_url(pages[0])
    assert query_of(leaving_url(pages[0]))["iss"] == [metadata["issuer"]]
