"""The authorization endpoint under attack (threats A)."""

import base64
import itertools
import json
from urllib.parse import urlencode

import pytest

from tests.node import CALLBACK, FETCH, Visitor, answer_of, leaving_url, pkce, query_of
from tests.threats.attacks import (
    APP_CALLBACK,
    EVIL,
    FORM,
    PAYLOAD,
    consent_page,
    is_refused_here,
    login_page,
    post_form,
    seal_of,
    with_cookies_of,
)

ALONGSIDE = {
    "nothing": {},
    "prompt=none": {"prompt": "none"},
    "a bogus scope": {"scope": "bogus"},
    "another response_type": {"response_type": "token"},
    "no response_type": {"response_type": None},
    "a request object": {"request": "e30.e30."},
    "a request_uri": {"request_uri": "https://evil.example/object"},
    "no challenge": {"code_challenge": None, "code_challenge_method": None},
    "a bad response_mode": {"response_mode": "web_message"},
    "an unknown resource": {"resource": "https://evil.example"},
}


def claims_of(jwt: str) -> dict:
    body = jwt.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


# --- nobody is sent to an address that is not registered --------------------


@pytest.mark.parametrize("session", [False, True], ids=["anonymous", "signed in"])
@pytest.mark.parametrize("wrong", ALONGSIDE.values(), ids=ALONGSIDE)
async def test_no_mistake_beside_an_unregistered_address_sends_anybody_there(visitor, wrong, session):
    """A1: client and redirect URI come before every other parameter and before the session."""
    if session:
        await visitor.approve()
    page = await visitor.http.get(visitor.link(redirect_uri=EVIL, **wrong), headers=FETCH)
    assert is_refused_here(page)
    assert 'href="https://evil' not in page.text
    assert "http-equiv" not in page.text
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize("client_id", ["nobody", "printer\n", "PRINTER", "printer ", "' OR 1=1--", None])
async def test_an_unknown_client_sends_nobody_anywhere(visitor, client_id):
    """A1: an unregistered client has no address at all."""
    page = await visitor.http.get(visitor.link(client_id), headers=FETCH)
    assert is_refused_here(page)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("second", ["same", "other"])
async def test_a_repeated_client_or_address_is_refused_here(visitor, name, second):
    """A3: whichever of the two a later reader would take."""
    again = {"client_id": "printer", "redirect_uri": CALLBACK}[name] if second == "same" else EVIL
    page = await visitor.http.get(visitor.link() + "&" + urlencode({name: again}), headers=FETCH)
    assert is_refused_here(page)


@pytest.mark.parametrize(
    "name",
    [
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "login_hint",
        "ui_locales",
        "request",
        "request_uri",
    ],
)
async def test_every_other_parameter_may_come_once(visitor, name):
    """A3: RFC 6749 §3.1; a doubled state is not sent back."""
    page = await visitor.http.get(visitor.link(**{name: "1"}) + f"&{name}=2", headers=FETCH)
    answer = answer_of(page)
    assert answer["error"] in {"invalid_request", "unsupported_response_type"}
    assert ("state" in answer) == (name != "state")


# --- only a code, only in an agreed way ---------------------------------------


@pytest.mark.parametrize(
    "response_type", ["token", "id_token", "code token", "code id_token token", "none", "CODE", "code "]
)
async def test_only_a_code_travels_through_the_browser(visitor, response_type):
    """A4: implicit and hybrid do not exist here."""
    await visitor.approve()
    answer = answer_of(await visitor.get(visitor.link(response_type=response_type)))
    assert answer["error"] == "unsupported_response_type"
    assert not {"code", "access_token", "id_token", "token"} & answer.keys()


async def test_a_running_flow_cannot_be_edited_in_the_address_bar(target, visitor):
    """A4: the sealed request alone counts; what stands beside it is not read."""
    page = await login_page(visitor, prompt="consent")
    beside = {"response_type": "token", "redirect_uri": EVIL, "client_id": "other", "scope": "photos:delete"}
    step = f"/login?x={seal_of(page)}&{urlencode(beside)}"
    page = await visitor.sign_in(await visitor.get(step))
    answer = leaving_url(await visitor.submit(page, answer="allow", **beside))
    assert answer.startswith(CALLBACK)
    code = query_of(answer)["code"][0]
    reply = await target.redeem(code, visitor.verifier)
    assert reply.json()["scope"] == "photos:read"


@pytest.mark.parametrize("mode", ["web_message", "form_post.jwt", "query.jwt", "jwt", "x", "QUERY"])
async def test_an_unknown_response_mode_moves_nothing(visitor, mode):
    """A5: answered by query, without a code."""
    await visitor.approve()
    page = await visitor.get(visitor.link(response_mode=mode))
    assert answer_of(page)["error"] == "invalid_request"
    assert "#" not in leaving_url(page)


