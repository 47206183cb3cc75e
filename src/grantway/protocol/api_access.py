"""May a request pass? By the rows of the API, the scopes of the token, and nothing else.

Shared with the SDK: the server's `api check`, the gateway's decision and the API's own guard ask this.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from grantway.protocol.apis import Access, Api, Rule
from grantway.protocol.scope import Scope
from grantway.protocol.step_up import StepUp


class Outcome(StrEnum):
    """How a request stands to the rows of an API."""

    PUBLIC = "public"  # passes; a token is not looked at
    ALLOWED = "allowed"  # passes; the token's scopes are enough
    NO_TOKEN = "no_token"  # a token would be needed
    LACKS_SCOPE = "lacks_scope"
    DENIED = "denied"  # its row says deny
    UNLISTED = "unlisted"  # there is no row: refused by default

    @property
    def passes(self) -> bool:
        """May the request go through?"""
        return self in {Outcome.PUBLIC, Outcome.ALLOWED}


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request, and why.

    `need` holds scopes that would be enough, `missing` those of them the token lacks; both are empty where
    no scope would help.
    """

    outcome: Outcome
    why: str
    rule: Rule | None = None
    need: Scope = Scope()
    missing: Scope = Scope()

    @property
    def passes(self) -> bool:
        """May the request go through?"""
        return self.outcome.passes


def decide(api: Api, method: str, path: str, scope: Scope | None) -> Decision:
    """May a request with a token of these scopes pass? `scope` is None when there is no token.

    The token is verified and meant for this API; `method` is the request's own, `path` is canonical and below
    the server's base. What is not listed is refused.
    """
    rule = api.rule_for(method, path)
    if rule is None:
        return Decision(Outcome.UNLISTED, f"No rule of this API allows {method} {path}")
    if rule.access is Access.DENY:
        return Decision(Outcome.DENIED, f"The rule {rule} denies {method} {path} to everybody", rule)
    if rule.access is Access.PUBLIC:
        return Decision(Outcome.PUBLIC, f"The rule {rule} needs no token", rule)
    if scope is None:
        need = rule.enough()
        return Decision(Outcome.NO_TOKEN, f"{method} {path} needs {in_words(rule)}", rule, need, need)
    if is_enough(rule, scope):
        words = demands_in_words(rule, api.step_up_of(rule))
        return Decision(Outcome.ALLOWED, f"the rule {rule} needs {words}", rule, rule.enough(scope))
    need = rule.enough(scope)
    missing = need - scope
    why = f"{method} {path} needs {in_words(rule)}; the token lacks {_and(missing)}"
    return Decision(Outcome.LACKS_SCOPE, why, rule, need, missing)


def is_enough(rule: Rule, scope: Scope) -> bool:
    """Has a token of these scopes what the row needs? Never for `public` and `deny`: they ask for none."""
    having = scope.tokens
    if not rule.any_of:  # as nearly all rows are
        return rule.access is Access.SCOPES and rule.need.issubset(having)
    return any(one.issubset(having) for one in rule.alternatives)


def in_words(rule: Rule) -> str:
    """What a row needs: `a and b`, `a or b`, `a and b, or c`; `no token`, `nothing passes`."""
    if rule.access is not Access.SCOPES:
        return "no token" if rule.access is Access.PUBLIC else "nothing passes"
    alternatives = [_and(sorted(one)) for one in rule.alternatives]
    return (", or " if any(" and " in one for one in alternatives) else " or ").join(alternatives)


def demands_in_words(rule: Rule, step_up: StepUp | None) -> str:
    """The same, with what is demanded of the sign-in; of `public` and `deny` nothing is."""
    demanded = step_up is not None and rule.access is Access.SCOPES
    return f"{in_words(rule)}; {step_up}" if demanded else in_words(rule)


def _and(scopes: Iterable[str]) -> str:
    return " and ".join(scopes)
