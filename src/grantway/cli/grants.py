"""`grantway grants`: what people have allowed apps to do."""

from typing import TYPE_CHECKING

import click

from grantway.cli.commands import Noun, choices, sure
from grantway.cli.printing import iso, note, show_json, show_table, when
from grantway.cli.running import actor, person_named, run
from grantway.protocol.counting import counted

if TYPE_CHECKING:
    from grantway.flows.server import Server
    from grantway.protocol.connected import ConnectedApp
    from grantway.protocol.grants import Consent


@click.group(cls=Noun)
def grants() -> None:
    """Grants: who allowed what to which app."""


@grants.command("list")
@click.argument("username")
def list_grants(*, username: str) -> None:
    """What apps may do for a person, as the person sees it on /account/apps."""
    from grantway.flows.connected import list_connected

    async def act(server: "Server") -> "list[tuple[ConnectedApp, Consent | None]]":
        person = await person_named(server, username)
        consents = {one.client_id: one for one in await server.store.list_consents(person.subject)}
        return [(app, consents.get(app.client.id)) for app in await list_connected(server, person)]

    found = run(act)
    show_table(
        ("APP", "SCOPES", "SINCE", "LAST USED", "ASKED AGAIN"),
        [
            (
                app.client.id,
                " ".join(scope.name for scope in app.scopes),
                when(app.since),
                when(app.last_used_at),
                _asked_again(app, consent),
            )
            for app, consent in found
        ],
        json_rows=[
            {
                "client_id": app.client.id,
                "scopes": [scope.name for scope in app.scopes],
                "created_at": iso(app.since),
                "updated_at": None if consent is None else iso(consent.updated_at),
                "last_used_at": iso(app.last_used_at),
                "expires_at": None if consent is None else iso(consent.expires_at),
            }
            for app, consent in found
        ],
        ids=[app.client.id for app, _ in found],
        empty=f"{username} has allowed nothing.",
    )


def _asked_again(app: "ConnectedApp", consent: "Consent | None") -> str:
    if app.client.first_party:
        return "never: it is first-party"
    if app.client.can_be_impersonated:
        return "every time"
    until = None if consent is None else consent.expires_at
    return when(until) or "when it asks for more"


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
        f"Revoked {counted(count, 'grant')}. Gateways, and APIs that ask or listen for "
        "revocations, refuse its tokens within seconds; elsewhere JWTs live until they expire."
    )
