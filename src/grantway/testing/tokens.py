"""Access tokens: opaque ones, and what is known against any of them."""

from grantway.storage.port import Conflict, TokenFacts
from grantway.testing.bench import (
    Bench,
    checks_of,
    entry,
    expect,
    family,
    new_id,
    opaque_token,
    raises,
    same,
    some_person,
)


async def an_opaque_token_is_kept_whole(bench: Bench) -> None:
    """With a grant or without, revoked or expired: it is found, and says so."""
    given, _ = await family(bench)
    for token in (await opaque_token(bench, given.grant), await opaque_token(bench, None)):
        target = f"token:{token.id}"
        await bench.store.add_opaque_token(token)
        same(await bench.store.find_opaque_token(token.id), token)
        await raises(Conflict, bench.store.add_opaque_token(token), "a selector is used once")
        await bench.store.revoke_opaque_token(token.id, [entry(target)])
        await bench.store.revoke_opaque_token(token.id, [entry(target)])
        found = await bench.store.find_opaque_token(token.id)
        expect(found is not None and found.revoked_at is not None, "revoked, and still found")
        same(len(await bench.audited(target)), 1, "audited once")
    same(await bench.store.find_opaque_token(new_id()), None)
    await bench.store.revoke_opaque_token(new_id(), [])


async def a_jwt_is_revoked_until_it_has_expired(bench: Bench) -> None:
    """N6: on every node, and forgotten afterwards."""
    jti, now = new_id(), await bench.now()
    target = f"token:{jti}"
    await bench.store.revoke_jwt(jti, audience=["a"], expires_at=now + 300, audit=[entry(target)])
    await bench.store.revoke_jwt(jti, audience=["a"], expires_at=now + 300, audit=[entry(target)])
    same(len(await bench.audited(target)), 1, "audited once")
    for node in bench.nodes:
        facts = await node.token_facts(token_id=jti, grant_id=None)
        expect(facts.token_revoked, "known on every node")
    while await bench.store.drop_expired():
        pass
    facts = await bench.store.token_facts(token_id=jti, grant_id=None)
    expect(facts.token_revoked, "remembered while the token lives")


async def the_facts_about_a_token_are_those_of_now(bench: Bench) -> None:
    """D13: token, grant and person, each seen as it is."""
    person = await some_person(bench)
    given, _ = await family(bench, subject=person.subject)
    opaque = await opaque_token(bench, given.grant)
    await bench.store.add_opaque_token(opaque)

    async def facts(token_id: str, grant_id: str | None) -> tuple[bool, bool, bool]:
        found: TokenFacts = await bench.store.token_facts(token_id=token_id, grant_id=grant_id)
        same(found.person, person if grant_id == given.grant.id else None)
        return found.token_revoked, found.grant_live, found.grant is not None

    same(await facts(opaque.id, given.grant.id), (False, True, True), "all is well")
    found = await bench.store.token_facts(token_id=opaque.id, grant_id=given.grant.id)
    same(found.grant, given.grant, "the grant is kept whole")
    same(await facts(new_id(), None), (False, True, False), "a client's own token has no grant, no person")
    same(await facts(new_id(), new_id()), (False, False, False), "the grant does not exist")
    await bench.store.revoke_opaque_token(opaque.id, [])
    same(await facts(opaque.id, given.grant.id), (True, True, True), "the token is revoked")
    await bench.store.revoke_grant(given.grant.id, [])
    same(await facts(new_id(), given.grant.id), (False, False, True), "the grant is revoked")


CHECKS = checks_of(
    an_opaque_token_is_kept_whole,
    a_jwt_is_revoked_until_it_has_expired,
    the_facts_about_a_token_are_those_of_now,
)
