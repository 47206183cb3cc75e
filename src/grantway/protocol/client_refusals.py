"""How a client hears that it has not proven itself: in the same words whatever is wrong."""

from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode

# The same words whatever is wrong: a stranger learns nothing about which clients exist.
FAILED = "client authentication failed"


def failed(why: str) -> OAuthError:
    """The refusal of every failed client authentication (RFC 6749 §5.2)."""
    return OAuthError(ErrorCode.INVALID_CLIENT, FAILED, tell_operator=why)
