"""A refusal speaks twice: to whoever asked, and to the operator."""

import re

from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.names import ErrorCode

_WIRE_SAFE = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")

ERRORS = "/errors/"  # below it, a page for each diagnosis and each error code
# Told in the same words whatever the cause: a stranger must not learn which it was.
ONE_FOR_ALL = frozenset({ErrorCode.INVALID_CLIENT, ErrorCode.INVALID_GRANT, ErrorCode.INVALID_TOKEN})


class OAuthError(Exception):
    """A refusal (RFC 6749 §4.1.2.1, §5.2). Its diagnosis never leaves the server.

    `tell_client` becomes `error_description`: ASCII without quotes, backslash or line breaks
    (§5.2), and the same words for every cause that must not be told apart. `retry_after`
    (seconds) is set when the same request may succeed later.
    """

    def __init__(
        self,
        code: ErrorCode,
        tell_client: str,
        diagnosis: Diagnosis,
        *,
        retry_after: int | None = None,
    ) -> None:
        if not _WIRE_SAFE.fullmatch(tell_client):
            raise ValueError(f"not allowed in error_description: {tell_client!r}")
        super().__init__(f"{code}: {diagnosis.why}")
        self.code = code
        self.tell_client = tell_client
        self.diagnosis = diagnosis
        self.retry_after = retry_after

    @property
    def tell_operator(self) -> str:
        """The cause in a sentence."""
        return self.diagnosis.why


def error_uri(issuer: str, error: OAuthError, reference: str) -> str:
    """Where a developer reads on (RFC 6749 §4.1.2.1, §5.2): a page of this server that anybody may open.

    It names the diagnosis only where the words beside it give as much away. Where they are the same for
    every cause, so is the page: all that differs is the reference, and only the operator can look it up.
    """
    return f"{issuer}{ERRORS}{page_name(error.code, error.diagnosis.gw)}?ref={reference}"


def page_name(code: ErrorCode, gw: Gw) -> str:
    """The last part of that address: the diagnosis, or the error code where that is all that may be told."""
    return code.value if code in ONE_FOR_ALL else gw.value


def wire_safe(text: str) -> str:
    """The text with `?` for every character that an error_description may not hold (RFC 6749 §5.2)."""
    return "".join(c if _WIRE_SAFE.fullmatch(c) else "?" for c in text) or "?"
