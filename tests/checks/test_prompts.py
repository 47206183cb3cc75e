"""What the person is asked, and when: prompt, max_age, hints."""

import pytest

from tests.checks.answers import (
    claims_of,
    is_code,
    is_consent,
    is_login,
    is_refusal,
    page_of,
    returned,
    signed_in_visitor,
    tokens_of,
)
from tests.node import FETCH

LOOPBACK = "http://127.0.0.1:5123/cb"
SELECT_ACCOUNT = 'action="/select-account"'


async def test_silence_needs_somebody_who_is_signed_in(node, visitor):
    """AZ24, FS15"""
    is_refusal(returned(await page_of(visitor, prompt="none")), node, "login_required")


async def test_silence_gives_a_code_where_nothing_is_left_to_ask(node, member):
    """AZ25"""
    page = await page_of(member, prompt="none")
    assert page.status_code == 303
    is_code(returned(page), node)


@pytest.mark.parametrize("scope", ["photos:read photos:write", "photos:delete", "photos:read offline_access"])
async def test_silence_gives_nothing_the_person_has_not_allowed(node, member, scope):
    """AZ25: what is new is refused, whatever was allowed before."""
    is_refusal(returned(await page_of(member, prompt="none", scope=scope)), node, "consent_required")


async def test_silence_gives_nothing_to_an_app_the_person_has_not_met(node, member):
    """AZ25"""
    page = await page_of(member, "single", prompt="none", redirect_uri="https://single.example/cb")
    is_refusal(returned(page, "https://single.example/cb"), node, "consent_required")


async def test_silence_gives_nothing_to_an_app_nobody_can_tell_from_another(node, visitor):
    """AZ25: any program can listen on loopback, so the same consent is asked for every time."""
    await visitor.approve("cli", redirect_uri=LOOPBACK)
    assert is_consent(await page_of(visitor, "cli", redirect_uri=LOOPBACK))
    page = await page_of(visitor, "cli", redirect_uri=LOOPBACK, prompt="none")
    is_refusal(returned(page, LOOPBACK), node, "consent_required")


async def test_an_app_of_the_owner_needs_no_consent_unless_it_asks_for_one(node, member):
    """AZ25"""
    await node.change_client("tenant", first_party=True)
    to = "https://tenant.example/cb?tenant=7"
    is_code(returned(await page_of(member, "tenant", redirect_uri=to, prompt="none"), to), node)
    assert is_consent(await page_of(member, "tenant", redirect_uri=to, prompt="consent"))


async def test_a_consent_that_may_be_remembered_for_a_time_is_asked_for_again_after_it(node):
    """AZ25"""
    to = "https://relaxed.example/cb"
    await node.change_client("relaxed", consent_lifetime=60)
    visitor = await signed_in_visitor(node)
    await visitor.approve("relaxed", redirect_uri=to)
    is_code(returned(await page_of(visitor, "relaxed", redirect_uri=to, prompt="none"), to), node)
    await node.pass_time(61)
    silent = await page_of(visitor, "relaxed", redirect_uri=to, prompt="none")
    is_refusal(returned(silent, to), node, "consent_required")
    assert is_consent(await page_of(visitor, "relaxed", redirect_uri=to))


@pytest.mark.parametrize("where", ["iframe", "frame", "embed", "object", "empty", "image"])
async def test_silence_gives_nothing_inside_a_page_of_somebody_else(node, member, where):
    """AZ25: scripts in a page must not fetch codes behind its reader's back."""
    headers = {**FETCH, "sec-fetch-dest": where, "sec-fetch-site": "cross-site"}
    page = await member.http.get(member.link(prompt="none"), headers=headers)
    is_refusal(returned(page), node, "interaction_required")


async def test_prompt_login_asks_for_the_password_once_more_and_once_only(node):
    """AZ27"""
    visitor = await signed_in_visitor(node)
    page = await page_of(visitor, prompt="login")
    assert is_login(page)
    assert is_login(await visitor.get(str(page.request.url))), "looking again changes nothing"
    is_code(returned(await visitor.sign_in(page)), node)


async def test_a_sign_in_that_was_asked_for_and_fails_gives_no_code(node):
    """AZ27"""
    visitor = await signed_in_visitor(node)
    page = await visitor.sign_in(await page_of(visitor, prompt="login"), password="not it")
    assert page.status_code == 422
    assert 'id="login-submit"' in page.text


