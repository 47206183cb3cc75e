"""A refusal speaks twice: to whoever asked, and to the operator."""

import re

from grantway.protocol.names import ErrorCode

_WIRE_SAFE = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


class OAuthError(Exception):
    """A refusal (RFC 6749 §4.1.2.1, §5.2). `tell_operator` never leaves the server.

    `tell_client` becomes `error_description`: ASCII without quotes, backslash or line breaks
    (§5.2), and the same words for every cause that must not be told apart. `retry_after`
    (seconds) is set when the same request may succeed later.
    """

    def __init__(
        self,
        code: ErrorCode,
        tell_client: str,
        *,
        tell_operator: str = "",
        retry_after: int | None = None,
    ) -> None:
        if not _WIRE_SAFE.fullmatch(tell_client):
            raise ValueError(f"not allowed in error_description: {tell_client!r}")
        super().__init__(f"{code}: {tell_operator or tell_client}")
        self.code = code
        self.tell_client = tell_client
        self.tell_operator = tell_operator or tell_client
        self.retry_after = retry_after


def wire_safe(text: str) -> str:
    """The text with `?` for every character that an error_description may not hold (RFC 6749 §5.2)."""
    return "".join(c if _WIRE_SAFE.fullmatch(c) else "?" for c in text) or "?"
