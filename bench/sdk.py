"""What the SDK adds to a request of an API, beside the libraries that others would write it with."""

import asyncio
import time
from collections.abc import Callable
from statistics import median

import jwt
from authlib.oauth2 import ResourceProtector
from authlib.oauth2.rfc6749.requests import OAuth2Request
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet

from bench.sections import Options, Section, say
from grantway.crypto.jose import SigningKey
from grantway.protocol.apis import Api, ApiScope, Rule
from grantway.sdk import Guard, Protection
from grantway.sdk.bearer import Brought
from grantway.sdk.protection import Asked

ISSUER, AUDIENCE = "https://id.example", "https://api.example/photos"
KEY = SigningKey.generate("ES256")
RULES = 500  # as many as a large API has
REMEMBERED = 200  # tokens that take turns


def token(number: int) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": f"gwp_{number}",
        "aud": AUDIENCE,
        "client_id": "printer",
        "scope": "photos:read",
        "iat": now,
        "exp": now + 3600,
        "jti": f"gwj_{number}",
        "grant_id": "gwg_1",
        "auth_time": now,
    }
    return KEY.sign(claims, typ="at+jwt")


def definition() -> Api:
    more = tuple(Rule("GET", f"/things{n}/{{id}}", frozenset({"photos:read"})) for n in range(RULES - 1))
    return Api(
        identifier=AUDIENCE,
        name="photos",
        scopes=(ApiScope(name="photos:read", description="See your photos"),),
        rules=(Rule("GET", "/photos/{id}", frozenset({"photos:read"})), *more),
    )


def with_keys(protection: Protection) -> Protection:
    """As after the first request: the keys are at hand."""
    jwks = protection.verifier.jwks
    jwks._value, jwks._fetched_at = {KEY.kid: KEY.verification_key}, time.monotonic() + 10**6  # noqa: SLF001 - nothing is fetched in a bench
    return protection


class _Validator(JWTBearerTokenValidator):
    def get_jwks(self) -> KeySet:
        return KEYS


KEYS = KeySet.import_key_set({"keys": [KEY.public_jwk()]})


def contestants(loop: asyncio.AbstractEventLoop) -> dict[str, Callable[[str], object]]:
    """Each takes one token and does the work of one request."""
    public = jwt.PyJWK(KEY.public_jwk())
    protector = ResourceProtector()
    protector.register_token_validator(_Validator(ISSUER, AUDIENCE))
    forgetful, mindful = (with_keys(Protection(api=definition(), issuer=ISSUER)) for _ in range(2))
    asked = Asked(method="GET", path="/photos/{id}")

    async def application(_scope, _receive, _send): ...

    async def nowhere(message):
        raise AssertionError(message)

    guards = Guard(application, forgetful), Guard(application, mindful)

    def by_pyjwt(text: str) -> object:
        return jwt.decode(text, public, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER)

    def by_authlib(text: str) -> object:
        headers = {"Authorization": f"Bearer {text}"}
        request = OAuth2Request("GET", f"{AUDIENCE}/7", headers=headers)
        return protector.validate_request(["photos:read"], request)

    def by_protection(own: Protection) -> Callable[[str], object]:
        def check(text: str) -> object:
            if own is forgetful:
                own.verifier._signed = ({}, {})  # noqa: SLF001 - what a first sight costs, every time
            found = own.check_now(asked, Brought(authorization=[f"Bearer {text}"]))
            assert found.subject, found
            return found

        return check

    def by_guard(guard: Guard, own: Protection) -> Callable[[str], object]:
        def call(text: str) -> object:
            if own is forgetful:
                own.verifier._signed = ({}, {})  # noqa: SLF001 - what a first sight costs, every time
            scope = {
                "type": "http",
                "method": "GET",
                "path": "/photos/7",
                "raw_path": b"/photos/7",
                "query_string": b"",
                "headers": [(b"host", b"api.example"), (b"authorization", b"Bearer " + text.encode())],
            }
            return loop.run_until_complete(guard(scope, None, nowhere))

        return call

    return {
        "PyJWT alone: signature, issuer, audience, times": by_pyjwt,
        "Authlib's resource protector, one scope": by_authlib,
        f"SDK, a token seen for the first time: token and one of {RULES} rules": by_protection(forgetful),
        "SDK, a token seen before": by_protection(mindful),
        "SDK as ASGI middleware, first time (with an event loop's turn)": by_guard(guards[0], forgetful),
        "SDK as ASGI middleware, seen before (with an event loop's turn)": by_guard(guards[1], mindful),
    }


def sdk(options: Options) -> Section:
    """CPU for one request, in µs."""
    texts = [token(number) for number in range(REMEMBERED)]
    loop = asyncio.new_event_loop()
    runs: dict[str, list[float]] = {}
    candidates = contestants(loop)
    for _ in range(max(options.runs, 3)):
        for name, work in candidates.items():
            for text in texts:
                work(text)
            began, ended, count = time.process_time(), time.perf_counter() + options.seconds, 0
            while time.perf_counter() < ended:
                for text in texts:
                    work(text)
                count += len(texts)
            runs.setdefault(name, []).append((time.process_time() - began) / count * 1e6)
            say(f"{name:70} {runs[name][-1]:8.1f} µs")
    loop.close()
    return Section(
        "sdk",
        "What the SDK costs a request",
        "CPU of one request in one process, in µs, without HTTP: ES256 tokens that take turns, the keys at "
        "hand. PyJWT checks the token and nothing else; the protector also the scope it is told; the SDK "
        "finds the rule for resource and method besides. It remembers which signatures were good, by the "
        "digest of the token, and judges everything else each time.",
        facts={name: median(found) for name, found in runs.items()},
    )


SECTIONS = {"sdk": sdk}
