"""What all steps stand on: the example they belong to, a journal, and what holds after each."""

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from hypothesis.errors import HypothesisException
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple

from tests.machine.example import Example
from tests.machine.fleet import Fleet
from tests.machine.model import Client, Code, Grant, Person, Tokens

codes: Bundle[Code] = Bundle("codes")
tokens: Bundle[Tokens] = Bundle("tokens")
LONGEST = 3000  # seconds in one example; later, codes are deleted and their replay is not noticed any more


def noted(step: Callable[..., Any]) -> Callable[..., Any]:
    """Write the step down before it is made."""

    @wraps(step)
    def noted_step(self: "Machine", **chosen: Any) -> Any:
        self.journal.append(f"{step.__name__}({', '.join(f'{name}={chosen[name]!r}' for name in chosen)})")
        return step(self, **chosen)

    return noted_step


class Machine(RuleBasedStateMachine):
    """Two people, three clients, one or two nodes."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.fleet = fleet
        self.example = Example(fleet)
        self.model = self.example.model
        self.held: list[Tokens] = []  # all tokens that came in order
        self.journal: list[str] = []  # the steps, for a failure that does not come again

    def run(self, work: Any) -> Any:
        return self.fleet.run(work)

    def touch(self, *grants: Grant) -> None:
        """Their tokens are looked at after this step."""
        self.example.touched += grants

    def hold(self, tokens: Tokens) -> Tokens:
        self.held.append(tokens)
        return tokens

    def living_tokens(self) -> list[Tokens]:
        return [tokens for tokens in self.held if tokens.grant.ended is None]

    def let_pass(self, seconds: float) -> None:
        if seconds and self.example.now + seconds < LONGEST:
            self.run(self.example.let_pass(seconds))

    def client(self, name: str) -> Client:
        return self.model.clients[name]

    def person(self, name: str) -> Person:
        return self.model.people[name]

    @invariant()
    def holds(self):
        self.run(self.example.assert_step())

    def teardown(self):
        failure = sys.exc_info()[1]
        try:
            if failure is None:
                self.run(self.example.assert_end())
        except AssertionError as late:
            failure = late
            raise
        finally:
            if isinstance(failure, Exception) and not isinstance(failure, HypothesisException):
                self.fleet.failures.append((failure, self.journal))
            self.run(self.example.end())


def found(*results: Any) -> Any:
    """What goes into the bundle: those that there are."""
    there = [result for result in results if result is not None]
    return there[0] if len(there) == 1 else multiple(*there)


def at_node(ask: Callable[..., Awaitable[Any]], *arguments: Any) -> Callable[[], Awaitable[Any]]:
    return lambda: ask(*arguments)


def bought(answers: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [answer for word, answer in answers if "access_token" in answer]
