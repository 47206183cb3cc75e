"""Runs a flow for a command: finds the settings, opens the database, and says what went wrong in words."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from grantway.cli.commands import CONFLICT, FAILED, NOT_FOUND, UNREACHABLE, Failure, choices

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.apis import Api
    from grantway.protocol.clients import Client
    from grantway.protocol.people import Person
    from grantway.settings_rules import BadSettings
    from grantway.settings_sources import Loaded

_T = TypeVar("_T")


_WAYS_OUT = {  # by what stands in the refusal
    "registry file": "grantway import FILE brings the changed file in",
    "still named by": (
        "grantway app edit APP --remove-scope SCOPE; `api edit` and `api delete` do it with --clean"
    ),
    "password: ": "choose another one; three or four words that nobody would put together are easy to keep",
    "redirect_uri: the authorization code grant": (
        "add --redirect-uri https://app.example/callback; --type machine is for programs without a person"
    ),
    "names no https server": "add --audience https://api.example, the address of the API",
}


def actor() -> str:
    """Who acts, as the audit log names them."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return f"cli:{os.getuid()}"


def load_settings(flags: dict[str, object] | None = None) -> "Loaded":
    """The settings, with these flags above them. Raises Failure that lists every mistake."""
    from grantway.settings_rules import BadSettings
    from grantway.settings_sources import load

    try:
        return load(flags, config=choices().config)
    except BadSettings as bad:
        raise Failure(str(bad), hint=way_out_of(bad)) from None


def way_out_of(bad: "BadSettings") -> str:
    """What to do about these mistakes: the usual one is to stand in another folder than the file."""
    from grantway.settings_sources import FILE_NAME, find_config

    if any(mistake.key == "issuer" for mistake in bad.mistakes):
        with suppress(type(bad)):
            if find_config(choices().config, os.environ, Path.cwd()) is None:
                missing = f"there is no {FILE_NAME} in {Path.cwd()}"
                return f"{missing}: go to its folder, name it with --config, or make one with grantway init"
    if os.strerror(EACCES) in str(bad):
        return "run it as the user that the server runs as, or give the file to that user with chown"
    return "grantway settings lists every setting; serve --dev needs none"


def run(act: "Callable[[Server], Awaitable[_T]]") -> _T:
    """Open the server's parts, let `act` use them, close them. Raises Failure, whatever goes wrong."""
    settings = load_settings().settings

    async def opened() -> _T:
        from grantway.app import open_server

        async with open_server(settings, actor=actor()) as server:
            return await act(server)

    with as_failures():
        return asyncio.run(opened())


@contextmanager
def as_failures() -> Iterator[None]:
    """Turn what flows and storage raise into a Failure with its exit code and hint."""
    from grantway.crypto.envelope import CannotUnwrap
    from grantway.crypto.passwords import Busy
    from grantway.flows.rejections import NotFound, Rejected
    from grantway.settings_rules import BadSettings
    from grantway.storage.port import Conflict, Unavailable
    from grantway.storage.problems import SchemaProblem, StorageProblem

    try:
        yield
    except Rejected as no:
        raise Failure(str(no), hint=_way_out(str(no))) from None
    except NotFound as missing:
        lists = "`grantway app list`" if "app" in str(missing) else "`grantway api list`"
        raise Failure(str(missing), hint=f"{lists} shows what there is", code=NOT_FOUND) from None
    except Conflict as conflict:
        raise Failure(
            str(conflict), hint="look at what is there now, then try again", code=CONFLICT
        ) from None
    except SchemaProblem as problem:
        upgrade = "grantway db upgrade"
        hint = upgrade if upgrade in str(problem) else "grantway db check"
        raise Failure(str(problem), hint=hint, code=CONFLICT) from None
    except StorageProblem as problem:
        raise Failure(str(problem), hint="grantway config show --sources") from None
    except CannotUnwrap as wrong:
        hint = "grantway config show --sources names the file of the master key"
        raise Failure(str(wrong), hint=hint) from None
    except BadSettings as bad:
        raise Failure(str(bad), hint="grantway settings") from None
    except (Unavailable, Busy) as away:
        raise Failure(
            f"the database: {away}", hint="try again; grantway db check", code=UNREACHABLE
        ) from None
    except OSError as failed:
        words = f"{failed.filename}: {failed.strerror}" if failed.filename else str(failed)
        raise Failure(words, hint="check the path, and who may use it", code=FAILED) from None


def registered_api(name: str) -> "Api":
    """The API of that name or identifier. Raises Failure when there is none."""

    async def act(server: "Server") -> "Api":
        from grantway.flows.registry import find_api

        return find_api(server.snapshots.newest.registry, name)

    return run(act)


def registered_app(client_id: str) -> "Client":
    """The app with that id. Raises Failure when there is none."""

    async def act(server: "Server") -> "Client":
        from grantway.flows.registry import find_client

        return find_client(server.snapshots.newest.registry, client_id)

    return run(act)


async def person_named(server: "Server", username: str) -> "Person":
    """The person of that username. Raises Failure when there is nobody."""
    from grantway.flows.people import find_person

    person = await find_person(server, username)
    if person is None:
        raise Failure(f"there is nobody named {username!r}", hint="grantway user list", code=NOT_FOUND)
    return person


def _way_out(refusal: str) -> str:
    for sign, way in _WAYS_OUT.items():
        if sign in refusal:
            return way
    return f"{click.get_current_context().command_path} --help"
