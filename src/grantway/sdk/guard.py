"""May this token do this here? Pure: no I/O, no clock, no framework."""

from dataclasses import dataclass

from grantway.protocol.api_access import decide
from grantway.protocol.apis import Access, Api, Rule
from grantway.protocol.names import ErrorCode
from grantway.protocol.paths import BadPath, canonical_path
from grantway.protocol.scope import Scope
from grantway.protocol.step_up import SignedIn, StepUp
from grantway.sdk.verify import AccessToken

__all__ = [
    "Allowed",
    "BadPath",
    "Refused",
    "StepUp",
    "canonical_path",
    "is_public",
    "judge",
    "lacking",
    "needed_scope",
    "stale",
]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The request may pass, by this row of the API definition."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Refused:
    """The request may not pass: HTTP status, error code (None where RFC 6750 §3.1 wants none) and why.

    `need` holds scopes that would be enough, `missing` those of them the token lacks; both are empty
    where no scope would help. `step_up` is what the sign-in behind the token lacks.
    """

    status: int
    error: ErrorCode | None
    why: str
    need: Scope = Scope()
    missing: Scope = Scope()
    step_up: StepUp | None = None


def judge(
    api: Api, token: AccessToken, method: str, path: str, *, now: float | None = None
) -> Allowed | Refused:
    """May this token do this here? (RFC 6750 §3.1, RFC 9068 §4, RFC 8707 §2, RFC 9470 §3).

    `token` is verified, `method` is the request's own and `path` is canonical. What is not listed is refused.
    `now`, in Unix seconds, is needed where the definition demands a sign-in: without it such a row refuses.
    """
    if api.identifier not in token.audience:
        return Refused(401, ErrorCode.INVALID_TOKEN, f"The token is not meant for {api.identifier}")
    decision = decide(api, method, path, token.scope)
    if decision.passes and decision.rule is not None:
        demanded = api.step_up_of(decision.rule)
        at = float("inf") if now is None else now
        old = None if demanded is None else stale(token, demanded, decision.need, f"{method} {path}", now=at)
        return old or Allowed(decision.rule)
    return Refused(403, ErrorCode.INSUFFICIENT_SCOPE, decision.why, decision.need, decision.missing)


def lacking(token: AccessToken, declared: Scope, what: str) -> Refused | None:
    """What the token lacks of scopes that the code asks for itself, all of them needed; None if nothing."""
    missing = declared - token.scope
    if not missing:
        return None
    why = f"{what} needs {_in_words(declared)}; the token lacks {_in_words(missing)}"
    return Refused(403, ErrorCode.INSUFFICIENT_SCOPE, why, declared, missing)


def stale(sign_in: SignedIn, step_up: StepUp, need: Scope, what: str, *, now: float) -> Refused | None:
    """Why the sign-in behind a token is not good or fresh enough, or None (RFC 9470 §3)."""
    if step_up.is_met_by(sign_in, now):
        return None
    why = f"{what} needs {step_up}"
    return Refused(401, ErrorCode.INSUFFICIENT_USER_AUTHENTICATION, why, need, step_up=step_up)


def needed_scope(rule: Rule | None) -> Scope:
    """Scopes that are enough for a request judged by this row, in a settled order; none without a row."""
    return Scope() if rule is None else rule.enough()


def is_public(rule: Rule | None) -> bool:
    """Does a request judged by this row pass without a token?"""
    return rule is not None and rule.access is Access.PUBLIC


def _in_words(scope: Scope) -> str:
    return " and ".join(scope)
