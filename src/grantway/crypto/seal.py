"""Seals: what travels through a browser and must come back unread and unchanged.

A pending authorization request is not stored. It goes from page to page as a sealed text, tied to a
purpose, to a flow, and to a cookie of the one browser that started it.

    <flow id, 16 characters> . base64url( key id 4 | nonce 12 | ciphertext and tag )
"""

import hmac
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from grantway.crypto.secrets import SELECTOR_LENGTH, is_id
from grantway.protocol.base64url import from_base64url, to_base64url

MAX_PAYLOAD: Final = 16_384
"""The most bytes that may be sealed: 4 kB of parameters, or a redirect that repeats them percent-encoded."""

_KEY_ID_LENGTH: Final = 4
_NONCE_LENGTH: Final = 12
_HEAD_LENGTH: Final = _KEY_ID_LENGTH + _NONCE_LENGTH
_TAG_LENGTH: Final = 16
_LONGEST: Final = SELECTOR_LENGTH + 1 + (_HEAD_LENGTH + MAX_PAYLOAD + _TAG_LENGTH + 2) // 3 * 4


class BrokenSeal(Exception):
    """A seal does not open: altered, of another purpose, flow or browser, or of a key long gone.

    The message is for operators; a person is told to start again.
    """


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key of 32 random bytes; kept in the database, in an envelope. ValueError for another length."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise ValueError(f"a sealing key has 32 bytes, this one has {len(self.secret)}")

    @classmethod
    def generate(cls) -> Self:
        """A new sealing key from the operating system's randomness."""
        return cls(os.urandom(32))

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell sealing keys apart and reveal nothing."""
        return sha256(b"grantway:sealing-key-id:v1:" + self.secret).digest()[:_KEY_ID_LENGTH]


class Sealer:
    """Seals under the first key and opens under any, so that keys can be changed while flows run.

    ValueError without a key, or if two keys have the same id.
    """

    def __init__(self, keys: tuple[SealingKey, ...]) -> None:
        self._secrets = {key.key_id: key.secret for key in keys}
        if not keys or len(self._secrets) != len(keys):
            raise ValueError(f"a sealer needs keys, all different; it was given {len(keys)}")
        self._first = keys[0].key_id

    def seal(self, payload: bytes, *, purpose: str, binding: bytes, flow_id: str) -> str:
        """A text that opens only for the same purpose, flow and binding (the flow's cookie).

        ValueError for a payload above MAX_PAYLOAD bytes, an empty binding, or a flow id that is not 16
        base62 characters.
        """
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(f"{len(payload)} bytes are too many to seal; at most {MAX_PAYLOAD}")
        if not binding:
            raise ValueError("a seal needs a binding: without one, any browser could open it")
        if not is_id(flow_id):
            raise ValueError(f"not a flow id: {flow_id!r}")
        nonce = os.urandom(_NONCE_LENGTH)
        cipher = _cipher(self._secrets[self._first], flow_id)
        sealed = cipher.encrypt(nonce, payload, _authenticated(purpose, flow_id, binding))
        return f"{flow_id}.{to_base64url(self._first + nonce + sealed)}"

    def open(self, text: str, *, purpose: str, binding: bytes) -> bytes:
        """What was sealed for this purpose and this binding. Raises BrokenSeal, whatever the text.

        Whether the seal is still fresh, its payload must say: a seal carries no time.
        """
        flow_id = flow_id_of(text)
        if flow_id is None:
            raise BrokenSeal(f"not the shape of a seal: {len(text)} characters")
        try:
            blob = from_base64url(text[SELECTOR_LENGTH + 1 :])
        except ValueError:
            blob = b""
        if len(blob) < _HEAD_LENGTH + _TAG_LENGTH:
            raise BrokenSeal(f"not the shape of a seal: flow {flow_id}, {len(text)} characters")
        secret = self._secrets.get(blob[:_KEY_ID_LENGTH])
        if secret is None:
            raise BrokenSeal(f"no such sealing key: {blob[:_KEY_ID_LENGTH].hex()}, flow {flow_id}")
        if not binding:
            raise BrokenSeal(f"nothing to hold the seal of flow {flow_id} against: the cookie is missing")
        nonce, sealed = blob[_KEY_ID_LENGTH:_HEAD_LENGTH], blob[_HEAD_LENGTH:]
        try:
            return _cipher(secret, flow_id).decrypt(nonce, sealed, _authenticated(purpose, flow_id, binding))
        except InvalidTag:
            raise BrokenSeal(
                f"altered, or not sealed for this browser and {purpose}: flow {flow_id}"
            ) from None


def flow_id_of(text: str) -> str | None:
    """The flow a sealed text claims to belong to, to find its cookie; None if it cannot be a seal."""
    if len(text) > _LONGEST or text[SELECTOR_LENGTH : SELECTOR_LENGTH + 1] != ".":
        return None
    flow_id = text[:SELECTOR_LENGTH]
    return flow_id if is_id(flow_id) else None


def _cipher(secret: bytes, flow_id: str) -> AESGCM:
    """The cipher of one flow.

    With random 96-bit nonces a key must not seal more than 2³² messages (NIST SP 800-38D §8.3). A busy
    server would reach that within weeks, so each flow has its own key, which seals a handful.
    """
    return AESGCM(hmac.digest(secret, b"grantway:seal:v1:" + flow_id.encode(), "sha256"))


def _authenticated(purpose: str, flow_id: str, binding: bytes) -> bytes:
    """What is not in the ciphertext but must be the same; only the purpose varies in length, and is last."""
    return flow_id.encode() + sha256(binding).digest() + purpose.encode()
