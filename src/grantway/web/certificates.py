"""The client certificate of a request, as a trusted proxy hands it over in a header."""

import logging
from collections.abc import Sequence

from grantway.crypto.certificate_header import der_of_header
from grantway.protocol.client_certificates import PresentedCertificate
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.web.bounded_log import BoundedLog
from grantway.web.requests import Network, Request, comes_from

_VERIFIED = "SUCCESS"  # nginx's $ssl_client_verify
_log = logging.getLogger("grantway.web")


class CertificateHeader:
    """Where the certificate stands, and whom we believe that it is the caller's (RFC 9440 §3)."""

    def __init__(self, name: str, *, verify: str | None, trusted: Sequence[Network]) -> None:
        self._name = name.lower().encode("ascii")
        self._verify = None if verify is None else verify.lower().encode("ascii")
        self._trusted = tuple(trusted)
        self._ignored = BoundedLog(_log)

    def read(self, request: Request) -> PresentedCertificate | None:
        """The certificate, or None. Anybody can send a header: only a trusted proxy's counts (threat O3).

        Raises `invalid_request` for one that cannot be read: a proxy that is set up wrongly is found at once.
        """
        values = request.every(self._name)
        if not values:
            return None
        if not comes_from(request, self._trusted):
            self._ignored.warning(
                "certificate header of %s ignored: not among server.trusted_proxies", request.peer
            )
            return None
        if len(values) > 1:
            raise _unreadable(request, "sent more than once")
        try:
            der = der_of_header(values[0])
        except ValueError as bad:
            raise _unreadable(request, str(bad)) from None
        verified = () if self._verify is None else request.every(self._verify)
        return PresentedCertificate(der, vouched=verified == (_VERIFIED,))


def _unreadable(request: Request, why: str) -> OAuthError:
    return OAuthError(
        ErrorCode.INVALID_REQUEST,
        "the client certificate cannot be read",
        Diagnosis(
            Gw.CERTIFICATE,
            f"the certificate header of the proxy {request.peer}: {why}",
            received="a certificate header that cannot be read",
            expected="percent-encoded PEM, or RFC 9440, once",
            difference=why,
        ),
    )
