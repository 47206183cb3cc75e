"""The successor of a refresh token, for the holder of its predecessor alone."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from grantway.crypto.secrets import SecretKind, issue_secret
from grantway.crypto.successor import CannotUnlock, lock_successor, unlock_successor

PRESENTED = issue_secret(SecretKind.REFRESH_TOKEN, now=1_900_000_000.0)
SUCCESSOR = issue_secret(SecretKind.REFRESH_TOKEN, now=1_900_000_001.0)
BLOB = lock_successor(PRESENTED.text, SUCCESSOR.text)


def test_the_presented_token_unlocks_its_successor():
    assert SUCCESSOR.text == unlock_successor(PRESENTED.text, BLOB)


@given(st.text(), st.text(st.characters(codec="utf-8")))
def test_any_two_texts_go_round(presented, successor):
    assert successor == unlock_successor(presented, lock_successor(presented, successor))


@given(st.integers(0, 69), st.sampled_from("0AZaz9= \0\ud800"))
def test_no_other_token_unlocks_it(position, character):
    other = PRESENTED.text[:position] + character + PRESENTED.text[position + 1 :]
    if other != PRESENTED.text:
        with pytest.raises(CannotUnlock):
            unlock_successor(other, BLOB)


def test_a_dump_of_the_row_does_not_unlock_it():
    """S1: neither the stored hash nor the selector is the key."""
    assert SUCCESSOR.text.encode() not in BLOB
    for guess in (PRESENTED.hash.hex(), PRESENTED.selector, "", SUCCESSOR.text):
        with pytest.raises(CannotUnlock):
            unlock_successor(guess, BLOB)
    for key in (PRESENTED.hash, SUCCESSOR.hash):
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(BLOB[1:13], BLOB[13:], BLOB[:1])


@pytest.mark.parametrize("position", range(len(BLOB)))
def test_every_altered_or_missing_byte_is_noticed(position):
    altered = BLOB[:position] + bytes([BLOB[position] ^ 1]) + BLOB[position + 1 :]
    for blob in (altered, BLOB[:position], BLOB + BLOB[position : position + 1]):
        with pytest.raises(CannotUnlock):
            unlock_successor(PRESENTED.text, blob)


def test_a_token_locked_twice_gives_two_blobs():
    assert BLOB != lock_successor(PRESENTED.text, SUCCESSOR.text)
