"""Decoded parameters."""

from contextlib import suppress
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import MAX_PARAMETERS, Params, form_decode

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
CLEAN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(TEXTS, TEXTS.filter(bool)), max_size=10))
def test_what_a_browser_encodes_is_read_back(pairs):
    """AZ02: every character, every order."""
    expected: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        expected[name] = (*expected.get(name, ()), value)
    assert expected == Params.parse(urlencode(pairs).encode()).values


@given(CLEAN)
def test_both_ways_to_write_a_blank_are_understood(text):
    for encode in (quote, quote_plus):
        assert text == Params.parse(f"state={encode(text, safe='')}".encode()).get("state")


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_as_an_invalid_request(raw):
    """CR18"""
    with suppress(OAuthError):
        assert all(values and all(values) for values in Params.parse(raw).values.values())


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        (b"", {}),
        (b"&&", {}),
        (b"a", {}),
        (b"a=", {}),
        (b"a=&a=1", {"a": ("1",)}),
        (b"a=1&a=2", {"a": ("1", "2")}),
        (b"=1", {"": ("1",)}),
        (b"a=b=c", {"a": ("b=c",)}),
        (b"a=1;b=2", {"a": ("1;b=2",)}),
        (b"%61=%62", {"a": ("b",)}),
        (b"a=%2526", {"a": ("%26",)}),
        (b"a=+%2B", {"a": (" +",)}),
        (b"A=1&a=2", {"A": ("1",), "a": ("2",)}),
    ],
)
def test_parameters_are_read_as_appendix_b_says(raw, values):
    """AZ05: RFC 6749 §3.1 - an empty one counts as left out."""
    assert values == Params.parse(raw).values


@pytest.mark.parametrize(
    "raw",
    [b"a=%", b"a=%4", b"a=%zz", b"%=1", b"a=%ff", b"a=%c3%28", b"a=%ed%a0%80", b"a=\xff", "a=é".encode()],
)
def test_what_is_not_percent_encoded_utf_8_is_refused(raw):
    """CR18: read once, strictly; nothing is guessed."""
    with pytest.raises(OAuthError) as refusal:
        Params.parse(raw)
    assert ErrorCode.INVALID_REQUEST is refusal.value.code


def test_there_is_an_end_to_how_many_are_read():
    Params.parse(b"&".join([b"a=1"] * MAX_PARAMETERS))
    with pytest.raises(OAuthError):
        Params.parse(b"&".join([b"a=1"] * (MAX_PARAMETERS + 1)))


def test_a_repeated_parameter_is_refused_when_it_is_asked_for():
    """AZ10: an unknown one may come as often as it likes."""
    params = Params.parse(b"a=1&b=1&b=1")
    assert "1" == params.get("a")
    for read in (params.get, params.need, params.need_any_text):
        with pytest.raises(OAuthError, match="more than once"):
            read("b")
    assert ("1", "1") == params.every("b")


def test_a_missing_parameter_is_none_or_refused():
    params = Params.of(a="1")
    assert params.get("b") is None
    assert () == params.every("b")
    for read in (params.need, params.need_any_text):
        with pytest.raises(OAuthError, match="b is missing"):
            read("b")


@pytest.mark.parametrize("character", ["\0", "\t", "\r", "\n", "\x1f", "\x7f", "\ufdd0", "\ufffe", "\uffff"])
def test_control_characters_are_refused_unless_any_text_will_do(character):
    """IN03: a token with one is an unknown token."""
    params = Params.of(a=f"x{character}y")
    for read in (params.get, params.need, params.every):
        with pytest.raises(OAuthError, match="control character"):
            read("a")
    assert f"x{character}y" == params.need_any_text("a")


def test_names_that_no_error_description_may_hold_are_made_harmless():
    with pytest.raises(OAuthError) as refusal:
        Params({'"\n': ("1", "2")}).get('"\n')
    assert "?? must not be sent more than once" == refusal.value.tell_client


def test_decoding_alone_is_as_strict():
    """CA01: the parts of Basic are decoded the same way."""
    assert "a b+" == form_decode("a+b%2B")
    with pytest.raises(OAuthError):
        form_decode("%zz")
