"""Protect an API with Grantway's access tokens. Needs `cryptography`, `msgspec` and `httpx2`, not the server.

    from grantway.sdk import Guard, load_api

    app = Guard(app, api=load_api("grantway.toml", "photos"), issuer="https://id.example", public=("/docs",))

`httpx2` is imported when keys are first fetched. The rooms: `guard` decides (pure), `verify` reads tokens,
`jwks` keeps the issuer's keys, `challenge` words refusals, `certificates` finds client certificates,
`asgi` puts it all before an application,
`definition` reads the API definition that the server reads too.
"""

from grantway.protocol.apis import Api, ApiMistakes, ApiScope, Rule
from grantway.protocol.scope import Scope
from grantway.sdk.asgi import Guard
from grantway.sdk.certificates import CertificateSource, certificate_header
from grantway.sdk.challenge import challenge
from grantway.sdk.definition import load_api
from grantway.sdk.guard import Allowed, BadPath, Refused, canonical_path, judge
from grantway.sdk.jwks import Jwks, KeysUnavailable
from grantway.sdk.verify import AccessToken, BadToken, TokenVerifier, check_confirmation

__all__ = [
    "AccessToken",
    "Allowed",
    "Api",
    "ApiMistakes",
    "ApiScope",
    "BadPath",
    "BadToken",
    "CertificateSource",
    "Guard",
    "Jwks",
    "KeysUnavailable",
    "Refused",
    "Rule",
    "Scope",
    "TokenVerifier",
    "canonical_path",
    "certificate_header",
    "challenge",
    "check_confirmation",
    "judge",
    "load_api",
]
