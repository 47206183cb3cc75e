"""What people are asked, and what their answer gives."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantway.protocol.clients import ClientType
from grantway.protocol.consent import consent_end, consent_question, resources_of, scope_to_remember
from grantway.protocol.names import Prompt
from grantway.protocol.scope import Scope
from tests.protocol.samples import CALENDAR, CONSENT, NATIVE, PHOTOS, REGISTRY, REQUEST, SPA, WEB

READ, WRITE, DELETE = (Scope.of([f"photos:{what}"]) for what in ("read", "write", "delete"))
FIRST_PARTY = replace(WEB, first_party=True)
IN_APP = replace(NATIVE, redirect_uris=("com.example.app:/cb",))
CONSENT_PROMPT = frozenset({Prompt.CONSENT})


def ask(scope=READ, consent=None, client=WEB, prompts=frozenset()):
    request = replace(REQUEST, scope=scope, client=client, prompts=prompts)
    return consent_question(request, consent, REGISTRY)


def remembered(scope):
    return replace(CONSENT, scope=scope)


@pytest.mark.parametrize(
    ("facts", "asked"),
    [
        ({}, READ),
        ({"consent": remembered(READ)}, None),
        ({"consent": remembered(READ | WRITE)}, None),
        ({"consent": remembered(WRITE)}, READ),
        ({"scope": READ | WRITE, "consent": remembered(READ)}, WRITE),
        ({"consent": remembered(READ), "prompts": CONSENT_PROMPT}, READ),
        ({"consent": remembered(READ), "client": SPA}, None),
        ({"consent": remembered(READ), "client": NATIVE}, READ),
        ({"consent": remembered(READ), "client": IN_APP}, READ),
        (
            {
                "consent": remembered(READ),
                "client": replace(NATIVE, redirect_uris=("https://app.example/cb",)),
            },
            None,
        ),
        ({"client": FIRST_PARTY}, None),
        ({"client": FIRST_PARTY, "prompts": CONSENT_PROMPT}, READ),
        ({"client": FIRST_PARTY, "prompts": frozenset({Prompt.LOGIN})}, None),
        ({"client": replace(NATIVE, first_party=True)}, READ),
    ],
)
def test_people_are_asked_for_what_they_have_not_allowed_this_very_app(facts, asked):
    """AZ25: `design` 9; who can be impersonated is asked about every time."""
    question = ask(**facts)
    assert asked == (None if question is None else question.required | question.optional)


def test_what_may_be_unticked_is_shown_ticked_unless_it_is_sensitive():
    question = ask(READ | WRITE | DELETE)
    assert (READ, WRITE | DELETE, WRITE) == (question.required, question.optional, question.ticked)


def test_what_was_allowed_before_is_part_of_the_answer():
    question = ask(READ | WRITE, remembered(READ | DELETE))
    assert (Scope(), READ) == (question.required, question.allowed_before)
    assert READ == question.granted(Scope())


SOME = st.sets(st.sampled_from(["photos:read", "photos:write", "photos:delete", "calendar:read"])).map(
    Scope.of
)


@given(asked=SOME.filter(bool), before=SOME, ticked=SOME)
def test_an_answer_never_gives_more_than_was_asked(asked, before, ticked):
    """AZ32"""
    question = ask(asked, remembered(before))
    if question is None:
        assert asked <= before
        return
    granted = question.granted(ticked)
    assert question.required <= granted <= asked
    assert set(asked) == {*question.required, *question.optional, *question.allowed_before}


@pytest.mark.parametrize(
    ("before", "asked", "granted", "after"),
    [
        (None, READ, READ, READ),
        (READ, READ | WRITE, READ | WRITE, READ | WRITE),
        (READ, READ | WRITE, READ, READ),
        (DELETE, READ, READ, DELETE | READ),
        (READ | WRITE, READ | WRITE, READ, READ),
    ],
)
def test_an_answer_replaces_what_it_answers_and_leaves_the_rest(before, asked, granted, after):
    """AZ25: unticking what was once allowed takes it back."""
    consent = None if before is None else remembered(before)
    remember = scope_to_remember(replace(REQUEST, scope=asked), consent, granted)
    assert set(after) == set(remember)


def test_a_consent_lasts_as_long_as_its_client_may_be_remembered():
    assert consent_end(WEB, 100.0) is None
    assert 160.0 == consent_end(replace(WEB, consent_lifetime=60), 100.0)


@pytest.mark.parametrize(
    ("asked", "granted", "apis"),
    [
        ((PHOTOS, CALENDAR), ["photos:read", "calendar:read"], (PHOTOS, CALENDAR)),
        ((PHOTOS, CALENDAR), ["calendar:read"], (CALENDAR,)),
        ((CALENDAR, PHOTOS), ["photos:read"], (PHOTOS,)),
        ((PHOTOS, CALENDAR), ["offline_access"], (PHOTOS,)),
    ],
)
def test_a_grant_is_for_the_apis_of_which_something_was_allowed(asked, granted, apis):
    request = replace(REQUEST, resources=tuple(api.identifier for api in asked))
    found = resources_of(request, Scope.of(granted), REGISTRY)
    assert tuple(api.identifier for api in apis) == found


def test_the_kinds_of_client_above_are_what_they_are_called():
    assert (ClientType.SPA, ClientType.NATIVE) == (SPA.type, IN_APP.type)
    assert IN_APP.can_be_impersonated
    assert not SPA.can_be_impersonated
