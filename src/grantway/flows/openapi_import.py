"""Bringing an OpenAPI document in: read, planned on what is there, weighed by what is granted, applied."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from grantway.egress import Unreachable
from grantway.flows.openapi_text import MAX_BYTES, Document, NotADocument, read_text
from grantway.flows.registry import find_api
from grantway.flows.registry_apis import add_api, change_api, changeable
from grantway.flows.rejections import NotFound, Rejected
from grantway.flows.server import Server
from grantway.protocol.api_changes import Line, Merged, lines_between, merge
from grantway.protocol.api_findings import Finding, findings
from grantway.protocol.apis import Api, ApiMistakes
from grantway.protocol.openapi import Operation, Progress, Reading, read_openapi
from grantway.protocol.openapi_api import Unprotected, propose, resource_of
from grantway.protocol.openapi_security import Pointer, as_json_pointer
from grantway.protocol.registry import Registry
from grantway.protocol.scope import Scope
from grantway.storage.changes import ApiSource

ACCEPT = "application/vnd.oai.openapi, application/yaml, application/json;q=0.9, */*;q=0.5"


class BadDocument(Exception):
    """The document cannot be brought in. `mistakes` holds a sentence for each reason, with its place."""

    def __init__(self, address: str, mistakes: "list[Placed]", *, was_read: bool = True) -> None:
        super().__init__("\n".join(f"{address}: {one}" for one in mistakes))
        self.mistakes, self.was_read = mistakes, was_read


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A mistake or a note, with its place in the document."""

    words: str
    pointer: str | None = None  # as a URI fragment (RFC 6901)
    line: int | None = None  # from 1

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}, "
        return self.words if self.pointer is None else f"{place}{self.pointer}: {self.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A document that was read without mistakes."""

    address: str
    digest: str
    reading: Reading
    notes: tuple[Placed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the operator says about an import."""

    name: str | None = None  # of the API; None: the document's title
    audience: str | None = None  # None: that of the API with this name, else the document's first server
    prune: bool = False  # remove what the document has no more
    clean: bool = False  # take removed scopes away from the apps that name them
    unprotected: Unprotected = Unprotected.AS_SAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """Whom a scope touches that is gone from the document."""

    scope: str
    removed: bool  # False: it is kept
    renamed: str | None  # what it seems to be called now
    apps: tuple[str, ...]  # that name it, by id
    grants: Mapping[str, int]  # live ones that hold it, by client id


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What an import would do."""

    old: Api | None  # None: the API is new
    new: Api
    source: ApiSource
    lines: tuple[Line, ...]  # unprotected operations first
    unprotected: tuple[Operation, ...]
    suggested: frozenset[str]  # scopes of our own making
    kept: tuple[Line, ...]  # what the document has no more, and stays
    impact: tuple[Impact, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Placed, ...]
    is_known: bool  # nothing is to be written: the document says what it said, or what is there

    @property
    def has_changes(self) -> bool:
        """Is there anything to do for somebody who reads the definition?"""
        return bool(self.lines)


async def fetch_document(server: Server, address: str) -> bytes:
    """The bytes at an https address, through the egress guard (threats L1, L2). Raises BadDocument."""
    try:
        return await server.documents.fetch(address, accept=ACCEPT, most=MAX_BYTES)
    except Unreachable as away:
        raise BadDocument(address, [Placed(words=away.reason)], was_read=False) from None


def load_document(raw: bytes, address: str, *, progress: Progress | None = None) -> Loaded:
    """Read a document that came from this address. Raises BadDocument with every mistake."""
    try:
        document = read_text(raw)
    except NotADocument as bad:
        raise BadDocument(address, [Placed(words=str(bad), line=bad.line)]) from None
    reading = read_openapi(document.root, progress=progress)
    if reading.mistakes:
        raise BadDocument(address, _placed(document, [(one.pointer, one.words) for one in reading.mistakes]))
    notes = _placed(document, [(one.pointer, one.words) for one in reading.notes])
    digest = hashlib.sha256(raw).hexdigest()
    return Loaded(address=address, digest=digest, reading=reading, notes=tuple(notes))


def _placed(document: Document, remarks: Sequence[tuple[Pointer, str]]) -> list[Placed]:
    """The remarks with their lines, in the order of those."""
    if not remarks:
        return []
    lines = document.lines(pointer for pointer, _ in remarks)
    placed = [
        Placed(words=words, pointer=as_json_pointer(pointer), line=lines[pointer])
        for pointer, words in remarks
    ]
    return sorted(placed, key=lambda one: one.line or 0)


async def plan_import(server: Server, loaded: Loaded, wishes: Wishes) -> ImportPlan:
    """What the import would do to the API as it is now. Raises Rejected."""
    await server.snapshots.refresh()
    registry = server.snapshots.newest.registry
    old = _existing(registry, loaded.reading, wishes)
    if old is not None:
        changeable(old)
    name, identifier = _names(loaded.reading, wishes, old)
    taken = registry.api_of_scope.keys() - {scope.name for scope in (() if old is None else old.scopes)}
    try:
        proposal = propose(
            loaded.reading,
            name=name,
            identifier=identifier,
            address=loaded.address,
            taken=taken,
            unprotected=wishes.unprotected,
        )
    except ApiMistakes as wrong:
        raise Rejected(str(wrong)) from None
    last = None if old is None else await server.store.find_api_source(old.identifier)
    empty = Api(identifier=identifier, name=name)
    merged = merge(old or empty, None if last is None else last.read, proposal.api, prune=wishes.prune)
    lines = lines_between(old or empty, merged.api)
    source = ApiSource(
        address=loaded.address,
        digest=loaded.digest,
        title=f"{loaded.reading.title} {loaded.reading.version}".strip(),
        read=merged.read,
    )
    return ImportPlan(
        old=old,
        new=merged.api,
        source=source,
        lines=_in_order(lines, loaded.reading, proposal.suggested),
        unprotected=loaded.reading.unprotected,
        suggested=proposal.suggested,
        kept=() if old is None else _kept(merged),
        impact=await _impact(server, registry, merged),
        findings=findings(merged.api),
        notes=loaded.notes,
        is_known=old is not None and not lines and last is not None and last.read == merged.read,
    )


async def apply_import(server: Server, loaded: Loaded, wishes: Wishes, *, actor: str) -> ImportPlan:
    """Plan once more, on what is there now, and write it as one version. Returns what was done.

    Raises Rejected, also when apps name a scope that would go, unless `clean`.
    """
    plan = await plan_import(server, loaded, wishes)
    note = f"imported from {plan.source.address}"
    if plan.old is None:
        await add_api(server, plan.new, actor=actor, note=note, source=plan.source)
    elif not plan.is_known:
        planned = plan.old

        def edit(now: Api) -> Api:
            if now != planned:
                raise Rejected(f"api {now.name} was changed meanwhile: look at the new plan")
            return plan.new

        await change_api(
            server, planned.identifier, edit, actor=actor, clean=wishes.clean, note=note, source=plan.source
        )
    return plan


def _existing(registry: Registry, reading: Reading, wishes: Wishes) -> Api | None:
    """The API that is meant: by the name or the audience that is given, else by the document's title."""
    if wishes.audience is not None and (found := registry.find_api(wishes.audience)) is not None:
        return found
    try:
        return find_api(registry, wishes.name or _default_name(reading))
    except NotFound:
        return None


def _default_name(reading: Reading) -> str:
    return resource_of(reading.title.replace("/", " "), "api")[:64].removesuffix("_api") or "api"


def _names(reading: Reading, wishes: Wishes, old: Api | None) -> tuple[str, str]:
    if old is not None:
        if wishes.audience is not None and wishes.audience.rstrip("/") not in {
            uri.rstrip("/") for uri in (old.identifier, *old.aliases)
        }:
            raise Rejected(f"api {old.name}: its audience is {old.identifier}, and it stays")
        return old.name, old.identifier
    servers = [one.rstrip("/") for one in reading.servers if one.startswith("https://")]
    audience = wishes.audience or next(iter(servers), None)
    if audience is None:
        raise Rejected("the document names no https server, which would be the audience of the API")
    return wishes.name or _default_name(reading), audience


def _in_order(lines: tuple[Line, ...], reading: Reading, suggested: frozenset[str]) -> tuple[Line, ...]:
    """Rows of unprotected operations first; scopes of our own making are marked as such."""
    rows = {str(operation) for operation in reading.unprotected}
    own = {f"scope {name}" for name in suggested}

    def about(line: Line) -> str:
        return line.words.partition(": ")[0].partition(" (")[0]

    marked = (replace(one, words=f"{one.words} – suggested") if about(one) in own else one for one in lines)
    return tuple(sorted(marked, key=lambda line: about(line) not in rows))


def _kept(merged: Merged) -> tuple[Line, ...]:
    scopes = {scope.name for scope in merged.api.scopes}
    rows = set(merged.api.rules)
    return (
        *(Line(" ", f"{rule}: kept") for rule in merged.gone_rules if rule in rows),
        *(Line(" ", f"scope {name}: kept") for name in merged.gone_scopes if name in scopes),
    )


async def _impact(server: Server, registry: Registry, merged: Merged) -> tuple[Impact, ...]:
    if not merged.gone_scopes:
        return ()
    left = {scope.name for scope in merged.api.scopes}
    live = await server.store.count_live_grants()
    return tuple(
        Impact(
            scope=name,
            removed=name not in left,
            renamed=merged.renamed.get(name),
            apps=tuple(sorted(client.id for client in registry.clients.values() if name in client.scope)),
            grants=_holding(live, name),
        )
        for name in merged.gone_scopes
    )


def _holding(live: Sequence[tuple[str, Scope, int]], name: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for client_id, scope, count in live:
        if name in scope:
            found[client_id] += count
    return found
