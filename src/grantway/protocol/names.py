"""The words of the RFCs that travel on the wire, each written down once."""

from enum import StrEnum

ACCESS_TOKEN_TYPE = "at+jwt"  # `typ` of an access token that is a JWT (RFC 9068 §2.1)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
CERTIFICATE_THUMBPRINT = "x5t#S256"  # in `cnf`: SHA-256 of a client certificate (RFC 8705 §3.1)
GRANT_CLAIM = "grant_id"  # of our own, in an access token: the grant that it hangs on


class GrantType(StrEnum):
    """Values of `grant_type` at the token endpoint (RFC 6749 §4, §6)."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"


class ResponseMode(StrEnum):
    """How the answer reaches the redirect URI (OAuth Multiple Response Types §2.1, Form Post §2)."""

    QUERY = "query"
    FRAGMENT = "fragment"
    FORM_POST = "form_post"


class Prompt(StrEnum):
    """Values of `prompt` (OpenID Connect Core §3.1.2.1)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"
    SELECT_ACCOUNT = "select_account"


class SubjectType(StrEnum):
    """How a client knows people: `subject_type` (OpenID Connect Core §8)."""

    PUBLIC = "public"  # by one subject everywhere
    PAIRWISE = "pairwise"  # by one that no other sector knows


class AuthMethod(StrEnum):
    """How a client proves itself: `token_endpoint_auth_method` (RFC 7591 §2)."""

    NONE = "none"
    CLIENT_SECRET_BASIC = "client_secret_basic"
    CLIENT_SECRET_POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    TLS_CLIENT_AUTH = "tls_client_auth"
    SELF_SIGNED_TLS_CLIENT_AUTH = "self_signed_tls_client_auth"


class ErrorCode(StrEnum):
    """Registered values of `error`.

    RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1; RFC 8707 §2; RFC 9470 §3; OIDC Core §3.1.2.6; OIDC Unmet
    Authentication Requirements §3.
    """

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    INVALID_TOKEN = "invalid_token"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    INSUFFICIENT_USER_AUTHENTICATION = "insufficient_user_authentication"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    UNSUPPORTED_RESPONSE_TYPE = "unsupported_response_type"
    ACCESS_DENIED = "access_denied"
    LOGIN_REQUIRED = "login_required"
    CONSENT_REQUIRED = "consent_required"
    INTERACTION_REQUIRED = "interaction_required"
    REQUEST_NOT_SUPPORTED = "request_not_supported"
    REQUEST_URI_NOT_SUPPORTED = "request_uri_not_supported"
    REGISTRATION_NOT_SUPPORTED = "registration_not_supported"
    UNMET_AUTHENTICATION_REQUIREMENTS = "unmet_authentication_requirements"
    SERVER_ERROR = "server_error"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
