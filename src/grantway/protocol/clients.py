"""Clients: what is registered about an application, and the rules a registration must meet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from grantway.protocol.names import AuthMethod, GrantType, ResponseMode, SubjectType
from grantway.protocol.redirect_uris import RedirectUri, redirect_uri_problem
from grantway.protocol.scope import Scope

_CLIENT_ID = re.compile(r"[A-Za-z0-9._~\-]{1,128}")
_SUBJECT_SHAPE = re.compile(r"u_[0-9A-Za-z]{20}|p_[0-9a-f]{40}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.\-]*[a-z0-9])?")
_WEB_ADDRESS = re.compile(r"https://[A-Za-z0-9.\-]+(:[0-9]{1,5})?([/?#][!-\[\]-~]*)?")
_KEYS_ADDRESS = re.compile(
    r"https://[A-Za-z0-9.\-\[\]:]+([/?][!$-~]*)?|http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?([/?][!$-~]*)?"
)
_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")
# What an ID token is signed with: RS256 is the one that every client verifies (OpenID Connect Core §15.1).
DEFAULT_ID_TOKEN_ALG = "RS256"
ID_TOKEN_ALGS = (DEFAULT_ID_TOKEN_ALG, "ES256", "EdDSA")
MAX_SECRETS = 5
MAX_REDIRECT_URIS = 50
MAX_KEYS = 20
_MAX_LABEL = 100  # characters
_BY_SECRET = frozenset({AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST})
_BY_KEYS = frozenset({AuthMethod.PRIVATE_KEY_JWT, AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH})
BY_CERTIFICATE = frozenset({AuthMethod.TLS_CLIENT_AUTH, AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH})


class ClientType(StrEnum):
    """What kind of program the client is; decides the defaults and which redirect URIs it may have."""

    WEB = "web"  # runs on a server, keeps a secret
    SPA = "spa"  # runs in the browser, keeps none
    NATIVE = "native"  # runs on the person's device (RFC 8252)
    MACHINE = "machine"  # acts for itself (RFC 6749 §4.4)
    RESOURCE_SERVER = "resource_server"  # an API that introspects its own tokens (RFC 7662)


class RefreshPolicy(StrEnum):
    """When a code also buys a refresh token (`design` 10)."""

    AUTOMATIC = "automatic"  # with `openid` only if `offline_access` was granted; otherwise always
    ALWAYS = "always"
    OFFLINE_ACCESS = "offline_access"
    NEVER = "never"


class SecretScheme(StrEnum):
    """How the stored hash of a client secret was made."""

    MADE = "made"  # ours: 256 random bits, SHA-256 under a domain
    GIVEN = "given"  # brought from another server: HMAC under the master key


class NameKind(StrEnum):
    """Which name of a certificate is the client's (RFC 8705 §2.1.2)."""

    SUBJECT_DN = "subject_dn"
    SAN_DNS = "san_dns"
    SAN_URI = "san_uri"
    SAN_IP = "san_ip"
    SAN_EMAIL = "san_email"


