"""Proof Key for Code Exchange, S256 alone (RFC 7636; RFC 9700 §2.1.1)."""

import re
from hashlib import sha256
from hmac import compare_digest

from grantway.protocol.base64url import to_base64url
from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode
from grantway.protocol.params import Params

METHODS = ("S256",)
_CHALLENGE = re.compile(r"[A-Za-z0-9_\-]{43}")  # SHA-256 in base64url: S256 has no other length
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
            raise OAuthError(ErrorCode.INVALID_REQUEST, "code_challenge is missing", _no_challenge(method))
        return None
    if method != "S256":
        raise OAuthError(
            ErrorCode.INVALID_REQUEST,
            "code_challenge_method must be S256",
            Diagnosis(
                Gw.CHALLENGE_NOT_S256,
                f"code_challenge_method {(method or 'plain, by default')[:100]!r}",
                received=f"code_challenge_method={shown(method)}"
                if method
                else "no method, which means plain",
                expected="code_challenge_method=S256, exactly so written",
                difference="the case of its letters"
                if method and method.upper() == "S256"
                else "plain shows the verifier to everybody who sees the link",
            ),
        )
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthError(
            ErrorCode.INVALID_REQUEST,
            "code_challenge must be 43 characters of base64url",
            _odd_challenge(challenge),
        )
    return challenge


def s256(verifier: str) -> str:
    """The challenge of a verifier: BASE64URL(SHA256(ASCII(verifier))) (RFC 7636 §4.2)."""
    return to_base64url(sha256(verifier.encode("ascii")).digest())


def _no_challenge(method: str | None) -> Diagnosis:
    return Diagnosis(
        Gw.PKCE_MISSING,
        "code_challenge is missing",
        received="no parameter of PKCE" if method is None else f"code_challenge_method={shown(method)} alone",
        expected="code_challenge and code_challenge_method=S256",
        difference="the app's library does not use PKCE, it is switched off, or the parameter is misspelt",
    )


def _odd_challenge(challenge: str) -> Diagnosis:
    """What a challenge of another form was probably made from. It is no secret; what made it would be."""
    if challenge.rstrip("=") != challenge and _CHALLENGE.fullmatch(challenge.rstrip("=")):
        words = "padded: leave out the = at the end"
    elif _CHALLENGE.fullmatch(challenge.replace("+", "-").replace("/", "_").rstrip("=")):
        words = "base64 instead of base64url: - and _ take the places of + and /"
    elif re.fullmatch("[0-9A-Fa-f]{64}", challenge):
        words = "hexadecimal instead of base64url"
    else:
        words = f"{len(challenge)} characters: is it the verifier itself?"
    return Diagnosis(
        Gw.CHALLENGE_NOT_S256,
        "code_challenge is not what S256 makes",
        received=f"a code_challenge of {len(challenge)} characters",
        expected="43 characters: BASE64URL(SHA256(verifier)) without padding",
        difference=words,
    )


def verifier_differs(challenge: str | None, verifier: str | None) -> Diagnosis:
    """Why this verifier is not the one, in fingerprints: neither it nor what it should be is told."""
    why = why_not_proven(challenge, verifier) or ""
    if challenge is None or verifier is None:
        return Diagnosis(
            Gw.VERIFIER_DIFFERS,
            why,
            received="no code_verifier" if verifier is None else "a code_verifier",
            expected="the code_verifier behind the code_challenge of this flow" if challenge else "none",
            difference=why,
        )
    made = s256(verifier) if verifier.isascii() else "nothing"
    if verifier == challenge:
        words = "the challenge itself was sent: it was made as with plain"
    elif not _VERIFIER.fullmatch(verifier):
        words = f"{len(verifier)} characters, or some that no verifier has"
    else:
        words = "it belongs to another flow, another tab, or was made anew after the link"
    return Diagnosis(
        Gw.VERIFIER_DIFFERS,
        why,
        received=f"a code_verifier whose S256 begins {made[:6]}...",
        expected=f"one whose S256 begins {challenge[:6]}...",
        difference=words,
    )


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
