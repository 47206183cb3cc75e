"""What must hold between the clients and APIs of a registry: names are unique, and what is named exists."""

from collections import Counter
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from grantway.protocol.apis import Api
from grantway.protocol.claims import CLAIM_PREFIX
from grantway.protocol.clients import Client, ClientType, client_problems
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.registry import SERVER_SCOPES, Registry


def default_grant_types(kind: ClientType) -> frozenset[GrantType]:
    """What a client of this kind may use when nothing is said."""
    if kind is ClientType.RESOURCE_SERVER:
        return frozenset()
    if kind is ClientType.MACHINE:
        return frozenset({GrantType.CLIENT_CREDENTIALS})
    return frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})


def default_auth_method(kind: ClientType) -> AuthMethod:
    """How a client of this kind proves itself when nothing is said."""
    public = kind in {ClientType.SPA, ClientType.NATIVE}
    return AuthMethod.NONE if public else AuthMethod.CLIENT_SECRET_BASIC


def registry_problems(
    registry: Registry, clients: Collection[str], apis: Collection[str], *, issuer: str
) -> list[str]:
    """Why these clients and APIs (by id and identifier) may not stand in this registry; empty: they may.

    Only what was changed is judged, so that an old mistake elsewhere does not stop every change.
    """
    changed_apis = [registry.apis[key] for key in apis if key in registry.apis]
    changed_clients = [registry.clients[key] for key in clients if key in registry.clients]
    return [
        *(problem for api in changed_apis for problem in _api_problems(api, registry, issuer)),
        *(problem for client in changed_clients for problem in _client_problems(client, registry)),
    ]


def scopes_still_named(registry: Registry, before: Registry) -> dict[str, tuple[str, ...]]:
    """Scopes that are gone since `before`, and the clients that still name each."""
    gone = before.api_of_scope.keys() - registry.api_of_scope.keys()
    named = {
        scope: tuple(client.id for client in registry.clients.values() if scope in client.scope)
        for scope in sorted(gone)
    }
    return {scope: clients for scope, clients in named.items() if clients}


def _api_problems(api: Api, registry: Registry, issuer: str) -> Iterator[str]:
    others = [other for other in registry.apis.values() if other is not api]
    start = f"api {api.name}"
    if not api.name.strip() or len(api.name) > 64 or not api.name.isprintable():
        yield f"{start}: its name has 1 to 64 printable characters, such as photos"
    if any(other.name.casefold() == api.name.casefold() for other in others):
        yield f"{start}: another API has this name"
    yield from _address_problems(api, others, issuer)
    taken = Counter(scope.name for other in others for scope in other.scopes)
    for scope in api.scopes:
        # Their meaning is fixed (OpenID Connect Core §5.4, §11), or they stand for a single claim.
        if scope.name in SERVER_SCOPES or scope.name.startswith(CLAIM_PREFIX):
            yield f"{start}: the scope {scope.name} means something else in every server; choose another name"
        if taken[scope.name]:
            owner = next(other.name for other in others if other.find_scope(scope.name))
            yield f"{start}: the scope {scope.name} belongs to the API {owner} already"
        if not scope.description.strip() or not scope.description.isprintable():
            yield f"{start}: the scope {scope.name} needs a sentence that people read at consent"


def _address_problems(api: Api, others: list[Api], issuer: str) -> Iterator[str]:
    """One `resource` names one API, and one address serves one: else a token for one opens the other."""
    start = f"api {api.name}"
    taken = {uri.rstrip("/"): other for other in others for uri in (other.identifier, *other.aliases)}
    bases = {base: other for other in others for base in other.bases}
    for what, uri in (("audience", api.identifier), *(("alias", alias) for alias in api.aliases)):
        if uri.rstrip("/") == issuer:
            yield f"{start}: its {what} is the issuer of this server; give the API an address of its own"
        if owner := taken.get(uri.rstrip("/")):
            yield f"{start}: another API ({owner.name}) has the {what} {uri}, a slash at the end aside"
    for server, base in zip(api.servers, api.bases, strict=True):
        if owner := bases.get(base):
            yield f"{start}: another API ({owner.name}) is served at {server}, https or not"


def _client_problems(client: Client, registry: Registry) -> Iterator[str]:
    start = f"app {client.name}"
    for problem in client_problems(client):
        yield f"{start}: {problem}"
    for name in client.scope:
        if registry.find_scope(name) is None:
            close = get_close_matches(name, [*registry.api_of_scope, *SERVER_SCOPES], 1)
            yield f"{start}: no API defines the scope {name}" + (
                f"; did you mean {close[0]}?" if close else ""
            )
    for what, identifier in (("default API", client.default_api), ("API", client.api)):
        if identifier is not None and identifier not in registry.apis:
            yield f"{start}: its {what} {identifier} does not exist"
