"""How an app is shown: as lines for people, as JSON for scripts, as variables for its own configuration."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grantway.cli.printing import Cell, iso
from grantway.protocol.durations import show_duration

if TYPE_CHECKING:
    from grantway.protocol.clients import Client, ClientSecret


def client_facts(client: "Client") -> dict[str, Cell]:
    """What there is to say about an app; what is as usual is left out."""
    required = client.scope - client.optional_scope
    optional = f"   optional: {client.optional_scope}" if client.optional_scope else ""
    lifetime = client.consent_lifetime
    logout_uris = (client.backchannel_logout_uri, client.frontchannel_logout_uri)
    return {
        "Client ID": client.id,
        "Type": f"{client.type}, {client.auth_method}",
        "Keys": client.jwks_uri or ", ".join(key_names(client)),
        "Certificate": None if client.certificate_name is None else str(client.certificate_name),
        "Tokens": "bound to its certificate" if client.certificate_bound_tokens else None,
        "Audience": "legacy: the token endpoint passes too" if client.legacy_audience else None,
        "Redirect URIs": "\n".join(client.redirect_uris),
        "Signed out at": "\n".join(filter(None, logout_uris)),
        "Scopes": f"{required}{optional}" if client.scope else None,
        "Grant types": " ".join(sorted(client.grant_types)),
        "Default API": client.default_api,
        "API": client.api,
        "Origins": "\n".join(client.origins),
        "PKCE": None if client.require_pkce else "WARNING: not demanded of this app",
        "Consent": _consent(client) or (f"expires after {show_duration(lifetime)}" if lifetime else None),
    }


def key_names(client: "Client") -> list[str]:
    """The kid of each registered key."""
    return [json.loads(key).get("kid", "without kid") for key in client.jwks]


def _consent(client: "Client") -> str | None:
    return "none needed: first party" if client.first_party else None


def client_json(client: "Client") -> dict[str, Any]:
    """Stable keys for scripts. No secret and no hash is among them."""
    return {
        "client_id": client.id,
        "name": client.name,
        "type": client.type.value,
        "auth_method": client.auth_method.value,
        "jwks": {"keys": [json.loads(key) for key in client.jwks]} if client.jwks else None,
        "jwks_uri": client.jwks_uri,
        "certificate_name": None if client.certificate_name is None else str(client.certificate_name),
        "certificate_bound_tokens": client.certificate_bound_tokens,
        "legacy_audience": client.legacy_audience,
        "grant_types": sorted(client.grant_types),
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "backchannel_logout_uri": client.backchannel_logout_uri,
        "backchannel_logout_session_required": client.backchannel_logout_session_required,
        "frontchannel_logout_uri": client.frontchannel_logout_uri,
        "frontchannel_logout_session_required": client.frontchannel_logout_session_required,
        "scopes": list(client.scope),
        "optional_scopes": list(client.optional_scope),
        "default_api": client.default_api,
        "api": client.api,
        "origins": list(client.origins),
        "refresh": client.refresh.value,
        "pkce": "required" if client.require_pkce else "optional",
        "first_party": client.first_party,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "userinfo_signed_response_alg": client.userinfo_signed_response_alg,
        "subject_type": client.subject_type.value,
        "sector_identifier": client.sector_identifier,
        "consent_lifetime": client.consent_lifetime,
        "homepage": client.homepage,
        "terms": client.terms_uri,
        "privacy": client.privacy_uri,
        "enabled": client.enabled,
        "managed_by_file": client.managed_by_file,
        "created_at": iso(client.created_at),
        "secrets": [secret_json(one) for one in client.secrets],
    }


def secret_json(secret: "ClientSecret") -> dict[str, Any]:
    """What may be told about a secret."""
    return {
        "id": secret.id,
        "label": secret.label,
        "made_here": secret.scheme.value == "made",
        "created_at": iso(secret.created_at),
        "expires_at": iso(secret.expires_at),
        "last_used_at": iso(secret.last_used_at),
    }


def save_env(path: Path, issuer: str, client_id: str, secret: str | None) -> None:
    """Write ISSUER, CLIENT_ID and CLIENT_SECRET into a file of variables, mode 0600; its other lines stay."""
    own = {"ISSUER": issuer, "CLIENT_ID": client_id} | ({"CLIENT_SECRET": secret} if secret else {})
    old = path.read_text("utf-8").splitlines() if path.exists() else []
    kept = [line for line in old if line.partition("=")[0].strip() not in own]
    text = "\n".join([*kept, *(f"{name}={value}" for name, value in own.items())]) + "\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
        file.write(text)
    draft.replace(path)
