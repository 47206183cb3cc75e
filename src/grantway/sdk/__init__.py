"""Protect an API with Grantway's access tokens. Needs `cryptography`, `msgspec` and `httpx2`, not the server.

    from grantway.sdk import Guard, Protection, load_api

    protection = Protection(api=load_api("grantway.toml", "photos"), issuer="https://id.example")
    app = Guard(app, protection, public=("/docs",))

`httpx2` is imported when something is first fetched. The rooms: `guard` decides (pure), `bearer` reads the
token of a request, `verify` reads tokens, `introspection` asks about them, `jwks` and `published` keep what
the server publishes (`kept`), `revocations` hears what it revokes (`revoked`), `challenge` and `answers` word
refusals, `protection` puts them in order.
Before an application stand `asgi`, `starlette`, `fastapi`, `flask`, `django`, `drf`, `mcp` and `fastmcp`,
each of which needs the framework it is named for; `spectacular` tells drf-spectacular about `drf`.
"""

from grantway.protocol.apis import Api, ApiMistakes, ApiScope, Rule
from grantway.protocol.scope import Scope
from grantway.sdk.answers import Answer
from grantway.sdk.asgi import Guard
from grantway.sdk.certificates import CertificateSource, certificate_header
from grantway.sdk.challenge import challenge
from grantway.sdk.credentials import ClientCertificate, ClientSecret, PrivateKey
from grantway.sdk.definition import load_api
from grantway.sdk.guard import Allowed, BadPath, Refused, StepUp, canonical_path, judge
from grantway.sdk.introspection import Introspection
from grantway.sdk.jwks import Jwks, KeysUnavailable
from grantway.sdk.kept import Unavailable
from grantway.sdk.protection import Protection
from grantway.sdk.published import PublishedApi
from grantway.sdk.revocations import Health, RevocationFeed
from grantway.sdk.routes import check_routes
from grantway.sdk.verify import AccessToken, BadToken, TokenVerifier, Verifier, check_confirmation

__all__ = [
    "AccessToken",
    "Allowed",
    "Answer",
    "Api",
    "ApiMistakes",
    "ApiScope",
    "BadPath",
    "BadToken",
    "CertificateSource",
    "ClientCertificate",
    "ClientSecret",
    "Guard",
    "Health",
    "Introspection",
    "Jwks",
    "KeysUnavailable",
    "PrivateKey",
    "Protection",
    "PublishedApi",
    "Refused",
    "RevocationFeed",
    "Rule",
    "Scope",
    "StepUp",
    "TokenVerifier",
    "Unavailable",
    "Verifier",
    "canonical_path",
    "certificate_header",
    "challenge",
    "check_confirmation",
    "check_routes",
    "judge",
    "load_api",
]
