"""Decisions for gateways, beside what a gateway would have to ask others: introspection of the same token."""

from collections.abc import Callable, Iterator

from bench.contenders import Contender, grantway, ground, peers
from bench.measuring import figures
from bench.peers import PEERS, install
from bench.sections import GENERATOR_CORE, SERVER_CORE, Options, Section, on_core, taking_turns
from grantway.web.forwarded import FORWARD

ASKED, INTROSPECTED = ("decision, JWT", "decision, opaque"), "introspection, opaque"
TRUSTED = {"GRANTWAY_GATEWAYS__TRUSTED": "127.0.0.1"}
NOTHING_KEPT = TRUSTED | {"GRANTWAY_GATEWAYS__TOKENS_KEPT": "0s"}
PEER = "oidc-provider"
ALWAYS_ASKS = "Grantway, nothing kept"


def decisions(options: Options) -> Section:
    """JWT and opaque, with what was read kept for its two seconds and read each time."""
    install([peer for peer in PEERS if peer.name == PEER])
    contenders = [*_ours(), *(one for one in peers("alike", workers=1) if one.name.startswith(PEER))]
    with ground(SERVER_CORE) as on, on_core(GENERATOR_CORE):
        samples = taking_turns(contenders, (*ASKED, INTROSPECTED), [32], options, on)
    found = figures(samples)
    rates = {(one.contender, one.workload): one.per_second for one in found}
    theirs = {label: rate for (label, work), rate in rates.items() if label.startswith(PEER)}
    facts = {
        f"{label}: {work}, to introspection by {peer}": rate / other
        for (label, work), rate in rates.items()
        if work in ASKED
        for peer, other in theirs.items()
    }
    return Section(
        "decisions",
        "Decisions for gateways",
        "A gateway asks about one request after another, 32 connections with a token each; oidc-provider is "
        "asked to introspect an opaque token, which says less. One process each, pinned to one core. By "
        "default what was read about a token is kept for two seconds; “nothing kept” reads it each time.",
        found,
        facts,
    )


def _ours() -> Iterator[Contender]:
    for storage in ("PostgreSQL", "SQLite"):
        yield grantway(storage, settings=TRUSTED, decision=FORWARD)
        yield grantway(storage, name=ALWAYS_ASKS, settings=NOTHING_KEPT, decision=FORWARD)


SECTIONS: dict[str, Callable[[Options], Section]] = {"decisions": decisions}