@dataclass(frozen=True, slots=True)
class CertificateName:
    """The one name by which an authority's certificate is known to be the client's."""

    kind: NameKind
    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `san_dns=app.example` and the like. Raises ValueError."""
        kind, equals, value = text.partition("=")
        if kind not in set(NameKind) or not equals or not value.strip():
            raise ValueError(f"{text!r} is not {'=…, '.join(NameKind)}=…, such as san_dns=app.example")
        return cls(NameKind(kind), value.strip())

    def __str__(self) -> str:
        return f"{self.kind}={self.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecret:
    """One secret of a client. Several may be live at once, so that they can be changed without outage."""

    id: str  # for a made secret: its selector
    client_id: str
    hash: bytes
    scheme: SecretScheme = SecretScheme.MADE
    label: str = ""
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A registered client (RFC 6749 §2, RFC 7591 §2)."""

    id: str
    name: str
    type: ClientType
    auth_method: AuthMethod
    grant_types: frozenset[GrantType]
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()  # where people may go once they are signed out
    backchannel_logout_uri: str | None = None  # where it is told that a session has ended (Back-Channel §2.2)
    backchannel_logout_session_required: bool = False  # does it insist on `sid`? It gets one anyway
    frontchannel_logout_uri: str | None = None  # loaded in the browser that signs out (Front-Channel §2)
    frontchannel_logout_session_required: bool = False  # is it told `iss` and `sid` there?
    scope: Scope = Scope()  # everything it may ever ask for
    optional_scope: Scope = Scope()  # what a person may untick
    default_api: str | None = None  # identifier; decides the audience when nothing else does
    origins: tuple[str, ...] = ()  # browsers' origins that may call the token endpoint
    response_modes: frozenset[ResponseMode] = frozenset(ResponseMode)
    refresh: RefreshPolicy = RefreshPolicy.AUTOMATIC
    require_pkce: bool = True
    redirect_uri_optional: bool = False
    first_party: bool = False
    consent_lifetime: int | None = None  # seconds; None: consent does not expire
    silent_in_frames: bool = False  # may prompt=none be answered inside a frame?
    id_token_signed_response_alg: str = DEFAULT_ID_TOKEN_ALG
    userinfo_signed_response_alg: str | None = None  # None: userinfo is plain JSON
    subject_type: SubjectType = SubjectType.PUBLIC
    sector_identifier: str | None = None  # a host; clients of one sector know people by the same subject
    homepage: str | None = None
    terms_uri: str | None = None
    privacy_uri: str | None = None
    api: str | None = None  # of a resource server: the identifier whose tokens it may introspect
    jwks: tuple[str, ...] = ()  # its public keys, a JWK each as JSON (RFC 7517 §4)
    jwks_uri: str | None = None  # where it publishes them instead
    certificate_name: CertificateName | None = None  # with tls_client_auth
    certificate_bound_tokens: bool = False  # RFC 8705 §3.4; always so where a certificate is the proof
    legacy_audience: bool = False  # may its assertions name the token endpoint? (RFC 7523 §3)
    enabled: bool = True
    tokens_valid_from: float = 0.0  # tokens issued earlier are dead
    managed_by_file: bool = False
    created_at: float
    secrets: tuple[ClientSecret, ...] = ()

    @property
    def is_public(self) -> bool:
        """Can the client keep no secret? (RFC 6749 §2.1)."""
        return self.auth_method is AuthMethod.NONE

    @property
    def uses_secret(self) -> bool:
        """Does it prove itself with a secret that we made or were given?"""
        return self.auth_method in _BY_SECRET

    @property
    def uses_certificate(self) -> bool:
        """Does it prove itself with a client certificate? (RFC 8705 §2)."""
        return self.auth_method in BY_CERTIFICATE

    @property
    def sector(self) -> str | None:
        """Whose pairwise subjects it is told: the host of its redirect URIs, unless one was registered.

        None when there is no one such host (OpenID Connect Core §8.1).
        """
        hosts = {RedirectUri.parse(uri).host for uri in self.redirect_uris}
        return self.sector_identifier or (hosts.pop() if len(hosts) == 1 else None)

    @property
    def can_be_impersonated(self) -> bool:
        """May another program answer at its redirect URIs? Then consent is not remembered (RFC 8252 §8.6)."""
        return any(not RedirectUri.parse(uri).belongs_to_one_host for uri in self.redirect_uris)

    def may_use(self, grant_type: GrantType) -> bool:
        """Is this grant type registered for the client?"""
        return grant_type in self.grant_types


def is_subject_shaped(text: str) -> bool:
    """Does it look like a subject of ours? A client id never may (RFC 9068 §5, `design` 12)."""
    return _SUBJECT_SHAPE.fullmatch(text) is not None


def is_origin(text: str) -> bool:
    """Is it a scheme and a host alone, as browsers write them in `Origin`?"""
    return _ORIGIN.fullmatch(text) is not None


