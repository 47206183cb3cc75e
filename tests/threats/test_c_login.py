"""Signing in and sessions under attack (threats C)."""

import asyncio
import os
import re

import pytest

from grantway.flows.people import PersonDraft, add_person, disable, set_password
from tests.node import FETCH, PASSWORD, Visitor, answer_of, leaving_url, pkce
from tests.threats.attacks import (
    Target,
    consent_page,
    is_refused_here,
    login_page,
    post_form,
    seal_of,
    target_on,
    with_cookies_of,
)

WRONG, RIGHT_BUT_TOO_LATE = 422, 429


async def guess(visitor: Visitor, page, username: str, password: str = "not the password", **headers: str):
    fields = {"x": seal_of(page), "username": username, "password": password, "answer": "login"}
    return await post_form(visitor, "/login", fields, **headers)


# --- sessions ---------------------------------------------------------------


async def test_a_planted_session_cookie_is_not_adopted(target):
    """C1: signing in makes a new session; what was planted stays nobody."""
    planted = Visitor(target)
    await planted.approve()
    stolen = planted.session
    for value in (stolen, "gwse_" + "0" * 65, "x"):
        victim = Visitor(target)
        victim.http.cookies.set("gw_s", value, domain="127.0.0.1")
        await victim.sign_in(await login_page(victim, prompt="login"), "bob")
        assert victim.session not in {None, value, stolen}


async def test_each_sign_in_makes_a_new_session_and_ends_the_old_one(target, visitor):
    """C1: at login, at step-up and at logout the old id dies."""
    await visitor.approve()
    first, old = visitor.session, with_cookies_of(visitor)
    await visitor.sign_in(await login_page(visitor, prompt="login"))
    assert visitor.session not in {None, first}
    assert answer_of(await old.get(old.link(prompt="none")))["error"] == "login_required"
    latest = with_cookies_of(visitor)
    await visitor.submit(await visitor.get("/logout"))
    assert visitor.session is None
    assert answer_of(await latest.get(latest.link(prompt="none")))["error"] == "login_required"


async def test_a_consent_page_outlives_neither_logout_nor_a_change_of_person(target, visitor):
    """C1, D9: its seal, replayed with the cookies of before, approves nothing."""
    page = await consent_page(visitor)
    before = with_cookies_of(visitor)
    await visitor.submit(await visitor.get("/logout"))
    seen = await post_form(before, "/consent", {"x": seal_of(page), "answer": "allow"})
    assert seen.headers["location"].startswith("/login?x=")
    other = Visitor(target)
    await other.sign_in(await login_page(other), "bob")
    before.http.cookies.set("gw_s", other.session, domain="127.0.0.1")
    assert is_refused_here(await post_form(before, "/consent", {"x": seal_of(page), "answer": "allow"}), 403)


async def test_strange_session_cookies_are_nobody(target, visitor):
    """C19: random, truncated, extended, of another kind, oversized."""
    await visitor.approve()
    live = visitor.session
    flow = next(c.value for c in (await _flow_cookies(target)))
    strange = [
        *(live[:n] for n in range(0, 70, 3)),
        live + "=",
        live + "0",
        live.swapcase(),
        live[:-1] + ("0" if live[-1] != "0" else "1"),
        flow,
        "gwse_" + flow[5:],
        "gwse_" + "x" * 60_000,
        "null",
        "{}",
        "../..",
        "%00",
        *(os.urandom(n % 90).hex() for n in range(200)),
    ]
    async with target.http() as http:
        for value in strange:
            headers = {**FETCH, "cookie": f"gw_s={value}"}
            reply = await http.get(visitor.link(prompt="none"), headers=headers)
            if reply.status_code != 400:  # too long for an HTTP header
                assert "error=login_required" in reply.headers["location"]


async def _flow_cookies(target: Target):
    visitor = Visitor(target)
    await login_page(visitor)
    return [c for c in visitor.http.cookies.jar if "gw_tx_" in c.name]


