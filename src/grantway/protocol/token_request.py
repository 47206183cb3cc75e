"""Token requests: one frozen value per grant type (RFC 6749 §4.1.3, §4.4.2, §6; RFC 8707 §2.2)."""

from typing import Self

from msgspec import Struct

from grantway.protocol.diagnosis import Diagnosis, Gw, shown
from grantway.protocol.errors import OAuthError
from grantway.protocol.names import ErrorCode, GrantType
from grantway.protocol.params import Params
from grantway.protocol.scope import Scope


class CodeRequest(Struct, frozen=True, kw_only=True):
    """Redeem an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""

    code: str
    redirect_uri: str | None
    code_verifier: str | None
    resource: str | None

    @classmethod
    def parse(cls, params: Params) -> Self:
        """Raises `invalid_request`."""
        return cls(
            code=params.need("code"),
            redirect_uri=params.get("redirect_uri"),
            code_verifier=params.get("code_verifier"),
            resource=_one_resource(params),
        )


class RefreshRequest(Struct, frozen=True, kw_only=True):
    """Renew an access token (RFC 6749 §6)."""

    refresh_token: str
    scope: Scope  # empty: as granted
    resource: str | None

    @classmethod
    def parse(cls, params: Params) -> Self:
        """Raises `invalid_request` or `invalid_scope`."""
        return cls(
            refresh_token=params.need("refresh_token"),
            scope=Scope.parse(params.get("scope")),
            resource=_one_resource(params),
        )


class ClientCredentialsRequest(Struct, frozen=True, kw_only=True):
    """A token for the client itself (RFC 6749 §4.4.2)."""

    scope: Scope  # empty: the client's default
    resource: str | None

    @classmethod
    def parse(cls, params: Params) -> Self:
        """Raises `invalid_request` or `invalid_scope`."""
        return cls(scope=Scope.parse(params.get("scope")), resource=_one_resource(params))


def grant_type_of(params: Params) -> GrantType:
    """The grant type asked for. Raises `invalid_request` or `unsupported_grant_type` (RFC 6749 §5.2)."""
    text = params.need("grant_type")
    try:
        return GrantType(text)
    except ValueError:
        raise OAuthError(
            ErrorCode.UNSUPPORTED_GRANT_TYPE,
            f"grant_type must be one of {', '.join(GrantType)}",
            Diagnosis(
                Gw.GRANT_TYPE,
                f"grant_type {text[:100]!r}",
                received=f"grant_type={shown(text)}",
                expected=f"one of: {', '.join(GrantType)}",
                difference="the password grant is gone: it shows people's passwords to apps (RFC 9700)"
                if text == "password"
                else "no such grant type here",
                fix="Use authorization_code for people, client_credentials for the app itself.",
            ),
        ) from None


def _one_resource(params: Params) -> str | None:
    """One token has one audience: several `resource` values here are refused (threat G4)."""
    asked = params.every("resource")
    if len(asked) > 1:
        words = "one resource per token request"
        found = Diagnosis(Gw.RESOURCE, words, f"{len(asked)} times resource", "one", words)
        raise OAuthError(ErrorCode.INVALID_TARGET, words, found)
    return asked[0] if asked else None
