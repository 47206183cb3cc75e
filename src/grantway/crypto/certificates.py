"""What client certificates say, in the one spelling by which names are compared (RFC 8705 §2.1.2)."""

import ipaddress
from functools import lru_cache

from cryptography import x509

from grantway.protocol.client_certificates import Certificate
from grantway.protocol.clients import CertificateName, NameKind


@lru_cache(maxsize=1024)
def read_certificate(der: bytes) -> Certificate:
    """What a certificate says. Raises ValueError for what is none."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = {CertificateName(NameKind.SUBJECT_DN, certificate.subject.rfc4514_string())}
        try:
            alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            alternatives = x509.SubjectAlternativeName([])
        names |= {
            canonical(CertificateName(kind, str(value)))
            for kind, reader in (
                (NameKind.SAN_DNS, x509.DNSName),
                (NameKind.SAN_URI, x509.UniformResourceIdentifier),
                (NameKind.SAN_IP, x509.IPAddress),
                (NameKind.SAN_EMAIL, x509.RFC822Name),
            )
            for value in alternatives.get_values_for_type(reader)
        }
        return Certificate(
            der=der,
            names=frozenset(name for name in names if name.value),
            valid_from=certificate.not_valid_before_utc.timestamp(),
            valid_until=certificate.not_valid_after_utc.timestamp(),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as bad:
        raise ValueError("is not a certificate that can be read") from bad


@lru_cache(maxsize=1024)
def canonical(name: CertificateName) -> CertificateName:
    """The one spelling of a name by which it is compared. Raises ValueError for what is no such name."""
    value = name.value
    match name.kind:
        case NameKind.SUBJECT_DN:
            try:
                value = x509.Name.from_rfc4514_string(value).rfc4514_string()
            except ValueError as bad:
                raise ValueError(f"{value!r} is not a distinguished name such as CN=app,O=Example") from bad
        case NameKind.SAN_DNS:
            value = value.lower()
        case NameKind.SAN_IP:
            value = str(ipaddress.ip_address(value))
        case NameKind.SAN_URI | NameKind.SAN_EMAIL:
            pass
    return CertificateName(name.kind, value)
