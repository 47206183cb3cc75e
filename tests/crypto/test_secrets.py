"""Typed secrets: how they are made, and that nothing but the exact text is ever read as one."""

import re
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.crypto.secrets import (
    SCANNER_PATTERN,
    SECRET_LENGTH,
    IssuedSecret,
    PresentedSecret,
    SecretKind,
    derived_secret,
    is_id,
    issue_secret,
    new_id,
    random_base62,
    read_secret,
    redacted,
)

NOON = 1_900_000_000.0
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
kinds = st.sampled_from(SecretKind)
times = st.floats(0, 2**48 / 1000, exclude_max=True)
# As random as those of life: one of zeros alone would be found in every line of zeros (tests/gathered.py).
seeds = st.binary().map(lambda drawn: sha256(drawn).digest())


@given(kinds, times)
def test_a_secret_is_read_as_what_was_issued(kind, now):
    issued = issue_secret(kind, now=now)
    assert PresentedSecret(issued.selector, issued.hash) == read_secret(kind, issued.text)
    assert re.fullmatch(rf"{kind}_[0-9A-Za-z]{{65}}", issued.text)
    assert issued.text[5:21] == issued.selector


@given(kinds, seeds, times)
def test_a_derived_secret_is_read_as_any_other_and_comes_out_the_same(kind, octets, now):
    """DC06: every bit of the 32 octets counts."""
    made = derived_secret(kind, octets, selector=new_id(now))
    assert made == derived_secret(kind, octets, selector=made.selector)
    assert PresentedSecret(made.selector, made.hash) == read_secret(kind, made.text)
    other = bytes([octets[0] ^ 128, *octets[1:]])
    assert made.text[21:64] != derived_secret(kind, other, selector=made.selector).text[21:64]


@pytest.mark.parametrize(("octets", "selector"), [(b"x" * 31, "a" * 16), (b"x" * 32, "a" * 15)])
def test_a_secret_is_derived_from_enough_octets_and_an_id(octets, selector):
    with pytest.raises(ValueError, match="32 octets and an id"):
        derived_secret(SecretKind.CODE, octets, selector=selector)


def test_what_is_stored_is_a_hash_in_the_domain_of_the_kind():
    """E4, S1: no row of one kind can answer for another."""
    issued = issue_secret(SecretKind.REFRESH_TOKEN, now=NOON)
    assert sha256(b"grantway:gwrt:v1:" + issued.text.encode()).digest() == issued.hash


@pytest.mark.parametrize("presented_as", SecretKind)
@pytest.mark.parametrize("issued_as", SecretKind)
def test_a_secret_of_one_kind_is_nothing_as_another(issued_as, presented_as):
    """E4: a code is no refresh token, a session cookie is no access token."""
    text = issue_secret(issued_as, now=NOON).text
    assert (issued_as == presented_as) == (read_secret(presented_as, text) is not None)


@given(kinds, st.integers(0, SECRET_LENGTH - 1), st.sampled_from(ALPHABET + "_-.= \0é٣"))
def test_every_single_altered_character_is_noticed(kind, position, character):
    """E5: CRC32 notices every burst of up to 32 bits, so this holds always, not almost always."""
    text = issue_secret(kind, now=NOON).text
    altered = text[:position] + character + text[position + 1 :]
    assert (altered == text) == (read_secret(kind, altered) is not None)


def test_every_character_in_the_other_case_is_noticed():
    """E5"""
    text = issue_secret(SecretKind.CODE, now=NOON).text
    flipped = [text[:at] + text[at].swapcase() + text[at + 1 :] for at in range(SECRET_LENGTH)]
    changed = [other for other in [*flipped, text.upper(), text.lower(), text.swapcase()] if other != text]
    assert len(changed) > 40
    assert [None] * len(changed) == [read_secret(SecretKind.CODE, other) for other in changed]


@pytest.mark.parametrize("kind", SecretKind)
def test_a_cut_or_extended_secret_is_refused(kind):
    """E5"""
    text = issue_secret(kind, now=NOON).text
    cut = [part for count in range(1, 41) for part in (text[:-count], text[count:])]
    extended = [text + end for end in ("=", "==", " ", "\n", "\0", "0", "a", text)]
    padded = [start + text for start in (" ", "\0", "\ufeff")]
    swapped = [text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(SECRET_LENGTH - 1)]
    cases = [case for case in cut + extended + padded + swapped if case != text]
    assert [None] * len(cases) == [read_secret(kind, case) for case in cases]


