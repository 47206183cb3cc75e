"""Consents, as their person or an operator sees them."""

from grantway.crypto.secrets import new_id
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


async def narrow(server: Server, person: Person, client_id: str, scope: str, *, actor: str) -> bool:
    """Take back one scope of what a person allowed a client, which keeps the rest. False: it had none."""
    now = server.now()
    entry = AuditEntry(
        at=now,
        actor=actor,
        action="consent.narrowed",
        target=f"person:{person.subject}",
        details={"client_id": client_id, "scope": scope},
    )
    return await server.store.narrow_consent(
        person.subject, client_id, scope, consent_id=new_id(now), audit=[entry]
    )
