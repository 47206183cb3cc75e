"""Client secrets brought from another server."""

import secrets
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.crypto.envelope import MasterKey
from grantway.crypto.given_secrets import given_secret_hash, given_secret_matches, given_secret_problem

MASTER, OLD = MasterKey.generate(), MasterKey.generate()
SECRET = secrets.token_urlsafe(24)
STORED = given_secret_hash(MASTER, "web", SECRET)


def test_the_right_secret_matches_and_nothing_like_it_does():
    """E5: cut, extended, in the other case."""
    assert MASTER is given_secret_matches(STORED, [MASTER], client_id="web", text=SECRET)
    cut = [part for count in range(1, 32) for part in (SECRET[:-count], SECRET[count:])]
    for text in [
        *cut,
        SECRET + "=",
        SECRET + " ",
        SECRET + "\0",
        " " + SECRET,
        SECRET.swapcase(),
        "",
        "\ud800",
    ]:
        assert given_secret_matches(STORED, [MASTER], client_id="web", text=text) is None


def test_a_secret_of_one_client_is_not_the_secret_of_another():
    assert given_secret_matches(STORED, [MASTER], client_id="web2", text=SECRET) is None
    assert given_secret_hash(MASTER, "web", "2x") != given_secret_hash(MASTER, "web2", "x")


def test_without_the_master_key_there_is_nothing_to_guess_against():
    """S1"""
    assert given_secret_matches(STORED, [OLD], client_id="web", text=SECRET) is None
    assert 32 == len(STORED)


def test_while_the_master_key_is_changed_the_answer_says_which_one_matched():
    stored_before = given_secret_hash(OLD, "web", SECRET)
    assert OLD is given_secret_matches(stored_before, [MASTER, OLD], client_id="web", text=SECRET)


@given(st.text())
def test_any_text_has_a_hash(text):
    assert 32 == len(given_secret_hash(MASTER, "web", text))


@pytest.mark.parametrize(
    "make",
    [
        lambda: secrets.token_hex(16),
        lambda: secrets.token_hex(32).upper(),
        lambda: secrets.token_urlsafe(16),
        lambda: secrets.token_urlsafe(48),
        lambda: str(uuid.uuid4()),
        lambda: "".join(secrets.choice(string.ascii_lowercase) for _ in range(26)),
    ],
    ids=["hex 32", "HEX 64", "base64url 22", "base64url 64", "uuid", "letters 26"],
)
def test_secrets_that_other_servers_make_are_accepted(make):
    for _ in range(200):
        assert given_secret_problem(make()) is None


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("", "has 0"),
        ("X9$kQ2!vLm8#pR4", "this one has 15"),
        ("x" * 513, "16 to 512 characters"),
        ("a" * 100, "can be guessed"),
        ("ab" * 50, "can be guessed"),
        ("abcdefghijklmnopqrstuvwxyz", "can be guessed"),
        ("9876543210987654321", "can be guessed"),
        ("qwertyuiopasdfghjkl", "can be guessed"),
        ("changeme-changeme-changeme", "can be guessed"),
        ("password1234password", "can be guessed"),
        ("supersecretclientsecret", "can be guessed"),
        ("MyClientSecret2024!", "can be guessed"),
        ("deadbeefdeadbeefdeadbeef", "can be guessed"),
        ("314159265358979323846", "about 70 bits, at least 80 are needed"),
        ("pässwörter sind lang genug, nicht?", "ASCII only"),
        ("X9$kQ2!vLm8#pR4w\n", "ASCII only"),
        ("X9$kQ2!vLm8#pR4w\0", "ASCII only"),
    ],
)
def test_a_weak_secret_is_refused_with_the_reason(text, reads):
    """RFC 6749 §10.10, appendix A.2"""
    problem = given_secret_problem(text)
    assert problem is not None
    assert reads in problem
    assert len(text) < 8 or text not in problem


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=16, max_size=512))
def test_saying_it_twice_does_not_make_it_strong(text):
    short = text[:12]
    assert given_secret_problem(short * 2) is not None
