"""`grantway sessions`: where people are signed in, and which apps have yet to hear that it is over."""

from typing import TYPE_CHECKING

import click

from grantway.cli.commands import NOT_FOUND, Failure, Noun, choices, sure
from grantway.cli.printing import iso, note, show_json, show_table, when
from grantway.cli.running import actor, person_named, run
from grantway.protocol.counting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantway.flows.server import Server
    from grantway.protocol.people import Session
    from grantway.protocol.session_clients import SessionClient


@click.group(cls=Noun)
def sessions() -> None:
    """Sessions: the browsers in which people are signed in."""


@sessions.command("list")
@click.argument("username")
def list_sessions(*, username: str) -> None:
    """Where somebody is signed in, the session last used first."""

    async def act(server: "Server") -> "Sequence[Session]":
        return await server.store.list_sessions((await person_named(server, username)).subject)

    found = run(act)
    show_table(
        ("ID", "BROWSER", "NETWORK", "SINCE", "LAST USED"),
        [
            (one.id, one.browser or "", one.network or "", when(one.created_at), when(one.seen_at))
            for one in found
        ],
        json_rows=[
            {
                "id": one.id,
                "browser": one.browser,
                "network": one.network,
                "created_at": iso(one.created_at),
                "seen_at": iso(one.seen_at),
                "expires_at": iso(one.expires_at),
            }
            for one in found
        ],
        ids=[one.id for one in found],
        empty=f"{username} is signed in nowhere.",
    )


@sessions.command("revoke")
@click.argument("username")
@click.argument("session_id", metavar="[ID]", required=False)
def revoke(*, username: str, session_id: str | None) -> None:
    """End one session of somebody, or all; the apps they signed in to are told. What they granted stays."""
    which = f"session {session_id}" if session_id else "every session"
    sure(f"End {which} of {username}?")

    async def act(server: "Server") -> int:
        from grantway.flows.people import end_sessions

        person = await person_named(server, username)
        return await end_sessions(server, person, session_id, actor=actor())

    count = run(act)
    if session_id and not count:
        raise Failure(
            f"{username} has no session {session_id!r}",
            hint=f"grantway sessions list {username}",
            code=NOT_FOUND,
        )
    if choices().json:
        show_json({"revoked": count})
    note(f"Ended {counted(count, 'session')}.")


@sessions.command("untold")
def untold() -> None:
    """Apps that have not yet been told that a session has ended, and those that were given up on."""

    async def act(server: "Server") -> "Sequence[SessionClient]":
        return await server.store.list_logouts()

    found = run(act)
    show_table(
        ("APP", "ENDED", "TRIES", "NEXT", "PROBLEM"),
        [
            (
                one.client_id,
                when(one.ended_at),
                str(one.tries),
                when(one.due_at) or "given up",
                one.problem or "",
            )
            for one in found
        ],
        json_rows=[
            {
                "client_id": one.client_id,
                "subject": one.subject,
                "ended_at": iso(one.ended_at),
                "tries": one.tries,
                "next_try_at": iso(one.due_at),
                "problem": one.problem,
            }
            for one in found
        ],
        ids=[one.client_id for one in found],
        empty="Every app has been told.",
    )
