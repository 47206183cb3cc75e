"""The versions of an API's definition: listed, compared, brought back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grantway.flows.registry import find_api
from grantway.flows.registry_apis import add_api, change_api
from grantway.flows.rejections import NotFound, Rejected
from grantway.flows.server import Server
from grantway.protocol.api_changes import Line, lines_between
from grantway.protocol.apis import Api
from grantway.storage.changes import ApiVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What two versions differ in."""

    old: ApiVersion
    new: ApiVersion
    lines: tuple[Line, ...]


async def versions_of(server: Server, name: str, *, limit: int = 50) -> Sequence[ApiVersion]:
    """The newest versions, newest first. One that was removed goes by its identifier. Raises NotFound."""
    return await _versions(server, _identifier(server, name) or name, name, limit)


async def difference(
    server: Server, name: str, *, old: int | None = None, new: int | None = None
) -> Difference:
    """What changed between two versions: the newest and the one before it, when none is named.

    Raises NotFound.
    """
    versions = await versions_of(server, name, limit=2)
    later = versions[0] if new is None else await _version(server, versions[0].identifier, new)
    earlier = await _version(server, versions[0].identifier, max(later.number - 1, 1) if old is None else old)
    return Difference(old=earlier, new=later, lines=_lines(earlier.api, later.api))


async def roll_back(server: Server, name: str, number: int, *, actor: str, clean: bool = False) -> Api:
    """Make an API what it was; this is a new version. One that was removed is registered again.

    Raises NotFound; Rejected when that version says that it was removed, or when apps name scopes that it
    does not have, unless `clean`.
    """
    identifier = _identifier(server, name)
    version = await _version(server, identifier or name, number)
    then, note = version.api, f"back to version {number}"
    if then is None:
        raise Rejected(f"version {number} says that the API was removed: grantway api delete does that")
    if identifier is None:
        again = replace(then, managed_by_file=False)
        return (await add_api(server, again, actor=actor, note=note)).api

    def back(now: Api) -> Api:
        return replace(then, managed_by_file=now.managed_by_file)

    return await change_api(server, identifier, back, actor=actor, clean=clean, note=note)


def _identifier(server: Server, name: str) -> str | None:
    """Of an API that is there; None when there is none of that name."""
    try:
        return find_api(server.snapshots.newest.registry, name).identifier
    except NotFound:
        return None


async def _versions(server: Server, identifier: str, name: str, limit: int) -> Sequence[ApiVersion]:
    found = await server.store.list_api_versions(identifier, limit=limit)
    if not found:
        find_api(server.snapshots.newest.registry, name)
        raise NotFound(f"the API {name!r} has no versions yet")
    return found


async def _version(server: Server, identifier: str, number: int) -> ApiVersion:
    found = await server.store.find_api_version(identifier, number)
    if found is None:
        newest = await _versions(server, identifier, identifier, 1)
        raise NotFound(f"the API has no version {number}: they go from 1 to {newest[0].number}")
    return found


def _lines(old: Api | None, new: Api | None) -> tuple[Line, ...]:
    if old is None or new is None:
        if old is new:
            return ()
        gone = new is None
        return (Line("−" if gone else "+", f"the API was {'removed' if gone else 'registered again'}"),)
    return lines_between(old, new)