def label_problem(label: str) -> str | None:
    """Why a secret cannot be labelled so; None if it can. An empty label is none."""
    if len(label) > _MAX_LABEL or (label and not label.isprintable()):
        return f"at most {_MAX_LABEL} printable characters"
    return None


def client_problems(client: Client) -> list[str]:
    """Everything that forbids this registration, in words for whoever registers; empty: it may stand."""
    return [
        *_identity_problems(client),
        *_return_problems(client),
        *_contradictions(client),
        *_keys_problems(client),
        *_logout_problems(client),
        *_address_problems(client),
        *_value_problems(client),
    ]


def _identity_problems(client: Client) -> Iterator[str]:
    if not _CLIENT_ID.fullmatch(client.id):
        yield f"id {client.id!r}: 1 to 128 characters of A-Z a-z 0-9 . _ ~ -"
    if is_subject_shaped(client.id):
        yield f"id {client.id!r}: has the form of a person's subject and could be mistaken for one"
    if not client.name.strip() or len(client.name) > 100 or not client.name.isprintable():
        yield "name: 1 to 100 printable characters, people read it at consent"


def _return_problems(client: Client) -> Iterator[str]:
    """What is wrong with where the browser is sent back to."""
    for name, uris in (
        ("redirect_uri", client.redirect_uris),
        ("post_logout_redirect_uri", client.post_logout_redirect_uris),
    ):
        for uri in uris:
            if problem := redirect_uri_problem(uri, native=client.type is ClientType.NATIVE):
                yield f"{name} {uri!r}: {problem}"


def _address_problems(client: Client) -> Iterator[str]:
    """What is wrong with its origins and with the addresses that people are shown."""
    for origin in client.origins:
        if not is_origin(origin):
            yield f"origin {origin!r}: scheme and host only, such as https://app.example"
    for name, uri in (
        ("homepage", client.homepage),
        ("terms", client.terms_uri),
        ("privacy", client.privacy_uri),
    ):
        if uri is not None and not _WEB_ADDRESS.fullmatch(uri):
            yield f"{name} {uri!r}: an https:// address"


def _value_problems(client: Client) -> Iterator[str]:
    for name, alg in (
        ("id_token_signed_response_alg", client.id_token_signed_response_alg),
        ("userinfo_signed_response_alg", client.userinfo_signed_response_alg),
    ):
        if alg is not None and alg not in ID_TOKEN_ALGS:
            yield f"{name}: one of {', '.join(ID_TOKEN_ALGS)}"
    if client.sector_identifier is not None and not _HOST.fullmatch(client.sector_identifier):
        yield f"sector_identifier {client.sector_identifier!r}: a host such as example.com"
    if len(client.secrets) > MAX_SECRETS:
        yield f"secrets: at most {MAX_SECRETS} live at once"


def _contradictions(client: Client) -> list[str]:
    """Settings that cannot both be meant."""
    by_code = client.may_use(GrantType.AUTHORIZATION_CODE)
    findings = [
        (
            by_code and not client.redirect_uris,
            "redirect_uri: the authorization code grant needs at least one",
        ),
        (
            client.redirect_uris and not by_code,
            "redirect_uri: given, but the client may not use authorization_code",
        ),
        (len(client.redirect_uris) > MAX_REDIRECT_URIS, f"redirect_uri: at most {MAX_REDIRECT_URIS}"),
        (len(set(client.redirect_uris)) < len(client.redirect_uris), "redirect_uri: one is listed twice"),
        (
            client.is_public and client.may_use(GrantType.CLIENT_CREDENTIALS),
            "client_credentials: only for clients that authenticate (RFC 6749 §4.4)",
        ),
        (client.is_public and client.secrets, "secrets: a client with auth method none has no secret"),
        (
            client.is_public and not client.require_pkce,
            "pkce: may be relaxed for confidential clients only (RFC 9700 §2.1.1)",
        ),
        (
            client.type in {ClientType.SPA, ClientType.NATIVE} and not client.is_public,
            f"auth method: a {client.type} client runs where everyone can read it, so it has none",
        ),
        (
            client.type is ClientType.WEB and client.is_public,
            "auth method: a web client keeps a secret; use spa or native",
        ),
        (
            client.redirect_uri_optional and len(client.redirect_uris) != 1,
            "redirect_uri_optional: only with exactly one registered redirect URI",
        ),
        (
            client.subject_type is SubjectType.PAIRWISE and client.sector is None,
            "subject_type: pairwise needs a sector_identifier, as the redirect URIs are not of one host",
        ),
        (
            client.subject_type is SubjectType.PUBLIC and client.sector_identifier is not None,
            "sector_identifier: only for pairwise subjects",
        ),
        (
            not client.optional_scope <= client.scope,
            "optional scope: must be among the scopes the client may ask for",
        ),
        (
            (client.type is ClientType.RESOURCE_SERVER) != (client.api is not None),
            "api: a resource_server needs one (--api), and no other client has one",
        ),
        (
            client.type is ClientType.RESOURCE_SERVER and bool(client.grant_types),
            "grant types: a resource server asks for no tokens",
        ),
    ]
    return [words for found, words in findings if found]


