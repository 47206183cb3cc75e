"""What apps may do for a person, and how the person takes it back."""

from grantway.flows.consents import narrow, withdraw
from grantway.flows.server import Server
from grantway.protocol.connected import ConnectedApp, connected_apps
from grantway.protocol.people import Person


async def list_connected(server: Server, person: Person) -> tuple[ConnectedApp, ...]:
    """Every app connected to this person, the one used last first."""
    return connected_apps(
        await server.store.list_consents(person.subject),
        await server.store.list_live_grants(person.subject),
        await server.store.list_uses(person.subject),
        server.snapshots.newest.registry,
        token_lifetime=server.policy.access_token_lifetime,
    )


async def find_connected(server: Server, person: Person, client_id: str) -> ConnectedApp | None:
    """The app, if it is connected to this very person (threat D9)."""
    return next((app for app in await list_connected(server, person) if app.client.id == client_id), None)


async def disconnect(server: Server, person: Person, client_id: str) -> None:
    """Take back everything: the consent and every grant, with all refresh tokens and opaque tokens."""
    await withdraw(server, person, client_id, actor=f"person:{person.subject}")


async def take_back(server: Server, person: Person, client_id: str, scope: str) -> None:
    """Take back one scope; the app keeps the rest, and its next refresh gives less."""
    await narrow(server, person, client_id, scope, actor=f"person:{person.subject}")
