"""To which key a token is bound: whoever presents it must show that key too (`cnf`, RFC 7800 §3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.fixes import edit_app
from grantway.protocol.names import CERTIFICATE_THUMBPRINT, ErrorCode


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One member of `cnf`: how the key is named, and its thumbprint, base64url."""

    method: str
    thumbprint: str

    @property
    def claim(self) -> dict[str, str]:
        """The value of `cnf`."""
        return {self.method: self.thumbprint}

    @classmethod
    def of_claim(cls, claim: object) -> Self | None:
        """What a `cnf` of ours says; None where a token has none."""
        if not isinstance(claim, Mapping):
            return None
        method, thumbprint = next(iter(claim.items()))
        return cls(str(method), str(thumbprint))

    def __str__(self) -> str:
        """As it is stored."""
        return f"{self.method}:{self.thumbprint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """As it was stored."""
        method, _, thumbprint = text.partition(":")
        return cls(method, thumbprint)


def _unbind(client: Client) -> str:
    return edit_app(client, "--no-certificate-bound-tokens")


def binding_of(client: Client, certificate: str | None) -> Confirmation | None:
    """To what the tokens of this request are bound. `certificate` is the thumbprint of the one it came with.

    A client that proves itself by certificate has its tokens bound (RFC 8705 §3), and so has a public one
    that shows a certificate: nothing else protects its refresh tokens (§4). The switch of the client demands
    it of any other. Raises `invalid_request` when a certificate is demanded and missing.
    """
    if certificate is None:
        if client.certificate_bound_tokens:
            raise OAuthError(
                ErrorCode.INVALID_REQUEST,
                "the tokens of this client are bound to a client certificate, and none was presented",
                Diagnosis(
                    Gw.CERTIFICATE_BINDING,
                    f"{client.id} has certificate_bound_tokens; no certificate reached the server",
                    received="no client certificate",
                    expected="the client certificate that the tokens shall be bound to",
                    difference="the app sent none, or the proxy did not hand it over",
                    fix=f"Send it; or, if they need not be bound: {_unbind(client)}.",
                ),
            )
        return None
    if client.uses_certificate or client.is_public or client.certificate_bound_tokens:
        return Confirmation(CERTIFICATE_THUMBPRINT, certificate)
    return None
