"""The client certificate of a gateway's caller, in the one way in which each family can be sure of it.

A header that a caller may write proves nothing, so none is believed because of its name alone (threat O3):

- nginx sets the header that `gateways.client_certificate_header` names, on every request;
- Caddy writes it into the address that it asks at (`?certificate=`), which no caller can reach;
- Traefik strips `X-Forwarded-Tls-Client-Cert` from callers; believed where its address says `mtls=traefik`;
- Envoy replaces `X-Forwarded-Client-Cert`; believed where it adds `X-Grantway-Mtls: envoy` over the caller's.

Whatever cannot be read raises ValueError: a gateway that is set up wrongly is found at once.
"""

import base64
import hashlib
import re
from functools import lru_cache
from typing import Final

from grantway.crypto.certificate_header import der_of_header
from grantway.web.requests import Request

TRAEFIK: Final = "traefik"
ENVOY: Final = "envoy"
_TRAEFIK_HEADER, _ENVOY_HEADER, _ENVOY_SAYS = (
    b"x-forwarded-tls-client-cert",
    b"x-forwarded-client-cert",
    b"x-grantway-mtls",
)
_NIL: Final = "<nil>"
_LONGEST: Final = 16 * 1024  # characters
_MEMBER = re.compile(r'([A-Za-z]+)=("[^"\\]*(?:\\.[^"\\]*)*"|[^";,]*)(;|\Z)')


def of_caddy(written: str | None) -> bytes | None:
    """DER, from base64 of it; None for what Caddy writes where there is none: nothing, or `<nil>` (2.6)."""
    return None if written in {None, _NIL} else _der(written or "")


def of_traefik(request: Request) -> bytes | None:
    """DER, from `passTLSClientCert` with `pem`: base64, the chain after it, between commas."""
    text = _single(request, _TRAEFIK_HEADER)
    return None if text is None else _der(text.partition(",")[0])


def of_envoy(request: Request) -> bytes | None:
    """DER, from the `Cert` of its one element: PEM, percent-encoded. Several would be of other proxies.

    It has to be the one of the `Hash`, which Envoy always writes, before all that comes out of a certificate:
    a `URI` is not quoted, and could name a `Cert` where Envoy is not told to.
    """
    says = request.every(_ENVOY_SAYS)
    if not says:
        return None
    if says != (ENVOY,):
        raise ValueError(f"X-Grantway-Mtls is not {ENVOY}, once")
    text = _single(request, _ENVOY_HEADER)
    return None if text is None else _of_element(text)


def _single(request: Request, name: bytes) -> str | None:
    values = request.every(name)
    if len(values) > 1:
        raise ValueError(f"{name.decode()} came more than once")
    if values and len(values[0]) > _LONGEST:
        raise ValueError(f"{name.decode()} is longer than {_LONGEST} characters")
    return values[0] if values else None


@lru_cache(maxsize=1024)
def _of_element(text: str) -> bytes | None:
    members: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _MEMBER.match(text, at)
        if found is None:
            raise ValueError("x-forwarded-client-cert is not one element of key=value")
        if found[1].lower() in members and found[1].lower() == "cert":
            raise ValueError("x-forwarded-client-cert has two certificates")
        members.setdefault(found[1].lower(), found[2].strip('"'))
        at = found.end()
    cert = members.get("cert")
    if not cert:
        return None
    der = der_of_header(cert)
    if members.get("hash", "").lower() != hashlib.sha256(der).hexdigest():
        raise ValueError("x-forwarded-client-cert has a certificate that is not the one of its hash")
    return der


@lru_cache(maxsize=1024)
def _der(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("the certificate is not base64") from None