# --- whose form is it ------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "same-origin, cross-site", "SAME-ORIGIN"])
async def test_nobody_is_signed_in_by_another_site(target, visitor, site):
    """C2: not even with a seal and cookie of a flow that the attacker started."""
    page = await login_page(visitor)
    headers = {"sec-fetch-site": site} if site else {"sec-fetch-site": "", "origin": "https://evil.example"}
    reply = await guess(visitor, page, "eve", PASSWORD, **headers)
    assert is_refused_here(reply, 403)
    assert visitor.session is None


async def test_a_login_form_without_its_flow_signs_nobody_in(target):
    """C2: the attacker's page with the attacker's credentials in the victim's browser."""
    attacker, victim = Visitor(target), Visitor(target)
    page = await login_page(attacker)
    for seal in (seal_of(page), "", "x", seal_of(page)[:-1]):
        fields = {"x": seal, "username": "eve", "password": PASSWORD, "answer": "login"}
        reply = await post_form(victim, "/login", fields)
        assert reply.status_code in {400, 403}
        assert victim.session is None


# --- a stranger learns nothing, and guesses little --------------------------------------


def _without_nonces(page) -> tuple:
    text = re.sub(r'name="x" value="[^"]*"', "", page.text).replace(page.headers["grantway-flow"], "")
    varying = {"date", "content-length", "grantway-flow"}
    headers = [(k, v) for k, v in page.headers.items() if k not in varying]
    return page.status_code, sorted(headers), re.sub(r'value="[a-z]+"', "", text)


async def test_known_unknown_and_disabled_accounts_answer_alike(fresh):
    """C9: same status, headers and body, for a wrong password and after too many tries."""
    await disable(fresh.server, fresh.people["bob"], actor="test")
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    first, last = [], []
    for username, password in (("ada", "wrong"), ("nob", "wrong"), ("bob", "wrong"), ("eve", "")):
        answers = [await guess(visitor, page, username, password) for _ in range(6)]
        first.append(_without_nonces(answers[0]))
        last.append(answers[-1].status_code)
    assert first[0][0] == WRONG
    assert all(answer == first[0] for answer in first)
    assert last == [RIGHT_BUT_TOO_LATE] * 4


async def test_a_disabled_person_with_the_right_password_is_told_what_everyone_is(fresh):
    """C9, C15: as if the password were wrong."""
    await disable(fresh.server, fresh.people["bob"], actor="test")
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    wrong, right = [await guess(visitor, page, "bob", password) for password in ("wrong", PASSWORD)]
    assert _without_nonces(wrong) == _without_nonces(right)
    assert visitor.session is None


@pytest.mark.parametrize(
    "spellings",
    [
        ["ada", "ADA", "Ada", " ada ", "aDa", "\uff41\uff44\uff41", "ada\u3000", "\u24d0da"],
        ["nobody", "NOBODY", "nobody ", " Nobody", "\uff4eobody", "NoBoDy"],
    ],
)
async def test_spellings_of_a_name_share_one_budget(fresh, spellings):
    """C11: case, width, blanks; for accounts that exist and for those that do not."""
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    statuses = [(await guess(visitor, page, spelling)).status_code for spelling in spellings]
    assert statuses == [WRONG] * 5 + [RIGHT_BUT_TOO_LATE] * (len(spellings) - 5)


async def test_parallel_guesses_do_not_outrun_the_count(fresh):
    """C13: the attempt is taken before the password is looked at, so the right one comes too late as well."""
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    passwords = ["wrong"] * 5 + [PASSWORD] * 60
    replies = [guess(visitor, page, "ada", password) for password in passwords]
    statuses = [reply.status_code for reply in await asyncio.gather(*replies)]
    assert statuses.count(WRONG) <= 5
    assert sum(status in {WRONG, 303} for status in statuses) >= 1
    assert set(statuses) <= {WRONG, 303, RIGHT_BUT_TOO_LATE}


