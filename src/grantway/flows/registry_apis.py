"""APIs: registered, changed, retired, with the keys that sign their tokens and a client that introspects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from grantway.flows.registry import (
    AuditLine,
    ClientDraft,
    Decided,
    SecretDraft,
    changed_fields,
    client_added,
    client_of,
    commit,
    find_api,
    new_secret,
    registry_after,
)
from grantway.flows.rejections import Rejected
from grantway.flows.server import Server
from grantway.protocol.apis import Api
from grantway.protocol.clients import Client, ClientType
from grantway.protocol.registration import scopes_still_named
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from grantway.storage.changes import (
    ApiSource,
    DropApi,
    DropClient,
    PutApi,
    PutClient,
    PutSecret,
    RegistryChange,
)


@dataclass(frozen=True, slots=True)
class RegisteredApi:
    """An API, and the credentials with which it may ask about its tokens: shown once, kept nowhere."""

    api: Api
    client: Client | None = None
    secret: str | None = field(default=None, repr=False)


async def add_api(
    server: Server,
    api: Api,
    *,
    actor: str,
    credentials: bool = False,
    note: str = "",
    source: ApiSource | None = None,
) -> RegisteredApi:
    """Register an API; with `credentials` also the client with which it introspects its tokens (RFC 7662).

    `note` and `source` stand in its first version. Raises Rejected with every reason.
    """

    async def decide(registry: Registry, now: float) -> Decided[RegisteredApi]:
        if registry.find_api(api.identifier) is not None:
            raise Rejected(f"api {api.name}: the audience {api.identifier} is registered already")
        changes: list[RegistryChange] = [PutApi(api, note=note, source=source)]
        audit: list[AuditLine] = [("api.added", f"api:{api.identifier}", {"name": api.name})]
        client = secret = None
        if credentials:
            draft = ClientDraft(name=f"{api.name} API", type=ClientType.RESOURCE_SERVER, api=api.identifier)
            client = client_of(draft, registry_after(registry, changes), now)
            stored, secret = new_secret(server, client.id, SecretDraft(), now)
            changes += [PutClient(client), PutSecret(stored)]
            audit.append(client_added(client))
        return Decided(result=RegisteredApi(api, client, secret), changes=changes, audit=audit)

    return await commit(server, decide, actor=actor)


async def change_api(
    server: Server,
    name: str,
    edit: Callable[[Api], Api],
    *,
    actor: str,
    clean: bool = False,
    note: str = "",
    source: ApiSource | None = None,
) -> Api:
    """Change an API; its identifier stays. `note` and `source` stand in the version that this makes.

    Raises Rejected when apps still name a scope that would go, unless `clean` takes it away from them too.
    """

    async def decide(registry: Registry, _now: float) -> Decided[Api]:
        old = changeable(find_api(registry, name))
        new = replace(edit(old), identifier=old.identifier)
        names = changed_fields(old, new)
        if not names and source is None:
            return Decided(result=new)
        changes: list[RegistryChange] = [PutApi(new, note=note, source=source)]
        audit: list[AuditLine] = [("api.changed", f"api:{new.identifier}", {"fields": names})]
        return _with_cleaned_clients(registry, Decided(result=new, changes=changes, audit=audit), clean=clean)

    return await commit(server, decide, actor=actor)


async def delete_api(server: Server, name: str, *, actor: str, clean: bool = False) -> Api:
    """Remove an API. While apps name its scopes: Rejected, unless `clean` takes them away from the apps.

    With it go the clients with which it introspects, and it is no app's default any more.
    """

    async def decide(registry: Registry, _now: float) -> Decided[Api]:
        api = changeable(find_api(registry, name))
        changes, audit = retired_api(registry, api)
        return _with_cleaned_clients(registry, Decided(result=api, changes=changes, audit=audit), clean=clean)

    return await commit(server, decide, actor=actor)


def retired_api(registry: Registry, api: Api) -> tuple[list[RegistryChange], list[AuditLine]]:
    """Without this API: its introspecting clients go, and it is no client's default any more."""
    changes: list[RegistryChange] = [DropApi(api.identifier)]
    audit: list[AuditLine] = [("api.deleted", f"api:{api.identifier}", {"name": api.name})]
    for client in registry.clients.values():
        if client.api == api.identifier:
            changes.append(DropClient(client.id))
            audit.append(("client.deleted", f"client:{client.id}", {"name": client.name}))
        elif client.default_api == api.identifier:
            changes.append(PutClient(replace(client, default_api=None)))
            audit.append(("client.changed", f"client:{client.id}", {"fields": "default_api"}))
    return changes, audit


def _with_cleaned_clients(registry: Registry, decided: Decided[Api], *, clean: bool) -> Decided[Api]:
    """The same, and the scopes that go with it taken away from the clients that name them."""
    cleaned = clients_without_gone_scopes(registry, decided.changes, clean=clean)
    lines = [("client.changed", f"client:{client.id}", {"fields": "scope"}) for client in cleaned]
    return Decided(
        result=decided.result,
        changes=[*decided.changes, *map(PutClient, cleaned)],
        audit=[*decided.audit, *lines],
    )


def clients_without_gone_scopes(
    registry: Registry, changes: Sequence[RegistryChange], *, clean: bool
) -> list[Client]:
    """The clients that name a scope these changes remove, without it. Raises Rejected unless `clean`."""
    after = registry_after(registry, changes)
    gone = scopes_still_named(after, registry)
    if gone and not clean:
        told = (f"the scope {scope} is still named by: {', '.join(apps)}" for scope, apps in gone.items())
        raise Rejected("\n".join(told))
    removed = Scope(tuple(gone))
    return [
        replace(client, scope=client.scope - removed, optional_scope=client.optional_scope - removed)
        for client in after.clients.values()
        if client.scope & removed
    ]


def changeable(api: Api) -> Api:
    """The API, to be changed by a command. Raises Rejected when the registry file manages it."""
    if api.managed_by_file:
        raise Rejected(f"api {api.name} is managed by the registry file: change it there")
    return api
