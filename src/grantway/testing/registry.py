"""Clients, APIs and keys."""

from dataclasses import replace

from grantway.protocol.apis import Api, ApiScope, Rule, Sensitivity, TokenFormat
from grantway.protocol.clients import Client, ClientSecret, ClientType, RefreshPolicy, SecretScheme
from grantway.protocol.names import AuthMethod, GrantType, ResponseMode
from grantway.protocol.scope import Scope
from grantway.storage.changes import (
    ApiSource,
    DropApi,
    DropClient,
    DropSecret,
    KeyPurpose,
    KeyState,
    PutApi,
    PutClient,
    PutKey,
    PutSecret,
    RegistryChange,
    StoredKey,
)
from grantway.storage.port import Conflict
from grantway.testing.bench import (
    Bench,
    at_once,
    checks_of,
    entry,
    expect,
    family,
    new_hash,
    new_id,
    opaque_token,
    raises,
    same,
)


def some_client(**changes: object) -> Client:
    """A client with a value other than the default in every member."""
    client = Client(
        id=f"client-{new_id()}",
        name="Ördering",
        type=ClientType.WEB,
        auth_method=AuthMethod.CLIENT_SECRET_BASIC,
        grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
        redirect_uris=("https://app.example/back?x=1",),
        scope=Scope(("b", "a")),
        optional_scope=Scope(("a",)),
        default_api="https://api.example/",
        origins=("https://app.example",),
        response_modes=frozenset({ResponseMode.QUERY}),
        refresh=RefreshPolicy.ALWAYS,
        require_pkce=False,
        redirect_uri_optional=True,
        first_party=True,
        consent_lifetime=3600,
        silent_in_frames=True,
        homepage="https://app.example/",
        terms_uri="https://app.example/terms",
        privacy_uri="https://app.example/privacy",
        enabled=False,
        tokens_valid_from=1.5,
        managed_by_file=True,
        created_at=1.25,
    )
    return replace(client, **changes)  # type: ignore[arg-type] # a test's own members


def some_secret(client: Client, **changes: object) -> ClientSecret:
    """A secret of a client."""
    secret = ClientSecret(
        id=new_id(), client_id=client.id, hash=new_hash(), label="laptop", created_at=2.0, expires_at=9e9
    )
    return replace(secret, **changes)  # type: ignore[arg-type] # a test's own members


async def found_client(bench: Bench, client_id: str, node: int = 0) -> Client | None:
    """The client as the registry has it."""
    rows = await bench.node(node).load_registry()
    return next((client for client in rows.clients if client.id == client_id), None)


async def put(bench: Bench, *changes: RegistryChange) -> int:
    """Change the registry."""
    return await bench.store.change_registry(changes, [])


async def what_is_put_is_loaded_whole(bench: Bench) -> None:
    """Every member of every kind, on every node; the version counts up by one."""
    client = some_client()
    secrets = (some_secret(client, id="a" * 16), some_secret(client, id="b" * 16, scheme=SecretScheme.GIVEN))
    orders_read = ApiScope(
        name="orders:read", description="See “orders”", sensitivity=Sensitivity.SENSITIVE, default=True
    )
    api = Api(
        identifier=f"https://api.example/{new_id()}",
        name="Orders",
        scopes=(orders_read,),
        rules=(Rule("GET", "/orders/{id}", frozenset({"orders:read"})),),
        token_format=TokenFormat.OPAQUE,
        token_alg="RS256",
        token_lifetime=60,
    )
    key = StoredKey(
        kid=new_id(),
        purpose=KeyPurpose.SIGNING,
        alg="ES256",
        state=KeyState.NEXT,
        envelope=b"\x00\xff",
        public_jwk={"kty": "EC"},
        created_at=1.0,
        state_since=2.0,
    )
    before, _ = await bench.store.registry_version()
    version = await put(
        bench, PutClient(client), *(PutSecret(secret) for secret in secrets), PutApi(api), PutKey(key)
    )
    same(version, before + 1)
    for number in range(len(bench.nodes)):
        rows = await bench.node(number).load_registry()
        same(rows.version, version)
        expect(replace(client, secrets=secrets) in rows.clients, "the client is loaded as it was put")
        expect(api in rows.apis, "the API is loaded as it was put")
        expect(key in rows.keys, "the key is loaded as it was put")
    active = replace(key, state=KeyState.ACTIVE, state_since=3.0, public_jwk=None)
    await put(bench, PutKey(active), PutApi(replace(api, name="All orders")))
    rows = await bench.store.load_registry()
    expect(active in rows.keys and replace(api, name="All orders") in rows.apis, "both were replaced")
    await put(bench, DropApi(api.identifier))
    rows = await bench.store.load_registry()
    expect(api.identifier not in {each.identifier for each in rows.apis}, "the API is gone")