@given(kinds, st.text() | st.text(ALPHABET + "_", min_size=SECRET_LENGTH, max_size=SECRET_LENGTH))
def test_no_text_makes_reading_raise(kind, text):
    assert read_secret(kind, text) is None
    assert read_secret(kind, f"{kind}_{text}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gwac_",
        "gwac_" + "\0" * 65,
        "gwac_" + "é" * 65,
        "gwac_" + "٣" * 65,
        "\ud800" * 70,
        "gwac_" * 10**6,
    ],
    ids=["empty", "prefix", "NUL", "accents", "other digits", "surrogates", "megabytes"],
)
def test_strange_texts_are_no_secrets(text):
    """E5, U6: NUL, other alphabets and their digits, lone surrogates, megabytes."""
    assert read_secret(SecretKind.CODE, text) is None


def test_the_hidden_parts_stay_out_of_the_repr():
    issued = issue_secret(SecretKind.CLIENT_SECRET, now=NOON)
    assert f"IssuedSecret(selector='{issued.selector}')" == repr(issued)
    assert repr(issued) == str(issued) == f"{issued}"
    assert "hash" not in repr(read_secret(SecretKind.CLIENT_SECRET, issued.text))


def test_a_hundred_thousand_secrets_differ_and_follow_their_time():
    """S4; text order is time order, so rows are inserted side by side."""
    issued: list[IssuedSecret] = [
        issue_secret(SecretKind.REFRESH_TOKEN, now=NOON + step * 0.002) for step in range(100_000)
    ]
    selectors = [secret.selector for secret in issued]
    assert all(earlier < later for earlier, later in pairwise(selectors))
    for part in (slice(5, 21), slice(14, 21), slice(21, 64)):
        assert len({secret.text[part] for secret in issued}) == len(issued)
    assert len({secret.hash for secret in issued}) == len(issued)


def test_random_characters_are_equally_likely():
    """S4: 2.7 million characters carry log2(62) = 5.9542 bits each, less than a thousandth lost."""
    counts = Counter(random_base62(2**20) + "".join(random_base62(43) for _ in range(40_000)))
    total = counts.total()
    assert set(ALPHABET) == set(counts)
    assert sum(count / total * log2(total / count) for count in counts.values()) > 5.9535


@given(st.integers(0, 5000))
def test_as_many_random_characters_as_asked_for(length):
    text = random_base62(length)
    assert length == len(text)
    assert set(text) <= set(ALPHABET)


@given(times, times)
def test_ids_are_ordered_by_their_millisecond(one, other):
    first, second = sorted((one, other))
    if int(first * 1000) < int(second * 1000):
        assert new_id(first) < new_id(second)
    assert is_id(new_id(one))


def test_ids_of_one_millisecond_differ():
    assert 10_000 == len({new_id(NOON) for _ in range(10_000)})


@pytest.mark.parametrize("now", [-0.01, -1e9, 2**48 / 1000, 1e30, float("inf"), float("nan")])
def test_there_is_no_id_outside_of_time(now):
    with pytest.raises((ValueError, OverflowError)):
        new_id(now)


@pytest.mark.parametrize("text", ["", "0" * 15, "0" * 17, "0" * 15 + "-", "0" * 15 + "\n", "٣" * 16])
def test_what_is_not_shaped_like_an_id(text):
    assert not is_id(text)


def test_a_scanner_finds_a_secret_in_a_log_and_nothing_else():
    issued = issue_secret(SecretKind.ACCESS_TOKEN, now=NOON)
    log = f'GET /orders "Authorization: Bearer {issued.text}" gwat_short gwxx_{"a" * 65} {issued.selector}'
    assert [issued.text] == re.findall(SCANNER_PATTERN, log)


@pytest.mark.parametrize("before", ["", "x", "_", "token%3D", "https://app.example/cb?code="])
@pytest.mark.parametrize("kept", [70, 69, 64, 40])
def test_a_secret_is_redacted_wherever_it_begins_and_ends(before, kept):
    """T1: glued to what stands before it, and cut short in the middle of itself."""
    secret = issue_secret(SecretKind.REFRESH_TOKEN, now=1_700_000_000.0).text
    assert redacted(f"{before}{secret[:kept]}") == f"{before}gwrt_[redacted]"


@pytest.mark.parametrize("jwt", ["eyJhbGciOi.eyJzdWIi.c2ln", "eyJhbGciOi.eyJzdWIi", "eyJhbGciOi.eyJzdWIi."])
def test_a_jwt_is_redacted_even_without_its_signature(jwt):
    """T1: its claims tell of a person, and a cut one is not far from whole."""
    assert redacted(f"https://app.example/?id_token%3D{jwt}") == "https://app.example/?id_token%3D[JWT]"
