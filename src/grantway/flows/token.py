"""The token endpoint (RFC 6749 §3.2): every grant type takes the same steps and fills in its own part."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hmac import compare_digest

from msgspec import Struct
from msgspec.structs import replace

from grantway.crypto.certificate_header import certificate_thumbprint
from grantway.crypto.secrets import IssuedSecret, SecretKind, issue_secret, new_id, read_secret
from grantway.crypto.successor import lock_successor, unlock_successor
from grantway.flows.client_authentication import Call, authenticated_client
from grantway.flows.issue import Minted, TokenReply, mint, refresh_row
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol import client_credentials, code_grant, refresh_grant
from grantway.protocol.authorization import grant_type_off
from grantway.protocol.clients import Client
from grantway.protocol.confirmation import Confirmation, binding_of
from grantway.protocol.errors import OAuthError
from grantway.protocol.grants import Grant, OpaqueToken
from grantway.protocol.issuing import Granted, unusable
from grantway.protocol.names import ErrorCode, GrantType
from grantway.protocol.params import Params
from grantway.protocol.token_request import (
    ClientCredentialsRequest,
    CodeRequest,
    RefreshRequest,
    grant_type_of,
)
from grantway.storage.changes import AuditEntry
from grantway.storage.port import Dead, Repeated, Replayed, SpendCode, SpendRefreshToken, Won


class Credential(Struct, frozen=True, kw_only=True):
    """A single-use credential as presented: its form is right, nothing else is known yet."""

    kind: SecretKind
    text: str
    id: str
    hash: bytes


@dataclass(slots=True)
class Asked:
    """A token request of a client that has proven itself."""

    server: Server
    snapshot: Snapshot
    client: Client
    params: Params
    now: float
    confirmation: Confirmation | None  # the key that was shown, if the tokens are bound to it


class Accepted(Struct, frozen=True, kw_only=True):
    """What a grant type's own part decides: what is granted, and what is spent for it."""

    granted: Granted
    credential: Credential | None  # None: there is nothing to spend (client credentials)
    spent_at: float | None = None  # when it was spent before, if that was known when it was loaded
    again: float = 0.0  # seconds after the spend in which whoever names the same token has asked twice


async def exchange(server: Server, call: Call) -> TokenReply:
    """Answer a token request. Raises OAuthError; Unavailable when nothing could be committed for sure.

    who → what for → may this client → load → decide → mint → commit → reply. Tokens of a lost race never
    leave.
    """
    client, snapshot = await authenticated_client(server, call)
    grant_type = grant_type_of(call.params)
    require_grant_type(client, grant_type)
    now = server.now()
    certificate = None if call.certificate is None else certificate_thumbprint(call.certificate.der)
    confirmation = binding_of(client, certificate)
    accepted = await GRANT_TYPES[grant_type](Asked(server, snapshot, client, call.params, now, confirmation))
    granted = as_known(server, accepted.granted, confirmation)
    if granted is not accepted.granted:
        accepted = replace(accepted, granted=granted)
    minted = mint(granted, snapshot, server.policy, now)
    return await commit(server, accepted, minted, now)


def require_grant_type(client: Client, grant_type: GrantType) -> None:
    """Raises `unauthorized_client` for a grant type that the client is not registered for (RFC 6749 §5.2)."""
    if not client.may_use(grant_type):
        raise OAuthError(
            ErrorCode.UNAUTHORIZED_CLIENT,
            "this client may not use this grant type",
            grant_type_off(client, grant_type),
        )


def as_known(server: Server, granted: Granted, confirmation: Confirmation | None = None) -> Granted:
    """What is granted, bound to the key that was shown, its subject as this client knows the person."""
    known_as = granted.subject
    if granted.grant is not None:
        known_as = server.snapshots.subject_of(granted.client, known_as)
    if confirmation is None and known_as == granted.subject:
        return granted
    return replace(granted, confirmation=confirmation, subject=known_as)


def _credential(kind: SecretKind, text: str) -> Credential:
    presented = read_secret(kind, text)
    if presented is None:
        words = f"not a {kind.name.lower()} of ours"
        unknown = code_grant.unknown_code if kind is SecretKind.CODE else refresh_grant.unknown_refresh_token
        raise unusable(unknown(words))
    return Credential(kind=kind, text=text, id=presented.selector, hash=presented.hash)