async def test_prompt_consent_asks_again_for_what_was_allowed(node, member):
    """AZ27: and no more than once."""
    page = await page_of(member, prompt="consent")
    assert is_consent(page)
    is_code(returned(await member.submit(page, answer="allow")), node)


async def test_prompt_select_account_lets_the_person_choose(node):
    """AZ27: go on, or sign in as another."""
    visitor = await signed_in_visitor(node)
    page = await page_of(visitor, prompt="select_account")
    assert SELECT_ACCOUNT in page.text
    is_code(returned(await visitor.submit(page, answer="continue")), node)
    page = await visitor.submit(await page_of(visitor, prompt="select_account"), answer="switch")
    assert is_login(page)
    page = await visitor.sign_in(page, "eve")
    assert is_consent(page), "what ada allowed, eve has not"


async def test_prompt_login_with_consent_asks_both(node):
    """AZ27"""
    visitor = await signed_in_visitor(node)
    page = await page_of(visitor, prompt="login consent")
    assert is_login(page)
    page = await visitor.sign_in(page)
    assert is_consent(page)
    is_code(returned(await visitor.submit(page, answer="allow")), node)


async def test_max_age_zero_always_asks_for_the_password(node):
    """AZ28: and then gives the code, instead of asking for ever."""
    visitor = await signed_in_visitor(node)
    page = await page_of(visitor, max_age="0")
    assert is_login(page)
    is_code(returned(await visitor.sign_in(page)), node)
    is_refusal(returned(await page_of(visitor, max_age="0", prompt="none")), node, "login_required")


async def test_a_sign_in_older_than_max_age_is_repeated(node):
    """AZ28"""
    visitor = await signed_in_visitor(node)
    await node.pass_time(5)
    is_refusal(returned(await page_of(visitor, max_age="4", prompt="none")), node, "login_required")
    assert is_login(await page_of(visitor, max_age="4"))
    is_code(returned(await page_of(visitor, max_age="60", prompt="none")), node)


async def test_a_sign_in_younger_than_max_age_suffices_and_its_time_is_told(node):
    """AZ28: auth_time is when the person proved who they are, not when the token was made."""
    visitor = await signed_in_visitor(node)
    before = await auth_time(node, visitor, max_age="10000")
    await node.pass_time(50)
    assert before - 51 <= await auth_time(node, visitor, max_age="10000") <= before - 50
    page = await page_of(visitor, max_age="10")
    code = is_code(returned(await visitor.sign_in(page)), node)
    tokens = tokens_of(await node.redeem(code, visitor.verifier))
    assert claims_of(tokens["access_token"])["auth_time"] >= before


async def auth_time(node, visitor, **parameters) -> int:
    code = is_code(returned(await page_of(visitor, prompt="none", **parameters)), node)
    tokens = tokens_of(await node.redeem(code, visitor.verifier))
    return claims_of(tokens["access_token"])["auth_time"]


@pytest.mark.parametrize("max_age", ["-1", "abc", "1.5", "1e3", "+1", " 1", "0x10", "٣", "9" * 40, "1,000"])
async def test_max_age_is_a_whole_number_of_seconds(node, member, max_age):
    """AZ28"""
    is_refusal(returned(await page_of(member, max_age=max_age)), node, "invalid_request")


@pytest.mark.parametrize(
    "hints",
    [
        {"login_hint": "ada"},
        {"login_hint": "nobody@nowhere.example"},
        {"login_hint": "\"'><svg onload=1>"},
        {"ui_locales": "de-CH de en"},
        {"ui_locales": "xx-nonsense " * 40},
        {"claims_locales": "de"},
        {"acr_values": "urn:mace:incommon:iap:silver 1"},
        *({"display": display} for display in ("page", "popup", "touch", "wap", "nonsense")),
    ],
    ids=str,
)
async def test_hints_do_no_harm(node, member, visitor, hints):
    """AZ30: neither to somebody signed in nor on the page that asks."""
    is_code(returned(await page_of(member, **hints)), node)
    page = await page_of(visitor, **hints)
    assert is_login(page)
    assert "<svg onload" not in page.text


async def test_a_login_hint_is_filled_in(node, visitor):
    """AZ30"""
    page = await page_of(visitor, login_hint="ada")
    assert 'name="username" value="ada"' in page.text
