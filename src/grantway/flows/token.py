"""The token endpoint (RFC 6749 §3.2).

Every grant type walks the same steps and fills in only its own part.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from grantway.crypto.secrets import PresentedSecret, SecretKind, issue_secret, new_id, read_secret
from grantway.crypto.successor import lock_successor, unlock_successor
from grantway.flows.client_authentication import Call, authenticated_client
from grantway.flows.issue import Minted, TokenReply, mint_access_token, refresh_row
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol import client_credentials, code_grant, refresh_grant
from grantway.protocol.clients import Client
from grantway.protocol.errors import OAuthError
from grantway.protocol.grants import Grant, RefreshToken
from grantway.protocol.issuing import Granted, unusable
from grantway.protocol.names import ErrorCode, GrantType
from grantway.protocol.params import Params
from grantway.protocol.token_request import (
    ClientCredentialsRequest,
    CodeRequest,
    RefreshRequest,
    grant_type_of,
)
from grantway.storage.port import (
    AuditEntry,
    Dead,
    Repeated,
    Replayed,
    SpendCode,
    SpendRefreshToken,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a grant type's own part decides: what is granted, and for which presented credential."""

    granted: Granted
    presented: PresentedSecret | None  # None: there is nothing to spend (client credentials)
    text: str = ""  # the presented credential itself; opens and locks refresh successors


async def exchange(server: Server, call: Call) -> TokenReply:
    """Answer a token request. Raises OAuthError; Unavailable when nothing could be committed for sure.

    parse → who → may this client → load → decide → mint → commit → reply. Tokens of a lost race never leave.
    """
    grant_type = grant_type_of(call.params)
    client, snapshot = await authenticated_client(server, call)
    if not client.may_use(grant_type):
        raise OAuthError(
            ErrorCode.UNAUTHORIZED_CLIENT,
            "this client may not use this grant type",
            tell_operator=f"{client.id} is not registered for {grant_type}",
        )
    now = server.now()
    accepted = await GRANT_TYPES[grant_type](server, snapshot, client, call.params, now)
    minted = mint_access_token(accepted.granted, snapshot, server.policy, now)
    return await _commit(server, grant_type, accepted, minted, now)


async def _code(server: Server, snapshot: Snapshot, client: Client, params: Params, now: float) -> Accepted:
    request = CodeRequest.parse(params)
    presented = read_secret(SecretKind.CODE, request.code)
    if presented is None:
        raise unusable("not a code of ours")
    evidence = await server.store.find_code(presented.selector)
    granted = code_grant.decide(request, presented.hash, client, evidence, snapshot.registry, now=now)
    return Accepted(granted=granted, presented=presented)


async def _refresh(
    server: Server, snapshot: Snapshot, client: Client, params: Params, now: float
) -> Accepted:
    request = RefreshRequest.parse(params)
    presented = read_secret(SecretKind.REFRESH_TOKEN, request.refresh_token)
    if presented is None:
        raise unusable("not a refresh token of ours")
    evidence = await server.store.find_refresh_token(presented.selector)
    granted = refresh_grant.decide(request, presented.hash, client, evidence, snapshot.registry, now=now)
    return Accepted(granted=granted, presented=presented, text=request.refresh_token)


async def _client_credentials(
    _server: Server, snapshot: Snapshot, client: Client, params: Params, _now: float
) -> Accepted:
    request = ClientCredentialsRequest.parse(params)
    return Accepted(granted=client_credentials.decide(request, client, snapshot.registry), presented=None)


GRANT_TYPES: dict[GrantType, Callable[[Server, Snapshot, Client, Params, float], Awaitable[Accepted]]] = {
    GrantType.AUTHORIZATION_CODE: _code,
    GrantType.REFRESH_TOKEN: _refresh,
    GrantType.CLIENT_CREDENTIALS: _client_credentials,
}


async def _commit(
    server: Server, grant_type: GrantType, accepted: Accepted, minted: Minted, now: float
) -> TokenReply:
    """Spend what was presented and store what it bought, in one transaction, before anything is said."""
    grant, presented = accepted.granted.grant, accepted.presented
    if grant is None or presented is None:
        if minted.row is not None:
            await server.store.add_opaque_token(minted.row)
        return minted.reply(None)
    spend: SpendCode | SpendRefreshToken
    with_refresh_token = accepted.granted.with_refresh_token or grant_type is GrantType.REFRESH_TOKEN
    successor = issue_secret(SecretKind.REFRESH_TOKEN, now=now) if with_refresh_token else None
    row: RefreshToken | None = (
        None if successor is None else refresh_row(successor, grant, server.policy, now)
    )
    if grant_type is GrantType.AUTHORIZATION_CODE or successor is None:
        spend = SpendCode(code_id=presented.selector, hash=presented.hash, attempt=new_id(now))
    else:
        spend = SpendRefreshToken(
            token_id=presented.selector,
            hash=presented.hash,
            attempt=new_id(now),
            grace=server.policy.refresh_grace,
            locked_successor=lock_successor(accepted.text, successor.text),
        )
    outcome = await server.store.spend_and_issue(spend, refresh_token=row, opaque_token=minted.row)
    if isinstance(outcome, Replayed):
        await _punish(server, grant, grant_type, now)
    if isinstance(outcome, Dead):
        raise unusable(outcome.why)
    if isinstance(outcome, Repeated):
        if minted.row is not None:
            await server.store.add_opaque_token(minted.row)
        return minted.reply(unlock_successor(accepted.text, outcome.locked_successor))
    return minted.reply(None if successor is None else successor.text)


async def _punish(server: Server, grant: Grant, grant_type: GrantType, now: float) -> None:
    """A replay revokes all that the grant gave.

    And that is committed before the refusal is heard (RFC 9700 §4.14.2).
    """
    what = "code" if grant_type is GrantType.AUTHORIZATION_CODE else "refresh_token"
    entry = AuditEntry(
        at=now,
        actor=f"client:{grant.client_id}",
        action=f"{what}.replayed",
        target=f"grant:{grant.id}",
        details={"subject": grant.subject},
    )
    await server.store.revoke_grant(grant.id, [entry])
    raise unusable(f"replay of a {what}: grant {grant.id} revoked")
