"""Typed bearer secrets: codes, tokens, client secrets and cookies, made, checked and hashed.

One shape for all of them, 70 characters, so that a double click selects the whole and a scanner
finds it (`SCANNER_PATTERN`):

    gwrt_ 0dJ4x9fK2mQ7Zt1B 43 characters of randomness …  1Xk9Qz
    kind  selector         256 bits                        checksum

The selector is the key of the row and says nothing about the secret. It starts with the time, so
that rows are inserted side by side. The checksum answers truncated, extended or mistyped secrets
without a look-up. A store keeps the selector and the hash, never the text.
"""

import re
from binascii import b2a_base64
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from os import register_at_fork, urandom
from threading import Lock
from typing import Final
from zlib import crc32


class SecretKind(StrEnum):
    """What a secret is for; its value is the prefix. Each kind has a hash domain of its own."""

    CODE = "gwac"
    """Authorization code (RFC 6749 §4.1.2)."""
    REFRESH_TOKEN = "gwrt"
    """Refresh token (RFC 6749 §1.5)."""
    ACCESS_TOKEN = "gwat"
    """Opaque access token (RFC 6749 §1.4); a JWT has no prefix."""
    CLIENT_SECRET = "gwcs"
    """Client secret (RFC 6749 §2.3.1)."""
    SESSION = "gwse"
    """Cookie of a person's session."""
    FLOW = "gwfl"
    """Cookie to which a pending authorization request is bound."""
    SITE_SESSION = "gwss"
    """Cookie of a person's session at a site behind a gateway."""


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """A secret just made. `text` is for its holder alone; `selector` and `hash` are for the store."""

    text: str = field(repr=False)
    selector: str
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PresentedSecret:
    """A well-formed secret that somebody presented: where to look, and what must stand there."""

    selector: str
    hash: bytes = field(repr=False)


SELECTOR_LENGTH: Final = 16
SECRET_LENGTH: Final = 5 + SELECTOR_LENGTH + 43 + 6
SCANNER_PATTERN: Final = rf"\b(?:{'|'.join(SecretKind)})_[0-9A-Za-z]{{65}}\b"
"""A regular expression for secret scanners: log filters, repositories, support tickets."""

# For logs: wherever it begins, and cut short as well; 16 characters are the selector alone.
_TELLTALE: Final = re.compile(
    rf"((?:{'|'.join(SecretKind)})_[0-9A-Za-z]{{16,}})|ey[JA][0-9A-Za-z_-]+\.[0-9A-Za-z_-]{{4,}}(?:\.[0-9A-Za-z_-]*)?"
)
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in ASCII order
_PAIRS: Final = tuple(high + low for high in _DIGITS for low in _DIGITS)
_DOMAINS: Final = {kind: f"grantway:{kind}:v1:".encode() for kind in SecretKind}
_PREFIXES: Final = {kind: f"{kind}_" for kind in SecretKind}
_KINDS: Final = {prefix: kind for kind, prefix in _PREFIXES.items()}
_LAST_MILLISECOND: Final = 2**48


def issue_secret(kind: SecretKind, *, now: float) -> IssuedSecret:
    """Make a secret of 256 random bits.

    `now` is in Unix seconds and orders the selectors of different milliseconds as text. Raises
    ValueError for a time before 1970 or after the year 10888.
    """
    return _issued(kind, new_id(now), random_base62(43))


def derived_secret(kind: SecretKind, octets: bytes, *, selector: str) -> IssuedSecret:
    """The one secret of these 32 octets, which nobody else may know or find, and of this selector.

    For what must come out the same when it is asked for twice. Raises ValueError for other than 32 octets,
    and for what is no id.
    """
    if len(octets) != 32 or not is_id(selector):
        raise ValueError(f"a secret is made of 32 octets and an id, not of {len(octets)} and {selector!r}")
    number, digits = int.from_bytes(octets), []
    for _ in range(43):  # 62⁴³ > 2²⁵⁶
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return _issued(kind, selector, "".join(digits))


def _issued(kind: SecretKind, selector: str, characters: str) -> IssuedSecret:
    body = f"{_PREFIXES[kind]}{selector}{characters}"
    text = body + _checksum(body.encode())
    return IssuedSecret(text, selector, sha256(_DOMAINS[kind] + text.encode()).digest())


