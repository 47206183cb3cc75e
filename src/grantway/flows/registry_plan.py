"""From a registry file to changes: planned first, shown in words, then written in one transaction.

What the file names belongs to the file from then on. What it no longer names is kept, unless pruned. A
second run finds nothing to do.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from grantway.crypto.given_secrets import given_secret_hash
from grantway.flows.people import PersonDraft, add_person, change_person, described
from grantway.flows.registry import (
    FROM_FILE,
    AuditLine,
    Decided,
    changed_fields,
    client_added,
    client_of,
    commit,
    registry_after,
)
from grantway.flows.registry_apis import clients_without_gone_scopes, retired_api
from grantway.flows.registry_file import Wanted, WantedClient
from grantway.flows.registry_words import differences
from grantway.flows.rejections import Rejected
from grantway.flows.server import Server
from grantway.protocol.api_changes import Line
from grantway.protocol.apis import Api
from grantway.protocol.clients import ClientSecret, SecretScheme
from grantway.protocol.people import Person, canonical_username
from grantway.protocol.profiles import person_problems
from grantway.protocol.registration import registry_problems
from grantway.protocol.registry import Registry
from grantway.protocol.site_callbacks import CALLBACK
from grantway.storage.changes import (
    DropClient,
    DropSecret,
    PutApi,
    PutClient,
    PutSecret,
    RegistryChange,
)

SecretHash = Callable[[str, str], bytes]  # client id, text → what is stored
_KIND = re.compile(r"\A(app|api)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would happen."""

    changes: tuple[RegistryChange, ...] = ()
    audit: tuple[AuditLine, ...] = ()
    lines: tuple[Line, ...] = ()
    new_people: tuple[PersonDraft, ...] = ()
    changed_people: tuple[tuple[Person, Person], ...] = ()  # as they were, as they are to be

    @property
    def has_changes(self) -> bool:
        """Is there anything to do?"""
        return any(line.sign.strip() for line in self.lines)


class _Draft:
    """A plan being made."""

    def __init__(self, registry: Registry) -> None:
        self.before = registry
        self.changes: list[RegistryChange] = []
        self.audit: list[AuditLine] = []
        self.lines: list[Line] = []

    def add(self, sign: str, words: str, *changes: RegistryChange, audit: Sequence[AuditLine] = ()) -> None:
        self.lines.append(Line(sign, words))
        self.changes += changes
        self.audit += audit

    @property
    def after(self) -> Registry:
        return registry_after(self.before, self.changes)


def plan(
    registry: Registry,
    people: Mapping[str, Person],
    wanted: Wanted,
    *,
    secret_hash: SecretHash,
    now: float,
    prune: bool = False,
) -> Plan:
    """What turns this registry, and these people by username, into what is wanted.

    Raises NotFound when an app names an API that is nowhere, Rejected when an app that is not in the file
    names a scope that would go.
    """
    draft = _Draft(registry)
    for api in wanted.apis:
        _plan_api(draft, replace(api, managed_by_file=True))
    _plan_leaving_apis(draft, wanted, prune=prune)
    for client in wanted.clients:
        _plan_client(draft, client, secret_hash, now)
    _plan_leaving_clients(draft, wanted, prune=prune)
    clients_without_gone_scopes(registry, draft.changes, clean=False)
    new, changed = _plan_people(draft, people, wanted.people)
    return Plan(
        changes=tuple(draft.changes),
        audit=tuple(draft.audit),
        lines=tuple(draft.lines),
        new_people=new,
        changed_people=changed,
    )


async def plan_for(server: Server, wanted: Wanted, *, prune: bool = False) -> Plan:
    """The plan for this server as it is now. Raises Rejected when what would come out breaks a rule."""
    await server.snapshots.refresh()
    registry = server.snapshots.newest.registry
    made = plan(
        registry,
        await _known_people(server, wanted),
        wanted,
        secret_hash=lambda client_id, text: given_secret_hash(server.master_keys[0], client_id, text),
        now=server.now(),
        prune=prune,
    )
    after = registry_after(registry, made.changes)
    clients = [one.client.id for one in made.changes if isinstance(one, PutClient)]
    apis = [one.api.identifier for one in made.changes if isinstance(one, PutApi)]
    if wrong := registry_problems(after, clients, apis, issuer=server.policy.issuer):
        raise Rejected("\n".join(_placed(one, wanted) for one in dict.fromkeys(wrong)))
    return made


