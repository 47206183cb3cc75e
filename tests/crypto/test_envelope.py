"""The master key and the envelopes under it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.crypto.envelope import CannotUnwrap, Envelopes, MasterKey

MASTER = MasterKey.generate()
ENVELOPES = Envelopes(MASTER, None)
PURPOSE = "signing-key:k1:ES256"
BLOB = ENVELOPES.wrap(b"-----BEGIN PRIVATE KEY-----", purpose=PURPOSE)


@given(st.binary(max_size=3000), st.text(st.characters(codec="utf-8")))
def test_what_was_wrapped_is_unwrapped_for_the_same_purpose(plaintext, purpose):
    """S2"""
    blob = ENVELOPES.wrap(plaintext, purpose=purpose)
    assert plaintext == ENVELOPES.unwrap(blob, purpose=purpose)
    assert len(plaintext) < 4 or plaintext not in blob


@pytest.mark.parametrize(
    "purpose", ["", "signing-key:k2:ES256", "signing-key:k1:RS256", "signing-key:k1:ES256 "]
)
def test_an_envelope_moved_to_another_row_does_not_open(purpose):
    with pytest.raises(CannotUnwrap, match="altered, or belongs to another purpose; restore this row"):
        ENVELOPES.unwrap(BLOB, purpose=purpose)


@pytest.mark.parametrize("position", range(len(BLOB)))
def test_every_flipped_bit_is_noticed(position):
    for bit in range(8):
        altered = bytearray(BLOB)
        altered[position] ^= 1 << bit
        with pytest.raises(CannotUnwrap):
            ENVELOPES.unwrap(bytes(altered), purpose=PURPOSE)


@pytest.mark.parametrize("length", range(len(BLOB)))
def test_a_cut_envelope_is_refused(length):
    with pytest.raises(CannotUnwrap, match="restore this row from a backup"):
        ENVELOPES.unwrap(BLOB[:length], purpose=PURPOSE)


def test_an_extended_envelope_is_refused():
    with pytest.raises(CannotUnwrap):
        ENVELOPES.unwrap(BLOB + b"\0", purpose=PURPOSE)


def test_while_the_master_key_is_changed_both_open_and_new_envelopes_are_under_the_new_one():
    new = MasterKey.generate()
    both = Envelopes(new, MASTER)
    assert both.needs_rewrap(BLOB)
    rewrapped = both.wrap(both.unwrap(BLOB, purpose=PURPOSE), purpose=PURPOSE)
    assert not both.needs_rewrap(rewrapped)
    assert b"-----BEGIN PRIVATE KEY-----" == Envelopes(new).unwrap(rewrapped, purpose=PURPOSE)


def test_a_missing_master_key_is_named_so_that_the_operator_can_find_it():
    other = MasterKey.generate()
    with pytest.raises(CannotUnwrap) as refusal:
        Envelopes(other).unwrap(BLOB, purpose=PURPOSE)
    assert f"wrapped under master key {MASTER.key_id}" in str(refusal.value)
    assert f"was given {other.key_id}; start it with master key {MASTER.key_id}" in str(refusal.value)


def test_an_envelope_of_a_later_version_says_so():
    with pytest.raises(CannotUnwrap, match="has version 2, this server reads version 1"):
        ENVELOPES.unwrap(b"\x02" + BLOB[1:], purpose=PURPOSE)


def test_equal_plaintexts_have_different_envelopes():
    assert 1000 == len({ENVELOPES.wrap(b"same", purpose=PURPOSE) for _ in range(1000)})


@pytest.mark.parametrize(
    "text",
    [
        MASTER.secret.hex(),
        MASTER.secret.hex().upper() + "\n",
        MASTER.to_text(),
        f"  {MASTER.to_text()}=\r\n",
    ],
    ids=["hex", "HEX", "base64url", "padded"],
)
def test_a_master_key_is_read_from_hex_and_base64url(text):
    assert MASTER == MasterKey.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "changeme",
        "a" * 42,
        "a" * 44,
        "ä" * 43,
        MASTER.secret.hex()[:-1],
        MASTER.to_text() + "==",
        "+" * 43,
    ],
    ids=["empty", "phrase", "short", "long", "umlauts", "hex cut", "padded twice", "base64"],
)
def test_another_text_is_no_master_key_and_is_not_repeated(text):
    with pytest.raises(
        ValueError, match="a master key is 64 hex digits or 43 characters of base64url"
    ) as refusal:
        MasterKey.from_text(text)
    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize(
    "secret",
    [bytes(32), b"\xff" * 32, b"\xca\xfe" * 16, b"correct horse battery staple! :)"],
    ids=["zeros", "ones", "pattern", "phrase"],
)
def test_a_pattern_or_a_phrase_is_no_master_key(secret):
    """S3: Kratos and Keto once fell back to a public default key."""
    with pytest.raises(ValueError, match="not random"):
        MasterKey(secret)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_master_key_has_32_bytes(length):
    with pytest.raises(ValueError, match=f"32 bytes, this one has {length}"):
        MasterKey(os.urandom(length))


def test_a_master_key_shows_only_its_id():
    assert f"MasterKey(key_id='{MASTER.key_id}')" == repr(MASTER) == str(MASTER)
    assert MASTER.secret.hex()[:8] not in repr(MASTER)
    assert MASTER.key_id not in MASTER.secret.hex()


def test_each_domain_has_a_key_of_its_own():
    keys = {
        MASTER.derive("envelope:v1"),
        MASTER.derive("given-secret:v1"),
        MasterKey.generate().derive("envelope:v1"),
    }
    assert 3 == len(keys - {MASTER.secret})
    assert {32} == {len(key) for key in keys}
