"""Who calls? The same answer for every endpoint of machines, before anything else is looked at."""

import math
from hmac import compare_digest

from msgspec import Struct
from msgspec.structs import replace

from grantway.crypto.given_secrets import given_secret_hash, given_secret_matches
from grantway.crypto.secrets import PresentedSecret, SecretKind, read_secret
from grantway.flows.client_assertions import accept_assertion
from grantway.flows.client_certificates import accept_certificate
from grantway.flows.server import Server
from grantway.flows.snapshot import Snapshot
from grantway.protocol.client_auth import Presented, authenticate, read_credentials, registered_client
from grantway.protocol.client_certificates import PresentedCertificate
from grantway.protocol.clients import Client, ClientSecret, SecretScheme
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params


class Call(Struct, frozen=True, kw_only=True):
    """One request to an endpoint of machines."""

    params: Params
    authorization: tuple[str, ...]  # its Authorization headers
    network: str  # where it comes from, /32 or /64
    certificate: PresentedCertificate | None = None


async def authenticated_client(server: Server, call: Call) -> tuple[Client, Snapshot]:
    """The client that proved itself, and the snapshot it was found in.

    Raises `invalid_client`, `invalid_request`, or `temporarily_unavailable` with `retry_after` for one more
    failure from a network that failed too often. Who is right passes even then: a flood that shares their
    network, or their proxy, must lock nobody out (threat H6). An unknown client or a wrong secret is looked
    up once more, since another node may have just registered it (`design` 22). Nothing is written, nothing
    is burnt; what a client signed for one request is used up when it has proven the client.
    """
    presented = read_credentials(call.authorization, call.params)
    snapshot = server.snapshots.current()
    try:
        return await _authenticated(server, snapshot, presented, call.certificate), snapshot
    except OAuthError:
        if wait := server.failures.wait(call.network):
            raise OAuthError(
                ErrorCode.TEMPORARILY_UNAVAILABLE,
                "too many failed client authentications",
                Diagnosis(
                    Gw.TOO_MANY_FAILURES,
                    f"network {call.network} is throttled",
                    received=f"one more failure from {call.network}",
                    expected="at most 100 at once, then ten a second",
                    difference="a retry loop with a wrong secret, a proxy that is not in "
                    "server.trusted_proxies, or somebody who guesses",
                ),
                retry_after=math.ceil(wait),
            ) from None
        if await server.snapshots.look_again():
            snapshot = server.snapshots.current()
            return await _authenticated(server, snapshot, presented, call.certificate), snapshot
        server.failures.take(call.network)
        raise


async def _authenticated(
    server: Server, snapshot: Snapshot, presented: Presented, certificate: PresentedCertificate | None
) -> Client:
    found = snapshot.registry.clients.get(presented.client_id)
    if presented.assertion is not None:
        client = registered_client(found, presented)
        await accept_assertion(server, client, presented.assertion)
        return client
    if presented.secret is None and found is not None and found.uses_certificate:
        # The certificate is no parameter: a bare client_id stands beside it (RFC 8705 §2).
        client = registered_client(found, replace(presented, method=found.auth_method))
        await accept_certificate(server, client, certificate)
        return client
    proven = None if presented.secret is None else _proven_secret(server, found, presented.secret)
    now = server.now()
    client = authenticate(found, presented, proven, now=now)
    if proven is not None:
        server.secrets_used[client.id, proven.id] = now
    return client


def _proven_secret(server: Server, client: Client | None, text: str) -> ClientSecret | None:
    presented = read_secret(SecretKind.CLIENT_SECRET, text)
    return (
        next((secret for secret in client.secrets if _matches(server, secret, presented, text)), None)
        if client
        else None
    )


def _matches(server: Server, secret: ClientSecret, presented: PresentedSecret | None, text: str) -> bool:
    if secret.scheme is SecretScheme.GIVEN:
        masters, client_id = server.master_keys, secret.client_id
        found = given_secret_matches(secret.hash, masters, client_id=client_id, text=text)
        if found is not None and found is not masters[0]:  # the master key is being changed
            server.secrets_again[client_id, secret.id] = given_secret_hash(masters[0], client_id, text)
        return found is not None
    return (
        presented is not None
        and secret.id == presented.selector
        and compare_digest(secret.hash, presented.hash)
    )