async def test_a_mode_the_client_is_not_registered_for_is_refused(target, visitor):
    """A5: the allow-list is the client's own."""
    await target.change_client("code_only", response_modes=frozenset())
    answer = answer_of(
        await visitor.get(
            visitor.link("code_only", redirect_uri="https://once.example/cb", response_mode="fragment")
        )
    )
    assert answer["error"] == "invalid_request"


@pytest.mark.parametrize("prompt", ["none", "login"])
async def test_no_form_is_posted_to_a_private_use_scheme(visitor, prompt):
    """A5: a browser cannot post there, so the client hears so by query."""
    page = await visitor.get(
        visitor.link("app", redirect_uri=APP_CALLBACK, response_mode="form_post", prompt=prompt)
    )
    assert leaving_url(page).startswith(f"{APP_CALLBACK}?error=invalid_request&")


@pytest.mark.parametrize(
    "where", ["iframe", "frame", "embed", "object", "fencedframe", "empty", "image", "script"]
)
@pytest.mark.parametrize("prompt", [None, "none", "consent", "login"])
async def test_no_frame_and_no_script_gets_a_code(visitor, where, prompt):
    """A14: top-level navigation only; the person's consent of earlier does not help, whatever prompt says."""
    await visitor.approve()
    page = await visitor.http.get(
        visitor.link(prompt=prompt), headers={"sec-fetch-dest": where, "sec-fetch-site": "same-site"}
    )
    assert answer_of(page)["error"] == "interaction_required"


async def test_silent_sign_in_inside_a_frame_is_the_owners_choice(target):
    """A14: opted in, one client may be answered in a frame."""
    visitor = Visitor(target)
    await target.change_client("code_only", silent_in_frames=True, response_modes=frozenset({"query"}))
    link = {"client_id": "code_only", "redirect_uri": "https://once.example/cb"}
    await visitor.approve(**link)
    page = await visitor.http.get(
        visitor.link(**link, prompt="none"), headers={**FETCH, "sec-fetch-dest": "iframe"}
    )
    assert "code" in answer_of(page)


# --- a flow belongs to the browser that started it ------------------------------


async def test_no_page_of_a_flow_opens_in_another_browser(target, visitor):
    """A8: neither seen nor answered, with no cookies, those of another flow, or those of another person."""
    mallory = Visitor(target)
    await mallory.approve()
    await login_page(mallory, prompt="login")
    seals = {"/login": seal_of(await login_page(visitor, scope="photos:read photos:write"))}
    page = await visitor.sign_in(await visitor.get(f"/login?x={seals['/login']}"))
    seals["/consent"] = seal_of(page)
    for browser, (path, seal) in itertools.product((Visitor(target), mallory), seals.items()):
        seen = await browser.get(f"{path}?x={seal}")
        assert is_refused_here(seen, 403)
        for answer in ("allow", "deny", "login", "cancel", "switch", "continue"):
            fields = {"x": seal, "answer": answer, "username": "eve", "password": "a long walk by the lake"}
            assert is_refused_here(await post_form(browser, path, fields), 403)
    assert "code" in answer_of(await visitor.submit(page, answer="allow"))


async def test_the_last_page_of_a_flow_opens_once_and_only_at_home(target, visitor):
    """A8: /continue carries the code; not with no cookie, another flow's cookie, or a second time."""
    page = await consent_page(visitor, scope="photos:read")
    reply = await post_form(visitor, "/consent", {"x": seal_of(page), "answer": "allow"})
    parting = reply.headers["location"]
    mallory = Visitor(target)
    await login_page(mallory)
    for browser in (Visitor(target), mallory):
        seen = await browser.get(parting)
        assert seen.status_code == 403
        assert "gwac_" not in seen.text
    assert "code" in answer_of(await visitor.get(parting))
    again = await visitor.get(parting)
    assert again.status_code == 403
    assert "gwac_" not in again.text


async def test_a_flow_cookie_opens_only_its_own_flow(target, visitor):
    """A8: the binding of one flow under the name of another is worth nothing (cookie tossing)."""
    page = await login_page(visitor)
    mallory = Visitor(target)
    await login_page(mallory)
    (mine,) = [c for c in visitor.http.cookies.jar if "gw_tx_" in c.name]
    (theirs,) = [c for c in mallory.http.cookies.jar if "gw_tx_" in c.name]
    assert mine.value is not None
    assert theirs.value is not None
    mallory.http.cookies.set(mine.name, theirs.value)
    assert is_refused_here(await mallory.get(f"/login?x={seal_of(page)}"), 403)


