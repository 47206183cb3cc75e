"""The metadata document: every member is true (RFC 8414, OpenID Connect Discovery §3, RFC 9207 §3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from grantway.protocol import endpoints, pkce
from grantway.protocol.assurance import ACR_VALUES
from grantway.protocol.claims import SCOPE_OF_CLAIM
from grantway.protocol.client_assertion import SIGNING_ALGS
from grantway.protocol.clients import BY_CERTIFICATE, ID_TOKEN_ALGS
from grantway.protocol.id_tokens import ID_TOKEN_CLAIMS
from grantway.protocol.names import AuthMethod, GrantType, Prompt, ResponseMode, SubjectType
from grantway.protocol.registry import SERVER_SCOPES, Registry
from grantway.protocol.revocations import STREAM_MEMBER

Metadata = Mapping[str, str | bool | list[str] | dict[str, str]]


@dataclass(frozen=True, slots=True)
class MutualTls:
    """How client certificates reach this server, if they do."""

    vouched: bool  # does the proxy say whether an authority vouches for them?
    address: str | None  # where the proxy asks for certificates, if not everywhere (RFC 8705 §5)

    @property
    def methods(self) -> frozenset[AuthMethod]:
        """What clients may prove themselves by."""
        return BY_CERTIFICATE if self.vouched else frozenset({AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH})


def metadata_path(issuer: str) -> str:
    """Where RFC 8414 §3.1 wants the document: the well-known name, then the issuer's own path."""
    return endpoints.WELL_KNOWN + urlsplit(issuer).path


def server_metadata(issuer: str, registry: Registry, mtls: MutualTls | None = None) -> Metadata:
    """The document of this issuer (RFC 8414 §2, OpenID Connect Discovery §3), the same at both addresses.

    `scopes_supported` names what the registry defines.
    """
    there = set(AuthMethod) - BY_CERTIFICATE | (mtls.methods if mtls else frozenset())
    methods = [method.value for method in AuthMethod if method in there]
    proving_methods = [method for method in methods if method != AuthMethod.NONE]
    scopes = sorted(
        {scope for api in registry.apis.values() for scope in (s.name for s in api.scopes)}
        | set(SERVER_SCOPES)
    )
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + endpoints.AUTHORIZE,
        "token_endpoint": issuer + endpoints.TOKEN,
        "jwks_uri": issuer + endpoints.JWKS,
        "revocation_endpoint": issuer + endpoints.REVOKE,
        "introspection_endpoint": issuer + endpoints.INTROSPECT,
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": [mode.value for mode in ResponseMode],
        "grant_types_supported": [grant_type.value for grant_type in GrantType],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": proving_methods,
        "token_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGS),
        "introspection_endpoint_auth_signing_alg_values_supported": list(SIGNING_ALGS),
        "code_challenge_methods_supported": list(pkce.METHODS),
        "prompt_values_supported": [prompt.value for prompt in Prompt],
        "authorization_response_iss_parameter_supported": True,
        "userinfo_endpoint": issuer + endpoints.USERINFO,
        "end_session_endpoint": issuer + endpoints.END_SESSION,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "subject_types_supported": [subject_type.value for subject_type in SubjectType],
        "id_token_signing_alg_values_supported": list(ID_TOKEN_ALGS),
        "userinfo_signing_alg_values_supported": list(ID_TOKEN_ALGS),
        "acr_values_supported": list(ACR_VALUES),
        "claim_types_supported": ["normal"],
        "claims_supported": [*ID_TOKEN_CLAIMS, *SCOPE_OF_CLAIM],
        "claims_parameter_supported": True,
        "grantway_revocations_endpoint": issuer + endpoints.REVOCATIONS,
        STREAM_MEMBER: issuer + endpoints.REVOCATION_STREAM,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,  # left out, it would mean true
        **_mutual_tls_members(issuer, mtls),
        **_protected_resources(registry),
    }


def _protected_resources(registry: Registry) -> Metadata:
    """RFC 9728 §4: the APIs that are said to be for everybody to see, and have a description to find."""
    listed = sorted(api.identifier for api in registry.apis.values() if api.listed)
    return {"protected_resources": listed} if listed else {}


def _mutual_tls_members(issuer: str, mtls: MutualTls | None) -> Metadata:
    """RFC 8705 §3.3, §5."""
    if mtls is None:
        return {}
    bound: Metadata = {"tls_client_certificate_bound_access_tokens": True}
    if mtls.address is None:
        return bound
    base = mtls.address + urlsplit(issuer).path
    aliases = {
        "token_endpoint": base + endpoints.TOKEN,
        "revocation_endpoint": base + endpoints.REVOKE,
        "introspection_endpoint": base + endpoints.INTROSPECT,
        "userinfo_endpoint": base + endpoints.USERINFO,
    }
    return {**bound, "mtls_endpoint_aliases": aliases}
