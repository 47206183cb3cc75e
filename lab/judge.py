"""The judge: asks over HTTP, as the client concerned, whether what the server acknowledged is still true."""

import asyncio
import base64
import json
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from lab.browser import Browser
from lab.caller import Caller
from lab.ledger import Fact, Kind, Ledger, State, newest, read
from lab.tally import Tally
from lab.target import Target
from lab.wire import Reply
from tests.node import CALLBACK

AT_ONCE = 8
KNOWN_EVERYWHERE = 3.0  # seconds: a change of the registry is in force on every node well before
LOGINS = 8  # of each kind: a password takes long to check, on purpose
REPLAYS = 200  # of spent codes, at the very end, since each ends a grant


class Witness:
    """What is true of an item, as far as the server lets anybody see."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._ways: Mapping[Kind, Callable[[Fact], Awaitable[bool]]] = {
            Kind.CODE: self._code,
            Kind.REFRESH_TOKEN: self._token,
            Kind.ACCESS_TOKEN: self._token,
            Kind.SESSION: self._session,
            Kind.CONSENT: self._consent,
            Kind.CLIENT: self._client,
            Kind.ACCOUNT: self._account,
        }

    async def is_live(self, fact: Fact) -> bool:
        """Ask, however long the server takes to come back."""
        return await self._ways[fact.kind](fact)

    async def agrees(self, fact: Fact) -> bool:
        """Is it as the fact says? A change of the registry may need a moment to be known everywhere."""
        tries = int(KNOWN_EVERYWHERE / 0.25) if fact.kind is Kind.CLIENT else 1
        for _ in range(tries):
            if await self.is_live(fact) is (fact.state is State.LIVE):
                return True
            await asyncio.sleep(0.25 if tries > 1 else 0)
        return False

    async def _post(self, path: str, by: str, **form: str) -> Reply:
        reply, _, _ = await self._caller.surely(lambda: self._caller.post(path, form, by=by))
        return reply

    async def _token(self, fact: Fact) -> bool:
        reply = await self._post("/introspect", fact.by, token=fact.item)
        return json.loads(reply.body).get("active") is True

    async def _code(self, fact: Fact) -> bool:
        """Redeems it; a spent one takes its grant along."""
        client_id, verifier = fact.by.split()
        form = {"grant_type": "authorization_code", "code": fact.item, "code_verifier": verifier}
        return (await self._post("/token", client_id, redirect_uri=CALLBACK, **form)).status == 200

    async def _client(self, fact: Fact) -> bool:
        basic = base64.b64encode(f"{fact.item}:{fact.by}".encode()).decode()
        return (await self._post("/token", f"Basic {basic}", grant_type="client_credentials")).status == 200

    async def _session(self, fact: Fact) -> bool:
        return await self._is_answered(fact.item, "printer", prompt="none")

    async def _consent(self, fact: Fact) -> bool:
        return await self._is_answered(fact.by, "asker", prompt="none")

    async def _account(self, fact: Fact) -> bool:
        return await self._is_answered("", "printer", login_hint=fact.item)

    async def _is_answered(self, cookie: str, client_id: str, **parameters: str) -> bool:
        """Does this browser get a code?"""

        async def ask() -> bool:
            browser = Browser.signed_in(self._caller, cookie) if cookie else Browser(self._caller)
            return bool((await browser.authorize(client_id, **parameters)).code)

        answered, _, _ = await self._caller.surely(ask)
        return answered


class Judge:
    """Compares the ledger with the server, and counts what differs."""

    def __init__(self, target: Target, tally: Tally, *, seed: int) -> None:
        self._tally = tally
        self._chance = random.Random(seed)
        self._callers = [Caller(target, tally, at=number) for number in range(AT_ONCE)]

    async def after_fault(self, ledger: Ledger, *, sample: int = 40) -> None:
        """Ask for everything new since the last time, and for a sample of what is older; nothing is spent."""
        fresh, ledger.fresh = ledger.fresh, set()
        older = [key for key in ledger.facts if key not in fresh]
        fresh |= set(self._chance.sample(older, min(sample, len(older))))
        dear = {Kind.CODE, Kind.ACCOUNT}
        await self.check(ledger.facts[key] for key in fresh if key[0] not in dear)

    async def at_the_end(self, ledger: Ledger) -> None:
        """Read the ledger from its file and ask for all of it."""
        await self.all_of(newest(read(ledger.path)).values())

    async def all_of(self, facts: Collection[Fact]) -> None:
        """Ask for all of these, and for some of what is dear; spend what was not spent, and replay codes."""
        accounts = self._some(facts, Kind.ACCOUNT, LOGINS)
        spent = [fact for fact in self._some(facts, Kind.CODE, REPLAYS) if fact.state is State.ENDED]
        unspent = [fact for fact in facts if fact.kind is Kind.CODE and fact.state is State.LIVE]
        rest = [fact for fact in facts if fact.kind not in {Kind.CODE, Kind.ACCOUNT}]
        await self.check([*rest, *unspent, *accounts])
        await self.check(spent)

    def _some(self, facts: Collection[Fact], kind: Kind, most: int) -> list[Fact]:
        found = [fact for fact in facts if fact.kind is kind]
        return self._chance.sample(found, min(most, len(found)))

    async def check(self, facts: Iterable[Fact]) -> None:
        """Ask for each of these, several at once."""
        waiting = [fact for fact in facts if fact.state is not State.UNKNOWN]
        self._tally.judged += len(waiting)

        async def serve(caller: Caller) -> None:
            while waiting:
                fact = waiting.pop()
                if not await Witness(caller).agrees(fact):
                    self._condemn(fact)

        async with asyncio.TaskGroup() as group:
            for caller in self._callers:
                group.create_task(serve(caller))

    def _condemn(self, fact: Fact) -> None:
        words = f"{fact.kind} {fact.item} should be {fact.state}"
        if fact.state is State.LIVE:
            self._tally.lost.append(words)
        elif fact.kind is Kind.CODE:
            self._tally.doubled.append(words)
        else:
            self._tally.resurrected.append(words)

    async def close(self) -> None:
        """Hang up."""
        for caller in self._callers:
            await caller.close()
