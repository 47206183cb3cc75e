"""Assertions of clients: each is good once, on whichever node, and forgotten when it has expired."""

from grantway.testing.bench import Bench, at_once, checks_of, expect, new_id, same


async def an_assertion_is_used_once(bench: Bench) -> None:
    """I1: on whichever node it comes back."""
    now = await bench.now()
    one, other = new_id(), new_id()
    expect(await bench.store.use_assertion(one, expires_at=now + 60), "the first time")
    for node in bench.nodes:
        expect(not await node.use_assertion(one, expires_at=now + 600), "and never again")
    expect(await bench.store.use_assertion(other, expires_at=now + 60), "another one is another")


async def of_many_uses_of_an_assertion_one_wins(bench: Bench) -> None:
    """I1: fifty at once, on all nodes."""
    now = await bench.now()
    for _ in range(20):
        key = new_id()
        accepted = await at_once(
            bench.node(number).use_assertion(key, expires_at=now + 60) for number in range(50)
        )
        same(accepted.count(True), 1)


async def a_used_assertion_is_forgotten_after_its_end(bench: Bench) -> None:
    """I1: not before; a minute later, for nodes whose clocks are behind."""
    now = await bench.now()
    key = new_id()
    expect(await bench.store.use_assertion(key, expires_at=now + 60), "new")
    for seconds, is_known in ((60 + 50, True), (20, False)):
        await bench.pass_time(seconds)
        while await bench.store.drop_expired():
            pass
        same(not await bench.store.use_assertion(key, expires_at=now + 60), is_known, f"{seconds} s later")


CHECKS = checks_of(
    an_assertion_is_used_once,
    of_many_uses_of_an_assertion_one_wins,
    a_used_assertion_is_forgotten_after_its_end,
)
