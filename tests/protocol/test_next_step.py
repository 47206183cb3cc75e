"""What a running authorization request needs next."""

from dataclasses import replace

import pytest

from grantway.protocol.consent import ConsentQuestion
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode, Prompt
from grantway.protocol.next_step import AskConsent, Issue, Login, SelectAccount, next_step
from grantway.protocol.scope import Scope
from tests.protocol.samples import NOON, REQUEST, SIGNED_IN, WEB

QUESTION = ConsentQuestion(
    required=Scope.of(["photos:read"]), optional=Scope(), ticked=Scope(), allowed_before=Scope()
)
LOGIN, AGAIN, SELECT, CONSENT, ISSUE = (
    Login(reauthenticate=False),
    Login(reauthenticate=True),
    SelectAccount(),
    AskConsent(QUESTION),
    Issue(REQUEST.scope),
)
IN, OUT = SIGNED_IN, None
P = Prompt


def decide(
    prompts=(), who=IN, question=None, *, max_age=None, done=(), demanded=False, framed=False, client=WEB
):
    request = replace(REQUEST, prompts=frozenset(prompts), max_age=max_age, client=client)
    return next_step(
        request, who, question, done=frozenset(done), login_demanded=demanded, framed=framed, now=NOON
    )


@pytest.mark.parametrize(
    ("expected", "facts"),
    [
        (LOGIN, {"who": OUT}),
        (LOGIN, {"who": OUT, "prompts": {P.CONSENT}, "question": QUESTION}),
        (LOGIN, {"who": OUT, "prompts": {P.LOGIN}}),
        (LOGIN, {"who": OUT, "prompts": {P.LOGIN}, "done": {P.LOGIN}}),
        (LOGIN, {"demanded": True}),
        (LOGIN, {"demanded": True, "done": {P.LOGIN}}),
        (LOGIN, {"demanded": True, "question": QUESTION}),
        (ISSUE, {}),
        (CONSENT, {"question": QUESTION}),
        (AGAIN, {"prompts": {P.LOGIN}}),
        (AGAIN, {"prompts": {P.LOGIN}, "question": QUESTION}),
        (AGAIN, {"prompts": {P.LOGIN, P.SELECT_ACCOUNT}}),
        (AGAIN, {"prompts": {P.LOGIN}, "done": {P.SELECT_ACCOUNT}}),
        (ISSUE, {"prompts": {P.LOGIN}, "done": {P.LOGIN}}),
        (CONSENT, {"prompts": {P.LOGIN, P.CONSENT}, "done": {P.LOGIN}, "question": QUESTION}),
        (SELECT, {"prompts": {P.SELECT_ACCOUNT}}),
        (SELECT, {"prompts": {P.SELECT_ACCOUNT}, "question": QUESTION}),
        (ISSUE, {"prompts": {P.SELECT_ACCOUNT}, "done": {P.SELECT_ACCOUNT}}),
        (CONSENT, {"prompts": {P.SELECT_ACCOUNT}, "done": {P.SELECT_ACCOUNT}, "question": QUESTION}),
        (ISSUE, {"prompts": {P.SELECT_ACCOUNT}, "done": {P.LOGIN}}),
        (ISSUE, {"max_age": 100}),
        (AGAIN, {"max_age": 99}),
        (AGAIN, {"max_age": 0}),
        (ISSUE, {"max_age": 0, "done": {P.LOGIN}}),
        (AGAIN, {"max_age": 99, "prompts": {P.SELECT_ACCOUNT}}),
        (ISSUE, {"prompts": {P.NONE}}),
        (ISSUE, {"prompts": {P.NONE}, "max_age": 100}),
        (ISSUE, {"framed": True, "client": replace(WEB, silent_in_frames=True), "prompts": {P.NONE}}),
        (ISSUE, {"framed": True, "client": replace(WEB, silent_in_frames=True)}),
    ],
)
def test_the_next_question_is_the_first_that_is_open(expected, facts):
    """AZ25, AZ27, AZ28: sign in, choose, consent; a question answered is not asked again."""
    assert expected == decide(**facts)


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (ErrorCode.LOGIN_REQUIRED, {"who": OUT}),
        (ErrorCode.LOGIN_REQUIRED, {"who": OUT, "question": QUESTION}),
        (ErrorCode.LOGIN_REQUIRED, {"max_age": 99}),
        (ErrorCode.LOGIN_REQUIRED, {"max_age": 0, "question": QUESTION}),
        (ErrorCode.LOGIN_REQUIRED, {"max_age": 0, "done": {P.LOGIN}}),
        (ErrorCode.CONSENT_REQUIRED, {"question": QUESTION}),
        (ErrorCode.INTERACTION_REQUIRED, {"framed": True}),
        (ErrorCode.INTERACTION_REQUIRED, {"framed": True, "who": OUT}),
    ],
)
def test_silence_turns_each_question_into_its_error(error, facts):
    """AZ24, AZ25, AZ28"""
    with pytest.raises(OAuthError) as refusal:
        decide(prompts={P.NONE}, **facts)
    assert error is refusal.value.code


@pytest.mark.parametrize("prompts", [set(), {P.LOGIN}, {P.CONSENT}, {P.SELECT_ACCOUNT}])
def test_in_a_frame_no_page_is_shown_either(prompts):
    """AZ25"""
    with pytest.raises(OAuthError) as refusal:
        decide(prompts=prompts, framed=True)
    assert ErrorCode.INTERACTION_REQUIRED is refusal.value.code
