"""Proof Key for Code Exchange under attack (threats F)."""

import pytest

from tests.node import CALLBACK, Visitor, answer_of, pkce, web_client
from tests.threats.attacks import APP_CALLBACK, EVERY_SCOPE, LOOPBACK, SPA_CALLBACK
from tests.threats.test_e_codes import assert_unusable

CLIENTS = {
    "printer": CALLBACK,
    "cli": LOOPBACK,
    "app": APP_CALLBACK,
    "spa": SPA_CALLBACK,
    "code_only": "https://once.example/cb",
}
GOOD = pkce()[1]
BAD_CHALLENGES = {
    "none at all": {"code_challenge": None, "code_challenge_method": None},
    "a method alone": {"code_challenge": None},
    "empty": {"code_challenge": ""},
    "42 characters": {"code_challenge": GOOD[:42]},
    "44 characters": {"code_challenge": GOOD + "A"},
    "padded": {"code_challenge": GOOD + "="},
    "another alphabet": {"code_challenge": "+/" + GOOD[2:]},
    "dots": {"code_challenge": "." * 43},
    "a line break": {"code_challenge": GOOD + "\n"},
    "plain": {"code_challenge_method": "plain"},
    "no method": {"code_challenge_method": None},
    "an empty method": {"code_challenge_method": ""},
    "another case": {"code_challenge_method": "s256"},
    "another hash": {"code_challenge_method": "S512"},
    "a blank": {"code_challenge_method": "S256 "},
}


@pytest.mark.parametrize("client_id", CLIENTS)
@pytest.mark.parametrize("wrong", BAD_CHALLENGES.values(), ids=BAD_CHALLENGES)
async def test_no_client_gets_a_code_without_an_s256_challenge(target, client_id, wrong):
    """F1, F3: public and confidential alike, explicit S256 alone; signed in and consented or not."""
    visitor = Visitor(target)
    link = {"redirect_uri": CLIENTS[client_id]}
    answer = answer_of(await visitor.get(visitor.link(client_id, **link, **wrong)))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


async def test_consent_of_before_does_not_replace_the_challenge(visitor):
    """F1: the path on which nothing is asked."""
    await visitor.approve()
    for wrong in BAD_CHALLENGES.values():
        assert answer_of(await visitor.get(visitor.link(**wrong)))["error"] == "invalid_request"


@pytest.mark.parametrize("client_id", CLIENTS)
async def test_a_code_without_its_verifier_buys_nothing(target, visitor, client_id):
    """F4: missing, wrong, of the wrong length or alphabet, with a tail, or the challenge itself."""
    redirect_uri = CLIENTS[client_id]
    right, challenge = pkce()
    code = await visitor.code(client_id, redirect_uri=redirect_uri, code_challenge=challenge)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    assert_unusable(await target.token(client_id, **form))
    wrong = ["", "short", "v" * 42, "v" * 43, "v" * 128, "v" * 129, "v" * 42 + "/", "v" * 42 + "\u00fc"]
    for verifier in [*wrong, f"{right} ", f" {right}", f"{right}=", f"{right}x", right.swapcase(), challenge]:
        assert_unusable(await target.token(client_id, **form, code_verifier=verifier))
    broken = await target.token(client_id, **form, code_verifier=f"{right}\n")
    assert broken.json()["error"] == "invalid_request"
    assert (await target.token(client_id, **form, code_verifier=right)).status_code == 200


async def test_a_challenge_taken_away_on_the_way_is_noticed(fresh):
    """F2: even where the owner relaxed PKCE, a verifier without a challenge is refused."""
    await fresh.put_client(web_client("relaxed", require_pkce=False, scope=EVERY_SCOPE))
    visitor = Visitor(fresh)
    bare = {"code_challenge": None, "code_challenge_method": None}
    code = await visitor.code("relaxed", **bare)
    assert_unusable(await fresh.redeem(code, visitor.verifier, "relaxed"))
    form = {"grant_type": "authorization_code", "code": code}
    assert_unusable(await fresh.token("relaxed", **form))  # RFC 6749 §4.1.3: redirect_uri is all there is
    assert (await fresh.token("relaxed", **form, redirect_uri=CALLBACK)).status_code == 200


async def test_a_challenge_once_sent_counts_even_where_it_is_not_demanded(fresh):
    """F2: a relaxed client that sends one is held to it."""
    await fresh.put_client(web_client("relaxed", require_pkce=False, scope=EVERY_SCOPE))
    visitor = Visitor(fresh)
    code = await visitor.code("relaxed")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert_unusable(await fresh.token("relaxed", **form))
    for wrong in ("a method alone", "42 characters", "44 characters", "plain", "no method", "another case"):
        answer = answer_of(await visitor.get(visitor.link("relaxed", **BAD_CHALLENGES[wrong])))
        assert answer["error"] == "invalid_request"


async def test_a_code_is_injected_in_vain(target):
    """F4: a stolen code, brought into the attacker's own flow at the same client, meets another challenge."""
    victim, attacker = Visitor(target), Visitor(target)
    code = await victim.code()
    await attacker.get(attacker.link())
    assert_unusable(await target.redeem(code, attacker.verifier))
