"""Runs a flow for a command: finds the settings, opens the database, and says what went wrong in words."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from grantway.cli.commands import CONFLICT, FAILED, NOT_FOUND, UNREACHABLE, Failure, choices

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.people import Person
    from grantway.settings_sources import Loaded

_T = TypeVar("_T")


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
        needs_key = any(mistake.key == "secrets.key" for mistake in bad.mistakes)
        hint = "grantway init sets up a new server; " if needs_key else ""
        raise Failure(
            str(bad), hint=f"{hint}grantway settings lists every setting; serve --dev needs none"
        ) from None


def run(act: "Callable[[Server], Awaitable[_T]]") -> _T:
    """Open the server's parts, let `act` use them, close them. Raises Failure, whatever goes wrong."""
    settings = load_settings().settings

    async def opened() -> _T:
        from grantway.app import open_server

        async with open_server(settings, actor=actor()) as server:
            return await act(server)

    with told():
        return asyncio.run(opened())


@contextmanager
def told() -> Iterator[None]:
    """Turn what flows and storage raise into a Failure with its exit code and hint."""
    from grantway.crypto.envelope import CannotUnwrap
    from grantway.crypto.passwords import Busy
    from grantway.flows.people import Rejected
    from grantway.flows.registry import NotFound
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
        raise Failure(str(problem), hint="grantway db check", code=CONFLICT) from None
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


async def person_named(server: "Server", username: str) -> "Person":
    """The person of that username. Raises Failure when there is nobody."""
    from grantway.flows.people import find_person

    person = await find_person(server, username)
    if person is None:
        raise Failure(f"there is nobody named {username!r}", hint="grantway user list", code=NOT_FOUND)
    return person


def _way_out(refusal: str) -> str:
    if "registry file" in refusal:
        return "grantway import FILE brings the changed file in"
    if "still named by" in refusal:
        return "grantway app edit APP --remove-scope SCOPE; `api edit` and `api delete` do it with --clean"
    return f"{click.get_current_context().command_path} --help"
