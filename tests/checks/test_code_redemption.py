"""The authorization code grant at the token endpoint."""

import string

import pytest

from grantway.protocol.pkce import s256
from tests.checks.answers import (
    FORM,
    claims_of,
    fresh_code,
    is_error,
    tokens_of,
)
from tests.node import CALLBACK, pkce

RELAXED = {"redirect_uri": "https://relaxed.example/cb"}
TO_RELAXED, FILLED = RELAXED["redirect_uri"], "https://filled.example/cb"


async def test_a_code_buys_an_access_token(node, member):
    """CR01, FN9, FN18"""
    code, verifier = await fresh_code(member)
    body = tokens_of(await node.redeem(code, verifier))
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 600
    assert body["scope"] == "photos:read"
    assert body["refresh_token"].startswith("gwrt_")
    claims = claims_of(body["access_token"])
    assert (claims["iss"], claims["aud"]) == (node.issuer, "https://api.example/photos")
    assert (claims["client_id"], claims["sub"]) == ("printer", node.people["ada"].subject)


async def test_a_public_client_redeems_its_code_with_the_verifier_alone(node, member):
    """CR01"""
    to = "https://spa.example/cb"
    code, verifier = await fresh_code(member, "spa", to)
    tokens_of(await node.redeem(code, verifier, "spa", redirect_uri=to))


async def test_nobody_keeps_an_answer_of_the_token_endpoint(node, member):
    """CR02: success, 400, 401, 405 and 413 alike."""
    code, verifier = await fresh_code(member)
    replies = [
        await node.redeem(code, verifier),
        await node.redeem(code, verifier),
        await node.send("POST", "/token", grant_type="authorization_code", code=code),
        await node.send("GET", "/token"),
        await node.send("POST", "/token", raw="x" * 70_000),
    ]
    assert [reply.status_code for reply in replies] == [200, 400, 401, 405, 413]
    assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}


async def test_a_code_is_good_once(node, member):
    """CR03: the second time all it bought dies with it (RFC 6749 §4.1.2)."""
    code, verifier = await fresh_code(member)
    bought = tokens_of(await node.redeem(code, verifier))
    assert await node.lives(bought["access_token"])
    is_error(await node.redeem(code, verifier), "invalid_grant")
    is_error(await node.redeem(code, verifier), "invalid_grant")
    assert not await node.lives(bought["access_token"])
    is_error(await node.refresh(bought["refresh_token"]), "invalid_grant")


async def test_a_replay_by_somebody_without_the_verifier_punishes_nobody(node, member):
    """CR03: who saw a code in a log must not be able to end what it bought."""
    code, verifier = await fresh_code(member)
    bought = tokens_of(await node.redeem(code, verifier))
    is_error(await node.redeem(code, pkce()[0]), "invalid_grant")
    is_error(await node.redeem(code, verifier, "other"), "invalid_grant")
    assert await node.lives(bought["access_token"])


async def test_a_code_lives_a_minute(node, member):
    """CR05: by the clock of the database."""
    code, verifier = await fresh_code(member)
    await node.pass_time(61)
    is_error(await node.redeem(code, verifier), "invalid_grant")
    code, verifier = await fresh_code(member)
    await node.pass_time(50)
    tokens_of(await node.redeem(code, verifier))


@pytest.mark.parametrize("thief", ["other", "single", "cli", "spa"])
async def test_a_code_is_bound_to_its_client(node, member, thief):
    """CR06: and is not burnt by the attempt of another."""
    code, verifier = await fresh_code(member)
    is_error(await node.redeem(code, verifier, thief), "invalid_grant")
    tokens_of(await node.redeem(code, verifier))


@pytest.mark.parametrize("thief", ["printer", "cli"])
async def test_a_code_of_a_public_client_is_bound_to_it_as_well(node, member, thief):
    """CR06"""
    to = "https://spa.example/cb"
    code, verifier = await fresh_code(member, "spa", to)
    is_error(await node.redeem(code, verifier, thief, redirect_uri=to), "invalid_grant")
    tokens_of(await node.redeem(code, verifier, "spa", redirect_uri=to))


WRONG_VERIFIERS = {
    "another": lambda verifier: pkce()[0],
    "the challenge": s256,
    "in the other case": str.swapcase,
    "padded": lambda verifier: verifier + "=",
    "one character more": lambda verifier: verifier + "A",
    "last character changed": lambda verifier: verifier[:-1] + ("A" if verifier[-1] != "A" else "B"),
}
MALFORMED_VERIFIERS = {
    "42 characters": lambda verifier: verifier[:42],
    "129 characters": lambda verifier: (verifier * 4)[:129],
    "exclamation mark": lambda verifier: verifier[:42] + "!",
    "newline": lambda verifier: verifier + "\n",
    "space": lambda verifier: verifier + " ",
    "plus": lambda verifier: verifier[:42] + "+",
    "not ASCII": lambda verifier: verifier[:42] + "ü",
    "NUL": lambda verifier: verifier + "\0",
    "20 kB": lambda verifier: verifier * 500,
}


