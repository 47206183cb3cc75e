"""What people do on the pages, and what the client hears of it."""

import pytest

from tests.checks.answers import (
    FORM,
    is_code,
    is_consent,
    is_login,
    is_refusal,
    page_of,
    returned,
    signed_in_visitor,
    tokens_of,
    told_on_a_page,
)
from tests.node import PASSWORD, SAME_ORIGIN, forms, leaving_url


async def consent_page(visitor, **parameters):
    page = await page_of(visitor, prompt="consent", **parameters)
    page = await visitor.sign_in(page) if is_login(page) else page
    assert is_consent(page)
    return page


async def post(visitor, page, **fields):
    """Submit the first form of a page and follow nothing."""
    form = forms(page)[0]
    sent = {**dict(form["fields"]), **fields}
    return await visitor.http.post(form["action"], data=sent, headers={**SAME_ORIGIN, **FORM})


async def test_deny_tells_the_client_that_access_was_denied(node, visitor):
    """AZ32"""
    page = await visitor.submit(await consent_page(visitor), answer="deny")
    is_refusal(returned(page), node, "access_denied")
    is_refusal(returned(await page_of(visitor, prompt="none")), node, "consent_required")


@pytest.mark.parametrize("answer", ["", "yes", "ALLOW", "true"])
async def test_anything_but_a_clear_allow_is_a_denial(node, visitor, answer):
    """AZ32"""
    page = await visitor.submit(await consent_page(visitor), answer=answer)
    is_refusal(returned(page), node, "access_denied")


async def test_cancelling_the_sign_in_is_a_denial(node, visitor):
    """AZ32"""
    page = await visitor.submit(await page_of(visitor), answer="cancel")
    is_refusal(returned(page), node, "access_denied")


async def test_cancelling_the_choice_of_an_account_is_a_denial(node):
    """AZ32: and the session stays."""
    visitor = await signed_in_visitor(node)
    page = await visitor.submit(await page_of(visitor, prompt="select_account"), answer="cancel")
    is_refusal(returned(page), node, "access_denied")
    is_code(returned(await page_of(visitor, prompt="none")), node)


async def test_allowing_with_every_box_empty_is_a_denial(node, visitor):
    """AZ32"""
    page = await consent_page(visitor, scope="photos:write photos:delete")
    is_refusal(returned(await visitor.submit(page, answer="allow", scope=None)), node, "access_denied")


async def test_what_was_unticked_is_not_granted_and_the_client_is_told(node, visitor):
    """AZ32: the token answer names what was granted instead (RFC 6749 §5.1)."""
    page = await consent_page(visitor, scope="photos:read photos:write photos:delete")
    page = await visitor.submit(page, answer="allow", scope=["photos:write", "calendar:read"])
    code = is_code(returned(page), node)
    tokens = tokens_of(await node.redeem(code, visitor.verifier))
    assert set(tokens["scope"].split()) == {"photos:read", "photos:write"}


async def test_a_denied_flow_is_over(node, visitor):
    """AZ32: the Back button finds no form that could still be answered."""
    page = await consent_page(visitor)
    is_refusal(returned(await visitor.submit(page, answer="deny")), node, "access_denied")
    told_on_a_page(await visitor.submit(page, answer="allow"), status=403)


@pytest.mark.parametrize(
    ("username", "password"),
    [("ada", "not the password"), ("ada", PASSWORD + " "), ("nobody", PASSWORD), ("ada", ""), ("", "")],
)
async def test_a_wrong_password_gives_no_code(node, visitor, username, password):
    """AZ36: nor a session, nor a redirect of any kind."""
    page = await post(visitor, await page_of(visitor), username=username, password=password, answer="login")
    assert page.status_code == 422
    assert leaving_url(page) is None
    assert 'id="login-submit"' in page.text
    assert "gw_s" not in visitor.http.cookies
    is_refusal(returned(await page_of(visitor, prompt="none")), node, "login_required")


async def test_every_redirect_after_a_form_makes_the_browser_forget_the_form(node, visitor):
    """AZ36: 303 alone is sure to become a GET without the password."""
    page = await page_of(visitor, prompt="consent")
    login = await post(visitor, page, username="ada", password=PASSWORD, answer="login")
    assert login.status_code == 303
    consent = await visitor.get(login.headers["location"])
    allowed = await post(visitor, consent, answer="allow")
    assert allowed.status_code == 303
    is_code(returned(await visitor.get(allowed.headers["location"])), node)


async def test_a_cancelled_sign_in_is_answered_with_303_too(node, visitor):
    """AZ36"""
    visitor.fetch = False
    reply = await visitor.submit(await page_of(visitor), answer="cancel")
    assert reply.status_code == 303
    is_refusal(returned(reply), node, "access_denied")


async def test_two_tabs_finished_in_reverse_order_each_get_their_own_answer(node, visitor):
    """AZ37: both started before anybody was signed in."""
    first, verifier_of_first = await page_of(visitor, state="first"), visitor.verifier
    second, verifier_of_second = await page_of(visitor, state="second"), visitor.verifier
    codes = {}
    for state, login in (("second", second), ("first", first)):
        page = await visitor.sign_in(login)
        page = await visitor.submit(page, answer="allow") if is_consent(page) else page
        codes[state] = is_code(returned(page), node, state)
    tokens_of(await node.redeem(codes["first"], verifier_of_first))
    tokens_of(await node.redeem(codes["second"], verifier_of_second))


async def test_two_consents_open_at_once_are_answered_apart(node, visitor):
    """AZ37: denying one says nothing about the other."""
    first = await consent_page(visitor, state="first")
    second = await consent_page(visitor, state="second")
    is_refusal(returned(await visitor.submit(second, answer="deny")), node, "access_denied", state="second")
    is_code(returned(await visitor.submit(first, answer="allow")), node, "first")


async def test_two_apps_in_two_tabs_do_not_mix(node, visitor):
    """AZ37"""
    to = "https://single.example/cb"
    ours, verifier = await consent_page(visitor, state="printer"), visitor.verifier
    page = await page_of(visitor, "single", redirect_uri=to, state="single")
    page = await visitor.submit(page, answer="allow")
    theirs = is_code(returned(page, to), node, "single")
    code = is_code(returned(await visitor.submit(ours, answer="allow")), node, "printer")
    assert (await node.redeem(theirs, visitor.verifier)).status_code == 400
    tokens_of(await node.redeem(code, verifier))
