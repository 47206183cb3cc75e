"""Seals: what comes back from a browser is what left, for the same purpose, flow and browser."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.crypto.seal import MAX_PAYLOAD, BrokenSeal, Sealer, SealingKey, flow_id_of
from grantway.crypto.secrets import new_id

KEY = SealingKey.generate()
SEALER = Sealer((KEY,))
FLOW = "0Lmw0ZpYlk4dQe7B"
COOKIE = b"gwfl_cookie"
TEXT = SEALER.seal(b'{"client_id":"web"}', purpose="authorize", binding=COOKIE, flow_id=FLOW)


@given(st.binary(max_size=MAX_PAYLOAD), st.text(st.characters(codec="utf-8")), st.binary(min_size=1))
def test_a_seal_opens_for_the_purpose_and_the_binding_it_was_made_for(payload, purpose, binding):
    text = SEALER.seal(payload, purpose=purpose, binding=binding, flow_id=FLOW)
    assert payload == SEALER.open(text, purpose=purpose, binding=binding)
    assert FLOW == flow_id_of(text)
    assert len(payload) < 8 or base64.urlsafe_b64encode(payload)[:10].decode() not in text


@pytest.mark.parametrize(
    ("purpose", "binding"),
    [
        ("continue", COOKIE),
        ("authorize", b"gwfl_another"),
        ("authorize", COOKIE + b"\0"),
        ("authorize", b""),
        ("", COOKIE),
    ],
)
def test_a_seal_is_broken_for_another_purpose_or_another_browser(purpose, binding):
    with pytest.raises(BrokenSeal):
        SEALER.open(TEXT, purpose=purpose, binding=binding)


def test_a_seal_is_broken_under_the_id_of_another_flow():
    with pytest.raises(BrokenSeal):
        SEALER.open(new_id(1_900_000_000.0) + TEXT[16:], purpose="authorize", binding=COOKIE)


@pytest.mark.parametrize("position", range(len(TEXT)))
def test_every_single_altered_character_breaks_it(position):
    """E5: also in the last character, some bits of which a lenient decoder would ignore."""
    for character in "0AaZz9-_.= \0é\n+/":
        altered = TEXT[:position] + character + TEXT[position + 1 :]
        if altered != TEXT:
            with pytest.raises(BrokenSeal):
                SEALER.open(altered, purpose="authorize", binding=COOKIE)


@pytest.mark.parametrize("payload", [b"", b"1", b"12", b"123"])
def test_a_seal_has_one_spelling(payload):
    """E5: whatever remains of its length modulo 3."""
    text = SEALER.seal(payload, purpose="p", binding=COOKIE, flow_id=FLOW)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    opened = []
    for character in alphabet:
        try:
            opened.append(SEALER.open(text[:-1] + character, purpose="p", binding=COOKIE))
        except BrokenSeal:
            continue
    assert [payload] == opened


def test_a_cut_or_extended_seal_is_broken():
    """E5"""
    cut = [part for count in range(1, 41) for part in (TEXT[:-count], TEXT[count:])]
    extended = [TEXT + end for end in ("=", "==", " ", "\n", "\0", "A", ".", TEXT)]
    for text in [*cut, *extended, " " + TEXT, TEXT.swapcase(), TEXT.upper()]:
        with pytest.raises(BrokenSeal):
            SEALER.open(text, purpose="authorize", binding=COOKIE)


@given(st.text() | st.text().map(lambda text: f"{FLOW}.{text}"))
def test_whatever_the_text_it_is_broken_and_nothing_worse(text):
    with pytest.raises(BrokenSeal):
        SEALER.open(text, purpose="authorize", binding=COOKIE)


def test_a_huge_text_is_refused_before_any_work():
    """The largest seal still opens; a byte more is not even decoded."""
    largest = SEALER.seal(bytes(MAX_PAYLOAD), purpose="p", binding=COOKIE, flow_id=FLOW)
    assert bytes(MAX_PAYLOAD) == SEALER.open(largest, purpose="p", binding=COOKIE)
    assert flow_id_of(largest + "AAAA") is None
    with pytest.raises(BrokenSeal, match="not the shape of a seal"):
        SEALER.open(FLOW + "." + "A" * 10_000_000, purpose="p", binding=COOKIE)


def test_too_much_is_not_sealed():
    with pytest.raises(ValueError, match="too many to seal"):
        SEALER.seal(bytes(MAX_PAYLOAD + 1), purpose="p", binding=COOKIE, flow_id=FLOW)


def test_nothing_is_sealed_without_a_binding_or_a_flow():
    with pytest.raises(ValueError, match="needs a binding"):
        SEALER.seal(b"", purpose="p", binding=b"", flow_id=FLOW)
    for flow_id in ("", "short", "0" * 15 + ".", "0" * 17):
        with pytest.raises(ValueError, match="not a flow id"):
            SEALER.seal(b"", purpose="p", binding=COOKIE, flow_id=flow_id)


def test_the_first_key_seals_and_every_key_opens():
    new = SealingKey.generate()
    both = Sealer((new, KEY))
    assert b'{"client_id":"web"}' == both.open(TEXT, purpose="authorize", binding=COOKIE)
    text = both.seal(b"later", purpose="p", binding=COOKIE, flow_id=FLOW)
    assert b"later" == Sealer((new,)).open(text, purpose="p", binding=COOKIE)
    with pytest.raises(BrokenSeal, match="no such sealing key"):
        SEALER.open(text, purpose="p", binding=COOKIE)


def test_a_sealer_needs_keys_that_differ():
    for keys in ((), (KEY, KEY)):
        with pytest.raises(ValueError, match="all different"):
            Sealer(keys)


def test_a_sealing_key_has_32_bytes_and_hides_them():
    with pytest.raises(ValueError, match="32 bytes, this one has 16"):
        SealingKey(bytes(16))
    assert "SealingKey()" == repr(KEY)


@pytest.mark.parametrize(
    "text", ["", FLOW, FLOW + ",", "." + FLOW, "é" * 16 + ".", FLOW[:-1] + "-.", FLOW + "0."]
)
def test_what_is_no_seal_has_no_flow(text):
    assert flow_id_of(text) is None


def test_equal_payloads_have_different_seals():
    seals = {SEALER.seal(b"same", purpose="p", binding=COOKIE, flow_id=FLOW) for _ in range(1000)}
    assert 1000 == len(seals)
