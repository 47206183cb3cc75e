"""Certificates for tests: an authority, what it certifies, and what certifies itself."""

import base64
import datetime as dt
import hashlib
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256


@dataclass
class Certified:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def thumbprint(self) -> str:
        """`x5t#S256` (RFC 8705 §3.1)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.der).digest()).rstrip(b"=").decode()

    @property
    def escaped(self) -> str:
        """As nginx hands it over: $ssl_client_escaped_cert."""
        return quote(self.pem.decode(), safe="")

    @property
    def base64(self) -> str:
        """As Caddy and Traefik write it."""
        return base64.b64encode(self.der).decode()

    @property
    def rfc9440(self) -> str:
        """As RFC 9440 §2.1 hands it over."""
        return f":{base64.b64encode(self.der).decode()}:"

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """Files of certificate and key."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(certificate), str(key)


def _built(
    subject: str, issuer: x509.Name, key, *, signer, extensions, days: tuple[int, int]
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(100))
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, SHA256())


def _names(dns: Sequence[str], uris: Sequence[str], ips: Sequence[str], emails: Sequence[str]):
    names = [
        *map(x509.DNSName, dns),
        *map(x509.UniformResourceIdentifier, uris),
        *(x509.IPAddress(ipaddress.ip_address(one)) for one in ips),
        *map(x509.RFC822Name, emails),
    ]
    return [(x509.SubjectAlternativeName(names), False)] if names else []


class Authority:
    """An authority of its own."""

    def __init__(self, name: str = "CN=Test Authority") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name.from_rfc4514_string(name)
        extensions = [(x509.BasicConstraints(ca=True, path_length=None), True)]
        self.certificate = _built(
            name, self.name, self.key, signer=self.key, extensions=extensions, days=(-1, 30)
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, subject: str, *, dns=(), uris=(), ips=(), emails=(), days=(-1, 30)) -> Certified:
        """A certificate for this subject and these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = _names(dns, uris, ips, emails)
        return Certified(
            _built(subject, self.name, key, signer=self.key, extensions=extensions, days=days), key
        )


def self_signed(subject: str = "CN=app", *, days=(-1, 30)) -> Certified:
    """A certificate that nobody else vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Certified(
        _built(subject, x509.Name.from_rfc4514_string(subject), key, signer=key, extensions=[], days=days),
        key,
    )
