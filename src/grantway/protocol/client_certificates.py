"""Certificates by which a client proves itself: mutual TLS (RFC 8705 §2).

TLS proves that the caller holds the certificate's key, `crypto.certificates` reads it; here is whose it is.
"""

from collections.abc import Collection
from dataclasses import dataclass

from grantway.protocol.client_refusals import failed
from grantway.protocol.clients import CertificateName, Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.fixes import edit_app
from grantway.protocol.names import AuthMethod


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """The certificate that a request came with, DER, as a trusted proxy hands it over."""

    der: bytes
    vouched: bool  # did the proxy check that an authority it trusts has issued it?


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate says. Times are Unix seconds."""

    der: bytes
    names: frozenset[CertificateName]
    valid_from: float
    valid_until: float


def judge_certificate(
    client: Client,
    certificate: Certificate,
    *,
    vouched: bool,
    name: CertificateName | None,
    own: Collection[bytes],
    now: float,
) -> None:
    """Return if this certificate proves the client; raises `invalid_client`, the same for every cause.

    With `tls_client_auth` an authority vouches for the registered `name`, in its canonical form (RFC 8705
    §2.1); with `self_signed_tls_client_auth` the certificate is one of the client's `own` (§2.2).
    """
    if not certificate.valid_from <= now < certificate.valid_until:
        words = f"the certificate of {client.id} is not valid now: look at its dates"
        dates = f"valid from {certificate.valid_from:.0f} until {certificate.valid_until:.0f}"
        raise failed(refused_certificate(words, dates, f"valid at {now:.0f}, now"))
    if client.auth_method is AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH:
        if certificate.der not in own:
            words = f"the certificate is not among the {len(own)} registered for {client.id}"
            fix = f"Register its key set: {edit_app(client, '--jwks', 'FILE')}."
            raise failed(refused_certificate(words, "another certificate", "a registered one", fix))
        return
    if not vouched:
        words = (
            f"the proxy does not say that it verified the certificate of {client.id}: see "
            "server.client_certificate_verify_header"
        )
        raise failed(refused_certificate(words, "a certificate nobody vouches for", "SUCCESS beside it"))
    if name not in certificate.names:
        found = ", ".join(sorted(map(str, certificate.names))) or "no name"
        words = f"the certificate names {found}; {client.id} is registered as {name}"
        fix = f"If it is the app's: {edit_app(client, '--certificate-name', found.partition(', ')[0])}."
        raise failed(refused_certificate(words, found, str(name), fix))


def refused_certificate(why: str, received: str, expected: str, fix: str = "") -> Diagnosis:
    """A certificate that does not prove its client."""
    return Diagnosis(Gw.CERTIFICATE, why, received[:600], expected, why[:600], fix[:600])
