"""The API that every framework's application in these tests is: the same routes, the same rules."""

from grantway.protocol.apis import Access, Api, ApiScope, Rule

IDENTIFIER = "https://api.example/photos"
READ, WRITE, DELETE, ADMIN = "photos:read", "photos:write", "photos:delete", "admin"
API = Api(
    identifier=IDENTIFIER,
    name="Photos",
    scopes=tuple(
        ApiScope(name=name, description=f"Words for {name}") for name in (READ, WRITE, DELETE, ADMIN)
    ),
    rules=(
        Rule("GET", "/health", access=Access.PUBLIC),
        Rule("GET", "/photos", frozenset({READ})),
        Rule("POST", "/photos", frozenset({WRITE})),
        Rule("GET", "/photos/{id}", frozenset({READ})),
        Rule("DELETE", "/photos/{id}", frozenset({DELETE})),
        Rule("GET", "/inner/albums/{name}", frozenset({READ})),
        Rule("GET", "/admin", frozenset({ADMIN})),
        Rule("GET", "/inner/admin", frozenset({ADMIN})),
    ),
)
# Beside these, every application has /files/<anything> without a rule; `/extra`'s code asks for WRITE.
METADATA = "/.well-known/oauth-protected-resource/photos"
