"""What has changed about an app since a person allowed it: its name, its places, the words of its scopes."""

from dataclasses import dataclass
from enum import StrEnum

from grantway.protocol.apis import Sensitivity
from grantway.protocol.clients import Client
from grantway.protocol.grants import Consent, Shown, ShownScope
from grantway.protocol.redirect_uris import RedirectUri
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope


class ChangeKind(StrEnum):
    """What sort of change it is."""

    NAME = "name"  # the app is called something else
    PLACE_ADDED = "place_added"  # people may be sent to another host now
    PLACE_GONE = "place_gone"
    SENTENCE = "sentence"  # a scope is described in other words
    MORE_SENSITIVE = "more_sensitive"  # a scope counts as giving much away now
    LESS_SENSITIVE = "less_sensitive"
    CAN_CHANGE = "can_change"  # a scope that did not change anything does so now
    ONLY_SEES = "only_sees"  # a scope that changed something no longer does


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between what the person was shown and what they would be shown now."""

    kind: ChangeKind
    before: str = ""
    after: str = ""


def shown_now(client: Client, scope: Scope, registry: Registry, before: Shown | None, kept: Scope) -> Shown:
    """What a person who allows `scope` was shown: that as it is now, the scopes they `kept` as `before`."""
    earlier = () if before is None else before.scopes
    return Shown(
        client_name=client.name,
        places=places_of(client),
        scopes=(
            *(one for one in earlier if one.name in kept and one.name not in scope),
            *(_described(name, registry) for name in scope),
        ),
    )


def changes_since(consent: Consent | None, client: Client, registry: Registry) -> tuple[Change, ...]:
    """Everything that differs by now; nothing where no record was kept of what was shown."""
    if consent is None or consent.shown is None:
        return ()
    shown, places = consent.shown, places_of(client)
    changes = []
    if shown.client_name != client.name:
        changes.append(Change(kind=ChangeKind.NAME, before=shown.client_name, after=client.name))
    changes += [
        Change(kind=ChangeKind.PLACE_ADDED, after=place) for place in places if place not in shown.places
    ]
    changes += [
        Change(kind=ChangeKind.PLACE_GONE, before=place) for place in shown.places if place not in places
    ]
    for one in shown.scopes:
        if one.name in consent.scope and registry.find_scope(one.name) is not None:
            changes += _changes_of(one, _described(one.name, registry))
    return tuple(changes)


def _changes_of(then: ShownScope, now: ShownScope) -> list[Change]:
    changes = []
    if then.sentence != now.sentence:
        changes.append(Change(kind=ChangeKind.SENTENCE, before=then.sentence, after=now.sentence))
    if then.sensitive != now.sensitive:
        kind = ChangeKind.MORE_SENSITIVE if now.sensitive else ChangeKind.LESS_SENSITIVE
        changes.append(Change(kind=kind, after=now.sentence))
    elif then.sensitivity is not None and not now.sensitive:
        changes += _changes_of_kind(then.sensitivity, now)
    return changes


def _changes_of_kind(then: Sensitivity, now: ShownScope) -> list[Change]:
    """Told where the app may do more, or less, than look; between looking and no word at all nothing is."""
    if (then is Sensitivity.WRITE) == (now.sensitivity is Sensitivity.WRITE):
        return []
    kind = ChangeKind.ONLY_SEES if then is Sensitivity.WRITE else ChangeKind.CAN_CHANGE
    return [Change(kind=kind, after=now.sentence)]


def places_of(client: Client) -> tuple[str, ...]:
    """Every place the app may send people to: hosts, with a port if one is written, or schemes."""
    return tuple(sorted({_place(RedirectUri.parse(uri)) for uri in client.redirect_uris}))


def _place(uri: RedirectUri) -> str:
    if uri.is_private_use:
        return f"{uri.scheme}:"
    return (uri.host or "") + (f":{uri.port}" if uri.port else "")


def _described(name: str, registry: Registry) -> ShownScope:
    return ShownScope(
        name=name,
        sentence=registry.sentence_of(name),
        sensitive=registry.is_sensitive(name),
        sensitivity=registry.sensitivity_of(name),
    )
