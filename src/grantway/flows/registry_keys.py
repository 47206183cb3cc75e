"""Public keys of clients, read from what people have, judged before they are stored."""

from collections.abc import Iterable, Iterator

from grantway.protocol.clients import Client


def key_problems(clients: Iterable[Client]) -> Iterator[str]:
    """Why the registered keys of these clients cannot verify anything; nothing: they can."""
    for client in clients:
        if not client.jwks:
            continue
        from grantway.crypto.foreign import read_keys

        try:
            read_keys(client.jwks)
        except ValueError as bad:
            yield f"app {client.name}: jwks: {bad}"


def read_key_file(document: bytes) -> tuple[str, ...]:
    """The public keys in a file, as JWKs. Raises ValueError with what is wrong."""
    from grantway.crypto.foreign import registrable_keys

    return registrable_keys(document)
