"""All steps: with codes, with refresh tokens, and those of people and operators.

Each foretells its outcome by the model, does it over HTTP, compares, and writes down what it learned.
"""

from hypothesis.stateful import precondition, rule

from grantway.protocol.names import ErrorCode
from tests.machine.draws import ACCESS, REFRESH, acts, kinds, living, nodes, waits
from tests.machine.example import told_by, word_of
from tests.machine.fleet import Fleet
from tests.machine.machine import noted, tokens
from tests.machine.model import OK, Client, Tokens, Wanted
from tests.machine.redeeming import Redeeming
from tests.machine.refreshing import Refreshing

MOST_RESTARTS = 1  # in one example: they take long


class Steps(Redeeming, Refreshing):
    """What clients, people, thieves and operators may do, in any order."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet)
        self.restarts = 0

    # ------------------------------------------------------------------- revoke, introspect

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, kind=kinds, node=nodes)
    @noted
    def revoke(self, held, kind, node):
        """By its own client: an access token goes alone, a refresh token with its grant (RFC 7009 §2.1)."""
        if not self._revoke(held, kind, held.grant.client, node):
            return
        if kind == ACCESS:
            held.access.is_revoked = True
        else:
            held.grant.end("revoked by its client")

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, node=nodes)
    @noted
    def revoke_as_others(self, held, node):
        """200 whatever happens, and nothing happens."""
        for client in self.model.clients.values():
            if client is not held.grant.client:
                self._revoke(held, ACCESS, client, node)
                self._revoke(held, REFRESH, client, node)

    def _revoke(self, held: Tokens, kind: str, by: Client, node: int) -> bool:
        token = held.access if kind == ACCESS else held.refresh
        reply = self.run(self.fleet.post(node, "/revoke", by.id, token=token.text))
        self.touch(held.grant)
        assert word_of(reply) == (OK, {}) or not by.enabled
        assert by.enabled or word_of(reply)[0] == ErrorCode.INVALID_CLIENT
        return by.enabled

    @rule(held=tokens, node=nodes)
    @noted
    def introspect(self, held, node):
        """By each client: only its own is told anything."""
        for by in self.model.clients.values():
            reply = self.run(self.fleet.post(node, "/introspect", by.id, token=held.access.text))
            assert told_by(reply) == self.model.told_about(held.access, by)
            reply = self.run(self.fleet.post(node + 1, "/introspect", by.id, token=held.refresh.text))
            assert told_by(reply) == self.model.told_about_refresh(held.refresh, by)

    # ------------------------------------------------------------------ people and operators

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, node=nodes)
    @noted
    def withdraw(self, held, node):
        """A person takes back what a client was allowed."""
        grant = held.grant
        self.run(self.fleet.withdraw(grant.person.username, grant.client.id, node))
        self.model.withdraw(grant.person, grant.client)
        self.touch(*self.model.grants)

    @precondition(lambda self: self.living_tokens())
    @rule(act=acts, held=living, node=nodes)
    @noted
    def operate(self, act, held, node):
        """One of the things that operators do, and whoever holds tokens does not expect."""
        if act == "disable the person":
            self.run(self.fleet.disable_person(held.grant.person.username, node))
            self.model.disable(held.grant.person)
        elif act == "disable the client":  # its tokens live again when it does
            self.run(self.example.enable(held.grant.client, enabled=False))
        else:  # rotate the keys: what the old one signed is still known
            self.run(self.fleet.rotate(node))
        self.touch(*self.model.grants)

    @precondition(lambda self: self.restarts < MOST_RESTARTS and self.living_tokens())
    @rule(held=living, node=nodes)
    @noted
    def restart(self, held, node):
        """A node forgets all that is not in the database, and still notices a replay."""
        self.restarts += 1
        self.run(self.fleet.restart(node))
        self._redeem(held.code, node, Wanted())
        self.touch(*self.model.grants)

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, node=nodes)
    @noted
    def suspend_client(self, held, node):
        """While it is disabled nothing works, and nothing is lost."""
        client = held.grant.client
        self.run(self.example.enable(client, enabled=False))
        self._redeem(held.code, node, Wanted())
        self._refresh(held, client, node, Wanted())
        self.run(self.example.assert_all([held.access], [], node))
        self.run(self.example.enable(client, enabled=True))

    @precondition(lambda self: self.living_tokens())
    @rule(held=living, node=nodes)
    @noted
    def suspend_person(self, held, node):
        """What ended stays ended when they are back in use."""
        person = held.grant.person
        self.run(self.fleet.disable_person(person.username, node))
        self.model.disable(person)
        self.run(self.example.enable_person(person, node))
        self._refresh(held, held.grant.client, node, Wanted())
        self.touch(*self.model.grants)

    @precondition(lambda self: self.model.disabled())
    @rule(node=nodes)
    @noted
    def enable_all(self, node):
        """Who was disabled is back in use; of a person, what ended stays ended."""
        for each in self.model.disabled():
            if isinstance(each, Client):
                self.run(self.example.enable(each, enabled=True))
            else:
                self.run(self.example.enable_person(each, node))
        self.touch(*self.model.grants)

    @rule(seconds=waits)
    @noted
    def pass_time(self, seconds):
        """Nobody does anything."""
        self.let_pass(seconds)
