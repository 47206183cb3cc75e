"""base64url without padding, as every JOSE text is written (RFC 7515 §2). Imports nothing, for the SDK."""

import base64


def to_base64url(octets: bytes | bytearray) -> str:
    """The octets as text."""
    return base64url_octets(octets).decode("ascii")


def base64url_octets(octets: bytes | bytearray) -> bytes:
    """The same as ASCII octets, for what is signed next."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def from_base64url(text: str) -> bytes:
    """The octets, from their one canonical spelling (RFC 4648 §3.5). Raises ValueError for every other.

    Python's own decoder skips strange characters, and ignores the unused bits of the last one.
    """
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(octets) != text:
        raise ValueError("not canonical base64url")
    return octets
