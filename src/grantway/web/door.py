"""What every handler of the web room works with, and what is the same for all of them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from urllib.parse import urlsplit

from grantway.flows.browser import Browser
from grantway.flows.server import Server
from grantway.flows.snapshot import TOO_OLD
from grantway.protocol.client_certificates import PresentedCertificate
from grantway.protocol.diagnosis import Diagnosis
from grantway.protocol.errors import OAuthError, error_uri
from grantway.protocol.policy import Policy
from grantway.storage.port import Unavailable
from grantway.web.certificates import CertificateHeader
from grantway.web.cookies import Cookies
from grantway.web.metrics import Metrics
from grantway.web.refusals import Refusals
from grantway.web.render import Renderer
from grantway.web.replies import Noted, Reply, page_reply
from grantway.web.requests import Network, Request, caller_network, comes_from

MOST_PEERS = 1024  # whose trust is remembered
MAX_CLOCK_OFFSET = 2.0  # seconds between this node and the database

Handler = Callable[["Door", Request], Awaitable[Reply]]


class Door:
    """One server, as seen from the web."""

    def __init__(
        self,
        server: Server,
        *,
        hosts: Sequence[str] = (),
        trusted_proxies: Sequence[Network] = (),
        metrics: Metrics,
        certificates: CertificateHeader | None = None,
        refusals: Refusals,
        gateways: Sequence[Network] = (),
        gateway_certificates: CertificateHeader | None = None,
    ) -> None:
        self.server = server
        self.metrics = metrics
        self.refusals = refusals
        address = urlsplit(self.policy.issuer)
        self.scheme, self.base, self._netloc = address.scheme, address.path, address.netloc.lower()
        self.cookies = Cookies(https=self.policy.is_https)
        self.renderer = Renderer(base=self.base)
        self._hosts = {self._netloc, *(host.lower() for host in hosts)} | self._loopback_hosts()
        self._trusted_proxies = tuple(trusted_proxies)
        self.prepared: dict[tuple[str, bool], Reply] = {}  # pages that are the same for everybody
        self.draining = False  # told to stop: readiness is red, requests are still answered
        self._certificates = certificates
        self._gateways = tuple(gateways)
        self._peers: dict[str, bool] = {}  # who has been looked up: address → is it a gateway?
        self._gateway_certificates = gateway_certificates

    @property
    def policy(self) -> Policy:
        """The operator's choices."""
        return self.server.policy

    @property
    def issuer_host(self) -> str:
        """The host of the issuer, with its port if it has one."""
        return self._netloc

    def _loopback_hosts(self) -> set[str]:
        """With --dev, the names of this machine at the same port (`design` 1)."""
        if not self.policy.dev:
            return set()
        port = self._netloc.rpartition(":")[2] if ":" in self._netloc else ""
        return {f"{name}:{port}" if port else name for name in ("localhost", "127.0.0.1", "[::1]")}

    def knows_host(self, request: Request) -> bool:
        """Is this Host one we answer for? No header ever changes the issuer (threats W1, W9)."""
        named = request.every(b"host")
        return len(named) == 1 and named[0].lower() in self._hosts

    @property
    def hosts(self) -> tuple[str, ...]:
        """The Host headers we answer for, the issuer's first."""
        return (self._netloc, *sorted(self._hosts - {self._netloc}))

    def trusts(self, request: Request) -> bool:
        """Does it come from a proxy that the settings name?"""
        return comes_from(request, self._trusted_proxies)

    def lists_host(self, *names: str) -> bool:
        """Is one of these names a host of ours?"""
        return not self._hosts.isdisjoint(names)

    def network_of(self, request: Request) -> str:
        """Where the request comes from, for throttles."""
        return caller_network(request, self._trusted_proxies)

    def certificate_of(self, request: Request) -> PresentedCertificate | None:
        """The client certificate that the request came with. Raises `invalid_request`."""
        return None if self._certificates is None else self._certificates.read(request)

    def trusts_gateway(self, request: Request) -> bool:
        """May whoever is connected to us say which request it has received? (Threat O3.)"""
        if (known := self._peers.get(request.peer)) is not None:
            return known
        trusted = comes_from(request, self._gateways)
        if len(self._peers) < MOST_PEERS:
            self._peers[request.peer] = trusted
        return trusted

    def certificate_behind(self, request: Request) -> bytes | None:
        """The client certificate, DER, of the caller of a trusted gateway. Raises `invalid_request`."""
        header = self._gateway_certificates
        shown = None if header is None else header.read(request)
        return None if shown is None else shown.der

    def browser(self, request: Request) -> Browser:
        """What the browser brings along."""
        cookies = self.cookies.read(request.every(b"cookie"))
        return Browser(
            session_cookie=cookies.get(self.cookies.session),
            flow_cookies=self.cookies.flows(cookies),
            device_cookie=cookies.get(self.cookies.device),
            network=self.network_of(request),
            user_agent=request.header(b"user-agent"),
            sends_fetch_metadata=request.header(b"sec-fetch-dest") is not None,
            framed=request.header(b"sec-fetch-dest") not in {None, "document"},
        )

    def page(
        self,
        request: Request,
        view: object,
        *,
        status: int = 200,
        posts_to_us: bool = True,
        framed_origins: Collection[str] = (),
    ) -> Reply:
        """A rendered page in the language the browser asks for first."""
        lang = (request.header(b"accept-language") or "en").partition(",")[0].partition(";")[0]
        body = self.renderer.render(view, lang=lang)
        return page_reply(
            body,
            status=status,
            https=self.policy.is_https,
            posts_to_us=posts_to_us,
            framed_origins=framed_origins,
        )

    async def readiness(self) -> list[dict[str, str]]:
        """The checks of /readyz, in words."""
        try:
            await self.server.store.ping()
            answers = True
        except Unavailable:
            answers = False
        snapshots = self.server.snapshots
        old = snapshots.age > TOO_OLD
        off = abs(snapshots.clock_offset) > MAX_CLOCK_OFFSET
        return [
            {
                "name": "database",
                "status": "ok" if answers else "failed",
                "detail": "answers" if answers else "away",
            },
            {
                "name": "registry",
                "status": "failed" if old else "ok",
                "detail": f"read {snapshots.age:.1f} s ago",
            },
            {
                "name": "clock",
                "status": "failed" if off else "ok",
                "detail": f"{snapshots.clock_offset:+.3f} s",
            },
            {
                "name": "serving",
                "status": "failed" if self.draining else "ok",
                "detail": "stopping" if self.draining else "takes requests",
            },
        ]

    def noted(self, request: Request, error: OAuthError, *, client_id: str | None = None) -> Noted:
        """Note this refusal; what the reply to it says besides its words."""
        reference = self.refused(request, error.diagnosis, error=error.code, client_id=client_id)
        return Noted(reference, error_uri(self.policy.issuer, error, reference))

    def refused_behind_gateway(self, request: Request, diagnosis: Diagnosis, *, error: str) -> str:
        """The same, counted for the caller of a trusted gateway: one caller must not hide all others."""
        network = caller_network(request, (*self._trusted_proxies, *self._gateways))
        return self.refusals.note(request, diagnosis, error=error, network=network)

    def refused(
        self,
        request: Request,
        diagnosis: Diagnosis,
        *,
        error: str,
        client_id: str | None = None,
        reference: str | None = None,
    ) -> str:
        """Note a refusal; its reference, for the person to quote and the operator to find."""
        return self.refusals.note(
            request,
            diagnosis,
            error=error,
            network=self.network_of(request),
            client_id=client_id,
            reference=reference,
        )
