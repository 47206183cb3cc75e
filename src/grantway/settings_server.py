"""Options of the ways in: how requests reach the server, and which gateways it decides for."""

from dataclasses import dataclass, field
from typing import Final

DEFAULT_PORT: Final = 8600


def about(
    text: str,
    kind: str = "text",
    *,
    secret: bool = False,
    least: float | None = None,
    most: float | None = None,
) -> dict[str, object]:
    """What there is to know about an option: its help text, how its value is written, and its limits."""
    return {"help": text, "kind": kind, "secret": secret, "least": least, "most": most}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How requests reach the server."""

    host: str = field(
        default="127.0.0.1", metadata=about("Address to listen on. A reverse proxy in front speaks TLS.")
    )
    port: int = field(
        default=DEFAULT_PORT, metadata=about("Port to listen on.", "number", least=1, most=65535)
    )
    workers: int = field(
        default=1,
        metadata=about(
            "Processes that share the port. More than one needs PostgreSQL.", "number", least=1, most=256
        ),
    )
    hosts: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Further Host names to answer for, besides the one of the issuer; others get 421.", "list"
        ),
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Addresses or networks of reverse proxies whose X-Forwarded-For is believed.",
            "list",
        ),
    )
    management_host: str = field(
        default="127.0.0.1", metadata=about("Address of the management port, which asks for no password.")
    )
    management_port: int = field(
        default=0,
        metadata=about("Port for /livez, /readyz and /metrics; 0 for none.", "number", least=0, most=65535),
    )
    head_timeout: float = field(
        default=10.0,
        metadata=about("So long may the head of a request take to arrive.", "duration", least=0.1, most=300),
    )
    body_timeout: float = field(
        default=20.0,
        metadata=about("So long may its body take to arrive.", "duration", least=0.1, most=300),
    )
    write_timeout: float = field(
        default=30.0,
        metadata=about(
            "A caller that reads nothing of its answer for so long is dropped.",
            "duration",
            least=0.1,
            most=300,
        ),
    )
    connections_per_network: int = field(
        default=1024,
        metadata=about(
            "Connections of one address (IPv6: one /64) to one process. Trusted proxies and gateways may "
            "have any number.",
            "number",
            least=1,
            most=1_000_000,
        ),
    )
    revocation_streams: int = field(
        default=200,
        metadata=about("Streams of revocations of one API, in one process.", "number", least=1, most=100_000),
    )
    linger: float = field(
        default=5.0,
        metadata=about(
            "When it is told to stop, so long may open connections bring one more request; at most 1m.",
            "duration",
            least=0,
            most=60,
        ),
    )
    client_certificate_header: str | None = field(
        default=None,
        metadata=about(
            "Header in which the trusted proxies, and they alone, hand over client certificates: "
            "percent-encoded PEM (nginx: $ssl_client_escaped_cert) or RFC 9440 (Client-Cert)."
        ),
    )
    client_certificate_verify_header: str | None = field(
        default=None,
        metadata=about(
            "Header in which they say SUCCESS when an authority vouches for it (nginx: $ssl_client_verify). "
            "tls_client_auth needs it."
        ),
    )
    mtls_address: str | None = field(
        default=None,
        metadata=about(
            "https:// address at which the proxy asks for client certificates, if it is not the issuer's "
            "(RFC 8705 §5)."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """API gateways that ask at /decision whether a request may pass."""

    trusted: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "Addresses or networks of the gateways that may ask at /decision. Nobody else may.", "list"
        ),
    )
    client_certificate_header: str | None = field(
        default=None,
        metadata=about(
            "Header in which they, on every request, hand over the caller's client certificate, as for "
            "server.client_certificate_header. Without it tokens that are bound to a certificate are refused."
        ),
    )
    tokens_kept: float = field(
        default=2.0,
        metadata=about(
            "So long may a decision rely on what was read about a token before: so late may a revocation be "
            "noticed. At most 3s.",
            "duration",
            least=0,
            most=3,
        ),
    )
    session_lifetime: float = field(
        default=8 * 3600.0,
        metadata=about("Of a session at a site with login=1.", "duration", least=60, most=86400),
    )
