"""The registry as one immutable value: every client and API, and which scope belongs to which API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self
from urllib.parse import urlsplit

from grantway.protocol.apis import Api, ApiScope, Sensitivity
from grantway.protocol.claims import CLAIM_PREFIX, CLAIM_SENTENCES
from grantway.protocol.clients import Client
from grantway.protocol.resource_metadata import resource_metadata_url
from grantway.protocol.scope import Scope
from grantway.protocol.site_callbacks import site_clients

OFFLINE_ACCESS = "offline_access"
OPENID = "openid"
# Scopes that belong to no API. Their sentences are read at consent like any other's.
SERVER_SCOPES: Mapping[str, ApiScope] = {
    name: ApiScope(name=name, description=description, sensitivity=kind)
    for name, kind, description in (
        (OPENID, Sensitivity.NORMAL, "Know that it is you who signs in"),
        (
            "profile",
            Sensitivity.READ,
            "See your name and the rest of your profile, such as your picture and birthday",
        ),
        ("email", Sensitivity.READ, "See your e-mail address"),
        ("address", Sensitivity.READ, "See your postal address"),
        ("phone", Sensitivity.READ, "See your phone number"),
        (OFFLINE_ACCESS, Sensitivity.NORMAL, "Keep this access while you are not using the app"),
    )
}


@dataclass(frozen=True)
class Registry:
    """Clients by id and APIs by identifier, as of one version."""

    version: int
    clients: Mapping[str, Client]
    apis: Mapping[str, Api]

    @classmethod
    def of(cls, version: int, clients: Iterable[Client], apis: Iterable[Api]) -> Self:
        """The registry of these clients and APIs."""
        return cls(
            version,
            {client.id: client for client in clients},
            {api.identifier: api for api in apis},
        )

    @cached_property
    def api_of_scope(self) -> Mapping[str, Api]:
        """The API that defines each scope: a scope's name is unique in the registry."""
        return {scope.name: api for api in self.apis.values() for scope in api.scopes}

    @cached_property
    def origins(self) -> frozenset[str]:
        """Every browser origin that some enabled client may call the token endpoint from."""
        return frozenset(
            origin for client in self.clients.values() if client.enabled for origin in client.origins
        )

    @cached_property
    def site_clients(self) -> Mapping[str, Client]:
        """The app by which people sign in at each site behind a gateway, by its callback."""
        return site_clients(self.clients.values())

    def find_api(self, resource: str) -> Api | None:
        """The API named by a `resource` parameter: by its identifier or one of its aliases.

        One trailing slash more or less is forgiven (RFC 8707 §2).
        """
        found = self.apis.get(resource)
        if found is None:
            other = resource[:-1] if resource.endswith("/") else resource + "/"
            found = self.apis.get(other) or self._by_alias.get(resource) or self._by_alias.get(other)
        return found

    @cached_property
    def _by_alias(self) -> Mapping[str, Api]:
        return {alias: api for api in self.apis.values() for alias in api.aliases}

    def api_asked_for(self, identifier: str | None, host: str, path: str) -> tuple[Api, str] | None:
        """The API of this identifier, or the one served at this host where there is none; see below."""
        return self.api_at(host, path) if identifier is None else self.api_named(identifier, path)

    def api_at(self, host: str, path: str) -> tuple[Api, str] | None:
        """The API that is served here, and the path below its base; None when none is.

        `host` is the request's own, with its port unless that is the usual one; `path` is canonical. The
        longest base path wins.
        """
        for base, api in self._by_host.get(host.lower(), ()):
            if path == base or path.startswith(base + "/"):
                return api, path[len(base) :] or "/"
        return None

    def api_named(self, identifier: str, path: str) -> tuple[Api, str] | None:
        """As `api_at`, for this API alone and whatever the host. One without servers has its paths at /."""
        for base in self._bases_of.get(identifier, ()):
            if path == base or path.startswith(base + "/"):
                return self.apis[identifier], path[len(base) :] or "/"
        return None

    @cached_property
    def _bases_of(self) -> Mapping[str, list[str]]:
        """The base paths of each API, the longest first."""
        return {
            identifier: sorted((base for _, base in api.bases or (("", ""),)), key=len, reverse=True)
            for identifier, api in self.apis.items()
        }

    @cached_property
    def resource_documents(self) -> Mapping[tuple[str, str], Api]:
        """By host and path of its document (RFC 9728 §3.1): the APIs whose identifier is an address."""
        found = {}
        for api in self.apis.values():
            url = resource_metadata_url(api.identifier)
            if url is not None and "?" not in url:
                parts = urlsplit(url)
                found[parts.netloc.lower(), parts.path] = api
        return found

    @cached_property
    def _by_host(self) -> Mapping[str, list[tuple[str, Api]]]:
        """The base paths at each host, the longest first."""
        found: dict[str, list[tuple[str, Api]]] = {}
        for api in self.apis.values():
            for host, base in api.bases:
                found.setdefault(host, []).append((base, api))
        for bases in found.values():
            bases.sort(key=lambda one: -len(one[0]))
        return found

    def find_scope(self, name: str) -> ApiScope | None:
        """What is written down about a scope, or None for an unknown one."""
        api = self.api_of_scope.get(name)
        return SERVER_SCOPES.get(name) if api is None else api.find_scope(name)

    def sentence_of(self, name: str) -> str:
        """What people read of a scope, or of a claim asked for by itself; an unknown one, as it is."""
        scope = self.find_scope(name)
        if scope is not None:
            return scope.description
        return CLAIM_SENTENCES.get(name.removeprefix(CLAIM_PREFIX), name)

    def apis_of(self, scope: Scope) -> tuple[Api, ...]:
        """The APIs these scopes belong to, in the order they are first named."""
        found = (self.api_of_scope.get(token) for token in scope)
        return tuple({api.identifier: api for api in found if api is not None}.values())

    def default_scope(self, client: Client, apis: Iterable[Api] = ()) -> Scope:
        """What a request without `scope` asks for: the default scopes among those the client may ask for.

        Those of `apis` alone, where the request names some by `resource`.
        """
        defaults = (name for api in tuple(apis) or self.apis.values() for name in api.default_scope)
        return Scope(tuple(defaults)) & client.scope

    def sensitivity_of(self, name: str) -> Sensitivity:
        """What a scope, or a claim asked for by itself, gives away: people are told at consent and later."""
        scope = self.find_scope(name)
        if scope is not None:
            return scope.sensitivity
        return Sensitivity.READ if name.startswith(CLAIM_PREFIX) else Sensitivity.NORMAL

    def is_sensitive(self, name: str) -> bool:
        """Is this scope marked as giving much away?"""
        return self.sensitivity_of(name) is Sensitivity.SENSITIVE
