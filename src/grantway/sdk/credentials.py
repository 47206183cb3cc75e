"""How an API proves itself to its authorization server, for introspection and for its own definition."""

import base64
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import quote_plus

from grantway.crypto.jwk import SigningKey
from grantway.protocol.names import ASSERTION_TYPE

__all__ = ["ClientCertificate", "ClientSecret", "Credentials", "PrivateKey", "Proof"]

_LIFETIME = 60  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What one request brings along."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    certificate: tuple[str, str] | None = None  # files, PEM: certificate and key


class Credentials(Protocol):
    """Who asks."""

    def for_request(self, issuer: str) -> Proof:
        """The proof of the next request to this issuer."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client id and its secret, sent as HTTP Basic (RFC 6749 §2.3.1)."""

    client_id: str
    secret: str = field(repr=False)

    def for_request(self, issuer: str) -> Proof:  # noqa: ARG002 - the same for every issuer
        """The Basic header."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}".encode()
        return Proof(headers={"authorization": "Basic " + base64.b64encode(pair).decode()})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A client id and a private key, PEM or PKCS #8 DER, that signs an assertion for each request (RFC 7523).

    `kid` is the key's name in the registered JWK Set; by default its thumbprint.
    """

    client_id: str
    key: bytes = field(repr=False)
    kid: str | None = None
    clock: Callable[[], float] = time.time  # noqa: TID251 - in an API, this is the composition root

    @classmethod
    def from_file(
        cls, client_id: str, path: str | os.PathLike[str], *, kid: str | None = None
    ) -> "PrivateKey":
        """The key in a file. Raises OSError, and ValueError at the first request for what is no key."""
        return cls(client_id=client_id, key=Path(path).read_bytes(), kid=kid)

    def for_request(self, issuer: str) -> Proof:
        """A fresh assertion (RFC 7523 §3)."""
        now = int(self.clock())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": issuer,
            "iat": now,
            "exp": now + _LIFETIME,
            "jti": secrets.token_urlsafe(16),
        }
        signed = SigningKey.from_private_bytes(self.key, kid=self.kid).sign(
            claims, typ="client-authentication+jwt"
        )
        return Proof(form={"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A client id and a TLS client certificate with its key, both PEM files (RFC 8705 §2)."""

    client_id: str
    certificate_file: str
    key_file: str

    def for_request(self, issuer: str) -> Proof:  # noqa: ARG002 - the same for every issuer
        """The bare client id beside the certificate."""
        return Proof(form={"client_id": self.client_id}, certificate=(self.certificate_file, self.key_file))
