"""Token revocation (RFC 7009): a client gives back what it holds."""

from hmac import compare_digest

from grantway.crypto.secrets import SecretKind, read_secret
from grantway.flows.access_tokens import recognise
from grantway.flows.client_authentication import Call, authenticated_client
from grantway.flows.server import Server
from grantway.protocol.clients import Client
from grantway.storage.changes import AuditEntry


async def revoke(server: Server, call: Call) -> None:
    """Revoke the token if it is the caller's; say nothing about any other (RFC 7009 §2.2).

    A refresh token takes its whole grant with it, an access token only itself (§2.1). Returns when it
    is durable; raises `invalid_client`, `invalid_request`, or Unavailable.
    """
    client, snapshot = await authenticated_client(server, call)
    text = call.params.need_any_text("token")
    if await _revoke_refresh_token(server, client, text):
        return
    recognised = await recognise(server, snapshot, text)
    if recognised is None or recognised.token.client_id != client.id:
        return
    token = recognised.token
    entry = _entry(server, client, "access_token.revoked", f"token:{token.id}")
    if recognised.is_opaque:
        await server.store.revoke_opaque_token(token.id, [entry])
    elif token.expires_at > server.now():
        await server.store.revoke_jwt(
            token.id, audience=token.audience, expires_at=token.expires_at, audit=[entry]
        )


async def _revoke_refresh_token(server: Server, client: Client, text: str) -> bool:
    """Whether the text is a refresh token of ours, dealt with."""
    presented = read_secret(SecretKind.REFRESH_TOKEN, text)
    if presented is None:
        return False
    found = await server.store.find_refresh_token(presented.selector)
    if (
        found is not None
        and compare_digest(found.token.hash, presented.hash)
        and found.token.client_id == client.id
    ):
        entry = _entry(server, client, "refresh_token.revoked", f"grant:{found.grant.id}")
        await server.store.revoke_grant(found.grant.id, [entry])
    return True


def _entry(server: Server, client: Client, action: str, target: str) -> AuditEntry:
    return AuditEntry(at=server.now(), actor=f"client:{client.id}", action=action, target=target)
