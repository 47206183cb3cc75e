"""What a running authorization request needs next: one function, one table.

Pages never lead to each other. Each returns here, and here alone is decided.
"""

from dataclasses import dataclass

from grantway.protocol.authorization import AuthorizationRequest
from grantway.protocol.consent import ConsentQuestion
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode, Prompt
from grantway.protocol.people import SignedIn
from grantway.protocol.scope import Scope


@dataclass(frozen=True, slots=True)
class Login:
    """Ask who is there; `reauthenticate` when somebody is signed in and must prove it again."""

    reauthenticate: bool


@dataclass(frozen=True, slots=True)
class SelectAccount:
    """Ask whether the signed-in account is the right one."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask what may be shared."""

    question: ConsentQuestion


@dataclass(frozen=True, slots=True)
class Issue:
    """Nothing is left to ask: issue the code."""

    scope: Scope


NextStep = Login | SelectAccount | AskConsent | Issue


def next_step(
    request: AuthorizationRequest,
    signed_in: SignedIn | None,
    question: ConsentQuestion | None,
    *,
    done: frozenset[Prompt],
    login_demanded: bool,
    framed: bool,
    now: float,
    wrong_person: bool = False,
) -> NextStep:
    """The next question for the person, or Issue. Raises OAuthError where `prompt=none` forbids the question.

    `done` are the prompts this flow has answered: without them `prompt=login` would ask for ever.
    `login_demanded`: the person wants to sign in as another.
    `framed`: the browser says the request comes from a frame or a script. No page can be shown there, and
    nothing is answered silently unless the client's owner allows it, whatever `prompt` says (threat A14).
    `wrong_person`: somebody else is signed in than the one whom the request names by id_token_hint or claims.
    (OIDC Core §3.1.2.1, §3.1.2.3)
    """
    if framed and not request.client.silent_in_frames:
        words = "answered only in a window of its own"
        found = Diagnosis(Gw.QUESTION_NEEDED, words, "a request from a frame or a script", "a window", words)
        raise OAuthError(ErrorCode.INTERACTION_REQUIRED, words, found)
    if Prompt.NONE in request.prompts:
        return _silently(request, signed_in, question, now=now, wrong_person=wrong_person)
    if signed_in is None:
        return Login(reauthenticate=False)
    if wrong_person and Prompt.LOGIN in done:
        raise _another_person("another person signed in than the one who was named")
    if login_demanded or wrong_person:
        return Login(reauthenticate=False)
    if Prompt.LOGIN not in done and (Prompt.LOGIN in request.prompts or _too_old(request, signed_in, now)):
        return Login(reauthenticate=True)
    if Prompt.SELECT_ACCOUNT in request.prompts - done and Prompt.LOGIN not in done:
        return SelectAccount()
    if question is not None:
        return AskConsent(question)
    return Issue(request.scope)


def _silently(
    request: AuthorizationRequest,
    signed_in: SignedIn | None,
    question: ConsentQuestion | None,
    *,
    now: float,
    wrong_person: bool,
) -> Issue:
    if signed_in is None:
        raise _unasked(ErrorCode.LOGIN_REQUIRED, "nobody is signed in")
    if wrong_person:
        raise _another_person("another person is signed in than the one who was named")
    if _too_old(request, signed_in, now):
        raise _unasked(ErrorCode.LOGIN_REQUIRED, "the sign-in is older than max_age")
    if question is not None:
        raise _unasked(ErrorCode.CONSENT_REQUIRED, "the person has not allowed all of this yet")
    return Issue(request.scope)


def _unasked(code: ErrorCode, words: str) -> OAuthError:
    found = Diagnosis(Gw.QUESTION_NEEDED, words, "prompt=none", "nothing left to ask the person", words)
    return OAuthError(code, words, found)


def _another_person(words: str) -> OAuthError:
    found = Diagnosis(
        Gw.ANOTHER_PERSON, words, "an answer of another person", "the person who was named", words
    )
    return OAuthError(ErrorCode.LOGIN_REQUIRED, words, found)


def _too_old(request: AuthorizationRequest, signed_in: SignedIn, now: float) -> bool:
    return request.max_age is not None and now - signed_in.session.auth_time > request.max_age
