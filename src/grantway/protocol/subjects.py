"""By which subject a client knows a person (OpenID Connect Core §8)."""

import hmac

from grantway.protocol.clients import Client
from grantway.protocol.names import SubjectType

_LENGTH = 40  # hexadecimal digits: 160 bits


def subject_of(client: Client, subject: str, salt: bytes) -> str:
    """The subject this client is told, wherever it is told one: tokens, userinfo, introspection.

    A pairwise one is the same for every client of the sector, leads nobody to the person's own subject, and
    differs from what any other sector is told (§8.1). `salt` is secret and never changes.
    """
    if client.subject_type is SubjectType.PUBLIC:
        return subject
    digest = hmac.digest(salt, f"{client.sector}\n{subject}".encode(), "sha256").hex()
    return f"p_{digest[:_LENGTH]}"
