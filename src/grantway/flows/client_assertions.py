"""Assertions of clients: the key is theirs, the claims are right, and it was never used before."""

from grantway.crypto.foreign import ForeignKey, read_keys, verify_foreign
from grantway.crypto.jose import BadToken
from grantway.flows.server import Server
from grantway.protocol.client_assertion import SIGNING_ALGS, TYPES, judge_assertion, used_before
from grantway.protocol.client_refusals import failed
from grantway.protocol.clients import Client
from grantway.protocol.metadata import TOKEN


async def accept_assertion(server: Server, client: Client, assertion: str) -> None:
    """Return if this assertion proves the client (RFC 7523 §3). Raises `invalid_client` with a diagnosis.

    Its `jti` is used up last, when nothing else can be wrong: nobody but the client can burn one, and nothing
    is written for a stranger. Every node knows it at once (threat I1).
    """
    claims = await _verified(client, assertion)
    issuer = server.policy.issuer
    use = judge_assertion(claims, client, issuer=issuer, token_endpoint=issuer + TOKEN, now=server.now())
    if not await server.store.use_assertion(use.id, expires_at=use.expires_at):
        raise used_before(client)


async def _verified(client: Client, assertion: str) -> dict[str, object]:
    try:
        return _read(assertion, read_keys(client.jwks))
    except BadToken as bad:
        raise failed(f"the assertion of {client.id} is refused: {bad.reason}") from None


def _read(assertion: str, keys: tuple[ForeignKey, ...]) -> dict[str, object]:
    return verify_foreign(assertion, keys, algs=SIGNING_ALGS, types=TYPES)
