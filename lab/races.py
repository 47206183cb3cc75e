"""Races for single-use credentials: one code and many redeemers, one refresh token and many tabs."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from lab.experiment import Lab
from lab.races_refresh import run_rx10
from lab.racing import all_at_once, connected, exactly, write_ledger
from lab.report import Finding, Report
from lab.stage import Kind, Stage, on_each, on_stage
from lab.wire import Reply
from tests.services import seeds

__all__ = ["run_rx9", "run_rx10"]

REDEEMERS = 8  # for each code
LANES = 6  # codes in flight
AT_ONCE = 500  # codes made before they are raced for


@dataclass
class Tally:
    """What came of the races."""

    answers: Counter[str] = field(default_factory=Counter)  # "200", "400 invalid_grant", "broken"
    wins: Counter[int] = field(default_factory=Counter)  # how many redeemers won → of how many codes
    won: list[dict[str, str]] = field(default_factory=list)  # what the winners were given
    lines: list[list[object]] = field(default_factory=list)  # of the ledger: a code, and its answers

    def note(self, code: str, replies: list[Reply | None]) -> None:
        """Take down the answers to all redeemers of one code, which is named by its selector."""
        self.lines.append([code[5:21], *map(named, replies)])
        won = [msgspec.json.decode(reply.body) for reply in replies if reply and reply.status == 200]
        self.answers.update(map(named, replies))
        self.wins[len(won)] += 1
        self.won += won


def named(reply: Reply | None) -> str:
    """An answer in a word or two."""
    if reply is None:
        return "broken"
    if reply.status == 200:
        return "200"
    try:
        return f"{reply.status} {msgspec.json.decode(reply.body)['error']}"
    except (msgspec.DecodeError, KeyError, TypeError):
        return str(reply.status)


async def run_rx9(lab: Lab) -> list[Report]:
    """RX9: eight redeemers send a code at the same moment; one wins, and the replay is seen once."""
    return await on_each(lab, _race_for_codes)


async def _race_for_codes(lab: Lab, kind: Kind) -> Report:
    codes = lab.pick(short=100, middle=2_000, full=10_000)
    tally = Tally()
    async with on_stage(lab, kind, nodes=2, workers=2) as stage:
        for batch in _parts(codes):
            made = iter(await seeds.many(lambda: seeds.code(stage.seeds), batch))
            await asyncio.gather(*(_lane(stage, made, tally) for _ in range(LANES)))
            lab.say(f"{kind}: {sum(tally.wins.values())} codes, {dict(tally.answers)}")
        findings = await _findings(stage, codes, tally)
        where = "one node of one worker" if len(stage.nodes) == 1 else "two nodes of two workers each"
    return Report(
        id="RX9",
        title="one code, many redeemers at once",
        database=kind,
        seed=lab.seed,
        what_was_done=f"{codes:,} codes, each sent by {REDEEMERS} redeemers at once on connections of their "
        f"own to {where}, {LANES} codes at a time.",
        findings=findings,
        ledger=write_ledger(lab.folder / f"rx9-{kind.lower()}.jsonl", tally.lines),
    )


def _parts(count: int) -> Iterator[int]:
    while count > 0:
        yield min(AT_ONCE, count)
        count -= AT_ONCE


async def _lane(stage: Stage, codes: Iterator[tuple[str, str]], tally: Tally) -> None:
    """Race for one code after the other, until there are no more."""
    async with connected(stage, REDEEMERS) as wires:
        for code, verifier in codes:
            tally.note(code, await all_at_once(stage.redeem(wire, code, verifier) for wire in wires))


async def _findings(stage: Stage, codes: int, tally: Tally) -> tuple[Finding, ...]:
    audited = "SELECT count(*), count(DISTINCT target) FROM audit WHERE action = 'code.replayed'"
    entries, grants = (await stage.query(audited))[0]
    unspent = await stage.number("SELECT count(*) FROM codes WHERE spent_at IS NULL")
    alive = await stage.number("SELECT count(*) FROM grants WHERE revoked_at IS NULL")
    refreshed, active = await _still_alive(stage, tally.won)
    honest = await _still_alive(stage, [await _undisturbed(stage)])
    failed = sum(count for name, count in tally.answers.items() if name.startswith("5"))
    other = sum(tally.answers.values()) - tally.answers["200"] - tally.answers["400 invalid_grant"] - failed
    losers = codes * (REDEEMERS - 1)
    return (
        exactly("codes that bought tokens once", codes, tally.wins[1]),
        exactly("codes that bought tokens more than once", 0, codes - tally.wins[0] - tally.wins[1]),
        exactly("redeemers told invalid_grant", losers, tally.answers["400 invalid_grant"]),
        exactly("answers of 500 and above", 0, failed),
        exactly("other answers, and connections cut", 0, other),
        exactly("codes left unspent in the database", 0, unspent),
        exactly("replays in the audit log", codes, entries),
        exactly("different grants among them", codes, grants),
        exactly("grants alive after the replay", 0, alive),
        exactly("winners' refresh tokens still good afterwards", 0, refreshed),
        exactly("winners' access tokens still active afterwards", 0, active),
        exactly("for comparison: both tokens of a code that nobody else sent are good", 2, sum(honest)),
    )


async def _still_alive(stage: Stage, won: list[dict[str, str]]) -> tuple[int, int]:
    """How many of a hundred winners can still refresh, and use their access token, on whichever node."""
    refreshed = active = 0
    async with connected(stage, 4) as wires:
        for wire, tokens in zip(itertools.cycle(wires), won[:: max(1, len(won) // 100)], strict=False):
            active += await stage.is_active(wire, tokens["access_token"])
            refreshed += (await stage.refresh(wire, tokens["refresh_token"])).status == 200
    return refreshed, active


async def _undisturbed(stage: Stage) -> dict[str, str]:
    """What a code brings that one client redeems once: without it, dead tokens would prove nothing."""
    async with connected(stage, 1) as wires:
        reply = await stage.redeem(wires[0], *await seeds.code(stage.seeds))
    return msgspec.json.decode(reply.body)
