"""Consents, as their person or an operator sees them."""

from grantway.flows.server import Server
from grantway.protocol.people import Person
from grantway.storage.changes import AuditEntry


async def withdraw(server: Server, person: Person, client_id: str, *, actor: str) -> int:
    """Take back what a person allowed a client, with every grant of the two. Returns how many ended."""
    entry = AuditEntry(
        at=server.now(),
        actor=actor,
        action="consent.withdrawn",
        target=f"person:{person.subject}",
        details={"client_id": client_id},
    )
    return await server.store.revoke_consent(person.subject, client_id, [entry])
