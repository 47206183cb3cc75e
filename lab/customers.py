"""Customers: each is a person with a browser and an app with its tokens, doing one thing after another.

Every change that was acknowledged goes into the ledger before the next thing is done. When no answer comes
they ask again, as a good client does, and what they cannot know they write down as unknown.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lab.browser import Answer, Browser
from lab.caller import Caller, NoAnswer
from lab.judge import Witness
from lab.ledger import Fact, Kind, Ledger, State
from lab.tally import Tally
from lab.target import LONGEST_HELD
from lab.wire import Reply
from tests.node import CALLBACK

GRACE = 9.5  # seconds in which a refresh may be asked for again: 10, less what the network takes
MOST_CHAINS, MOST_HELD = 6, 4
APIS = {"printer": "photos-api", "archive": "calendar-api", "asker": "photos-api"}  # who may introspect


@dataclass(eq=False)
class Chain:
    """A grant as its client sees it: the code it began with, the newest refresh token, all access tokens."""

    client_id: str
    code: str
    verifier: str
    issued_at: float = field(default_factory=time.monotonic)
    refresh_token: str = ""
    access_tokens: list[str] = field(default_factory=list)

    def of_code(self, state: State) -> Fact:
        """What is true of the code."""
        return Fact(Kind.CODE, self.code, state, f"{self.client_id} {self.verifier}")

    def of_refresh_token(self, state: State) -> Fact:
        """What is true of the newest refresh token."""
        return Fact(Kind.REFRESH_TOKEN, self.refresh_token, state, self.client_id)

    def of_access_tokens(self, state: State) -> list[Fact]:
        """What is true of all access tokens."""
        by = APIS[self.client_id]
        return [Fact(Kind.ACCESS_TOKEN, token, state, by) for token in self.access_tokens]

    def all(self, state: State) -> list[Fact]:
        """What is true of all tokens."""
        return [self.of_refresh_token(state), *self.of_access_tokens(state)]

    def take(self, reply: Reply) -> list[Fact]:
        """Keep the tokens of an answer; they are live."""
        tokens = json.loads(reply.body)
        self.refresh_token = tokens["refresh_token"]
        self.access_tokens.append(tokens["access_token"])
        return [self.of_refresh_token(State.LIVE), self.of_access_tokens(State.LIVE)[-1]]


@dataclass
class App:
    """The requests of an app; each notes what was acknowledged."""

    caller: Caller
    ledger: Ledger
    tally: Tally

    async def issued(self, client_id: str, answer: Answer) -> Chain | None:
        """Note a code that has arrived."""
        if not answer.code:
            if answer.members.get("error") not in {"temporarily_unavailable", "page 503"}:
                self.tally.wrong.append(f"/authorize: {dict(answer.members)}")
            return None
        chain = Chain(client_id, answer.code, answer.verifier)
        await self.ledger.note("code.issued", chain.of_code(State.LIVE))
        return chain

    async def send_code(self, chain: Chain, caller: Caller | None = None) -> Reply:
        """One exchange of a code. Raises NoAnswer."""
        form = {"grant_type": "authorization_code", "code": chain.code, "code_verifier": chain.verifier}
        form["redirect_uri"] = CALLBACK
        return await (caller or self.caller).post("/token", form, by=chain.client_id)

    async def send_refresh_token(self, chain: Chain, caller: Caller | None = None) -> Reply:
        """One exchange of the newest refresh token. Raises NoAnswer."""
        form = {"grant_type": "refresh_token", "refresh_token": chain.refresh_token}
        return await (caller or self.caller).post("/token", form, by=chain.client_id)

    async def redeem(self, chain: Chain) -> bool:
        """Exchange a code that was never sent before."""
        reply, at_once, _ = await self.caller.surely(lambda: self.send_code(chain))
        if reply.status == 200:
            await self.ledger.note("code.redeemed", chain.of_code(State.ENDED), *chain.take(reply))
            return True
        if at_once and time.monotonic() - chain.issued_at < LONGEST_HELD:
            self.tally.lost.append(f"code {chain.code}: {reply.status} {reply.text}")
        self.tally.unknown += 1
        await self.ledger.note("code.unknown", chain.of_code(State.UNKNOWN))
        return False

    async def refresh(self, chain: Chain) -> bool:
        """Rotate; ask again with the same token when the answer was lost."""
        reply, at_once, seconds = await self.caller.surely(lambda: self.send_refresh_token(chain))
        self.tally.unknown += not at_once
        if reply.status == 200:
            old = chain.of_refresh_token(State.ENDED)
            await self.ledger.note("refresh_token.rotated", old, *chain.take(reply))
            return True
        if at_once or seconds < GRACE:
            words = "at once" if at_once else f"asked again within {seconds:.1f} s"
            self.tally.lost.append(f"refresh token {chain.refresh_token}: {reply.status} {words}")
        await self.ledger.note("refresh_token.unknown", *chain.all(State.UNKNOWN))
        return False

    async def revoke(self, chain: Chain) -> None:
        """Give the whole grant back."""
        form = {"token": chain.refresh_token}
        await self._done(await self._revoked(form, chain), "grant.revoked", chain.all(State.ENDED))

    async def revoke_newest_access_token(self, chain: Chain) -> None:
        """Give one access token back; the grant lives on."""
        reply = await self._revoked({"token": chain.access_tokens[-1]}, chain)
        await self._done(reply, "access_token.revoked", chain.of_access_tokens(State.ENDED)[-1:])
        chain.access_tokens.pop()

    async def _revoked(self, form: dict[str, str], chain: Chain) -> Reply:
        reply, at_once, _ = await self.caller.surely(
            lambda: self.caller.post("/revoke", form, by=chain.client_id)
        )
        self.tally.unknown += not at_once
        return reply

    async def _done(self, reply: Reply, what: str, facts: list[Fact]) -> None:
        if reply.status == 200:
            await self.ledger.note(what, *facts)
        else:
            self.tally.wrong.append(f"{what}: {reply.status} {reply.text}")

    async def replay(self, chain: Chain) -> None:
        """Send a spent code again: refused, and everything it gave is revoked by then."""
        reply, _, _ = await self.caller.surely(lambda: self.send_code(chain))
        if reply.status == 200:
            self.tally.doubled.append(f"code {chain.code}: redeemed twice")
        await self.ledger.note("code.replayed", *chain.all(State.ENDED))


class Customer:
    """One of many."""

    def __init__(self, app: App, beside: Caller, cookie: str, *, seed: int) -> None:
        self._app, self._beside = app, beside
        self._browser = Browser.signed_in(app.caller, cookie)
        self._chance = random.Random(seed)
        self._chains: list[Chain] = []
        self._held: list[Chain] = []  # codes that wait

    async def turn(self) -> None:
        """Do one thing."""
        has_room = len(self._chains) + len(self._held) < MOST_CHAINS
        if not self._chains or (has_room and self._chance.random() < 0.4):
            await self._begin()
            return
        moves = [self._refresh, self._redeem_held, self._revoke, self._replay, self._twice, self._look]
        await self._chance.choices(moves, weights=[50, 10, 12, 5, 8, 15])[0]()

    async def _begin(self) -> None:
        client_id = self._chance.choice(["printer", "archive"])
        try:
            answer = await self._browser.authorize(client_id)
        except NoAnswer:
            self._app.tally.unknown += 1  # there may be a code that nobody knows
            return
        chain = await self._app.issued(client_id, answer)
        if chain is None:
            return
        if len(self._held) < MOST_HELD and self._chance.random() < 0.3:
            self._held.append(chain)
        elif self._chance.random() < 0.1:
            await self._code_twice(chain)
        elif await self._app.redeem(chain):
            self._chains.append(chain)

    async def _redeem_held(self) -> None:
        if self._held:
            chain = self._held.pop(0)
            if await self._app.redeem(chain):
                self._chains.append(chain)

    def _one(self) -> Chain:
        return self._chance.choice(self._chains)

    async def _refresh(self) -> None:
        chain = self._one()
        if not await self._app.refresh(chain):
            self._chains.remove(chain)

    async def _revoke(self) -> None:
        chain = self._one()
        if chain.access_tokens and self._chance.random() < 0.5:
            await self._app.revoke_newest_access_token(chain)
            return
        self._chains.remove(chain)
        await self._app.revoke(chain)

    async def _replay(self) -> None:
        chain = self._one()
        self._chains.remove(chain)
        await self._app.replay(chain)

    async def _look(self) -> None:
        fact = self._one().of_refresh_token(State.LIVE)
        if not await Witness(self._app.caller).is_live(fact):
            self._app.tally.lost.append(f"{fact.kind} {fact.item} is not active")

    # ------------------------------------------------------------------------------- two at once

    async def _both(self, send: Callable[..., Awaitable[Reply]], chain: Chain) -> list[Reply]:
        """The same request twice at the same time, on two nodes where there are two."""
        done = await asyncio.gather(send(chain), send(chain, self._beside), return_exceptions=True)
        for one in done:
            if isinstance(one, BaseException) and not isinstance(one, NoAnswer):
                raise one
        return [reply for reply in done if isinstance(reply, Reply)]

    async def _code_twice(self, chain: Chain) -> None:
        replies = await self._both(self._app.send_code, chain)
        won = [reply for reply in replies if reply.status == 200]
        if len(won) > 1:
            self._app.tally.doubled.append(f"code {chain.code}: two redeemed it at once")
        if len(replies) == 2 and not won:
            self._app.tally.lost.append(f"code {chain.code}: two sent it at once, none got it")
        # The one who came second was refused, and by then everything is revoked. Whether somebody came second
        # is unknown when only one of them got an answer.
        state = State.ENDED if len(replies) == 2 else State.UNKNOWN
        self._app.tally.unknown += len(replies) < 2
        tokens = [fact._replace(state=state) for reply in won for fact in chain.take(reply)]
        await self._app.ledger.note("code.sent_twice", chain.of_code(state), *tokens)

    async def _twice(self) -> None:
        chain = self._one()
        old = chain.of_refresh_token(State.ENDED)
        replies = await self._both(self._app.send_refresh_token, chain)
        won = [reply for reply in replies if reply.status == 200]
        if len({json.loads(reply.body)["refresh_token"] for reply in won}) > 1:
            self._app.tally.doubled.append(f"{old.kind} {old.item}: two successors")
        if len(won) < len(replies):
            self._app.tally.lost.append(f"{old.kind} {old.item}: two refreshed at once, one was refused")
        if len(replies) < 2:
            self._app.tally.unknown += 1
        facts = [fact for reply in won for fact in chain.take(reply)]
        if won:
            await self._app.ledger.note("refresh_token.rotated_twice", old, *facts)
        else:
            await self._refresh_again(chain)

    async def _refresh_again(self, chain: Chain) -> None:
        if not await self._app.refresh(chain):
            self._chains.remove(chain)
