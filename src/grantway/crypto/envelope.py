"""The master key, and what lies in the database under it: signing keys and sealing keys.

A dump of the database alone must give no key away, so each is kept in an envelope: AES-256-GCM under
a key derived from the master key, which comes from a file or the environment and is never stored.
There is no default master key and no way to do without one.
"""

import base64
import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from grantway.protocol.base64url import to_base64url

_VERSION: Final = b"\x01"
_KEY_ID_LENGTH: Final = 8
_NONCE_LENGTH: Final = 12
_TAG_LENGTH: Final = 16
_SHORTEST: Final = len(_VERSION) + _KEY_ID_LENGTH + _NONCE_LENGTH + _TAG_LENGTH
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_BASE64URL: Final = re.compile(r"[0-9A-Za-z_-]{43}=?")


class CannotUnwrap(Exception):
    """An envelope does not open; the message tells the operator why, and what to do."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The 32 random bytes above all other keys. Its repr shows only the key's id.

    Never used directly: each purpose has a key of its own (`derive`). ValueError for another length
    and for bytes that cannot have come out of a random generator, such as a pattern or a phrase.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise ValueError(f"a master key has 32 bytes, this one has {len(self.secret)}")
        if len(set(self.secret)) < 16 or self.secret.isascii():  # by chance: once in 4 billion keys
            raise ValueError("this master key is not random; make one with `openssl rand -hex 32`")

    @classmethod
    def generate(cls) -> Self:
        """A new master key from the operating system's randomness."""
        return cls(os.urandom(32))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A master key as it stands in a file or the environment: 64 hex digits, or base64url.

        White space around it is ignored. ValueError, without the text, if it is anything else.
        """
        text = text.strip()
        if _HEX.fullmatch(text):
            return cls(bytes.fromhex(text))
        if not _BASE64URL.fullmatch(text):
            raise ValueError(
                "a master key is 64 hex digits or 43 characters of base64url; "
                f"this text of {len(text)} characters is neither; make one with `openssl rand -hex 32`"
            )
        return cls(base64.urlsafe_b64decode(text.rstrip("=") + "="))

    def to_text(self) -> str:
        """The key in base64url without padding, as `from_text` reads it."""
        return to_base64url(self.secret)

    @property
    def key_id(self) -> str:
        """16 hex digits that tell master keys apart and reveal nothing; fit for logs and envelopes."""
        return _derive(self.secret, "master-key-id:v1")[:_KEY_ID_LENGTH].hex()

    def derive(self, domain: str) -> bytes:
        """The 32-byte key of one domain (HKDF-SHA-256, RFC 5869); domains know nothing of each other."""
        return _derive(self.secret, domain)

    def __repr__(self) -> str:
        return f"MasterKey(key_id={self.key_id!r})"


@lru_cache(maxsize=64)
def _derive(secret: bytes, domain: str) -> bytes:
    """HKDF; remembered, because a process has one or two master keys and a handful of domains."""
    return HKDF(SHA256(), 32, salt=None, info=b"grantway:" + domain.encode()).derive(secret)


class Envelopes:
    """Wraps and unwraps under the current master key; unwraps under a second one while it is changed.

    To change the master key: start every node with the new one as `current` and the old one as
    `also`, rewrap what `needs_rewrap` names, then take the old one away.
    """

    def __init__(self, current: MasterKey, also: MasterKey | None = None) -> None:
        self._current = current
        self._ciphers = {key.key_id: AESGCM(key.derive("envelope:v1")) for key in (current, also) if key}

    def wrap(self, plaintext: bytes, *, purpose: str) -> bytes:
        """An envelope that opens only for the same purpose, e.g. `signing-key:<kid>:ES256`.

        The purpose is authenticated, not stored: an envelope moved to another row does not open. Nonces
        are random; a master key wraps keys by the dozen, far below the 2³² messages that would be too
        many (NIST SP 800-38D §8.3).
        """
        key_id = self._current.key_id
        head = _VERSION + bytes.fromhex(key_id)
        nonce = os.urandom(_NONCE_LENGTH)
        return head + nonce + self._ciphers[key_id].encrypt(nonce, plaintext, _authenticated(head, purpose))

    def unwrap(self, blob: bytes, *, purpose: str) -> bytes:
        """What was wrapped for this purpose. Raises CannotUnwrap, saying what to do about it."""
        key_id = _key_id_of(blob)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CannotUnwrap(
                f"{purpose} was wrapped under master key {key_id}, but this server was given "
                f"{' and '.join(self._ciphers)}; start it with master key {key_id}, as the previous key "
                "if the master key is being changed"
            )
        head, nonce = blob[: 1 + _KEY_ID_LENGTH], blob[1 + _KEY_ID_LENGTH : _SHORTEST - _TAG_LENGTH]
        try:
            return cipher.decrypt(nonce, blob[_SHORTEST - _TAG_LENGTH :], _authenticated(head, purpose))
        except InvalidTag:
            raise CannotUnwrap(
                f"the envelope of {purpose} was altered, or belongs to another purpose; "
                "restore this row from a backup, or retire this key and make a new one"
            ) from None

    def needs_rewrap(self, blob: bytes) -> bool:
        """Whether this envelope is still under another master key than the current one.

        Raises CannotUnwrap if it is no envelope.
        """
        return _key_id_of(blob) != self._current.key_id


def _key_id_of(blob: bytes) -> str:
    if len(blob) < _SHORTEST:
        raise CannotUnwrap(
            f"an envelope has at least {_SHORTEST} bytes, this one has {len(blob)}; "
            "it was cut off: restore this row from a backup"
        )
    if blob[:1] != _VERSION:
        raise CannotUnwrap(
            f"this envelope has version {blob[0]}, this server reads version 1; "
            "run the release that wrote it, or a newer one"
        )
    return blob[1 : 1 + _KEY_ID_LENGTH].hex()


def _authenticated(head: bytes, purpose: str) -> bytes:
    return b"grantway:envelope:" + head + purpose.encode()
