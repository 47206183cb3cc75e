"""Token introspection (RFC 7662): is this token alive, and what may it do? Told only to whom it concerns."""

from hmac import compare_digest

from msgspec.structs import replace

from grantway.crypto.secrets import SecretKind, read_secret
from grantway.flows.access_tokens import living_token, recognise
from grantway.flows.client_authentication import Call, authenticated_client
from grantway.flows.server import Server
from grantway.protocol.client_auth import no_introspection
from grantway.protocol.client_refusals import failed
from grantway.protocol.clients import Client
from grantway.protocol.grants import RefreshEvidence
from grantway.protocol.names import SubjectType
from grantway.protocol.people import may_authenticate
from grantway.protocol.tokens import Claims, introspection_claims, may_introspect

INACTIVE: Claims = {"active": False}


async def introspect(server: Server, call: Call) -> Claims:
    """The claims of a living token, or exactly `{"active": false}`, whatever the reason (RFC 7662 §2.2).

    Raises `invalid_client` for callers without a proof, `invalid_request` without a token.
    `token_type_hint` is not needed: the form of a token tells its kind. Where a pairwise subject hides who
    somebody is, their username stays hidden too.
    """
    client, snapshot = await authenticated_client(server, call)
    if client.is_public:
        raise failed(no_introspection(client))
    text = call.params.need_any_text("token")
    recognised = await recognise(server, snapshot, text)
    if recognised is None:
        return await _refresh_token(server, client, text)
    token = recognised.token
    if not may_introspect(client, token.audience, token.client_id):
        return INACTIVE
    why, facts, scope = await living_token(server, snapshot, token)
    if why is not None:
        return INACTIVE
    owner = snapshot.registry.clients.get(token.client_id)
    pairwise = owner is not None and owner.subject_type is SubjectType.PAIRWISE
    username = None if facts.person is None or pairwise else facts.person.username
    return introspection_claims(
        replace(token, scope=scope), issuer=server.policy.issuer, username=username, grant=facts.grant
    )


async def _refresh_token(server: Server, client: Client, text: str) -> Claims:
    """A refresh token concerns nobody but the client that holds it."""
    presented = read_secret(SecretKind.REFRESH_TOKEN, text)
    found = None if presented is None else await server.store.find_refresh_token(presented.selector)
    if presented is None or found is None or not compare_digest(found.token.hash, presented.hash):
        return INACTIVE
    if found.token.client_id != client.id or not _refresh_token_lives(found, client, server.now()):
        return INACTIVE
    bound: Claims = {} if found.token.confirmation is None else {"cnf": found.token.confirmation.claim}
    return {
        **bound,
        "active": True,
        "scope": str(found.grant.scope & client.scope),
        "client_id": found.token.client_id,
        "exp": int(found.token.expires_at),
        "iat": int(found.token.issued_at),
        "sub": server.snapshots.subject_of(client, found.grant.subject),
        "iss": server.policy.issuer,
    }


def _refresh_token_lives(found: RefreshEvidence, client: Client, now: float) -> bool:
    return (
        found.token.spent_at is None
        and now < found.token.expires_at
        and found.grant.revoked_at is None
        and found.grant.created_at >= client.tokens_valid_from
        and may_authenticate(found.person, since=found.grant.auth_time) is None
    )
