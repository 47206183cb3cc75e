"""Certificates as clients register them."""

from grantway.crypto.foreign import registrable_keys


def registrable(*certificates) -> tuple[str, ...]:
    """The JWKs of these certificates."""
    return tuple(text for certificate in certificates for text in registrable_keys(certificate.pem))
