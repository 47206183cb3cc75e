"""Proof Key for Code Exchange, S256 alone (RFC 7636; RFC 9700 §2.1.1)."""

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest

from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params

METHODS = ("S256",)
_CHALLENGE = re.compile(
    r"[A-Za-z0-9_\-]{43}"
)  # what SHA-256 in base64url looks like: S256 has no other length
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def parse_challenge(params: Params, *, required: bool) -> str | None:
    """The S256 challenge of an authorization request (RFC 7636 §4.3). Raises `invalid_request`.

    A method without a challenge, a challenge without `S256`, and a challenge of another form than
    S256 makes are refused, whether PKCE is required or not.
    """
    challenge = params.get("code_challenge")
    method = params.get("code_challenge_method")
    if challenge is None:
        if required or method is not None:
            raise OAuthError(ErrorCode.INVALID_REQUEST, "code_challenge is missing")
        return None
    if method != "S256":
        raise OAuthError(ErrorCode.INVALID_REQUEST, "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthError(ErrorCode.INVALID_REQUEST, "code_challenge must be 43 characters of base64url")
    return challenge


def s256(verifier: str) -> str:
    """The challenge of a verifier: BASE64URL(SHA256(ASCII(verifier))) (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def why_not_proven(challenge: str | None, verifier: str | None) -> str | None:
    """Why the verifier does not answer the challenge of the code, for the operator; None when it does.

    A verifier without a challenge is refused too: somebody took the challenge away in between
    (RFC 9700 §4.8.2).
    """
    if challenge is None:
        return None if verifier is None else "code_verifier sent, but the code was issued without a challenge"
    if verifier is None:
        return "code_verifier is missing"
    if not _VERIFIER.fullmatch(verifier):
        return "code_verifier is not 43 to 128 unreserved characters"
    if not compare_digest(s256(verifier), challenge):
        return "code_verifier does not match code_challenge"
    return None