async def a_client_and_its_secrets_change_apart(bench: Bench) -> None:
    """Two operators, one changing the redirect URI and one the secret, do not undo each other."""
    client = some_client()
    kept, dropped = some_secret(client), some_secret(client)
    await put(bench, PutClient(client), PutSecret(kept), PutSecret(dropped))
    await put(bench, PutClient(replace(client, name="New name", secrets=())))
    await put(bench, DropSecret(client.id, dropped.id))
    same(await found_client(bench, client.id), replace(client, name="New name", secrets=(kept,)))


async def every_change_of_an_api_leaves_a_version(bench: Bench) -> None:
    """FS48: with who and when, and from which document; what changes nothing leaves none."""
    identifier = f"https://api.example/{new_id()}"
    read = ApiScope(name="r", description="Read")
    first = Api(identifier=identifier, name="Orders", scopes=(read,))
    second = replace(first, rules=(Rule("GET", "/", any_of=(frozenset({"r"}),)),), token_lifetime=60)
    source = ApiSource(address="orders.yaml", digest="00ff", title="Orders 1", read=second)
    before = (await bench.store.registry_version())[1]
    await put(bench, PutApi(first, actor="cli:ada", note="made"))
    await put(bench, PutApi(first, actor="cli:bob", note="the same"))
    await put(bench, PutApi(second, actor="cli:bob", source=source))
    await put(bench, PutApi(second, actor="cli:bob", note="again", source=replace(source, digest="11")))
    await put(bench, DropApi(identifier, "cli:eve"))
    await put(bench, PutApi(first))
    for number in range(len(bench.nodes)):
        store = bench.node(number)
        found = list(await store.list_api_versions(identifier))
        same([one.number for one in found], [5, 4, 3, 2, 1])
        same([one.api for one in found], [first, None, second, second, first])
        same([one.actor for one in found], ["system", "cli:eve", "cli:bob", "cli:bob", "cli:ada"])
        same([one.note for one in found], ["", "", "again", "", "made"])
        same([one.source for one in found[3:]], [source, None])
        expect(all(one.at >= before for one in found), "by the database's clock")
        same(await store.find_api_version(identifier, 2), found[3])
        same(await store.find_api_version(identifier, 6), None)
        same(await store.find_api_source(identifier), replace(source, digest="11"))
    same([one.number for one in await bench.store.list_api_versions(identifier, limit=1)], [5])
    same(list(await bench.store.list_api_versions("urn:nobody")), [])
    same(await bench.store.find_api_source("urn:nobody"), None)


async def a_version_comes_and_goes_with_its_change(bench: Bench) -> None:
    """A change that is not made leaves no version."""
    api = Api(identifier=f"https://api.example/{new_id()}", name="Orders")
    version = await put(bench, PutApi(api))
    late = bench.store.change_registry([PutApi(replace(api, name="x"))], [], if_version=version - 1)
    await raises(Conflict, late, "the version is passed by")
    same([one.api for one in await bench.store.list_api_versions(api.identifier)], [api])