async def accept_code(asked: Asked) -> Accepted:
    """Is this code good for this client? Nothing is spent yet. Raises `invalid_grant`."""
    request = CodeRequest.parse(asked.params)
    code = _credential(SecretKind.CODE, request.code)
    asked.server.sent_codes.came(code.id)
    evidence = await asked.server.store.find_code(code.id)
    registry = asked.snapshot.registry
    granted = code_grant.decide(request, code.hash, asked.client, evidence, registry, now=asked.now)
    return Accepted(
        granted=granted, credential=code, spent_at=None if evidence is None else evidence.code.spent_at
    )


async def _refresh(asked: Asked) -> Accepted:
    request = RefreshRequest.parse(asked.params)
    token = _credential(SecretKind.REFRESH_TOKEN, request.refresh_token)
    evidence = await asked.server.store.find_refresh_token(token.id)
    granted = refresh_grant.decide(
        request,
        token.hash,
        asked.client,
        evidence,
        asked.snapshot.registry,
        now=asked.now,
        confirmation=asked.confirmation,
    )
    return Accepted(
        granted=granted, credential=token, spent_at=None if evidence is None else evidence.token.spent_at
    )


async def _client_credentials(asked: Asked) -> Accepted:
    request = ClientCredentialsRequest.parse(asked.params)
    granted = client_credentials.decide(request, asked.client, asked.snapshot.registry)
    return Accepted(granted=granted, credential=None)


GRANT_TYPES: dict[GrantType, Callable[[Asked], Awaitable[Accepted]]] = {
    GrantType.AUTHORIZATION_CODE: accept_code,
    GrantType.REFRESH_TOKEN: _refresh,
    GrantType.CLIENT_CREDENTIALS: _client_credentials,
}


async def commit(server: Server, accepted: Accepted, minted: Minted, now: float) -> TokenReply:
    """Spend the credential and store what it bought, in one transaction, before anything is said."""
    grant, credential = accepted.granted.grant, accepted.credential
    if grant is None or credential is None:
        if minted.row is not None:
            await server.store.add_opaque_token(minted.row)
        return minted.reply(None)
    successor = (
        issue_secret(SecretKind.REFRESH_TOKEN, now=now) if accepted.granted.with_refresh_token else None
    )
    outcome = await server.store.spend_and_issue(
        _spend(credential, successor, grace=server.policy.refresh_grace, now=now),
        refresh_token=None
        if successor is None
        else refresh_row(successor, accepted.granted, grant, server.policy, now),
        opaque_token=minted.row,
    )
    match outcome:
        case Won():
            server.scopes_used.note(grant, minted.scope, now)
            return minted.reply(None if successor is None else successor.text)
        case Repeated(locked_successor):
            if minted.row is not None:
                await server.store.add_opaque_token(minted.row)
            return minted.reply(unlock_successor(credential.text, locked_successor))
        case Replayed(ago):
            if ago <= accepted.again and await _is_stored(server, minted.row):
                return minted.reply(None)
            raise await _punished(server, grant, credential.kind, spent_at=accepted.spent_at, now=now)
        case Dead(why):
            raise unusable(refresh_grant.superseded(why))


async def _is_stored(server: Server, row: OpaqueToken | None) -> bool:
    """Is this the very token that the spend before has bought? Ids of all others are new ones."""
    found = None if row is None else await server.store.find_opaque_token(row.id)
    return row is not None and found is not None and compare_digest(found.hash, row.hash)


def _spend(
    credential: Credential, successor: IssuedSecret | None, *, grace: float, now: float
) -> SpendCode | SpendRefreshToken:
    """How this credential is spent; a refresh token leaves its successor behind, locked (`design` 18)."""
    if credential.kind is SecretKind.CODE or successor is None:
        return SpendCode(code_id=credential.id, hash=credential.hash, attempt=new_id(now))
    return SpendRefreshToken(
        token_id=credential.id,
        hash=credential.hash,
        attempt=new_id(now),
        grace=grace,
        locked_successor=lock_successor(credential.text, successor.text),
    )


async def _punished(
    server: Server, grant: Grant, kind: SecretKind, *, spent_at: float | None, now: float
) -> OAuthError:
    """Revoke all that the grant gave, then say no more than for any other dead grant.

    The revocation is committed before the refusal is heard (RFC 9700 §4.14.2).
    """
    what = kind.name.lower()
    entry = AuditEntry(
        at=now,
        actor=f"client:{grant.client_id}",
        action=f"{what}.replayed",
        target=f"grant:{grant.id}",
        details={"subject": grant.subject},
    )
    await server.store.revoke_grant(grant.id, [entry])
    if kind is SecretKind.CODE:
        return unusable(code_grant.replayed_code(grant.id, spent_at=spent_at, now=now))
    return unusable(refresh_grant.replayed_refresh_token(grant.id, spent_at=spent_at, now=now))
