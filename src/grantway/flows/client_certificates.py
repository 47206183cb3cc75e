"""Clients that prove themselves by certificate: theirs, in force, and vouched for or registered."""

from grantway.crypto.certificates import canonical, read_certificate
from grantway.crypto.foreign import ForeignKey, read_keys
from grantway.egress import Unreachable
from grantway.flows.server import Server
from grantway.protocol.client_certificates import (
    PresentedCertificate,
    judge_certificate,
    refused_certificate,
)
from grantway.protocol.client_refusals import failed, keys_unreachable
from grantway.protocol.clients import Client
from grantway.protocol.names import AuthMethod


async def accept_certificate(server: Server, client: Client, presented: PresentedCertificate | None) -> None:
    """Return if this certificate proves the client (RFC 8705 §2). Raises `invalid_client`."""
    if presented is None:
        words = (
            f"no certificate came with the request of {client.id}: does the proxy ask for one, is it among "
            "server.trusted_proxies, and is server.client_certificate_header the header it sends?"
        )
        raise failed(refused_certificate(words, "no certificate", "one that a trusted proxy hands over"))
    try:
        certificate = read_certificate(presented.der)
        name = None if client.certificate_name is None else canonical(client.certificate_name)
    except ValueError as bad:
        words = f"what came as the certificate of {client.id} {bad}"
        raise failed(refused_certificate(words, "something else", "a certificate, X.509")) from None
    judge_certificate(
        client,
        certificate,
        vouched=presented.vouched,
        name=name,
        own=await _own_certificates(server, client, presented.der),
        now=server.now(),
    )


async def _own_certificates(server: Server, client: Client, der: bytes) -> set[bytes]:
    """The certificates that are registered, or published by the client itself (`x5c`)."""
    if client.auth_method is not AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH:
        return set()
    if client.jwks_uri is None:
        return _certificates(read_keys(client.jwks))
    try:
        keys = await server.client_keys.keys(client.jwks_uri)
        found = _certificates(keys)
        if der not in found:
            newer = await server.client_keys.newer_keys(client.jwks_uri, keys)
            found = found if newer is None else _certificates(newer)
    except Unreachable as away:
        why = f"the certificates of {client.id} at {client.jwks_uri}: {away.reason}"
        raise keys_unreachable(why) from None
    return found


def _certificates(keys: tuple[ForeignKey, ...]) -> set[bytes]:
    return {key.certificate for key in keys if key.certificate is not None}
