"""Client secrets that people bring from another server, so that no app has to change on moving day.

We did not make them, so they have neither selector nor checksum, and may be weak. They are accepted
above a minimum of entropy, and kept as an HMAC under the master key: a dump of the database alone
leaves nothing to guess against.
"""

import hmac
import re
from collections.abc import Iterable
from math import log2
from typing import Final

from grantway.crypto.envelope import MasterKey

SHORTEST: Final = 16
LONGEST: Final = 512
ENOUGH_BITS: Final = 80

_VISIBLE: Final = re.compile(r"[\x20-\x7e]*")  # client_secret = *VSCHAR (RFC 6749 appendix A.2)
_ALPHABETS: Final = tuple(
    (re.compile(pattern), size)
    for pattern, size in (("[0-9]+", 10), ("[0-9a-f-]+|[0-9A-F-]+", 16), ("[a-z]+|[A-Z]+", 26))
)
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz 01234567890 qwertyuiop asdfghjkl zxcvbnm "
    "1q2w3e4r5t6y7u8i9o0p a1b2c3d4e5f6g7h8i9"
)
_WORDS: Final = (
    "password secret client changeme default example test admin oauth token letmein please welcome grantway"
)
_KNOWN: Final = f"{_ROWS} {_ROWS[::-1]} {_WORDS} "
_SHORTEST_ECHO: Final = 4


def given_secret_hash(master: MasterKey, client_id: str, text: str) -> bytes:
    """What is stored of a given secret: HMAC-SHA-256 of client id and text, 32 bytes.

    The key is derived from the master key for this alone; the client id keeps equal secrets of two
    clients apart. Any text has a hash, so that a wrong one needs no case of its own.
    """
    message = len(client_id).to_bytes(4) + (client_id + text).encode("utf-8", "surrogatepass")
    return hmac.digest(master.derive("given-secret:v1"), message, "sha256")


def given_secret_matches(
    stored: bytes, masters: Iterable[MasterKey], *, client_id: str, text: str
) -> MasterKey | None:
    """The master key under which this is the stored secret, or None; compared in constant time.

    An HMAC cannot be rewrapped, so while the master key is changed both are tried, and whoever
    authenticates under the old one is stored again under the new one, now that the text is at hand.
    """
    if len(text) > LONGEST:
        return None
    return next(
        (key for key in masters if hmac.compare_digest(stored, given_secret_hash(key, client_id, text))),
        None,
    )


def given_secret_problem(text: str) -> str | None:
    """Why this cannot be a client secret, in words for the person who brings it; None if it can.

    Visible ASCII (RFC 6749 appendix A.2), 16 to 512 characters, and an estimated 80 bits: what repeats
    itself, follows a row of the keyboard or is a usual word hardly counts. Our own secrets have 256.
    """
    if not _VISIBLE.fullmatch(text):
        return "A client secret has letters, digits, punctuation and spaces of ASCII only."
    if not SHORTEST <= len(text) <= LONGEST:
        return f"A client secret has {SHORTEST} to {LONGEST} characters; this one has {len(text)}."
    if (bits := _estimated_bits(text)) < ENOUGH_BITS:
        return (
            f"This secret can be guessed: about {bits:.0f} bits, at least {ENOUGH_BITS} are needed. "
            "Let the server make one."
        )
    return None


def _estimated_bits(text: str) -> float:
    """The work of a guesser who knows the alphabet, and tries repetitions and known rows first.

    Character by character each costs the bits of its alphabet, but at most a little more than the
    variety seen. Four or more characters that occurred before, or stand in a known row, cost only where
    and how long.
    """
    size = next((size for alphabet, size in _ALPHABETS if alphabet.fullmatch(text)), 64)
    per_character = min(log2(size), log2(len(set(text))) + 1.5)
    searched = _KNOWN + text.lower()
    bits, position = 0.0, len(_KNOWN)
    while position < len(searched):
        echo = _echo_length(searched, position)
        bits += log2(position * echo) if echo else per_character
        position += echo or 1
    return bits


def _echo_length(searched: str, position: int) -> int:
    """How many characters from here on are an echo of something before; 0 below four."""
    length = 0
    for end in range(position + _SHORTEST_ECHO, len(searched) + 1):
        if searched.find(searched[position:end], 0, end - 1) < 0:
            break
        length = end - position
    return length
