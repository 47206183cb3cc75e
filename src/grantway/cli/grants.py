"""`grantway grants`: what people have allowed apps to do."""

from typing import TYPE_CHECKING

import click

from grantway.cli.commands import Noun, choices, sure
from grantway.cli.printing import iso, note, show_json, show_table, when
from grantway.cli.running import actor, person_named, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantway.flows.server import Server
    from grantway.protocol.grants import Consent


@click.group(cls=Noun)
def grants() -> None:
    """Grants: who allowed what to which app."""


@grants.command("list")
@click.argument("username")
def list_grants(*, username: str) -> None:
    """What a person has allowed."""

    async def act(server: "Server") -> "Sequence[Consent]":
        return await server.store.list_consents((await person_named(server, username)).subject)

    found = run(act)
    show_table(
        ("APP", "SCOPES", "SINCE", "ASKED AGAIN"),
        [
            (
                one.client_id,
                str(one.scope),
                when(one.created_at),
                when(one.expires_at) or "when it asks for more",
            )
            for one in found
        ],
        json_rows=[
            {
                "client_id": one.client_id,
                "scopes": list(one.scope),
                "created_at": iso(one.created_at),
                "updated_at": iso(one.updated_at),
                "expires_at": iso(one.expires_at),
            }
            for one in found
        ],
        ids=[one.client_id for one in found],
        empty=f"{username} has allowed nothing.",
    )


@grants.command("revoke")
@click.argument("username")
@click.argument("client_id", metavar="APP")
def revoke(*, username: str, client_id: str) -> None:
    """Take back everything a person allowed an app; its refresh tokens are dead at once."""
    from grantway.flows.consents import withdraw

    sure(f"Take back everything {username} allowed {client_id}?")

    async def act(server: "Server") -> int:
        return await withdraw(server, await person_named(server, username), client_id, actor=actor())

    count = run(act)
    if choices().json:
        show_json({"revoked": count})
    note(
        f"Revoked {count} grant{'' if count == 1 else 's'}. Gateways, and APIs that ask or listen for "
        "revocations, refuse its tokens within seconds; elsewhere JWTs live until they expire."
    )
