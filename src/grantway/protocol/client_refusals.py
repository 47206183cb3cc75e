"""How a client hears that it has not proven itself: in the same words whatever is wrong."""

from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode

# The same words whatever is wrong: a stranger learns nothing about which clients exist.
FAILED = "client authentication failed"


def failed(diagnosis: Diagnosis) -> OAuthError:
    """The refusal of every failed client authentication (RFC 6749 §5.2)."""
    return OAuthError(ErrorCode.INVALID_CLIENT, FAILED, diagnosis)


def keys_unreachable(why: str) -> OAuthError:
    """The refusal where the keys that a client publishes could not be fetched: nobody's fault is proven."""
    return OAuthError(
        ErrorCode.TEMPORARILY_UNAVAILABLE,
        "the keys of the client cannot be read at the moment",
        Diagnosis(
            Gw.KEYS_UNREACHABLE,
            why,
            received="no key set that could be read",
            expected="the app's key set, as JSON over https",
            difference=why,
        ),
    )
