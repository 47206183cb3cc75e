"""People and their sessions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.protocol.people import canonical_username, may_authenticate, session_ended
from tests.protocol.samples import ADA, NOON, SESSION


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (ADA, None),
        (replace(ADA, tokens_valid_from=NOON), None),
        (None, "no longer exists"),
        (replace(ADA, disabled_at=NOON + 5), "ada is disabled"),
        (replace(ADA, disabled_at=0.0), "ada is disabled"),
        (replace(ADA, tokens_valid_from=NOON + 0.001), "was revoked"),
    ],
)
def test_who_is_gone_disabled_or_cut_off_may_do_nothing(person, why):
    """IN04: one gate for every issuance."""
    told = may_authenticate(person, since=NOON)
    assert (told is None) == (why is None)
    assert why is None or why in told


@pytest.mark.parametrize(
    ("session", "ended"),
    [
        (SESSION, False),
        (replace(SESSION, expires_at=NOON), True),
        (replace(SESSION, expires_at=NOON + 1), False),
        (replace(SESSION, seen_at=NOON - 100), True),
        (replace(SESSION, seen_at=NOON - 99), False),
    ],
)
def test_a_session_ends_when_unused_and_when_its_time_is_up(session, ended):
    assert ended == session_ended(session, idle_lifetime=100.0, now=NOON)


@pytest.mark.parametrize("typed", ["ada", "ADA", " ada ", "\uff41\uff44\uff41", "Ada\u00a0"])
def test_one_person_has_one_name_however_it_is_typed(typed):
    assert "ada" == canonical_username(typed)


@pytest.mark.parametrize("typed", ["", "  ", "a\0b", "a\nb", "x" * 255, "a\u202eb", "\u0430da\u200b"])
def test_what_cannot_be_a_name_is_none(typed):
    assert canonical_username(typed) is None


@given(st.text(max_size=30))
def test_a_canonical_name_is_its_own_canonical_name(typed):
    name = canonical_username(typed)
    assert name is None or name == canonical_username(name)
