"""Steps with codes."""

from collections import Counter
from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.stateful import consumes, initialize, multiple, precondition, rule

from grantway.protocol.names import ErrorCode
from tests.machine.draws import (
    EVERYTHING,
    NO_MISTAKE,
    OLD,
    apis,
    beyond,
    client_ids,
    common_scopes,
    living,
    mistakes,
    nodes,
    people,
    places,
    requests,
    ticked,
    ticks,
)
from tests.machine.example import heard
from tests.machine.fleet import together
from tests.machine.machine import Machine, at_node, bought, codes, found, noted, tokens
from tests.machine.model import CODE_LIFETIME, REPLAYED, TOKENS, Asked, Client, Code, Tokens, Wanted


class Redeeming(Machine):
    """Authorize and redeem: in order, twice, at once, and by who must not."""

    @rule(target=codes, person=people, client=client_ids, asked=requests, tick=ticks, node=nodes)
    @noted
    def authorize(self, person, client, asked, tick, node):
        """A person is sent to a node and allows, all or some of it."""
        return found(self._authorize(person, client, asked, tick, node))

    @initialize(target=tokens, person=people, client=client_ids, scope=common_scopes, node=nodes)
    @noted
    def begin(self, person, client, scope, node):
        """No example is without tokens."""
        return found(self._connect(person, client, scope=scope, tick=EVERYTHING, thief=None, node=node))

    @rule(
        target=tokens,
        person=people,
        client=client_ids,
        scope=common_scopes,
        tick=ticks,
        thief=st.none() | places,
        node=nodes,
    )
    @noted
    def connect(self, *, person, client, scope, tick, thief, node):
        """A person allows it; thieves may try the code; then its client redeems it, on the other node."""
        return found(self._connect(person, client, scope=scope, tick=tick, thief=thief, node=node))

    def _connect(
        self, person: str, client: str, *, scope: str, tick: str, thief: int | None, node: int
    ) -> Tokens | None:
        code = self._authorize(person, client, Asked(scope), tick, node)
        if code is not None and thief is not None:
            self._redeem_wrongly(code, thief, node)
        return None if code is None else self._redeem(code, node + 1, Wanted())

    @rule(target=tokens, code=consumes(codes), node=nodes, resource=st.none() | apis)
    @noted
    def redeem(self, code, node, resource):
        """For the first time: it is no replay."""
        return found(self._redeem(code, node, Wanted(resource=resource)))

    @rule(code=consumes(codes), node=nodes)
    @noted
    def redeem_too_late(self, code, node):
        self.let_pass(OLD)
        self._redeem(code, node, Wanted())

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, node=nodes)
    @noted
    def redeem_again(self, held, node):
        """A code that was spent: nothing is bought, and all that it bought is dead."""
        self._redeem(held.code, node, Wanted())

    @rule(code=codes, place=places, node=nodes)
    @noted
    def redeem_wrongly(self, code, place, node):
        """Without possession proven: nothing is bought and nothing is lost."""
        self._redeem_wrongly(code, place, node)

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, place=places, node=nodes)
    @noted
    def redeem_wrongly_again(self, held, place, node):
        """A code that was spent: who cannot prove possession ends nobody's grant."""
        self._redeem_wrongly(held.code, place, node)

    @rule(target=tokens, code=consumes(codes), node=nodes, times=st.integers(2, 4))
    @noted
    def redeem_at_once(self, code, node, times):
        """Several at the same moment, on both nodes: one buys, and it is a replay all the same."""
        example, own = self.example, code.grant.client
        at = self.run(example.moment(code.issued_at, CODE_LIFETIME))
        foretold = self.model.redemption(code, own, proven=True, wanted=Wanted(), at=at)
        asks = [at_node(example.redeem, code, own, node + n, Wanted(), {}) for n in range(times)]
        answers = self.run(together(asks))
        words = Counter(word for word, _ in answers)
        self.touch(code.grant)
        if foretold != TOKENS:
            assert words == {heard(foretold): times}
            return multiple()
        assert words == {TOKENS: 1, ErrorCode.INVALID_GRANT: times - 1}, "a code buys once"
        tokens = example.received(code, bought(answers)[0], Wanted())
        self.model.redeemed(code, TOKENS)
        self.model.redeemed(code, REPLAYED)
        return tokens

    def _authorize(self, person: str, client: str, asked: Asked, choice: str, node: int) -> Code | None:
        who, what = self.person(person), self.client(client)
        return self.run(self.example.authorize(who, what, asked, ticked(choice), node))

    def _redeem_wrongly(self, code: Code, place: int, node: int) -> None:
        """With one mistake at a time; by others, who have all but the right to it; for other APIs."""
        for changed in mistakes(code, place):
            self._redeem(code, node, Wanted(), changed=changed)
        for client in self.model.clients.values():
            if client is not code.grant.client:
                self._redeem(code, node, Wanted(), by=client)
        for wanted in beyond(code.grant):
            if wanted.resource is not None:
                self._redeem(code, node, wanted)

    def _redeem(
        self,
        code: Code,
        node: int,
        wanted: Wanted,
        *,
        by: Client | None = None,
        changed: Mapping[str, str | None] = NO_MISTAKE,
    ) -> Tokens | None:
        by = by or code.grant.client
        at = self.run(self.example.moment(None if code.is_spent else code.issued_at, CODE_LIFETIME))
        foretold = self.model.redemption(code, by, proven=not changed, wanted=wanted, at=at)
        word, answer = self.run(self.example.redeem(code, by, node, wanted, changed))
        assert word == heard(foretold), f"{foretold} was foretold for {wanted}, changed: {changed}"
        self.touch(code.grant)
        self.model.redeemed(code, foretold)
        return self.hold(self.example.received(code, answer, wanted)) if word == TOKENS else None