async def test_posts_from_another_site_cannot_heap_up_cookies(target, visitor):
    """A8: such a POST brings no cookies to count, so the next page of ours clears away the surplus."""
    for _ in range(20):
        kept = list(visitor.http.cookies.jar)
        visitor.http.cookies.jar.clear()
        query = visitor.link().partition("?")[2]
        reply = await visitor.http.post(
            "/authorize", content=query, headers={**FORM, **FETCH, "sec-fetch-site": "cross-site"}
        )
        for cookie in kept:
            visitor.http.cookies.jar.set_cookie(cookie)
    page = await visitor.get(reply.headers["location"])
    assert 'id="login-submit"' in page.text
    assert len(list(visitor.http.cookies.jar)) == 8


# --- every answer names its issuer ------------------------------------------------


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
async def test_every_answer_names_the_issuer(target, mode):
    """A9: success, denial, cancel and error alike, as the metadata announces (RFC 9207)."""
    visitor = Visitor(target)
    pages = [
        await visitor.submit(await login_page(visitor, response_mode=mode), answer="cancel"),
        await visitor.submit(await consent_page(visitor, response_mode=mode), answer="deny"),
        await visitor.get(visitor.link(response_mode=mode, prompt="none")),
        await visitor.get(visitor.link(response_mode=mode, scope="bogus")),
        await visitor.submit(await consent_page(visitor, response_mode=mode), answer="allow"),
        await visitor.get(visitor.link(response_mode=mode)),
    ]
    async with target.http() as http:
        metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["authorization_response_iss_parameter_supported"] is True
    for page in pages:
        if mode == "form_post":
            assert f'name="iss" value="{metadata["issuer"]}"' in page.text
        else:
            assert answer_of(page)["iss"] == metadata["issuer"]


# --- signing in again is really asked, and cannot be skipped ------------------------


async def test_prompt_login_asks_and_cancelling_leaves_all_as_it_was(target, visitor):
    """A10: the old session is no proof; Cancel is access_denied and keeps the old auth_time."""
    before = await visitor.tokens()
    page = await login_page(visitor, prompt="login")
    seal = seal_of(page)
    for path in ("/consent", "/select-account"):
        skipped = await post_form(
            visitor, path, {"x": seal, "answer": ["allow", "continue"][path != "/consent"]}
        )
        assert is_refused_here(skipped, 403)
    assert answer_of(await visitor.submit(page, answer="cancel"))["error"] == "access_denied"
    after = await visitor.tokens()
    assert claims_of(after["access_token"])["auth_time"] == claims_of(before["access_token"])["auth_time"]


async def test_an_old_session_is_asked_again_by_max_age(fresh):
    """A10: and the new auth_time is the new one."""
    visitor = Visitor(fresh)
    before = claims_of((await visitor.tokens())["access_token"])["auth_time"]
    await fresh.pass_time(5)
    assert answer_of(await visitor.get(visitor.link(max_age="1", prompt="none")))["error"] == "login_required"
    page = await login_page(visitor, max_age="1")
    answer = answer_of(await visitor.sign_in(page))
    reply = await fresh.redeem(answer["code"], visitor.verifier)
    assert claims_of(reply.json()["access_token"])["auth_time"] >= before
    assert "code" in answer_of(await visitor.get(visitor.link(max_age="1000")))


async def test_a_seal_from_before_the_sign_in_proves_no_sign_in(target, visitor):
    """A10: replaying the first seal of a prompt=login flow after its end asks again, or is already done."""
    page = await login_page(visitor, prompt="login consent")
    jar = with_cookies_of(visitor)
    page_after = await visitor.sign_in(page)
    await visitor.submit(page_after, answer="allow")
    for cookie in visitor.http.cookies.jar:
        if "gw_s" in cookie.name:
            jar.http.cookies.jar.set_cookie(cookie)
    again = await jar.get(f"/login?x={seal_of(page)}")
    assert 'id="login-submit"' in again.text
    assert leaving_url(again) is None


@pytest.mark.parametrize("state", ["s" * 2048, "é" * 1024, "\U0001f600" * 512, PAYLOAD, "a&code=evil#iss=x"])
async def test_any_state_comes_back_as_it_was_or_not_at_all(visitor, state):
    """A6, B10: long or strange, it never breaks the answer nor adds a parameter to it."""
    answer = await visitor.approve(state=state)
    assert answer["state"] == state
    assert answer.keys() == {"code", "state", "iss"}


async def test_too_long_a_state_is_refused_and_not_cut(visitor):
    """A6: 2,048 bytes."""
    answer = answer_of(await visitor.get(visitor.link(state="é" * 1025)))
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


async def test_two_flows_with_one_challenge_stay_two_flows(target, visitor):
    """A8: what is sealed belongs to its flow, even if all parameters are the same."""
    _, challenge = pkce()
    first = await login_page(visitor, code_challenge=challenge)
    second = await login_page(visitor, code_challenge=challenge)
    crossed = seal_of(first)[:16] + seal_of(second)[16:]
    assert is_refused_here(await visitor.get(f"/login?x={crossed}"), 403)
