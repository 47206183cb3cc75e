"""May this token do this here? Pure: no I/O, no clock, no framework."""

from dataclasses import dataclass

from grantway.protocol.api_access import decide
from grantway.protocol.apis import Access, Api, Rule
from grantway.protocol.names import ErrorCode
from grantway.protocol.paths import BadPath, canonical_path
from grantway.protocol.scope import Scope
from grantway.sdk.verify import AccessToken

__all__ = ["Allowed", "BadPath", "Refused", "canonical_path", "is_public", "judge", "needed_scope"]


@dataclass(frozen=True, slots=True)
class Allowed:
    """The request may pass, by this row of the API definition."""

    rule: Rule


@dataclass(frozen=True, slots=True)
class Refused:
    """The request may not pass: HTTP status, error code (None where RFC 6750 §3.1 wants none) and why.

    `need` holds scopes that would be enough, `missing` those of them the token lacks; both are empty
    where no scope would help.
    """

    status: int
    error: ErrorCode | None
    why: str
    need: Scope = Scope()
    missing: Scope = Scope()


def judge(api: Api, token: AccessToken, method: str, path: str) -> Allowed | Refused:
    """May this token do this here? (RFC 6750 §3.1, RFC 9068 §4, RFC 8707 §2).

    `token` is verified, `method` is the request's own and `path` is canonical. What is not listed is refused.
    """
    if api.identifier not in token.audience:
        return Refused(401, ErrorCode.INVALID_TOKEN, f"The token is not meant for {api.identifier}")
    decision = decide(api, method, path, token.scope)
    if decision.passes and decision.rule is not None:
        return Allowed(decision.rule)
    return Refused(403, ErrorCode.INSUFFICIENT_SCOPE, decision.why, decision.need, decision.missing)


def needed_scope(rule: Rule | None) -> Scope:
    """Scopes that are enough for a request judged by this row, in a settled order; none without a row."""
    return Scope() if rule is None else rule.enough()


def is_public(rule: Rule | None) -> bool:
    """Does a request judged by this row pass without a token?"""
    return rule is not None and rule.access is Access.PUBLIC
