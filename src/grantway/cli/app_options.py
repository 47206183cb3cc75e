"""The options that describe an app, for `app create` and `app edit`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from grantway.cli.values import DURATION

if TYPE_CHECKING:
    from grantway.protocol.registry import Registry

ALGS = ("RS256", "ES256", "EdDSA")
KINDS = ("web", "spa", "native", "machine", "resource_server")
AUTH_METHODS = (
    *("client_secret_basic", "client_secret_post", "private_key_jwt"),
    *("tls_client_auth", "self_signed_tls_client_auth", "none"),
)
_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--redirect-uri", multiple=True, metavar="URI", help="Where people return to; repeat for several."
    ),
    click.option(
        "--post-logout-redirect-uri", multiple=True, metavar="URI", help="Where people go when signed out."
    ),
    click.option(
        "--backchannel-logout-uri",
        metavar="URI",
        help="Where the server tells it that a session has ended; empty for nowhere.",
    ),
    click.option(
        "--backchannel-logout-session-required/--no-backchannel-logout-session-required",
        default=None,
        help="Whether it needs to know which session.",
    ),
    click.option(
        "--frontchannel-logout-uri",
        metavar="URI",
        help="A page of it that ends its session in the browser that signs out; empty for none.",
    ),
    click.option(
        "--frontchannel-logout-session-required/--no-frontchannel-logout-session-required",
        default=None,
        help="Whether that page is told issuer and session.",
    ),
    click.option(
        "--scope",
        multiple=True,
        metavar="SCOPE",
        help="A scope it may ask for and cannot do without; repeat for several.",
    ),
    click.option("--optional-scope", multiple=True, metavar="SCOPE", help="A scope people may untick."),
    click.option(
        "--api",
        metavar="API",
        help="The API its tokens are for when a request names none; for a resource_server, the API it is.",
    ),
    click.option(
        "--grant-type",
        multiple=True,
        type=click.Choice(("authorization_code", "refresh_token", "client_credentials")),
        help="What it may use at the token endpoint; follows from the type.",
    ),
    click.option(
        "--auth-method",
        type=click.Choice(AUTH_METHODS),
        help="How it proves itself; follows from the type.",
    ),
    click.option(
        "--jwks",
        "jwks_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with its public keys or certificate: a JWK Set, a JWK, or PEM.",
    ),
    click.option("--jwks-uri", metavar="URL", help="Where it publishes its keys instead."),
    click.option(
        "--certificate-name",
        metavar="KIND=NAME",
        help="The name in its certificate, such as san_dns=app.example or subject_dn=CN=app.",
    ),
    click.option(
        "--certificate-bound-tokens/--no-certificate-bound-tokens",
        default=None,
        help="Whether its tokens are good only beside its certificate.",
    ),
    click.option(
        "--legacy-audience/--strict-audience",
        default=None,
        help="Whether its assertions may name the token endpoint instead of the issuer.",
    ),
    click.option(
        "--refresh",
        type=click.Choice(("automatic", "always", "offline_access", "never")),
        help="When it gets refresh tokens.",
    ),
    click.option(
        "--pkce",
        type=click.Choice(("required", "optional")),
        help="Whether PKCE is demanded. Only a confidential app may do without.",
    ),
    click.option(
        "--first-party/--no-first-party", default=None, help="Ours: people are not asked for consent."
    ),
    click.option(
        "--consent-lifetime", type=DURATION, help="People are asked again after so long; 0 for never."
    ),
    click.option("--id-token-alg", type=click.Choice(ALGS), help="What its ID tokens are signed with."),
    click.option(
        "--userinfo-alg",
        type=click.Choice((*ALGS, "none")),
        help="What userinfo is signed with; none for plain JSON.",
    ),
    click.option(
        "--subject-type",
        type=click.Choice(("public", "pairwise")),
        help="Whether other apps know people by the same subject.",
    ),
    click.option(
        "--sector-identifier",
        metavar="HOST",
        help="Apps of one sector share pairwise subjects. Default: the host of the redirect URIs.",
    ),
    click.option(
        "--origin", multiple=True, metavar="ORIGIN", help="Origin of a browser app that fetches tokens."
    ),
    click.option("--homepage", metavar="URL", help="Linked at consent."),
    click.option("--terms", metavar="URL", help="Linked at consent."),
    click.option("--privacy", metavar="URL", help="Linked at consent."),
)


def client_options(command: _F) -> _F:
    """Give a command all of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def changed(given: Mapping[str, Any], registry: "Registry") -> dict[str, Any]:
    """The fields of a client that were named on the command line. Raises NotFound for an unknown API."""
    from grantway.flows.registry import find_api
    from grantway.protocol.clients import RefreshPolicy
    from grantway.protocol.names import AuthMethod, GrantType, SubjectType

    readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "redirect_uri": ("redirect_uris", tuple),
        "post_logout_redirect_uri": ("post_logout_redirect_uris", tuple),
        "backchannel_logout_uri": ("backchannel_logout_uri", lambda uri: uri or None),
        "backchannel_logout_session_required": ("backchannel_logout_session_required", bool),
        "frontchannel_logout_uri": ("frontchannel_logout_uri", lambda uri: uri or None),
        "frontchannel_logout_session_required": ("frontchannel_logout_session_required", bool),
        "scope": ("scope", _scope),
        "optional_scope": ("optional_scope", _scope),
        "api": ("default_api", lambda name: find_api(registry, name).identifier),
        "grant_type": ("grant_types", lambda names: frozenset(map(GrantType, names))),
        "auth_method": ("auth_method", AuthMethod),
        "jwks_file": ("jwks", _keys),
        "jwks_uri": ("jwks_uri", str),
        "certificate_name": ("certificate_name", _certificate_name),
        "certificate_bound_tokens": ("certificate_bound_tokens", bool),
        "legacy_audience": ("legacy_audience", bool),
        "refresh": ("refresh", RefreshPolicy),
        "pkce": ("require_pkce", lambda word: word == "required"),
        "first_party": ("first_party", bool),
        "consent_lifetime": ("consent_lifetime", lambda seconds: int(seconds) or None),
        "id_token_alg": ("id_token_signed_response_alg", str),
        "userinfo_alg": ("userinfo_signed_response_alg", lambda alg: None if alg == "none" else alg),
        "subject_type": ("subject_type", SubjectType),
        "sector_identifier": ("sector_identifier", str),
        "origin": ("origins", tuple),
        "homepage": ("homepage", str),
        "terms": ("terms_uri", str),
        "privacy": ("privacy_uri", str),
    }
    named = {name: value for name, value in given.items() if value is not None and value != ()}
    return _with_what_follows({readers[name][0]: readers[name][1](value) for name, value in named.items()})


