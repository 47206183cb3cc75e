"""Authorization codes under attack (threats E)."""

import asyncio
import itertools

import pytest

from grantway.crypto.secrets import SecretKind, _checksum, issue_secret
from tests.node import CALLBACK, FETCH, Visitor, answer_of
from tests.threats.attacks import (
    OTHER_CALLBACK,
    Target,
    consent_page,
    is_refused_here,
    post_form,
    seal_of,
    with_cookies_of,
)

RACERS = 8


async def codes_of(visitor: Visitor, number: int) -> list[tuple[str, str]]:
    """Codes and their verifiers, for a consent given before."""
    await visitor.approve()
    made = []
    for _ in range(number):
        page = await visitor.http.get(visitor.link(), headers=FETCH)
        made.append((answer_of(page)["code"], visitor.verifier))
    return made


def assert_unusable(reply) -> None:
    """RFC 6749 §5.2: the same words for every cause."""
    assert reply.status_code == 400
    told = reply.json()
    page, _, reference = told.pop("error_uri").partition("?ref=")
    assert (page.rpartition("/")[2], reference) == ("invalid_grant", reply.headers["grantway-flow"])
    assert told == {
        "error": "invalid_grant",
        "error_description": "the grant is invalid, expired, revoked, or was issued to another client",
    }


def mutations(secret: str) -> list[str]:
    """Cut, extended, altered: what a store that compares loosely would let pass."""
    altered = [
        *(secret[:-n] for n in range(1, 41)),
        *(secret[n:] for n in (1, 5, 21)),
        *(secret + tail for tail in ("=", " ", "x", "0", "\u00a0", "%", "==")),
        " " + secret,
        secret.swapcase(),
        secret.upper(),
        *(secret[:n] + ("0" if secret[n] != "0" else "1") + secret[n + 1 :] for n in (5, 20, 21, 40, 63, 69)),
        secret.replace("_", "-", 1),
        secret[:5] + "\uff10" + secret[6:],
    ]
    return [other for other in altered if other != secret]  # a JWT need not hold an underscore


async def test_a_code_is_redeemed_once_however_many_try_at_once(fresh):
    """E1: one conditional update decides; no loser gets anything, and the replay is recorded once."""
    for code, verifier in await codes_of(Visitor(fresh), 25):
        replies = await asyncio.gather(*(fresh.redeem(code, verifier) for _ in range(RACERS)))
        won = [reply for reply in replies if reply.status_code == 200]
        assert len(won) == 1
        for reply in replies:
            if reply is not won[0]:
                assert_unusable(reply)
        assert not await fresh.is_alive(won[0].json()["access_token"])
    actions = [entry.action for entry in await fresh.store.read_audit(limit=200)]
    assert actions.count("code.replayed") == 25


async def test_a_second_redemption_takes_back_all_that_the_first_gave(target, visitor):
    """E2: the tokens of the code, and those refreshed from them, JWT and opaque."""
    for scope, api in (("photos:read", "photos_api"), ("notes:read", "notes_api")):
        tokens = await visitor.tokens(scope=scope)
        refreshed = (await target.refresh(tokens["refresh_token"])).json()
        code = await visitor.code(scope=scope)
        first = (await target.redeem(code, visitor.verifier)).json()
        assert_unusable(await target.redeem(code, visitor.verifier))
        assert not await target.is_alive(first["access_token"], api)
        assert not await target.is_alive(first["refresh_token"])
        assert_unusable(await target.refresh(first["refresh_token"]))
        assert await target.is_alive(refreshed["access_token"], api), "another grant is not touched"


async def test_a_replay_is_noticed_long_after(fresh):
    """E2: a minute or nine after the code was spent."""
    visitor = Visitor(fresh)
    for seconds in (30, 500):
        code = await visitor.code()
        tokens = (await fresh.redeem(code, visitor.verifier)).json()
        await fresh.pass_time(seconds)
        assert_unusable(await fresh.redeem(code, visitor.verifier))
        assert_unusable(await fresh.refresh(tokens["refresh_token"]))


async def test_a_code_is_worth_nothing_to_another_client(target, visitor):
    """E3: with valid credentials of its own; and the thief's try takes nothing from the owner."""
    code = await visitor.code()
    verifier = visitor.verifier
    for thief in ("other", "code_only", "cli", "spa", "app"):
        for redirect_uri in (CALLBACK, OTHER_CALLBACK):
            assert_unusable(await target.redeem(code, verifier, thief, redirect_uri=redirect_uri))
    assert (await target.redeem(code, verifier)).status_code == 200


@pytest.mark.parametrize(
    "redirect_uri", [OTHER_CALLBACK, CALLBACK + "/", CALLBACK + "?", CALLBACK.upper(), "https://evil.example"]
)
async def test_a_code_is_bound_to_its_redirect_uri(target, visitor, redirect_uri):
    """E3: identical when it is sent (RFC 6749 §4.1.3)."""
    code = await visitor.code()
    assert_unusable(await target.redeem(code, visitor.verifier, redirect_uri=redirect_uri))
    assert (await target.redeem(code, visitor.verifier)).status_code == 200