def _keys_problems(client: Client) -> list[str]:
    """What is wrong with where the client's keys are; the keys themselves are judged by `crypto.foreign`."""
    by_keys = client.auth_method in _BY_KEYS
    by_name = client.auth_method is AuthMethod.TLS_CLIENT_AUTH
    has_keys = bool(client.jwks) or client.jwks_uri is not None
    findings = [
        (by_keys and not has_keys, f"auth method: {client.auth_method} needs keys: give jwks or jwks_uri"),
        (
            by_name != (client.certificate_name is not None),
            "certificate name: belongs to tls_client_auth, which needs one (RFC 8705 §2.1.2)",
        ),
        (
            bool(client.jwks) and client.jwks_uri is not None,
            "jwks_uri: give the keys or their address, not both (RFC 7591 §2)",
        ),
        (has_keys and not by_keys, f"jwks: a client with auth method {client.auth_method} has no keys"),
        (len(client.jwks) > MAX_KEYS, f"jwks: at most {MAX_KEYS} keys"),
        (
            client.jwks_uri is not None and not _KEYS_ADDRESS.fullmatch(client.jwks_uri),
            f"jwks_uri {client.jwks_uri!r}: an https:// address without fragment",
        ),
        (
            client.legacy_audience and client.auth_method is not AuthMethod.PRIVATE_KEY_JWT,
            "legacy audience: is about private_key_jwt alone",
        ),
    ]
    return [words for found, words in findings if found]


def _logout_problems(client: Client) -> list[str]:
    """What is wrong with how the client hears of sessions that have ended."""
    back, front = client.backchannel_logout_uri, client.frontchannel_logout_uri
    wrong = [
        f"{name} {uri!r}: {problem}"
        for name, uri in (("backchannel_logout_uri", back), ("frontchannel_logout_uri", front))
        if uri is not None and (problem := redirect_uri_problem(uri, native=False))
    ]
    signs_in = client.may_use(GrantType.AUTHORIZATION_CODE)
    findings = [
        ((back or front) and not signs_in, "logout_uri: given, but nobody signs in to this client"),
        (
            client.backchannel_logout_session_required and back is None,
            "backchannel_logout_session_required: needs a backchannel_logout_uri",
        ),
        (
            client.frontchannel_logout_session_required and front is None,
            "frontchannel_logout_session_required: needs a frontchannel_logout_uri",
        ),
    ]
    wrong += [words for found, words in findings if found]
    if front is None or wrong:
        return wrong
    if "[" in front:  # no Content-Security-Policy can name it
        return [f"frontchannel_logout_uri {front!r}: a name or an IPv4 address"]
    # People are sent to no host that they could not be sent to anyway (Front-Channel Logout §2).
    own = {RedirectUri.parse(uri).origin for uri in client.redirect_uris}
    if RedirectUri.parse(front).origin not in own:
        return [f"frontchannel_logout_uri {front!r}: scheme, host and port must be those of a redirect_uri"]
    return []
