"""The operator: runs `grantway` commands on the same database while the server is used; they are killed too.

Each story begins as a customer and ends with a command whose effect the server has to respect. A command that
was killed may have done everything or nothing: that is looked at before it is run again.
"""

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from lab.browser import Browser
from lab.caller import AGAIN_AFTER, NoAnswer
from lab.customers import App, Chain
from lab.judge import Witness
from lab.ledger import Fact, Kind, State
from lab.target import Target

DONE, NOT_FOUND, UNREACHABLE = 0, 3, 6  # exit codes
KILLED = -9
MOST_TRIES = 100


class Operator:
    """Not for concurrent use; `kill_command` may come at any time."""

    def __init__(self, target: Target, app: App, *, seed: int) -> None:
        self._target, self._app = target, app
        self._chance = random.Random(seed)
        self._process: asyncio.subprocess.Process | None = None
        self._count = 0
        self.commands = 0

    async def turn(self) -> None:
        """One story; without people left, the one that needs none."""
        story = self._chance.choice([self._disable, self._withdraw, self._register])
        person = None if story == self._register else next(self._target.people, None)
        try:
            if person is None:
                await self._register()
            else:
                await story(*person)
        except NoAnswer:
            self._app.tally.unknown += 1  # the story ends here; what was acknowledged is in the ledger

    def kill_command(self) -> bool:
        """`kill -9` of the command that is running, if one is."""
        if self._process is None or self._process.returncode is not None:
            return False
        with suppress(ProcessLookupError):
            self._process.kill()
        return True

    # --------------------------------------------------------------------------------- commands

    async def _command(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Its exit code and its JSON."""
        self.commands += 1
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "grantway", "--json", "--yes", "--no-input", *words,
            env=dict(self._target.environment), cwd=self._target.folder, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await self._process.communicate()
        code, self._process = self._process.returncode, None
        if code not in {DONE, NOT_FOUND, UNREACHABLE, KILLED}:
            self._app.tally.wrong.append(f"grantway {' '.join(words)}: {code} {errors[-300:]!r}")
        return code or DONE, json.loads(out) if code == DONE and out else {}

    async def _until_done(self, words: Sequence[str], facts: Sequence[Fact], ended: Sequence[Fact]) -> None:
        """Run a command until it has said that it is done; then these facts are true.

        After one that said nothing, what it would have ended must have ended whole or not at all.
        """
        for _ in range(MOST_TRIES):
            code, _ = await self._command(*words)
            if code in {DONE, NOT_FOUND}:
                await self._app.ledger.note(" ".join(words[:2]), *facts)
                return
            self._app.tally.unknown += 1
            await self._app.ledger.note("command.unknown", *(f._replace(state=State.UNKNOWN) for f in ended))
            await self._see_that_it_is_whole(words, ended)
            await asyncio.sleep(AGAIN_AFTER)
        raise RuntimeError(
            f"grantway {' '.join(words)} failed {MOST_TRIES} times: {self._app.tally.wrong[-1:]}"
        )

    async def _see_that_it_is_whole(self, words: Sequence[str], facts: Sequence[Fact]) -> None:
        witness = Witness(self._app.caller)
        live = [fact for fact in facts if await witness.is_live(fact)]
        if live and len(live) < len(facts):
            kinds = [fact.kind.value for fact in live]
            self._app.tally.half_done.append(f"grantway {' '.join(words)}: still live: {kinds}")

    # ---------------------------------------------------------------------------------- stories

    async def _allowed(self, person: str, cookie: str) -> tuple[Chain, list[Fact]] | None:
        """Somebody allows `asker` what it asks for, on the pages, and it gets its tokens."""
        answer = await Browser.signed_in(self._app.caller, cookie).authorize("asker")
        chain = await self._app.issued("asker", answer)
        if chain is None:
            return None
        consent = Fact(Kind.CONSENT, person, State.LIVE, cookie)
        await self._app.ledger.note("consent.given", consent)
        if not await self._app.redeem(chain):
            return None
        return chain, [consent, *chain.all(State.LIVE)]

    async def _disable(self, person: str, cookie: str) -> None:
        found = await self._allowed(person, cookie)
        if found is None:
            return
        chain, (consent, *_) = found
        ended = [Fact(Kind.SESSION, cookie, State.ENDED), *chain.all(State.ENDED)]
        unknown = consent._replace(state=State.UNKNOWN)  # nobody can look any more
        account = Fact(Kind.ACCOUNT, person, State.ENDED)
        await self._app.ledger.note("consent.unseen", unknown)
        await self._until_done(("user", "disable", person), [*ended, account], ended)
        if self._chance.random() < 0.5:
            back = [account._replace(state=State.LIVE), *ended]  # what ended stays ended
            await self._until_done(("user", "enable", person), back, ())

    async def _withdraw(self, person: str, cookie: str) -> None:
        found = await self._allowed(person, cookie)
        if found is None or self._chance.random() < 0.3:
            return
        ended = [fact._replace(state=State.ENDED) for fact in found[1]]
        await self._until_done(("grants", "revoke", person, "asker"), ended, ended)

    async def _register(self) -> None:
        self._count += 1
        name = f"made-{self._count}"
        words = ("app", "create", name, "--id", name, "--type", "machine", "--scope", "photos:read")
        code, made = await self._command(*words)
        if code == DONE:
            app = Fact(Kind.CLIENT, name, State.LIVE, made["client_secret"])
            await self._app.ledger.note("app create", app)
        else:
            self._app.tally.unknown += 1
            app = Fact(Kind.CLIENT, name, State.UNKNOWN, "nobody knows")
            await self._see_that_it_has_a_secret(name)
        if code != DONE or self._chance.random() < 0.4:
            await self._until_done(("app", "delete", name), [app._replace(state=State.ENDED)], ())

    async def _see_that_it_has_a_secret(self, name: str) -> None:
        code, made = await self._command("app", "show", name)
        if code == DONE and len(made["secrets"]) != 1:
            self._app.tally.half_done.append(f"app {name} is there, with {len(made['secrets'])} secrets")
