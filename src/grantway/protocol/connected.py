"""Connected apps: what a person's consents and live grants add up to, app by app."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grantway.protocol.apis import Sensitivity, TokenFormat
from grantway.protocol.changes_since import Change, changes_since
from grantway.protocol.clients import Client
from grantway.protocol.grants import Consent, LiveGrants, ScopeUse
from grantway.protocol.registry import SERVER_SCOPES, Registry
from grantway.protocol.scope import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedScope:
    """One thing an app may do."""

    name: str
    sentence: str
    api: str | None  # the name of its API; None: it belongs to this server, or to nobody any more
    sensitivity: Sensitivity
    optional: bool  # it can be taken back alone; the app goes on without it
    last_used_at: float  # when the app last got a token that carries it


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How soon what an app holds for one API stops working once it is taken back."""

    api: str
    within: int  # seconds; 0: at once


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedApp:
    """One app, with everything it may do for this person."""

    client: Client
    scopes: tuple[ConnectedScope, ...]
    endings: tuple[Ending, ...]
    changes: tuple[Change, ...]  # since the person allowed it
    since: float
    last_used_at: float

    def find_scope(self, name: str) -> ConnectedScope | None:
        """What it may do by this name, or None."""
        return next((scope for scope in self.scopes if scope.name == name), None)


def connected_apps(
    consents: Iterable[Consent],
    grants: Iterable[LiveGrants],
    uses: Iterable[ScopeUse],
    registry: Registry,
    *,
    token_lifetime: int,
) -> tuple[ConnectedApp, ...]:
    """Every app that may do something for this person, the one used last first.

    A consent alone counts: the app could come back without asking. So do grants without one, which
    first-party apps have. `token_lifetime` is that of access tokens whose API names no other.
    """
    agreed = {consent.client_id: consent for consent in consents}
    held: dict[str, list[LiveGrants]] = {}
    used: dict[str, dict[str, float]] = {}
    for use in uses:
        used.setdefault(use.client_id, {})[use.scope] = use.used_at
    for alike in grants:
        held.setdefault(alike.client_id, []).append(alike)
    apps = []
    for client_id in dict.fromkeys((*agreed, *held)):
        client, consent = registry.clients.get(client_id), agreed.get(client_id)
        if client is None:
            continue
        live = [alike for alike in held.get(client_id, ()) if alike.last_at >= client.tokens_valid_from]
        if live or consent is not None:
            own_uses = used.get(client_id, {})
            apps.append(_app(client, consent, live, own_uses, registry, token_lifetime=token_lifetime))
    return tuple(sorted(apps, key=lambda app: app.last_used_at, reverse=True))


def _app(
    client: Client,
    consent: Consent | None,
    live: list[LiveGrants],
    used: Mapping[str, float],
    registry: Registry,
    *,
    token_lifetime: int,
) -> ConnectedApp:
    allowed = Scope() if consent is None else consent.scope
    for alike in live:
        allowed |= alike.scope
    given_at = [alike.first_at for alike in live] + ([] if consent is None else [consent.created_at])
    used_at = _last_uses(consent, live, used)
    removable = (allowed & client.optional_scope) if len(allowed) > 1 else Scope()
    return ConnectedApp(
        client=client,
        scopes=tuple(
            _scope(name, registry, optional=name in removable, used_at=used_at[name]) for name in allowed
        ),
        endings=endings(allowed, registry, token_lifetime=token_lifetime),
        changes=changes_since(consent, client, registry),
        since=min(given_at),
        last_used_at=max(used_at.values(), default=min(given_at)),
    )


def _last_uses(
    consent: Consent | None, live: list[LiveGrants], used: Mapping[str, float]
) -> Mapping[str, float]:
    """Scope → when the app last got a token with it: no earlier than the newest grant that has it."""
    used_at = {} if consent is None else dict.fromkeys(consent.scope, consent.created_at)
    for alike in live:
        for name in alike.scope:
            used_at[name] = max(used_at.get(name, 0.0), alike.last_at, used.get(name, 0.0))
    return used_at


def _scope(name: str, registry: Registry, *, optional: bool, used_at: float) -> ConnectedScope:
    api = registry.api_of_scope.get(name)
    return ConnectedScope(
        name=name,
        sentence=registry.sentence_of(name),
        api=None if api is None else api.name,
        sensitivity=registry.sensitivity_of(name),
        optional=optional and name not in SERVER_SCOPES,
        last_used_at=used_at,
    )


def endings(scope: Scope, registry: Registry, *, token_lifetime: int) -> tuple[Ending, ...]:
    """For each API of these scopes: opaque tokens end at once, JWTs when they expire (`design` 14)."""
    return tuple(
        Ending(
            api=api.name,
            within=0 if api.token_format is TokenFormat.OPAQUE else api.token_lifetime_or(token_lifetime),
        )
        for api in registry.apis_of(scope)
    )