@pytest.mark.parametrize("change", WRONG_VERIFIERS.values(), ids=WRONG_VERIFIERS)
async def test_a_wrong_verifier_is_refused(node, member, change):
    """CR07, FS13: and burns nothing."""
    code, verifier = await fresh_code(member)
    is_error(await node.redeem(code, change(verifier)), "invalid_grant")
    tokens_of(await node.redeem(code, verifier))


@pytest.mark.parametrize("absent", [None, ""])
async def test_a_verifier_that_is_owed_cannot_be_left_out(node, member, absent):
    """CR08: the client's secret is no substitute."""
    code, _ = await fresh_code(member)
    is_error(await node.redeem(code, absent), "invalid_grant", "invalid_request")


async def test_where_pkce_is_relaxed_a_challenge_once_sent_binds_all_the_same(node, member):
    """CR08"""
    code, verifier = await fresh_code(member, "relaxed", TO_RELAXED)
    is_error(await node.redeem(code, None, "relaxed", **RELAXED), "invalid_grant")
    tokens_of(await node.redeem(code, verifier, "relaxed", **RELAXED))


async def test_a_verifier_nobody_asked_for_is_refused(node, member):
    """CR08: somebody took the challenge out of the request."""
    without = {"code_challenge": None, "code_challenge_method": None}
    code, verifier = await fresh_code(member, "relaxed", TO_RELAXED, **without)
    is_error(await node.redeem(code, verifier, "relaxed", **RELAXED), "invalid_grant")
    tokens_of(await node.redeem(code, None, "relaxed", **RELAXED))


@pytest.mark.parametrize("change", MALFORMED_VERIFIERS.values(), ids=MALFORMED_VERIFIERS)
async def test_a_malformed_verifier_is_refused(node, member, change):
    """CR09"""
    code, verifier = await fresh_code(member)
    is_error(await node.redeem(code, change(verifier)), "invalid_grant", "invalid_request")


async def test_a_verifier_of_any_allowed_character_and_length_is_accepted(node, member):
    """CR09: 43 to 128 of the unreserved ones (RFC 7636 §4.1)."""
    unreserved = string.ascii_letters + string.digits + "-._~"
    for verifier in (unreserved[:43], unreserved, (unreserved * 2)[:128]):
        code, _ = await fresh_code(member, code_challenge=s256(verifier))
        tokens_of(await node.redeem(code, verifier))


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://other.example/second",
        "https://other.example/callback/",
        "https://other.example/callback?",
        "https://OTHER.example/callback",
        "https://evil.example/callback",
        "x",
    ],
)
async def test_the_redirect_uri_is_the_one_of_the_request(node, member, redirect_uri):
    """CR11, FS26: another registered one will not do."""
    to = "https://other.example/callback"
    code, verifier = await fresh_code(member, "other", to)
    is_error(await node.redeem(code, verifier, "other", redirect_uri=redirect_uri), "invalid_grant")
    tokens_of(await node.redeem(code, verifier, "other", redirect_uri=to))


async def test_an_address_that_was_filled_in_is_not_another_one(node, member):
    """CR11: sent now though not then, it must still be where the code went."""
    for redirect_uri, status in (("https://evil.example/", 400), ("https://filled.example/cb", 200)):
        code, verifier = await fresh_code(member, "filled_in", FILLED, redirect_uri=None)
        reply = await node.redeem(code, verifier, "filled_in", redirect_uri=redirect_uri)
        assert reply.status_code == status


@pytest.mark.parametrize("absent", [None, ""])
async def test_the_redirect_uri_may_be_left_out_where_a_verifier_proves_the_same(node, member, absent):
    """CR12: OAuth 2.1 asks for it no more."""
    code, verifier = await fresh_code(member)
    tokens_of(await node.redeem(code, verifier, redirect_uri=absent))


