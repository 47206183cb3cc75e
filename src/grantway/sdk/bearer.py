"""The one access token of a request: from its Authorization header and nowhere else. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from urllib.parse import parse_qsl

from grantway.protocol.names import ErrorCode
from grantway.sdk.guard import Refused

__all__ = ["OVERRIDES", "Brought", "bearer_token"]

_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9\-._~+/]+=*) *")  # RFC 6750 §2.1
OVERRIDES = frozenset(
    "".join(parts)
    for name in ("x-http-method-override", "x-http-method", "x-method-override")
    for parts in product(*(("-", "_") if one == "-" else (one,) for one in name))
)
"""Headers by which some frameworks let a client name another method than the one that is judged.

In every spelling that WSGI and CGI cannot tell apart.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a request brought to prove itself. `certificate` is DER; see `CertificateSource`."""

    authorization: Sequence[str]  # its Authorization headers
    query: str = ""
    overrides_method: bool = False
    certificate: bytes | None = None

    @classmethod
    def of_headers(
        cls, headers: Iterable[tuple[bytes, bytes]], query: bytes, certificate: bytes | None = None
    ) -> "Brought":
        """Of a request's headers as ASGI has them."""
        names = [(name.lower(), value) for name, value in headers]
        return cls(
            authorization=[value.decode("latin-1") for name, value in names if name == b"authorization"],
            query=query.decode("latin-1"),
            overrides_method=any(name.decode("latin-1") in OVERRIDES for name, _ in names),
            certificate=certificate,
        )


def bearer_token(brought: Brought) -> str | Refused:
    """The one bearer token of the Authorization header (RFC 6750 §2.1, §3.1; threats O1, O7)."""
    if brought.overrides_method:
        return Refused(400, ErrorCode.INVALID_REQUEST, "A header that overrides the method is not accepted")
    given = brought.authorization
    in_query = bool(brought.query) and any(
        name == "access_token" for name, _ in parse_qsl(brought.query, keep_blank_values=True)
    )
    if len(given) > 1 or (given and in_query):
        return Refused(
            400, ErrorCode.INVALID_REQUEST, "Send the access token once, in one Authorization header"
        )
    if not given:
        where = "; a token in the URL is not accepted" if in_query else ""
        return Refused(401, None, f"Send an access token in the Authorization header{where}")
    text = given[0].strip()
    if text.partition(" ")[0].lower() != "bearer":
        return Refused(401, None, "Send an access token as Authorization: Bearer")
    bearer = _BEARER.fullmatch(text)
    if bearer is None:
        return Refused(400, ErrorCode.INVALID_REQUEST, "The Authorization header is malformed")
    return bearer[1]