async def test_no_secret_passes_for_one_of_another_kind(target, visitor):
    """E4, FS20: as it is, and with the prefix and checksum of the kind that is asked for."""
    tokens = await visitor.tokens()
    opaque = await visitor.tokens(scope="notes:read")
    code, verifier = await visitor.code(), visitor.verifier
    held = {
        SecretKind.CODE: code,
        SecretKind.REFRESH_TOKEN: tokens["refresh_token"],
        SecretKind.ACCESS_TOKEN: opaque["access_token"],
        SecretKind.CLIENT_SECRET: target.secrets["printer"],
        SecretKind.SESSION: _cookie(visitor, "gw_s"),
        SecretKind.FLOW: issue_secret(SecretKind.FLOW, now=target.server.now()).text,
    }
    for (kind, text), wanted in itertools.product(held.items(), SecretKind):
        if kind is not wanted:
            for disguised in (text, _as(wanted, text), tokens["access_token"]):
                await _refused_as(target, wanted, disguised, verifier)
    assert (await target.redeem(code, verifier)).status_code == 200
    assert (await target.refresh(tokens["refresh_token"])).status_code == 200


async def test_no_seal_of_one_purpose_opens_anything_of_another(visitor):
    """E4: a pending request is no finished one, in the same flow of the same browser."""
    page = await consent_page(visitor)
    jar = with_cookies_of(visitor)
    reply = await post_form(visitor, "/consent", {"x": seal_of(page), "answer": "allow"})
    parting = reply.headers["location"].partition("=")[2]
    assert (await jar.get(f"/continue?x={seal_of(page)}")).status_code == 403
    for path in ("/login", "/consent", "/select-account"):
        assert is_refused_here(await jar.get(f"{path}?x={parting}"), 403)
        assert is_refused_here(await post_form(jar, path, {"x": parting, "answer": "allow"}), 403)


def _as(kind: SecretKind, text: str) -> str:
    body = f"{kind}_{text[5:-6]}"
    return body + _checksum(body.encode())


def _cookie(visitor: Visitor, name: str) -> str:
    return next(c.value for c in visitor.http.cookies.jar if c.name.endswith(name))


async def _refused_as(target: Target, kind: SecretKind, text: str, verifier: str) -> None:
    if kind is SecretKind.CODE:
        assert_unusable(await target.redeem(text, verifier))
    elif kind is SecretKind.REFRESH_TOKEN:
        assert_unusable(await target.refresh(text))
    elif kind is SecretKind.CLIENT_SECRET:
        async with target.http() as http:
            reply = await http.post("/introspect", data={"token": "x"}, headers=target.basic("printer", text))
        assert reply.status_code in {401, 429}
    elif kind is SecretKind.SESSION:
        other = Visitor(target)
        other.http.cookies.set("gw_s", text)
        assert answer_of(await other.get(other.link(prompt="none")))["error"] == "login_required"
    elif kind is SecretKind.ACCESS_TOKEN and not text.startswith("ey"):
        assert not await target.is_alive(text, "notes_api")


async def test_a_mutilated_code_is_no_code(target, visitor):
    """E5: and trying them all takes nothing from the real one."""
    code, verifier = await visitor.code(), visitor.verifier
    for other in mutations(code):
        assert_unusable(await target.redeem(other, verifier))
    assert (await target.redeem(code, verifier)).status_code == 200


async def test_a_mutilated_refresh_token_is_none(target, visitor):
    """E5: the same for refresh tokens; no punishment for garbage."""
    tokens = await visitor.tokens()
    for other in mutations(tokens["refresh_token"]):
        assert_unusable(await target.refresh(other))
    assert (await target.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_mutilated_access_token_is_dead(target, visitor):
    """E5: JWT and opaque alike, at introspection, and at revocation nothing happens to the real one."""
    for scope in ("photos:read", "notes:read"):
        token = (await visitor.tokens(scope=scope))["access_token"]
        for other in mutations(token):
            assert await target.introspect(other) == {"active": False}
            assert (await target.post("/revoke", "printer", token=other)).status_code == 200
        assert await target.is_alive(token)


async def test_a_mutilated_client_secret_opens_nothing(target):
    """E5: in the header and in the body."""
    async with target.http() as http:
        for client_id in ("machine", "other"):
            for other in mutations(target.secrets[client_id]):
                form = {"grant_type": "client_credentials"}
                headers = {}
                if client_id == "machine":
                    headers = target.basic(client_id, other.encode("utf-8", "replace").decode())
                else:
                    form |= {"client_id": client_id, "client_secret": other}
                reply = await http.post("/token", data=form, headers=headers)
                assert reply.status_code in {400, 401, 429}
                assert "access_token" not in reply.text


@pytest.mark.parametrize("seconds", [61, 120, 3000])
async def test_an_old_code_buys_nothing(fresh, seconds):
    """E7: sixty seconds, by the database's clock."""
    visitor = Visitor(fresh)
    code = await visitor.code()
    await fresh.pass_time(seconds)
    assert_unusable(await fresh.redeem(code, visitor.verifier))


async def test_a_code_of_a_moment_ago_still_buys(fresh):
    """E7: the counter-example."""
    visitor = Visitor(fresh)
    code = await visitor.code()
    await fresh.pass_time(50)
    assert (await fresh.redeem(code, visitor.verifier)).status_code == 200
