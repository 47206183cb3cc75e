"""Public keys and certificates of clients: read from what people have, judged before they are stored."""

from collections.abc import Iterable, Iterator

from grantway.protocol.clients import Client
from grantway.protocol.names import AuthMethod


def key_problems(clients: Iterable[Client]) -> Iterator[str]:
    """Why what is registered cannot prove these clients; nothing: it can."""
    for client in clients:
        for problem in (*_keys_problems(client), *_name_problems(client)):
            yield f"app {client.name}: {problem}"


def _keys_problems(client: Client) -> Iterator[str]:
    if not client.jwks:
        return
    from grantway.crypto.foreign import read_keys

    try:
        keys = read_keys(client.jwks)
    except ValueError as bad:
        yield f"jwks: {bad}"
        return
    if client.auth_method is AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH and any(
        key.certificate is None for key in keys
    ):
        yield "jwks: a key without certificate (x5c): give the certificate itself as PEM (RFC 8705 §2.2)"


def _name_problems(client: Client) -> Iterator[str]:
    if client.certificate_name is None:
        return
    from grantway.crypto.certificates import canonical

    try:
        canonical(client.certificate_name)
    except ValueError as bad:
        yield f"certificate name: {bad}"


def read_key_file(document: bytes) -> tuple[str, ...]:
    """The public keys in a file, as JWKs. Raises ValueError with what is wrong."""
    from grantway.crypto.foreign import registrable_keys

    return registrable_keys(document)