def _placed(problem: str, wanted: Wanted) -> str:
    """The problem with its file and the kind of table, where there is a file."""
    kind = _KIND.sub(r"[[\1s]]", problem)
    return problem if wanted.file is None else f"{wanted.file}: {kind}"


async def apply(server: Server, wanted: Wanted, *, actor: str, prune: bool = False) -> Plan:
    """Plan and write: clients and APIs in one transaction, then the people. Returns what was done.

    Raises Rejected with every reason, NotFound, or Conflict.
    """

    async def decide(_registry: Registry, _now: float) -> Decided[Plan]:
        made = await plan_for(server, wanted, prune=prune)
        return Decided(result=made, changes=made.changes, audit=made.audit)

    done = await commit(server, decide, actor=actor)
    for draft in done.new_people:
        await add_person(server, draft, actor=actor)
    for person, changed in done.changed_people:
        await change_person(server, person, changed, actor=actor)
    return done


async def _known_people(server: Server, wanted: Wanted) -> dict[str, Person]:
    found = {}
    for draft in wanted.people:
        username = canonical_username(draft.username)
        person = None if username is None else await server.store.find_person(username)
        if person is not None:
            found[person.username] = person
    return found


def _taken_over(what: str, *, by: str) -> str:
    """What follows for something that was made otherwise: who finds that out later is surprised."""
    return (
        f"{what} was not made by a file: from now on it is changed in this one alone, and {by} refuse to; "
        "once the file does not name it any more, --prune removes it"
    )


# --- APIs -------------------------------------------------------------------------------------------


def _plan_api(draft: _Draft, api: Api) -> None:
    old = draft.before.apis.get(api.identifier)
    if old is None:
        scopes = ", ".join(scope.name for scope in api.scopes) or "no scopes"
        audit: AuditLine = ("api.added", f"api:{api.identifier}", {"name": api.name})
        draft.add("+", f"api {api.name} ({api.identifier}): {scopes}", PutApi(api), audit=[audit])
    elif told := differences(old, api):
        audit = ("api.changed", f"api:{api.identifier}", {"fields": changed_fields(old, api)})
        draft.add("~", f"api {api.name}: {told}", PutApi(api), audit=[audit])
        if not old.managed_by_file:
            draft.add(" ", _taken_over(f"api {api.name}", by="`grantway api edit`, `import` and `rollback`"))


def _plan_leaving_apis(draft: _Draft, wanted: Wanted, *, prune: bool) -> None:
    named = {api.identifier for api in wanted.apis}
    for api in draft.before.apis.values():
        if not api.managed_by_file or api.identifier in named:
            continue
        if prune:
            changes, audit = retired_api(draft.before, api)
            draft.add("−", f"api {api.name}: no longer in the file", *changes, audit=audit)
        else:
            draft.add(" ", f"api {api.name} is no longer in the file: kept (--prune removes it)")


# --- clients ----------------------------------------------------------------------------------------


