"""Clients and their secrets: registered, changed, retired. One set of rules for every door.

Every change is decided on the newest registry, and written only if that still is the newest; otherwise it is
decided again.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Generic, TypeVar

from grantway.crypto.given_secrets import given_secret_hash, given_secret_problem
from grantway.crypto.secrets import SecretKind, issue_secret, new_id, random_base62
from grantway.flows.registry_keys import key_problems
from grantway.flows.rejections import NotFound, Rejected
from grantway.flows.server import Server
from grantway.flows.signing_keys import missing_keys
from grantway.protocol.apis import Api
from grantway.protocol.clients import (
    DEFAULT_ID_TOKEN_ALG,
    MAX_SECRETS,
    CertificateName,
    Client,
    ClientSecret,
    ClientType,
    RefreshPolicy,
    SecretScheme,
    label_problem,
)
from grantway.protocol.names import AuthMethod, GrantType, SubjectType
from grantway.protocol.registration import default_auth_method, default_grant_types, registry_problems
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from grantway.storage.changes import (
    AuditEntry,
    DropApi,
    DropClient,
    DropSecret,
    PutApi,
    PutClient,
    PutKey,
    PutSecret,
    RegistryChange,
)
from grantway.storage.port import Conflict

_Result = TypeVar("_Result")
_Entity = TypeVar("_Entity", Api, Client)
AuditLine = tuple[str, str, Mapping[str, str | int | float | bool | None]]  # action, target, details
FROM_FILE = "file_"  # ids of secrets that the registry file gave start with this
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDraft:
    """A client to be registered. What is left out follows from its type."""

    name: str
    type: ClientType
    id: str | None = None  # None: one is made from the name
    auth_method: AuthMethod | None = None
    grant_types: frozenset[GrantType] | None = None
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    frontchannel_logout_uri: str | None = None
    frontchannel_logout_session_required: bool = False
    scope: Scope = Scope()
    optional_scope: Scope = Scope()
    default_api: str | None = None  # name or identifier
    origins: tuple[str, ...] = ()
    refresh: RefreshPolicy = RefreshPolicy.AUTOMATIC
    require_pkce: bool = True
    redirect_uri_optional: bool = False
    first_party: bool = False
    consent_lifetime: int | None = None
    homepage: str | None = None
    terms_uri: str | None = None
    privacy_uri: str | None = None
    api: str | None = None  # of a resource server: name or identifier
    jwks: tuple[str, ...] = ()
    jwks_uri: str | None = None
    certificate_name: CertificateName | None = None
    certificate_bound_tokens: bool = False
    legacy_audience: bool = False
    id_token_signed_response_alg: str = DEFAULT_ID_TOKEN_ALG
    userinfo_signed_response_alg: str | None = None
    subject_type: SubjectType = SubjectType.PUBLIC
    sector_identifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretDraft:
    """A secret to be added. Without a text the server makes one, which is better."""

    text: str | None = field(default=None, repr=False)
    label: str = ""
    lifetime: float | None = None  # seconds; None: it does not expire


@dataclass(frozen=True, slots=True)
class Registered:
    """A client, and the secret that was made for it: shown once, kept nowhere."""

    client: Client
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Generic[_Result]):
    """What a decision wants written, and what the caller of `commit` is given once that is done."""

    result: _Result
    changes: Sequence[RegistryChange] = ()
    audit: Sequence[AuditLine] = ()


async def commit(
    server: Server, decide: Callable[[Registry, float], Awaitable[Decided[_Result]]], *, actor: str
) -> _Result:
    """Decide on the newest registry, check what would come out, and write it; again if somebody was faster.

    `decide` is given the registry and the time. An algorithm that no key signs with yet gets its key in the
    same transaction. Raises Rejected with every reason, NotFound, or Conflict after several tries.
    """
    tries = 0
    while True:
        await server.snapshots.refresh()
        registry, now = server.snapshots.newest.registry, server.now()
        decided = await decide(registry, now)
        if not decided.changes:
            return decided.result
        after = registry_after(registry, decided.changes)
        _check(after, decided.changes, issuer=server.policy.issuer)
        keys = await missing_keys(server, after, now)
        made = [("key.created", f"key:{key.kid}", {"alg": key.alg}) for key in keys]
        audit = [
            AuditEntry(at=now, actor=actor, action=action, target=target, details=dict(details))
            for action, target, details in (*decided.audit, *made)
        ]
        changes = [*(_signed(change, actor) for change in decided.changes), *map(PutKey, keys)]
        try:
            await server.snapshots.change(changes, audit, if_version=registry.version)
        except Conflict:
            tries += 1
            if tries == _TRIES:
                raise
        else:
            return decided.result


def _check(after: Registry, changes: Sequence[RegistryChange], *, issuer: str) -> None:
    """Raises Rejected with everything that is wrong with what these changes put into the registry."""
    clients = [one.client.id for one in changes if isinstance(one, PutClient)]
    apis = [one.api.identifier for one in changes if isinstance(one, PutApi)]
    wrong = registry_problems(after, clients, apis, issuer=issuer)
    wrong += key_problems(after.clients[one] for one in clients if one in after.clients)
    if wrong:
        raise Rejected("\n".join(dict.fromkeys(wrong)))


def _signed(change: RegistryChange, actor: str) -> RegistryChange:
    """Versions of APIs say who made them."""
    return replace(change, actor=actor) if isinstance(change, PutApi | DropApi) else change


def registry_after(registry: Registry, changes: Sequence[RegistryChange]) -> Registry:
    """The clients and APIs as they would be after these changes."""
    clients, apis = dict(registry.clients), dict(registry.apis)
    for change in changes:
        match change:
            case PutClient(client):
                clients[client.id] = client
            case DropClient(client_id):
                clients.pop(client_id, None)
            case PutApi(api):
                apis[api.identifier] = api
            case DropApi(identifier):
                apis.pop(identifier, None)
            case PutSecret(secret):
                old = clients[secret.client_id]
                others = tuple(one for one in old.secrets if one.id != secret.id)
                clients[old.id] = replace(old, secrets=(*others, secret))
            case DropSecret(client_id, secret_id):
                old = clients[client_id]
                kept = tuple(one for one in old.secrets if one.id != secret_id)
                clients[client_id] = replace(old, secrets=kept)
            case _:
                pass
    return Registry(registry.version, clients, apis)


# --- finding ----------------------------------------------------------------------------------------


def find_client(registry: Registry, client_id: str) -> Client:
    """The client of that id. Raises NotFound."""
    if found := registry.clients.get(client_id):
        return found
    same_name = ids_named(registry, client_id)
    near = f"; named so: {', '.join(same_name)}" if same_name else ""
    raise NotFound(f"there is no app with the id {client_id!r}{near}")


def ids_named(registry: Registry, name: str) -> list[str]:
    """The ids of the apps of that name, which people take for the id."""
    return [one.id for one in registry.clients.values() if one.name.casefold() == name.casefold()]


def find_api(registry: Registry, name: str) -> Api:
    """The API of that name or identifier. Raises NotFound."""
    found = [one for one in registry.apis.values() if one.name.casefold() == name.casefold()]
    if api := registry.find_api(name) or next(iter(found), None):
        return api
    names = ", ".join(sorted(one.name for one in registry.apis.values())) or "none yet"
    raise NotFound(f"there is no API {name!r}; there are: {names}")


def new_client_id(name: str) -> str:
    """An id made from the name, such as `photo_printer_7Qd2x9aB`: A-Z a-z 0-9 _ only (`design` 12)."""
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40].strip("_")
    return f"{slug or 'app'}_{random_base62(8)}"


# --- clients ----------------------------------------------------------------------------------------


def client_of(draft: ClientDraft, registry: Registry, now: float) -> Client:
    """The client that a draft describes. Raises NotFound for an API that is named and does not exist."""
    kind = draft.type
    given = {one.name: getattr(draft, one.name) for one in fields(draft)}
    return Client(
        **{
            **given,
            "id": draft.id or new_client_id(draft.name),
            "name": draft.name.strip(),
            "auth_method": draft.auth_method or default_auth_method(kind),
            "grant_types": default_grant_types(kind) if draft.grant_types is None else draft.grant_types,
            "scope": draft.scope | draft.optional_scope,
            "default_api": _identifier(registry, draft.default_api),
            "api": _identifier(registry, draft.api),
        },
        created_at=now,
    )


def _identifier(registry: Registry, name: str | None) -> str | None:
    return None if name is None else find_api(registry, name).identifier


async def add_client(
    server: Server, draft: ClientDraft, *, actor: str, secret: SecretDraft | None = None
) -> Registered:
    """Register a client. A confidential one gets a secret: the given one, or one that is made.

    Raises Rejected with every reason.
    """

    async def decide(registry: Registry, now: float) -> Decided[Registered]:
        client = client_of(draft, registry, now)
        if client.id in registry.clients:
            raise Rejected(f"id {client.id!r}: another app has this id")
        changes: list[RegistryChange] = [PutClient(client)]
        text = None
        if secret is not None or client.uses_secret:
            stored, text = new_secret(server, client.id, secret or SecretDraft(), now)
            changes.append(PutSecret(stored))
        registered = Registered(registry_after(registry, changes).clients[client.id], text)
        return Decided(result=registered, changes=changes, audit=[client_added(client)])

    return await commit(server, decide, actor=actor)


def client_added(client: Client) -> AuditLine:
    """What the audit log says of a client that was registered."""
    return "client.added", f"client:{client.id}", {"name": client.name, "type": client.type.value}


async def change_client(
    server: Server, client_id: str, edit: Callable[[Client], Client], *, actor: str
) -> Client:
    """Change what is registered. `edit` may be called again when somebody else was faster.

    Raises Rejected, NotFound. Id, secrets and the moment of registration stay.
    """

    async def decide(registry: Registry, _now: float) -> Decided[Client]:
        old = _changeable(find_client(registry, client_id))
        new = replace(edit(old), id=old.id, secrets=old.secrets, created_at=old.created_at)
        names = changed_fields(old, new)
        if not names:
            return Decided(result=new)
        audit = ("client.changed", f"client:{new.id}", {"fields": names})
        return Decided(result=new, changes=[PutClient(new)], audit=[audit])

    return await commit(server, decide, actor=actor)


def changed_fields(old: _Entity, new: _Entity) -> str:
    """The names of the fields that differ, as the audit log has them; empty when none does."""
    return ",".join(one.name for one in fields(old) if getattr(old, one.name) != getattr(new, one.name))


async def delete_client(server: Server, client_id: str, *, actor: str) -> Client:
    """Remove a client; its consents go, its grants and tokens are revoked. Raises NotFound, Rejected."""

    async def decide(registry: Registry, _now: float) -> Decided[Client]:
        client = _changeable(find_client(registry, client_id))
        audit = ("client.deleted", f"client:{client.id}", {"name": client.name})
        return Decided(result=client, changes=[DropClient(client.id)], audit=[audit])

    return await commit(server, decide, actor=actor)


def _changeable(client: Client) -> Client:
    if client.managed_by_file:
        raise Rejected(f"app {client.id} is managed by the registry file: change it there")
    return client


# --- secrets ----------------------------------------------------------------------------------------


def new_secret(
    server: Server, client_id: str, draft: SecretDraft, now: float
) -> tuple[ClientSecret, str | None]:
    """The secret to store, and its text if it was made here. Raises Rejected for a weak given one."""
    expires_at = None if draft.lifetime is None else now + draft.lifetime
    if problem := label_problem(draft.label):
        raise Rejected(f"label: {problem}")
    about = ClientSecret(
        id="", client_id=client_id, hash=b"", label=draft.label, created_at=now, expires_at=expires_at
    )
    if draft.text is None:
        made = issue_secret(SecretKind.CLIENT_SECRET, now=now)
        return replace(about, id=made.selector, hash=made.hash), made.text
    if problem := given_secret_problem(draft.text):
        raise Rejected(f"secret: {problem}")
    hashed = given_secret_hash(server.master_keys[0], client_id, draft.text)
    return replace(about, id=new_id(now), hash=hashed, scheme=SecretScheme.GIVEN), None


async def add_secret(
    server: Server, client_id: str, draft: SecretDraft, *, actor: str
) -> tuple[ClientSecret, str | None]:
    """Give a client one more secret; the older ones stay good, so that it can be changed without outage.

    Expired ones leave to make room. Raises Rejected, NotFound.
    """

    async def decide(registry: Registry, now: float) -> Decided[tuple[ClientSecret, str | None]]:
        client = find_client(registry, client_id)
        if not client.uses_secret:
            raise Rejected(f"app {client.id} has no secret: its auth method is {client.auth_method}")
        if any(one.id.startswith(FROM_FILE) for one in client.secrets):
            raise Rejected(f"app {client.id} has its secrets from the registry file: change them there")
        expired = [one for one in client.secrets if one.expires_at is not None and one.expires_at <= now]
        if len(client.secrets) - len(expired) >= MAX_SECRETS:
            raise Rejected(
                f"app {client.id} has {MAX_SECRETS} live secrets: delete one that is no longer used"
            )
        stored, text = new_secret(server, client.id, draft, now)
        audit = ("client.secret_added", f"client:{client.id}", {"secret": stored.id, "label": stored.label})
        drops = [DropSecret(client.id, one.id) for one in expired]
        return Decided(result=(stored, text), changes=[*drops, PutSecret(stored)], audit=[audit])

    return await commit(server, decide, actor=actor)


async def delete_secret(server: Server, client_id: str, secret_id: str, *, actor: str) -> ClientSecret:
    """Remove a secret, by id or label; at once it is good for nothing. Raises NotFound, Rejected."""

    async def decide(registry: Registry, _now: float) -> Decided[ClientSecret]:
        client = find_client(registry, client_id)
        found = [one for one in client.secrets if secret_id and secret_id in {one.id, one.label}]
        if len(found) != 1:
            listed = ", ".join(f"{one.id} {one.label}".strip() for one in client.secrets) or "none"
            raise NotFound(f"app {client.id} has no one secret {secret_id!r}; there are: {listed}")
        secret = found[0]
        if secret.id.startswith(FROM_FILE):
            raise Rejected(f"this secret of app {client.id} comes from the registry file: remove it there")
        audit = ("client.secret_deleted", f"client:{client.id}", {"secret": secret.id, "label": secret.label})
        return Decided(result=secret, changes=[DropSecret(client.id, secret.id)], audit=[audit])

    return await commit(server, decide, actor=actor)