async def test_a_budget_used_up_is_not_filled_by_somebody_elses_login(fresh):
    """C13: an attacker's own account in between pays nothing back for guesses at others."""
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    tried = 0
    for number in range(90):
        if number % 10 == 0:
            own = Visitor(fresh)
            await own.sign_in(await login_page(own), "eve")
        tried += (await guess(visitor, page, f"person{number}")).status_code == WRONG
    assert tried <= 55  # fifty at once, and one more every five seconds


async def test_a_full_password_queue_pays_back_only_what_it_refused(fresh):
    """C13, U1: what somebody used up stays used up while the server is too busy to check passwords."""
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    for _ in range(5):
        assert (await guess(visitor, page, "ada")).status_code == WRONG
    passwords = fresh.server.passwords
    storm = [asyncio.ensure_future(passwords.verify(None, "x")) for _ in range(200)]
    await asyncio.sleep(0)
    for _ in range(3):
        assert (await guess(visitor, page, "ada")).status_code == RIGHT_BUT_TOO_LATE
    await asyncio.gather(*storm, return_exceptions=True)
    assert (await guess(visitor, page, "ada", PASSWORD)).status_code == RIGHT_BUT_TOO_LATE


async def test_a_known_device_of_one_account_is_a_stranger_to_all_others(fresh):
    """C13: the cookie that spares its owner the strangers' throttle guesses nobody else's password."""
    visitor = Visitor(fresh)
    await visitor.sign_in(await login_page(visitor), "eve")
    page = await login_page(visitor, prompt="login")
    statuses = [(await guess(visitor, page, "ada")).status_code for _ in range(6)]
    assert statuses == [WRONG] * 5 + [RIGHT_BUT_TOO_LATE]


async def test_strangers_cannot_lock_the_owner_out_of_a_known_device(fresh):
    """C13: the owner's device has a budget of its own."""
    owner, stranger = Visitor(fresh), Visitor(fresh)
    await owner.sign_in(await login_page(owner))
    page = await login_page(stranger)
    for _ in range(8):
        await guess(stranger, page, "ada")
    assert (await guess(stranger, page, "ada", PASSWORD)).status_code == RIGHT_BUT_TOO_LATE
    page = await login_page(owner, prompt="login")
    assert (await guess(owner, page, "ada", PASSWORD)).status_code == 303


@pytest.mark.parametrize(
    "header", ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip"]
)
async def test_no_header_of_an_untrusted_peer_gives_fresh_guesses(fresh, header):
    """C14: rotate it as one likes."""
    visitor = Visitor(fresh)
    page = await login_page(visitor)
    headers = [
        {header: f"198.51.100.{n}" if header != "forwarded" else f"for=198.51.100.{n}"} for n in range(8)
    ]
    statuses = [(await guess(visitor, page, "ada", **each)).status_code for each in headers]
    assert statuses == [WRONG] * 5 + [RIGHT_BUT_TOO_LATE] * 3


async def test_behind_a_trusted_proxy_the_rightmost_address_counts_by_its_64(tmp_path):
    """C14: what the caller wrote itself stands further left; a /64 is one network."""
    from grantway.settings import ServerSettings

    server = ServerSettings(trusted_proxies=("127.0.0.0/8",))
    async with target_on(f"sqlite:///{tmp_path}/a.db", server=server) as target:
        visitor = Visitor(target)
        page = await login_page(visitor)
        hops = [f"203.0.113.{n}, 2001:db8:1:2::{n:x}" for n in range(1, 9)]
        statuses = [
            (await guess(visitor, page, "ada", **{"x-forwarded-for": each})).status_code for each in hops
        ]
        assert statuses == [WRONG] * 5 + [RIGHT_BUT_TOO_LATE] * 3
        elsewhere = {"x-forwarded-for": "2001:db8:9:9::1"}
        assert (await guess(visitor, page, "ada", **elsewhere)).status_code == WRONG


# --- one gate for everybody who may no longer act -------------------------------------------