def _plan_client(draft: _Draft, wanted: WantedClient, secret_hash: SecretHash, now: float) -> None:
    old = draft.before.clients.get(wanted.id)
    new = replace(client_of(wanted.draft, draft.after, now), enabled=wanted.enabled, managed_by_file=True)
    target = f"client:{new.id}"
    if old is None:
        words = f"app {new.id} ({new.name}, {new.type})"
        draft.add("+", words, PutClient(new), audit=[client_added(new)])
    else:
        kept = replace(
            new,
            created_at=old.created_at,
            tokens_valid_from=old.tokens_valid_from,
            silent_in_frames=old.silent_in_frames,
            response_modes=old.response_modes,
            secrets=old.secrets,
        )
        if told := differences(old, kept):
            audit: AuditLine = ("client.changed", target, {"fields": changed_fields(old, kept)})
            draft.add("~", f"app {new.id}: {told}", PutClient(kept), audit=[audit])
            if not old.managed_by_file:
                draft.add(" ", _taken_over(f"app {new.id}", by="`grantway app edit` and `delete`"))
    _plan_secrets(draft, wanted, () if old is None else old.secrets, secret_hash, now)
    for_a_site = any(uri.endswith(CALLBACK) for uri in new.redirect_uris)  # we exchange its codes ourselves
    if new.uses_secret and not for_a_site and not wanted.secrets and not (old and old.secrets):
        draft.add(" ", f"app {new.id} has no secret yet: grantway app secret add {new.id}")


def _plan_secrets(
    draft: _Draft,
    wanted: WantedClient,
    stored: Sequence[ClientSecret],
    secret_hash: SecretHash,
    now: float,
) -> None:
    """Secrets of the file are known by their hash; those added by hand are left alone."""
    own = {one.id: one for one in stored if one.id.startswith(FROM_FILE)}
    target = f"client:{wanted.id}"
    for one in wanted.secrets:
        hashed = secret_hash(wanted.id, one.text)
        secret = ClientSecret(
            id=f"{FROM_FILE}{hashed.hex()[:16]}",
            client_id=wanted.id,
            hash=hashed,
            scheme=SecretScheme.GIVEN,
            label=one.label,
            created_at=now,
            expires_at=one.expires_at,
        )
        known = own.pop(secret.id, None)
        words = f"secret {one.label or secret.id} of app {wanted.id}"
        audit: AuditLine = ("client.secret_added", target, {"secret": secret.id, "label": secret.label})
        if known is None:
            draft.add("+", words, PutSecret(secret), audit=[audit])
        elif (known.label, known.expires_at) != (secret.label, secret.expires_at):
            kept = replace(secret, created_at=known.created_at, last_used_at=known.last_used_at)
            draft.add("~", f"{words}: label or end", PutSecret(kept), audit=[audit])
    for gone in own.values():
        audit = ("client.secret_deleted", target, {"secret": gone.id, "label": gone.label})
        words = f"secret {gone.label or gone.id} of app {wanted.id}: no longer in the file"
        draft.add("−", words, DropSecret(wanted.id, gone.id), audit=[audit])


def _plan_leaving_clients(draft: _Draft, wanted: Wanted, *, prune: bool) -> None:
    named = {client.id for client in wanted.clients}
    for client in draft.after.clients.values():
        if not client.managed_by_file or client.id in named:
            continue
        if prune:
            audit: AuditLine = ("client.deleted", f"client:{client.id}", {"name": client.name})
            words = f"app {client.id}: no longer in the file; what was granted to it is revoked"
            draft.add("−", words, DropClient(client.id), audit=[audit])
        else:
            draft.add(" ", f"app {client.id} is no longer in the file: kept (--prune removes it)")


# --- people -----------------------------------------------------------------------------------------


def _plan_people(
    draft: _Draft, known: Mapping[str, Person], wanted: Sequence[PersonDraft]
) -> tuple[tuple[PersonDraft, ...], tuple[tuple[Person, Person], ...]]:
    """People are added and renamed, never removed; a password is given once and then theirs."""
    new, changed = [], []
    for one in wanted:
        username = canonical_username(one.username)
        if username is None:
            raise Rejected(f"people: {one.username!r} cannot be a username")
        person = known.get(username)
        kept = described(person or Person(subject="", username=username, name="", created_at=0.0), one)
        if wrong := person_problems(kept):
            raise Rejected("\n".join(f"people: {username}: {problem}" for problem in wrong))
        if person is None:
            new.append(one)
            draft.add("+", f"person {username} ({one.name})")
            continue
        if told := differences(person, kept):
            changed.append((person, kept))
            draft.add("~", f"person {username}: {told}")
    return tuple(new), tuple(changed)
