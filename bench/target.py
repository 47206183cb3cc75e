"""The server under load, as its client knows it: ours and every peer alike."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server under load, and what its client knows."""

    host: str  # as in the Host header, "127.0.0.1:4000"
    port: int
    basic: str  # value of the Authorization header of the client
    client_id: str
    redirect_uri: str
    scope: str  # of the code flow, space separated; such that a refresh token comes with the code
    cookies: tuple[str, ...] = ()  # one Cookie header per connection: browsers that are signed in
    authorize: str = "/authorize"
    token: str = "/token"
    introspect: str = ""  # "" when the server has none
    introspect_basic: str = ""  # Authorization header of who asks, if not `basic`
    opaque_basic: str = ""  # the same, of who asks about opaque tokens
    asking_more: str = ""  # appended to the authorization request of somebody who has to be asked
    metadata: str = ""  # path of the RFC 8414 or OpenID discovery document
    authorize_more: str = ""  # appended to the query of the authorization request
    token_more: str = ""  # appended to the form of the code exchange
    credentials_form: str = ""  # of a client credentials request; "" when not offered
    credentials_basic: str = ""  # another client's Authorization header for it, if not `basic`
    decision: str = ""  # where a gateway asks whether a request may pass; "" when nobody may ask
    opaque_scope: str = ""  # of the flow that gives an opaque token, if not `scope`
    opaque_flow_more: str = ""  # appended to the authorization request to be given an opaque token instead
