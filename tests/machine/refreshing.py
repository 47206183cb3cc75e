"""Steps with refresh tokens."""

from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, precondition, rule

from grantway.protocol.names import ErrorCode
from tests.machine.draws import beyond, client_ids, endings, living, nodes, waits, wanteds
from tests.machine.example import heard
from tests.machine.fleet import together
from tests.machine.machine import Machine, at_node, bought, found, noted, tokens
from tests.machine.model import GRACE, REPLAYED, TOKENS, Client, Tokens, Wanted

MOST_TOGETHER = 3  # refreshes in one race


class Refreshing(Machine):
    """Refresh: in order, again, at once, by others, and while the grant ends."""

    @precondition(lambda self: self.living_tokens())
    @rule(target=tokens, held=living, node=nodes, wanted=wanteds)
    @noted
    def refresh(self, held, node, wanted):
        """With a refresh token of a living grant: fresh, spent a moment ago, spent long ago."""
        return found(self._refresh(held, held.grant.client, node, wanted))

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, node=nodes)
    @noted
    def refresh_for_too_much(self, held, node):
        """Scopes and APIs that were not approved: nothing is bought and nothing is lost."""
        for wanted in beyond(held.grant):
            self._refresh(held, held.grant.client, node, wanted)

    @precondition(lambda self: self.living_tokens())
    @rule(target=tokens, held=living, node=nodes, times=st.integers(1, 3), wait=waits)
    @noted
    def refresh_in_a_row(self, held, node, times, wait):
        """Each time with the successor, and some seconds later with the first one again."""
        own = held.grant.client
        row: list[Tokens | None] = [held]
        for _ in range(times):
            row.append(self._refresh(row[-1] or held, own, node, Wanted()))
        self.let_pass(wait)
        row.append(self._refresh(held, own, node + 1, Wanted()))
        return found(*row[1:])

    @rule(target=tokens, held=tokens, client=client_ids, node=nodes)
    @noted
    def refresh_anything(self, held, client, node):
        """With any refresh token ever seen, by any client."""
        return found(self._refresh(held, self.client(client), node, Wanted()))

    @precondition(lambda self: self.living_tokens())
    @rule(target=tokens, held=living, node=nodes, times=st.integers(2, MOST_TOGETHER))
    @noted
    def refresh_at_once(self, held, node, times):
        """Several tabs at the same moment, on both nodes: all are told the same successor."""
        token, own = held.refresh, held.grant.client
        at = self.run(self.example.moment(token.spent_at, GRACE))
        foretold = self.model.refreshing(token, own, wanted=Wanted(), at=at)
        asks = [at_node(self.example.refresh, token, own, node + n, Wanted()) for n in range(times)]
        answers = self.run(together(asks))
        assert Counter(word for word, _ in answers) == {heard(foretold): times}, f"{foretold} was foretold"
        self.touch(held.grant)
        self.model.refreshed(token, foretold, at)
        return multiple(*(self.hold(self._successor(held, answer, Wanted())) for answer in bought(answers)))

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, ending=endings, node=nodes, times=st.integers(1, MOST_TOGETHER))
    @noted
    def refresh_while_it_ends(self, held, ending, node, times):
        """Whichever is first, nothing of the grant is alive afterwards."""
        token, own = held.refresh, held.grant.client
        at = self.run(self.example.moment(token.spent_at, GRACE))
        foretold = self.model.refreshing(token, own, wanted=Wanted(), at=at)
        asks = [at_node(self.example.refresh, token, own, node + n, Wanted()) for n in range(times)]
        asks.insert(times // 2, lambda: self._end(held, ending, node))
        answers = self.run(together(asks))
        self._ended(held, ending, foretold)
        answers.pop(times // 2)
        assert {word for word, _ in answers} <= {heard(foretold), ErrorCode.INVALID_GRANT}
        if foretold == TOKENS and bought(answers):
            self.model.refreshed(token, TOKENS, at)
        for answer in bought(answers):
            self._successor(held, answer, Wanted())

    def _refresh(self, held: Tokens, by: Client, node: int, wanted: Wanted) -> Tokens | None:
        token = held.refresh
        at = self.run(self.example.moment(token.spent_at, GRACE))
        foretold = self.model.refreshing(token, by, wanted=wanted, at=at)
        word, answer = self.run(self.example.refresh(token, by, node, wanted))
        assert word == heard(foretold), f"{foretold} was foretold for {wanted}"
        self.touch(held.grant)
        self.model.refreshed(token, foretold, at)
        return self.hold(self._successor(held, answer, wanted)) if word == TOKENS else None

    def _successor(self, held: Tokens, answer: dict[str, Any], wanted: Wanted) -> Tokens:
        """Tokens of a refresh: there is one successor, however often it is told."""
        is_known = answer["refresh_token"] in self.model.refresh_tokens
        tokens = self.example.received(held.code, answer, wanted)
        known = held.refresh.successor
        assert is_known == (known is not None), "a token that was given before, or a second successor"
        assert known in (None, tokens.refresh), "two successors"
        held.refresh.successor = tokens.refresh
        return tokens

    async def _end(self, held: Tokens, ending: str, node: int) -> None:
        grant = held.grant
        if ending == "revoke":
            await self.fleet.post(node, "/revoke", grant.client.id, token=held.refresh.text)
        elif ending == "replay the code":
            await self.example.redeem(held.code, grant.client, node, Wanted(), {})
        elif ending == "withdraw":
            await self.fleet.withdraw(grant.person.username, grant.client.id, node)
        else:
            await self.fleet.disable_person(grant.person.username, node)

    def _ended(self, held: Tokens, ending: str, foretold: str) -> None:
        grant = held.grant
        if ending == "withdraw":
            self.model.withdraw(grant.person, grant.client)
        elif ending == "disable the person":
            self.model.disable(grant.person)
        elif grant.client.enabled:
            grant.end(ending)
        if foretold == REPLAYED:
            grant.end("refresh token replayed")
        self.touch(*(each for each in self.model.grants if each.person is grant.person))
