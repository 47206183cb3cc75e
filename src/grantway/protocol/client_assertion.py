"""Assertions by which a client proves itself with its key: `private_key_jwt` (RFC 7523 §2.2, §3).

The signature is checked by `crypto.foreign`; here is what the claims must say.
"""

import hashlib
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from grantway.protocol.client_refusals import failed
from grantway.protocol.clients import Client
from grantway.protocol.diagnosis import Diagnosis, Gw
from grantway.protocol.fixes import edit_app

# What a client may sign with: never `none`, never a shared secret (RFC 8725 §3.1-3.2).
SIGNING_ALGS = ("ES256", "PS256", "RS256", "EdDSA", "Ed25519")
# `typ` in the header, if it is there: a token made for another purpose is no assertion (RFC 8725 §3.11).
TYPES = frozenset({"jwt", "client-authentication+jwt"})
MAX_LENGTH = 8192  # characters
MAX_LIFETIME = 3600  # seconds; so long are used ones remembered
LEEWAY = 10  # seconds that the client's clock may be ahead or behind
_LONGEST_JTI = 256
_LAST_SECOND = 253_402_300_800  # 10000-01-01


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionUse:
    """An assertion that says the right things and may be used once: `id` tells it from all others."""

    id: str
    expires_at: float


def client_named_by(assertion: str) -> str:
    """Whom an assertion is about (`sub`): to look the client up, nothing of it is believed yet."""
    if len(assertion) > MAX_LENGTH:
        words = f"the assertion is longer than {MAX_LENGTH} characters"
        raise failed(refused_assertion(words, f"{len(assertion)} characters", f"at most {MAX_LENGTH}"))
    parts = assertion.split(".")
    try:
        payload = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(urlsafe_b64decode(payload))
        subject = claims["sub"]
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        words = "the assertion is not a JWT with a sub"
        raise failed(refused_assertion(words, "a text", "a signed JWT, its sub the client_id")) from None
    if not isinstance(subject, str) or not subject:
        words = "the sub of the assertion is not a text"
        raise failed(refused_assertion(words, "a sub that is no text", "the client_id"))
    return subject


def judge_assertion(
    claims: Mapping[str, object], client: Client, *, issuer: str, token_endpoint: str, now: float
) -> AssertionUse:
    """What the claims of a correctly signed assertion come to (RFC 7523 §3, RFC 7521 §5.2).

    The audience is the issuer as the one string, so that an assertion for us is good nowhere else and none
    made for another server is good here; the switch of the client admits the token endpoint, which older
    libraries name, and lists that hold either. Raises `invalid_client`, in the same words for every cause.
    """
    for name in ("iss", "sub"):
        if claims.get(name) != client.id:
            words = f"{name} of the assertion is {_shown(claims.get(name))}, not {client.id}"
            raise failed(refused_assertion(words, f"{name} {_shown(claims.get(name))}", client.id))
    _judge_audience(claims.get("aud"), client, issuer, token_endpoint)
    expires_at = _time(claims, "exp")
    if now - LEEWAY >= expires_at:
        words = f"the assertion of {client.id} expired {now - expires_at:.0f} s ago"
        skew = f"exp lies {now - expires_at:.0f} s back; {LEEWAY} s are forgiven: is the app's clock behind?"
        raise failed(refused_assertion(words, f"exp {expires_at:.0f}", f"after {now:.0f}, now", skew))
    if expires_at > now + MAX_LIFETIME + LEEWAY:
        words = (
            f"the assertion of {client.id} lives {expires_at - now:.0f} s more; {MAX_LIFETIME} are the limit"
        )
        wanted = f"at most {MAX_LIFETIME} s from now"
        raise failed(refused_assertion(words, f"exp in {expires_at - now:.0f} s", wanted))
    for name, words in (("nbf", "is not valid for"), ("iat", "was issued in")):
        if name in claims and (ahead := _time(claims, name) - now) > LEEWAY:
            why = f"the assertion of {client.id} {words} another {ahead:.0f} s; is its clock ahead?"
            skew = f"{name} lies {ahead:.0f} s ahead; {LEEWAY} s are forgiven: is the app's clock ahead?"
            raise failed(refused_assertion(why, f"{name} {now + ahead:.0f}", f"at most {now:.0f}, now", skew))
    if "iat" in claims and (age := now - _time(claims, "iat")) > MAX_LIFETIME + LEEWAY:
        words = f"the assertion of {client.id} was issued {age:.0f} s ago; {MAX_LIFETIME} are the limit"
        raise failed(refused_assertion(words, f"an iat {age:.0f} s back", f"at most {MAX_LIFETIME} s"))
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        words = f"the assertion of {client.id} has no jti of 1 to {_LONGEST_JTI} characters"
        raise failed(refused_assertion(words, "no such jti", f"a jti of 1 to {_LONGEST_JTI} characters"))
    digest = hashlib.sha256(f"{client.id}\n{jti}".encode("utf-8", "surrogatepass")).hexdigest()
    return AssertionUse(id=digest, expires_at=expires_at + LEEWAY)


def used_before(client: Client) -> Exception:
    """The refusal of an assertion whose `jti` has been seen (threat I1)."""
    words = f"the assertion of {client.id} was used before: each request needs one of its own"
    return failed(refused_assertion(words, "a jti that was used", "a new jti for every request"))


def refused_assertion(
    why: str, received: str, expected: str, difference: str = "", fix: str = ""
) -> Diagnosis:
    """An assertion that does not prove its client."""
    return Diagnosis(Gw.ASSERTION, why, received, expected, difference or why, fix)


def _judge_audience(given: object, client: Client, issuer: str, token_endpoint: str) -> None:
    if given == issuer:
        return
    if client.legacy_audience:
        listed = given if isinstance(given, list) else [given]
        if all(isinstance(one, str) for one in listed) and {issuer, token_endpoint} & set(listed):
            return
        wanted = f"{issuer} or {token_endpoint}"
    else:
        wanted = f"{issuer}, as one string"
    near = given in (token_endpoint, [issuer], [token_endpoint], issuer + "/")
    hint = "; its owner may allow the legacy audience" if near and not client.legacy_audience else ""
    words = f"aud of the assertion of {client.id} is {_shown(given)}, expected {wanted}{hint}"
    fix = f"Let the app name {issuer} as aud, one string."
    if near and not client.legacy_audience:
        fix += f" If its library cannot: {edit_app(client, '--legacy-audience')}."
    raise failed(refused_assertion(words, f"aud {_shown(given)}", wanted, f"aud{hint}", fix))


def _time(claims: Mapping[str, object], name: str) -> float:
    """A NumericDate (RFC 7519 §2)."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LAST_SECOND:
        words = f"{name} of the assertion is {_shown(value)}, not a time in seconds"
        raise failed(refused_assertion(words, f"{name} {_shown(value)}", "seconds since 1970"))
    return value


def _shown(value: object) -> str:
    return "missing" if value is None else repr(value)[:200]
