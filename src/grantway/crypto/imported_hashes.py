"""Password hashes that other servers made: read once, at the first login, then replaced by ours.

bcrypt (`$2a$`, `$2b$`, `$2y$`) · PBKDF2 as passlib and as Django write it · Django's `argon2$…`,
`bcrypt$…` and `bcrypt_sha256$…` · argon2 with other parameters than ours. The work that a hash may ask
for is capped, so that an import cannot make logins a denial of service.
"""

import base64
import hmac
import re
from binascii import Error as NotBase64
from collections.abc import Callable
from hashlib import new as new_hash
from hashlib import pbkdf2_hmac, sha256
from typing import Final, TypeAlias

Check: TypeAlias = Callable[[bytes], bool]
"""Whether these octets are the password. Slow, never raises for a password."""

MOST_ITERATIONS: Final = 5_000_000
MOST_MEMORY_KIB: Final = 262_144
MOST_PASSES: Final = 16
HIGHEST_BCRYPT_COST: Final = 15

_BCRYPT: Final = re.compile(
    r"(?P<scheme>bcrypt\$|bcrypt_sha256\$)?(?P<hash>\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53})"
)
_ARGON2: Final = re.compile(
    r"(?:argon2)?(?P<hash>\$argon2(?:id|i|d)\$v=19\$m=(?P<memory>\d{1,7}),t=(?P<passes>\d{1,3}),p=(?P<lanes>\d{1,2})"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86})"
)
_PBKDF2_DJANGO: Final = re.compile(
    r"pbkdf2_(?P<digest>sha1|sha256)\$(?P<iterations>[1-9]\d{0,7})\$(?P<salt>[^$]{1,256})\$(?P<hash>[A-Za-z0-9+/]{27,86}={0,2})"
)
_PBKDF2_PASSLIB: Final = re.compile(
    r"\$pbkdf2-(?P<digest>sha256|sha512)\$(?P<iterations>[1-9]\d{0,7})\$(?P<salt>[A-Za-z0-9./]{1,256})\$(?P<hash>[A-Za-z0-9./]{43,86})"
)


def check_of(stored: str) -> Check | None:
    """How to check a password against this stored hash; None for a format, or a cost, we do not accept.

    Fast: the check itself is what takes time. Whoever imports accounts asks here first.
    """
    if match := _ARGON2.fullmatch(stored):
        return _argon2(match)
    if match := _BCRYPT.fullmatch(stored):
        return _bcrypt(match)
    if match := _PBKDF2_DJANGO.fullmatch(stored):
        return _pbkdf2(match, match["salt"].encode(), match["hash"])
    if match := _PBKDF2_PASSLIB.fullmatch(stored):
        salt = _from_base64(match["salt"].replace(".", "+"))
        return None if salt is None else _pbkdf2(match, salt, match["hash"].replace(".", "+"))
    return None


def _argon2(match: re.Match[str]) -> Check | None:
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    memory, passes, lanes = int(match["memory"]), int(match["passes"]), int(match["lanes"])
    if memory > MOST_MEMORY_KIB or not 1 <= passes <= MOST_PASSES or not 1 <= lanes <= 16:
        return None
    stored, verify = match["hash"], PasswordHasher().verify  # the parameters are those of the hash

    def check(password: bytes) -> bool:
        try:
            return verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    return check


def _bcrypt(match: re.Match[str]) -> Check | None:
    import bcrypt

    if not 4 <= int(match["cost"]) <= HIGHEST_BCRYPT_COST:
        return None
    stored, prehashed = match["hash"].encode(), match["scheme"] == "bcrypt_sha256$"

    def check(password: bytes) -> bool:
        """Bcrypt reads 72 octets and, in many servers, stops at a NUL: no other password may pass for one."""
        if prehashed:
            password = sha256(password).hexdigest().encode()
        if len(password) > 72 or b"\0" in password:
            return False
        try:
            return bcrypt.checkpw(password, stored)
        except ValueError:  # well-formed, yet not a salt that bcrypt can read
            return False

    return check


def _pbkdf2(match: re.Match[str], salt: bytes, encoded: str) -> Check | None:
    digest, iterations, expected = match["digest"], int(match["iterations"]), _from_base64(encoded)
    if iterations > MOST_ITERATIONS or expected is None or len(expected) != new_hash(digest).digest_size:
        return None

    def check(password: bytes) -> bool:
        """HMAC fills a short key up with NULs, so that `secret` and `secret` with a NUL would be the same."""
        if b"\0" in password:
            return False
        return hmac.compare_digest(pbkdf2_hmac(digest, password, salt, iterations), expected)

    return check


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except NotBase64:
        return None
