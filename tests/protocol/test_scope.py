"""Scope values: an ordered set of tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.scope import MAX_TOKENS, Scope, is_scope_token

ALLOWED = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"\\')
TOKENS = st.text(ALLOWED, min_size=1, max_size=8)


@given(st.lists(TOKENS, max_size=12))
def test_what_is_written_is_read_back_in_order_and_once(tokens):
    """AZ06"""
    scope = Scope.of(tokens)
    assert Scope.parse(str(scope)) == scope
    assert list(scope) == list(dict.fromkeys(tokens))


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    """AZ17"""
    if all(is_scope_token(token) for token in text.split(" ") if token):
        assert set(Scope.parse(text)) == {token for token in text.split(" ") if token}
        return
    with pytest.raises(OAuthError) as refusal:
        Scope.parse(text)
    assert ErrorCode.INVALID_SCOPE is refusal.value.code


@pytest.mark.parametrize("text", [None, "", " ", "   "])
def test_nothing_is_an_empty_scope(text):
    assert Scope() == Scope.parse(text)
    assert not Scope.parse(text)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\tb", "a\nb", "é", "a\x7f", "\0", "a\u00a0b", "🐟"])
def test_a_character_outside_the_grammar_is_refused_and_not_repeated_to_the_client(text):
    """AZ17"""
    with pytest.raises(OAuthError) as refusal:
        Scope.parse(text)
    assert ErrorCode.INVALID_SCOPE is refusal.value.code
    assert text not in refusal.value.tell_client
    with pytest.raises(ValueError, match="not a scope token"):
        Scope.of([text])


def test_there_is_an_end_to_how_many_may_be_asked_for():
    assert MAX_TOKENS == len(Scope.parse(" ".join(f"s{n}" for n in range(MAX_TOKENS))))
    with pytest.raises(OAuthError):
        Scope.parse(" ".join(f"s{n}" for n in range(MAX_TOKENS + 1)))


A, AB, BC = Scope.of("a"), Scope.of("ab"), Scope.of("bc")


@pytest.mark.parametrize(
    ("result", "expected"),
    [(AB | BC, "a b c"), (AB & BC, "b"), (AB - BC, "a"), (BC | AB, "b c a"), (A - AB, "")],
)
def test_scopes_are_combined_as_sets_and_keep_their_order(result, expected):
    assert expected == str(result)


def test_scopes_are_compared_as_sets():
    """AZ06"""
    assert A <= AB <= Scope.of("ba") <= AB
    assert Scope() <= A
    assert not AB <= A
    assert not AB <= BC
    assert "a" in AB
    assert "ab" not in AB