def _with_what_follows(fields: dict[str, Any]) -> dict[str, Any]:
    """And the fields that change with these, unless they were named themselves."""
    if "jwks" in fields or "jwks_uri" in fields:  # one takes the place of the other
        fields = {"jwks": (), "jwks_uri": None} | fields
    if "auth_method" in fields:
        fields = _of_no_use_with(fields["auth_method"]) | fields
    for channel in ("backchannel", "frontchannel"):
        if fields.get(f"{channel}_logout_uri", "") is None:  # what belonged to the address leaves with it
            fields = {f"{channel}_logout_session_required": False} | fields
    if "optional_scope" in fields:
        always, optional = fields.get("scope"), fields["optional_scope"]
        fields["scope"] = optional if always is None else always | optional
    return fields


def _of_no_use_with(method: Any) -> dict[str, Any]:
    """What belonged to another way of proving oneself leaves with it."""
    left: dict[str, Any] = {}
    if method not in {"private_key_jwt", "self_signed_tls_client_auth"}:
        left |= {"jwks": (), "jwks_uri": None}
    if method != "tls_client_auth":
        left["certificate_name"] = None
    if method != "private_key_jwt":
        left["legacy_audience"] = False
    return left


def _keys(path: Path) -> tuple[str, ...]:
    from grantway.flows.registry_keys import read_key_file
    from grantway.flows.rejections import Rejected

    try:
        return read_key_file(path.read_bytes())
    except ValueError as bad:
        raise Rejected(f"{path}: {bad}") from None


def _certificate_name(text: str) -> Any:
    from grantway.flows.rejections import Rejected
    from grantway.protocol.clients import CertificateName

    try:
        return CertificateName.parse(text)
    except ValueError as bad:
        raise Rejected(str(bad)) from None


def _scope(given: tuple[str, ...]) -> Any:
    from grantway.flows.rejections import Rejected
    from grantway.protocol.scope import Scope

    try:
        return Scope.of(token for text in given for token in text.replace(",", " ").split())
    except ValueError as bad:
        raise Rejected(str(bad)) from None