async def registry_changes_are_all_or_nothing(bench: Bench) -> None:
    """One that cannot be applied takes the others, the version and the audit with it."""
    client, stranger = some_client(), some_client()
    before, _ = await bench.store.registry_version()
    target = f"client:{client.id}"
    change = bench.store.change_registry(
        [PutClient(client), PutSecret(some_secret(stranger))], [entry(target)]
    )
    await raises(Conflict, change, "a secret of a client that does not exist")
    same(await found_client(bench, client.id), None)
    same((await bench.store.registry_version())[0], before)
    same(await bench.audited(target), [])
    await bench.store.change_registry([PutClient(client)], [entry(target)])
    same(len(await bench.audited(target)), 1)


async def a_change_for_a_version_passed_by_is_a_conflict(bench: Bench) -> None:
    """Of ten who saw the same version, one is served."""
    client = some_client()
    version = await put(bench, PutClient(client))
    stale = bench.store.change_registry([PutClient(some_client(id=client.id))], [], if_version=version - 1)
    await raises(Conflict, stale, "the version is passed by")
    same(await found_client(bench, client.id), client)

    async def attempt(number: int) -> bool:
        renamed = replace(client, name=f"name {number}")
        try:
            await bench.node(number).change_registry([PutClient(renamed)], [], if_version=version)
        except Conflict:
            return False
        return True

    same(sum(await at_once(attempt(number) for number in range(10))), 1, "one of ten is served")
    same((await bench.store.registry_version())[0], version + 1)


async def a_dropped_client_leaves_nothing_alive(bench: Bench) -> None:
    """D13, N6: its secrets and consents are gone, its grants and own tokens revoked; others live on."""
    client, other = some_client(), some_client()
    await put(bench, PutClient(client), PutSecret(some_secret(client)), PutClient(other))
    given, _ = await family(bench, client_id=client.id)
    theirs, _ = await family(bench, client_id=other.id)
    own = await opaque_token(bench, None, client_id=client.id)
    their_own = await opaque_token(bench, None, client_id=other.id)
    for token in (own, their_own):
        await bench.store.add_opaque_token(token)
    await put(bench, DropClient(client.id))
    same(await found_client(bench, client.id), None)
    same(await bench.store.find_consent(given.grant.subject, client.id), None)
    facts = await bench.store.token_facts(token_id=own.id, grant_id=given.grant.id)
    same((facts.grant_live, facts.token_revoked), (False, True))
    facts = await bench.store.token_facts(token_id=their_own.id, grant_id=theirs.grant.id)
    same((facts.grant_live, facts.token_revoked), (True, False), "another client's")
    expect(await bench.store.find_consent(theirs.grant.subject, other.id), "another client's consent")
    await put(bench, PutClient(client))
    same(await found_client(bench, client.id), client, "put again, it has no secrets of its past")


async def a_secret_was_last_used_when_it_was_last_used(bench: Bench) -> None:
    """Out of order or not, and without a new version of the registry."""
    client = some_client()
    secrets = (some_secret(client, id="a" * 16), some_secret(client, id="b" * 16))
    version = await put(bench, PutClient(client), *(PutSecret(secret) for secret in secrets))
    first, second = secrets
    await bench.store.touch_secrets([(client.id, first.id, 20.0), (client.id, second.id, 5.0)])
    await bench.store.touch_secrets([(client.id, second.id, 10.0), (client.id, first.id, 10.0)])
    await bench.store.touch_secrets([(client.id, new_id(), 10.0)])
    await bench.store.touch_secrets([])
    used = (replace(first, last_used_at=20.0), replace(second, last_used_at=10.0))
    same(await found_client(bench, client.id), replace(client, secrets=used))
    same((await bench.store.registry_version())[0], version)


CHECKS = checks_of(
    what_is_put_is_loaded_whole,
    every_change_of_an_api_leaves_a_version,
    a_version_comes_and_goes_with_its_change,
    a_client_and_its_secrets_change_apart,
    registry_changes_are_all_or_nothing,
    a_change_for_a_version_passed_by_is_a_conflict,
    a_dropped_client_leaves_nothing_alive,
    a_secret_was_last_used_when_it_was_last_used,
)
