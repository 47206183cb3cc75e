"""Client certificates as proxies hand them over, and their thumbprints; for the server and for the SDK."""

import base64
import hashlib
import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from grantway.protocol.base64url import to_base64url

_LONGEST: Final = 16 * 1024  # characters of a header
_PEM = re.compile(
    r"\s*-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----(?:\s|\Z)"
)


def der_of_header(value: str) -> bytes:
    """The certificate in a header: `:base64 of DER:` (RFC 9440 §2.1), or PEM, percent-encoded.

    The latter is nginx's `$ssl_client_escaped_cert`; of a chain the first counts. Raises ValueError, also for
    two headers that somebody before us has joined by a comma (RFC 9110 §5.3): which of them the proxy has set
    cannot be told.
    """
    if len(value) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    if "," in value:
        raise ValueError("the certificate header came more than once")
    text = value.strip()
    if text.startswith(":") and text.endswith(":") and len(text) > 2:
        inner = text[1:-1]
    else:
        found = _PEM.match(unquote(text))
        if found is None:
            raise ValueError("neither :base64: nor percent-encoded PEM")
        inner = "".join(found[1].split())
    return base64.b64decode(inner, validate=True)


@lru_cache(maxsize=1024)
def certificate_thumbprint(der: bytes) -> str:
    """`x5t#S256` of a certificate: SHA-256, base64url (RFC 8705 §3.1)."""
    return to_base64url(hashlib.sha256(der).digest())