async def test_without_a_challenge_the_redirect_uri_must_be_repeated(node, member):
    """CR12"""
    without = {"code_challenge": None, "code_challenge_method": None}
    code, _ = await fresh_code(member, "relaxed", TO_RELAXED, **without)
    is_error(await node.redeem(code, None, "relaxed", redirect_uri=None), "invalid_grant", "invalid_request")
    tokens_of(await node.redeem(code, None, "relaxed", **RELAXED))


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": ""}, "invalid_request"),
        ({"grant_type": "password", "username": "ada", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "AUTHORIZATION_CODE"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, "unsupported_grant_type"),
        ({"grant_type": "\0"}, "invalid_request"),
        ({"grant_type": "x" * 10_000}, "unsupported_grant_type"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_token_request_says_what_it_brings(node, form, error):
    """CR14, FS24, FS25, FN10"""
    is_error(await node.token("printer", **form), error)


@pytest.mark.parametrize("doubled", ["grant_type", "code", "code_verifier", "redirect_uri", "client_id"])
async def test_a_parameter_that_comes_twice_is_refused(node, member, doubled):
    """CR14: RFC 6749 §3.2; and burns nothing."""
    code, verifier = await fresh_code(member)
    form = {
        "grant_type": "authorization_code",
        "client_id": "printer",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": CALLBACK,
    }
    body = "&".join(f"{name}={value}" for name, value in form.items())
    headers = {**FORM, **node.basic("printer")}
    twice = await node.send("POST", "/token", raw=f"{body}&{doubled}={form[doubled]}", headers=headers)
    is_error(twice, "invalid_request")
    tokens_of(await node.send("POST", "/token", raw=body, headers=headers))


async def test_a_grant_type_the_client_is_not_registered_for_is_refused(node, member):
    """CR14"""
    is_error(await node.token("printer", grant_type="client_credentials"), "unauthorized_client")
    is_error(await node.token("machine", grant_type="authorization_code", code="x"), "unauthorized_client")
    is_error(await node.token("cli", grant_type="client_credentials"), "unauthorized_client")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_the_token_endpoint_answers_posts_only(node, member, method):
    """CR16, FS23: and the code is not burnt."""
    code, verifier = await fresh_code(member)
    form = f"grant_type=authorization_code&code={code}&code_verifier={verifier}"
    for path, body in (("/token", form), (f"/token?{form}", "")):
        reply = await node.send(method, path, raw=body, headers={**FORM, **node.basic("printer")})
        assert reply.status_code == 405
        assert "POST" in reply.headers["allow"]
        assert "access_token" not in reply.text
    tokens_of(await node.redeem(code, verifier))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form",
        "",
        "junk;",
    ],
)
async def test_the_token_endpoint_reads_forms_only(node, member, content_type):
    """CR16"""
    code, verifier = await fresh_code(member)
    form = f"grant_type=authorization_code&code={code}&code_verifier={verifier}"
    headers = {"content-type": content_type, **node.basic("printer")}
    is_error(await node.send("POST", "/token", raw=form, headers=headers), "invalid_request")


async def test_the_token_endpoint_reads_nothing_from_its_address(node, member):
    """CR16: addresses end up in logs."""
    code, verifier = await fresh_code(member)
    query = f"grant_type=authorization_code&code={code}&code_verifier={verifier}"
    headers = {**FORM, **node.basic("printer")}
    is_error(await node.send("POST", f"/token?{query}", raw="", headers=headers), "invalid_request")


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded; charset=UTF-8", FORM["content-type"].upper()]
)
async def test_the_content_type_may_be_written_in_any_case_and_with_a_charset(node, member, content_type):
    """CR16"""
    code, verifier = await fresh_code(member)
    form = f"grant_type=authorization_code&code={code}&code_verifier={verifier}"
    headers = {"content-type": content_type, **node.basic("printer")}
    tokens_of(await node.send("POST", "/token", raw=form, headers=headers))


STRANGE_CODES = [
    "x",
    "gwac_",
    "gwac_" + "0" * 65,
    "x" * 20_000,
    "gwac_" + "x" * 20_000,
    "a\0b",
    "\0",
    "çødé",
    "🐟" * 100,
    "' OR 1=1 --",
    "'; DROP TABLE codes; --",
    "%' OR '1'='1",
    "../../etc/passwd",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
    "null",
    "true",
    "-1",
    "\r\nSet-Cookie: x=1",
    "\ufffe",
]


@pytest.mark.parametrize("code", STRANGE_CODES, ids=lambda code: ascii(code[:20]))
async def test_whatever_is_sent_as_a_code_is_refused_in_peace(node, code):
    """CR18"""
    is_error(await node.redeem(code, pkce()[0]), "invalid_grant", "invalid_request")


async def test_a_body_beyond_the_limit_is_not_read(node):
    """CR18"""
    is_error(await node.redeem("x" * 70_000, pkce()[0]), "invalid_request", status=413)


@pytest.mark.parametrize(
    "body", ["code=%", "code=%zz", "code=%ff", b"code=\xff", "a&" * 200, "code=%E2%28%A1"]
)
async def test_a_body_that_cannot_be_read_is_refused(node, body):
    """CR18"""
    headers = {**FORM, **node.basic("printer")}
    is_error(await node.send("POST", "/token", raw=body, headers=headers), "invalid_request")


async def test_every_part_of_a_code_counts(node, member):
    """CR18: the part that finds it, the part that proves it, and the checksum."""
    code, verifier = await fresh_code(member)
    for at in (5, 12, 21, 30, 60, 65, 69):
        changed = code[:at] + ("1" if code[at] != "1" else "2") + code[at + 1 :]
        is_error(await node.redeem(changed, verifier), "invalid_grant")
    tokens_of(await node.redeem(code, verifier))
