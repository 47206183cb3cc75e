"""What was revoked is told, in the order of commit: by whatever revokes it, once, and to nobody too late."""

import asyncio
from dataclasses import replace

from grantway.protocol.clients import Client
from grantway.protocol.revocations import Revocation, RevokedKind
from grantway.protocol.scope import Scope
from grantway.storage.changes import DropClient, PutClient
from grantway.testing.bench import (
    DAY,
    Bench,
    at_once,
    checks_of,
    entry,
    expect,
    family,
    new_id,
    same,
    some_person,
)
from grantway.testing.registry import some_client

_APIS = ("https://api.example/orders", "urn:example:é b")  # those of `bench.approval`


async def _newest(bench: Bench) -> int:
    return (await bench.store.revocation_horizon(since=await bench.now())).newest


async def _told(bench: Bench, after: int) -> list[Revocation]:
    """Everything since, the same on every node."""
    found = [list(await node.list_revocations(after=after, limit=100_000)) for node in bench.nodes]
    expect(all(one == found[0] for one in found), "every node reads the same")
    same([one.number for one in found[0]], [after + place for place in range(1, len(found[0]) + 1)], "no gap")
    return found[0]


async def _kinds(bench: Bench, after: int) -> list[tuple[str, str, tuple[str, ...], str]]:
    return [(one.kind.value, one.id, one.audience, str(one.scope)) for one in await _told(bench, after)]


async def whatever_revokes_a_grant_is_told(bench: Bench) -> None:
    """N6: the grant itself, a withdrawal, a person who is cut off: each once."""
    person, newest = await some_person(bench), await _newest(bench)
    first, _ = await family(bench, subject=person.subject)
    second, _ = await family(bench, subject=person.subject)
    third, _ = await family(bench, subject=person.subject)
    for _ in range(2):
        await bench.store.revoke_grant(first.grant.id, [])
        await bench.store.revoke_consent(person.subject, second.grant.client_id, [])
    await bench.store.change_person(
        person, replace(person, disabled_at=2.0), [], end_sessions=True, revoke_grants=True
    )
    ids = [one.grant.id for one in (first, second, third)]
    same(await _kinds(bench, newest), [("grant", one, _APIS, "") for one in ids])


async def a_scope_taken_back_is_told(bench: Bench) -> None:
    """C15: as a scope while the grant has others, as the grant with its last."""
    given, _ = await family(bench)
    newest, key, grant = await _newest(bench), new_id(), given.grant
    for scope in ("orders:read", "openid", "openid"):
        await bench.store.narrow_consent(grant.subject, grant.client_id, scope, consent_id=key, audit=[])
    same(
        await _kinds(bench, newest),
        [("scope", grant.id, _APIS, "orders:read"), ("grant", grant.id, _APIS, "")],
    )


async def a_single_token_is_told_with_whom_it_was_for(bench: Bench) -> None:
    """N6: once, however often it is revoked."""
    newest, jti, soon = await _newest(bench), new_id(), await bench.now() + 60
    for _ in range(2):
        await bench.store.revoke_jwt(jti, audience=["urn:b", "urn:a"], expires_at=soon, audit=[])
    same(await _kinds(bench, newest), [("token", jti, ("urn:a", "urn:b"), "")])


async def the_end_of_a_client_is_told(bench: Bench) -> None:
    """D13: disabled, cut off, removed; with the APIs of its grants, and all it could ask for."""
    client = replace(
        some_client(), scope=Scope(("a", "b")), default_api="urn:z", enabled=True, tokens_valid_from=0.0
    )
    await family(bench, client_id=client.id)

    async def put(client: Client) -> list[Revocation]:
        newest = await _newest(bench)
        await bench.store.change_registry([PutClient(client)], [])
        return await _told(bench, newest)

    same(await put(client), [])
    same(await put(replace(client, name="Another")), [])
    (ended,) = await put(replace(client, enabled=False, scope=Scope(("b", "c"))))
    same((ended.kind, ended.id, str(ended.scope)), (RevokedKind.CLIENT, client.id, "a b c"))
    same(ended.audience, tuple(sorted((*_APIS, "urn:z"))))
    same(ended.issued_before, int(ended.at) + 1, "all of this second")
    same(await put(replace(client, enabled=False)), [], "once")
    same(await put(client), [], "enabling revokes nothing")
    (cut,) = await put(replace(client, tokens_valid_from=1234.7))
    same(cut.issued_before, 1234, "as introspection judges it")
    newest = await _newest(bench)
    await bench.store.change_registry([DropClient(client.id), DropClient(client.id)], [])
    (gone,) = await _told(bench, newest)
    same((gone.id, str(gone.scope), gone.issued_before), (client.id, "a b", int(gone.at) + 1))


async def many_revocations_are_numbered_in_their_order(bench: Bench) -> None:
    """N6: whoever reads beside them misses none: nothing appears below what was read."""
    newest = await _newest(bench)
    given = [(await family(bench))[0].grant for _ in range(20)]
    seen: list[int] = []
    done = asyncio.Event()

    async def read() -> None:
        last = newest
        while True:
            finished = done.is_set()
            rows = await bench.node(1).list_revocations(after=last, limit=3)
            seen.extend(one.number for one in rows)
            last = seen[-1] if seen else last
            if finished and not rows:
                return
            await asyncio.sleep(0)

    async def revoke(place: int) -> None:
        grant, node = given[place], bench.node(place)
        if place % 3 == 0:
            await node.revoke_consent(grant.subject, grant.client_id, [entry(grant.id)])
        else:
            await node.revoke_grant(grant.id, [entry(grant.id)])

    async def revoke_all() -> None:
        await at_once(revoke(place) for place in range(20))
        done.set()

    await at_once([read(), revoke_all()])
    same(seen, list(range(newest + 1, newest + 21)))
    same({one.id for one in await _told(bench, newest)}, {one.id for one in given})


async def the_list_begins_where_it_matters_and_rows_leave(bench: Bench) -> None:
    """U5: a day after, and not before."""
    given, _ = await family(bench)
    before, now = await _newest(bench), await bench.now()
    await bench.store.revoke_grant(given.grant.id, [])
    horizon = await bench.store.revocation_horizon(since=now - 1)
    expect(horizon.before <= before and horizon.newest == before + 1, f"{horizon} begins before {before}")
    await bench.pass_time(DAY / 2)
    horizon = await bench.store.revocation_horizon(since=await bench.now() - 60)
    same((horizon.newest, horizon.before), (before + 1, before + 1), "nothing of the last minute")
    while await bench.store.drop_expired():
        pass
    same(len(await _told(bench, before)), 1)
    await bench.pass_time(DAY / 2 + 120)
    while await bench.store.drop_expired():
        pass
    same(await _told(bench, before), [])
    same(await _newest(bench), before + 1, "numbers are not used again")


CHECKS = checks_of(
    whatever_revokes_a_grant_is_told,
    a_scope_taken_back_is_told,
    a_single_token_is_told_with_whom_it_was_for,
    the_end_of_a_client_is_told,
    many_revocations_are_numbered_in_their_order,
    the_list_begins_where_it_matters_and_rows_leave,
)
