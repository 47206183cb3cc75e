"""One registry for the tables of this folder. Tests change what they are about with `replace`."""

from dataclasses import replace

from grantway.protocol.apis import Api, ApiScope, Rule, Sensitivity
from grantway.protocol.authorization import AuthorizationRequest
from grantway.protocol.clients import Client, ClientSecret, ClientType
from grantway.protocol.grants import Code, CodeEvidence, Consent, Grant, RefreshEvidence, RefreshToken
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.people import Person, Session, SignedIn
from grantway.protocol.pkce import s256
from grantway.protocol.registry import Registry
from grantway.protocol.return_address import ReturnAddress
from grantway.protocol.scope import Scope

NOON = 1_800_000_000.0
ISSUER = "https://id.example"
CALLBACK = "https://web.example/cb"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
HASH = b"h" * 32

PHOTOS = Api(
    identifier="https://api.example/photos",
    name="photos",
    scopes=(
        ApiScope(name="photos:read", description="See your photos", default=True),
        ApiScope(name="photos:write", description="Add photos"),
        ApiScope(name="photos:delete", description="Delete photos", sensitivity=Sensitivity.SENSITIVE),
    ),
    rules=(Rule("GET", "/photos", frozenset({"photos:read"})),),
)
CALENDAR = Api(
    identifier="https://api.example/calendar",
    name="calendar",
    scopes=(ApiScope(name="calendar:read", description="See your appointments"),),
)

WEB = Client(
    id="web",
    name="Web",
    type=ClientType.WEB,
    auth_method=AuthMethod.CLIENT_SECRET_BASIC,
    grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
    redirect_uris=(CALLBACK,),
    scope=Scope.of(["photos:read", "photos:write", "photos:delete", "calendar:read", "offline_access"]),
    optional_scope=Scope.of(["photos:write", "photos:delete"]),
    created_at=0.0,
)
SPA = replace(WEB, id="spa", type=ClientType.SPA, auth_method=AuthMethod.NONE)
NATIVE = replace(SPA, id="native", type=ClientType.NATIVE, redirect_uris=("http://127.0.0.1/cb",))
MACHINE = replace(
    WEB,
    id="machine",
    type=ClientType.MACHINE,
    grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}),
    redirect_uris=(),
    optional_scope=Scope(),
)
RESOURCE_SERVER = replace(
    MACHINE, id="photos_api", type=ClientType.RESOURCE_SERVER, grant_types=frozenset(), api=PHOTOS.identifier
)
SECRET = ClientSecret(id="s1", client_id="web", hash=HASH, created_at=0.0)
REGISTRY = Registry.of(1, (WEB, SPA, NATIVE, MACHINE, RESOURCE_SERVER), (PHOTOS, CALENDAR))

ADA = Person(subject="u_" + "a" * 20, username="ada", name="Ada", created_at=0.0)
SESSION = Session(
    sso_id="a-session-through-re-authentication",
    id="session",
    hash=HASH,
    subject=ADA.subject,
    auth_time=NOON - 100,
    created_at=NOON - 100,
    seen_at=NOON,
    expires_at=NOON + 1000,
)
SIGNED_IN = SignedIn(SESSION, ADA)

REQUEST = AuthorizationRequest(
    client=WEB,
    answer_to=ReturnAddress(issuer=ISSUER, redirect_uri=CALLBACK, sent=True, state="xyz"),
    scope=Scope.of(["photos:read"]),
    resources=(PHOTOS.identifier,),
    code_challenge=s256(VERIFIER),
    nonce=None,
    prompts=frozenset(),
    max_age=None,
    login_hint=None,
    ui_locales=(),
)
CONSENT = Consent(
    id="consent",
    subject=ADA.subject,
    client_id="web",
    scope=Scope.of(["photos:read"]),
    created_at=0.0,
    updated_at=0.0,
)
GRANT = Grant(
    id="grant",
    client_id="web",
    subject=ADA.subject,
    consent_id="consent",
    session_id="session",
    scope=Scope.of(["photos:read", "photos:write", "calendar:read"]),
    resources=(PHOTOS.identifier, CALENDAR.identifier),
    auth_time=NOON - 100,
    created_at=NOON - 30,
    expires_at=NOON + 86400,
)
CODE = Code(
    id="code",
    hash=HASH,
    grant_id="grant",
    flow_id="flow",
    client_id="web",
    redirect_uri=CALLBACK,
    redirect_uri_sent=True,
    code_challenge=s256(VERIFIER),
    nonce=None,
    issued_at=NOON - 30,
    expires_at=NOON + 30,
)
CODE_EVIDENCE = CodeEvidence(code=CODE, grant=GRANT, person=ADA)
REFRESH_TOKEN = RefreshToken(
    id="token", hash=HASH, grant_id="grant", client_id="web", issued_at=NOON - 30, expires_at=NOON + 30
)
REFRESH_EVIDENCE = RefreshEvidence(token=REFRESH_TOKEN, grant=GRANT, person=ADA)