@pytest.mark.parametrize("act", ["disable", "set_password"])
async def test_what_a_person_obtained_before_is_dead_everywhere(fresh, act):
    """C15, C6: session, code, refresh token and access tokens, JWT and opaque, at once."""
    visitor = Visitor(fresh)
    tokens = await visitor.tokens()
    opaque = await visitor.tokens(scope="notes:read")
    code = await visitor.code(prompt="consent")
    verifier = visitor.verifier
    waiting = await consent_page(visitor)
    ada = fresh.people["ada"]
    if act == "disable":
        await disable(fresh.server, ada, actor="test")
    else:
        await set_password(fresh.server, ada, "another walk by the lake", actor="test")
    assert not await fresh.is_alive(tokens["access_token"])
    assert not await fresh.is_alive(opaque["access_token"])
    assert not await fresh.is_alive(opaque["access_token"], "notes_api")
    assert not await fresh.is_alive(tokens["refresh_token"])
    assert (await fresh.redeem(code, verifier)).json()["error"] == "invalid_grant"
    assert (await fresh.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert answer_of(await visitor.get(visitor.link(prompt="none")))["error"] == "login_required"
    seen = await visitor.submit(waiting, answer="allow")
    assert leaving_url(seen) is None
    assert 'id="login-submit"' in seen.text


async def test_a_disabled_client_obtains_nothing(fresh):
    """C15: not with a code or token from before, nor a new one."""
    visitor = Visitor(fresh)
    tokens = await visitor.tokens()
    code = await visitor.code(prompt="consent")
    verifier = visitor.verifier
    waiting = await consent_page(visitor)
    await fresh.change_client("printer", enabled=False)
    await fresh.change_client("machine", enabled=False)
    assert not await fresh.is_alive(tokens["access_token"], "photos_api")
    for reply in (
        await fresh.redeem(code, verifier),
        await fresh.refresh(tokens["refresh_token"]),
        await fresh.token("machine", grant_type="client_credentials"),
        await fresh.post("/introspect", "printer", token=tokens["access_token"]),
    ):
        assert reply.status_code == 401
        assert reply.json()["error"] == "invalid_client"
    assert is_refused_here(await visitor.get(visitor.link()))
    assert is_refused_here(await post_form(visitor, "/consent", {"x": seal_of(waiting), "answer": "allow"}))


# --- passwords are what was typed, no more and no less ---------------------------------------------


async def test_passwords_that_differ_anywhere_are_different(fresh):
    """C16: at byte 73, by case, by blanks at the end, in another normal form; a NUL ends nothing."""
    password = "p\u00e4ss-" + "x" * 80 + "-end"
    await add_person(fresh.server, PersonDraft(username="kim", name="Kim", password=password), actor="test")
    others = [
        password[:-1],
        password + " ",
        " " + password,
        password.upper(),
        password.replace("\u00e4", "a\u0308"),
        password[:72],
        password[:73] + "y" + password[74:],
        password + "\0",
        password + "\0x",
        password + "x" * 1000,
        "",
    ]
    for number, other in enumerate(others):
        visitor = Visitor(fresh)
        reply = await guess(visitor, await login_page(visitor), "kim", other)
        assert reply.status_code in {WRONG, RIGHT_BUT_TOO_LATE}
        assert visitor.session is None
        if number % 4 == 3:
            await fresh.pass_time(300)
    await fresh.pass_time(3000)
    visitor = Visitor(fresh)
    await visitor.sign_in(await login_page(visitor), "kim", password)
    assert visitor.session is not None


async def test_a_password_of_a_megabyte_is_not_even_read(target, visitor):
    """C16: refused before it is parsed, let alone hashed."""
    reply = await guess(visitor, await login_page(visitor), "ada", "x" * 1_000_000)
    assert is_refused_here(reply, 413)


async def test_a_session_ends_for_good_however_often_it_is_presented(target, visitor):
    """C1: after logout every page treats the old cookie as nobody's."""
    await visitor.approve()
    old = with_cookies_of(visitor)
    await visitor.submit(await visitor.get("/logout"))
    verifier, challenge = pkce()
    assert verifier != challenge
    for path in (old.link(), old.link(prompt="select_account"), old.link(prompt="consent")):
        assert 'id="login-submit"' in (await old.get(path)).text
    assert "signed out" in (await old.get("/logout")).text
