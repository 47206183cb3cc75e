"""The paths of the endpoints below the issuer, in the order of the protocol."""

AUTHORIZE = "/authorize"
TOKEN = "/token"
REVOKE = "/revoke"
INTROSPECT = "/introspect"
USERINFO = "/userinfo"
END_SESSION = "/end-session"
JWKS = "/jwks"
API_DEFINITION = "/api-definition"
REVOCATIONS = "/revocations"
REVOCATION_STREAM = "/revocations/stream"
WELL_KNOWN = "/.well-known/oauth-authorization-server"  # at the root of the host (RFC 8414 §3.1)
OPENID_WELL_KNOWN = "/.well-known/openid-configuration"  # below the issuer (OpenID Connect Discovery §4)