def read_secret(kind: SecretKind, text: str) -> PresentedSecret | None:
    """The secret as a store knows it, or None if it cannot be one of this kind.

    Length, prefix, alphabet and checksum are checked before anything is hashed or looked up, so a
    cut, extended or altered secret costs nothing. Whatever the text, this never raises. The checksum
    is no secret: anybody can compute it, so it is compared in the ordinary way.
    """
    if len(text) != SECRET_LENGTH or not text.startswith(_PREFIXES[kind]):
        return None
    if not (text.isascii() and text[5:].isalnum()):  # together: exactly 0-9 A-Z a-z
        return None
    octets = text.encode()
    if text[-6:] != _checksum(octets[:-6]):
        return None
    return PresentedSecret(text[5:21], sha256(_DOMAINS[kind] + octets).digest())


def redacted(text: str) -> str:
    """The text with every secret of ours and every JWT in it cut down to its kind, for logs (threat T1).

    People put secrets into the wrong parameter, and what was received is what operators need to read.
    """
    return _TELLTALE.sub(lambda found: f"{found[0][:5]}[redacted]" if found[1] else "[JWT]", text)


def new_id(now: float) -> str:
    """A new id of 16 characters for a grant, a consent, a flow: time-ordered like a selector.

    48 bits of milliseconds, then 47 random bits, so that nodes never collide. It is unique, not
    secret. `now` is in Unix seconds; ValueError as for `issue_secret`.
    """
    milliseconds = int(now * 1000)
    if not 0 <= milliseconds < _LAST_MILLISECOND:
        raise ValueError(f"not a time for an id: {now!r} seconds since 1970")
    number = milliseconds << 47 | int.from_bytes(_TELLING_APART.take(6)) >> 1
    high, low = divmod(number, 62**8)  # 62¹⁶ > 2⁹⁵; halves fit into 64 bits, where arithmetic is fast
    return _eight_digits(high) + _eight_digits(low)


def new_reference() -> str:
    """A short name for one refusal, such as 7F3A-91: for people to quote and operators to find. No secret."""
    digits = _TELLING_APART.take(3).hex().upper()
    return f"{digits[:4]}-{digits[4:]}"


class _Block:
    """Random bytes fetched many at a time, for ids alone: a system call each was a tenth of a code exchange.

    Secrets never come from here: whatever copies a process (a fork, a snapshot of the machine) copies the
    block with it, and two ids that differ in their millisecond are still two ids.
    """

    def __init__(self) -> None:
        self.forget()
        register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin a new block with the next call. A lock that was held while the process forked stays held."""
        self._lock, self._octets, self._at = Lock(), b"", 0

    def take(self, length: int) -> bytes:
        """The next bytes; no caller is given the same twice."""
        with self._lock:
            if self._at + length > len(self._octets):
                self._octets, self._at = urandom(4096), 0
            self._at += length
            return self._octets[self._at - length : self._at]


_TELLING_APART: Final = _Block()


def random_base62(length: int) -> str:
    """Random characters of 0-9, A-Z, a-z, all equally likely: 5.95 bits each.

    Base64 has the same characters and two more. With those two taken out, the rest are as likely as before.
    """
    octets = b""
    while len(octets) < length:
        octets += b2a_base64(urandom(length - length % 3 + 12), newline=False).translate(None, b"+/=")
    return octets[:length].decode()


def is_id(text: str) -> bool:
    """Whether this is shaped like an id of `new_id`: 16 characters of 0-9, A-Z, a-z."""
    return len(text) == SELECTOR_LENGTH and text.isascii() and text.isalnum()


def _checksum(octets: bytes) -> str:
    """CRC32 in six base62 digits, as in the tokens of large code hosts; it notices every single slip."""
    rest, low = divmod(crc32(octets), 3844)
    high, middle = divmod(rest, 3844)
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]


def _eight_digits(number: int) -> str:
    """A number below 62⁸ in base62, with leading zeros, so that text order is number order."""
    high, low = divmod(number, 14776336)
    return _PAIRS[high // 3844] + _PAIRS[high % 3844] + _PAIRS[low // 3844] + _PAIRS[low % 3844]
