"""Assertions of clients: the key is theirs, the claims are right, and it was never used before."""

from grantway.crypto.foreign import ForeignKey, read_keys, verify_foreign
from grantway.crypto.jose import BadToken, UnknownKey
from grantway.egress import Unreachable
from grantway.flows.server import Server
from grantway.protocol.client_assertion import (
    SIGNING_ALGS,
    TYPES,
    judge_assertion,
    refused_assertion,
    used_before,
)
from grantway.protocol.client_refusals import failed, keys_unreachable
from grantway.protocol.clients import Client
from grantway.protocol.endpoints import TOKEN


async def accept_assertion(server: Server, client: Client, assertion: str) -> None:
    """Return if this assertion proves the client (RFC 7523 §3). Raises `invalid_client` with a diagnosis.

    Its `jti` is used up last, when nothing else can be wrong: nobody but the client can burn one, and nothing
    is written for a stranger. Every node knows it at once (threat I1).
    """
    claims = await _verified(server, client, assertion)
    issuer = server.policy.issuer
    use = judge_assertion(claims, client, issuer=issuer, token_endpoint=issuer + TOKEN, now=server.now())
    if not await server.store.use_assertion(use.id, expires_at=use.expires_at):
        raise used_before(client)


async def _verified(server: Server, client: Client, assertion: str) -> dict[str, object]:
    try:
        if client.jwks_uri is None:
            return _read(assertion, read_keys(client.jwks))
        return await _read_with_published_keys(server, client.jwks_uri, assertion)
    except BadToken as bad:
        words = f"the assertion of {client.id} is refused: {bad.reason}"
        kept = "a key it publishes" if client.jwks_uri else f"one of its {len(client.jwks)} registered keys"
        raise failed(
            refused_assertion(words, "a client_assertion", f"signed by {kept}", bad.reason)
        ) from None
    except Unreachable as away:
        raise keys_unreachable(f"the keys of {client.id} at {client.jwks_uri}: {away.reason}") from None


async def _read_with_published_keys(server: Server, uri: str, assertion: str) -> dict[str, object]:
    """A key that is not known may be new: looked for once, and not again for a while."""
    keys = await server.client_keys.keys(uri)
    try:
        return _read(assertion, keys)
    except UnknownKey:
        newer = await server.client_keys.newer_keys(uri, keys)
        if newer is None:
            raise
        return _read(assertion, newer)


def _read(assertion: str, keys: tuple[ForeignKey, ...]) -> dict[str, object]:
    return verify_foreign(assertion, keys, algs=SIGNING_ALGS, types=TYPES)
