"""The successor of a refresh token, readable by the holder of its predecessor and nobody else.

A client whose answer got lost sends the old refresh token again and must receive the same successor,
although the server stores hashes only. So for the seconds of the grace, the spent row keeps the
successor encrypted under a key derived from the *presented* token. The retry brings the key along; a
dump of the database cannot, and no key of the server could.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION: Final = b"\x01"
_NONCE_LENGTH: Final = 12


class CannotUnlock(Exception):
    """A locked successor does not open: altered, or locked for another token."""


def lock_successor(presented: str, successor: str) -> bytes:
    """The successor's text, for `unlock_successor` with the same presented token.

    Both are refresh tokens as `issue_secret` made them: the 256 random bits of the presented one are
    the strength of the lock.
    """
    nonce = os.urandom(_NONCE_LENGTH)
    return _VERSION + nonce + _cipher(presented).encrypt(nonce, successor.encode(), _VERSION)


def unlock_successor(presented: str, blob: bytes) -> str:
    """The text that was locked for this presented token. Raises CannotUnlock."""
    if blob[:1] != _VERSION:
        raise CannotUnlock("the locked successor has a version that this server does not read")
    nonce, sealed = blob[1 : 1 + _NONCE_LENGTH], blob[1 + _NONCE_LENGTH :]
    try:
        return _cipher(presented).decrypt(nonce, sealed, _VERSION).decode()
    except (InvalidTag, ValueError):
        raise CannotUnlock("the locked successor was altered, or belongs to another token") from None


def _cipher(presented: str) -> AESGCM:
    """AES-256-GCM under HKDF-SHA-256 (RFC 5869) of the token; unrelated to the hash that is stored."""
    derivation = HKDF(SHA256(), 32, salt=None, info=b"grantway:successor:v1")
    return AESGCM(derivation.derive(presented.encode("utf-8", "surrogatepass")))
