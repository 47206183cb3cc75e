"""A real node for tests: the whole application behind a real uvicorn on loopback, and a scripted browser.

Nothing is mocked. The person's clicks are made by `Visitor`, which reads the pages' forms as a browser
without JavaScript would.
"""

import base64
import hashlib
import re
import secrets
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx2

from grantway.app import Application
from grantway.crypto.secrets import SecretKind, issue_secret
from grantway.flows.people import PersonDraft, add_person
from grantway.flows.server import Server
from grantway.protocol.apis import Api, ApiScope, Rule, Sensitivity
from grantway.protocol.clients import Client, ClientSecret, ClientType
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.people import Person
from grantway.protocol.scope import Scope
from grantway.settings import DatabaseSettings, LoggingSettings, Settings
from grantway.storage.changes import PutApi, PutClient, PutSecret
from tests.serving import listening
from tests.signing import assertion

PASSWORD = "a long walk by the lake"
CALLBACK = "https://printer.example/callback"
FETCH = {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
SAME_ORIGIN = {**FETCH, "sec-fetch-site": "same-origin"}

PHOTOS = Api(
    identifier="https://api.example/photos",
    name="Photos",
    scopes=(
        ApiScope(
            name="photos:read",
            description="See your photos",
            sensitivity=Sensitivity.READ,
            default=True,
        ),
        ApiScope(name="photos:write", description="Add photos to your albums", sensitivity=Sensitivity.WRITE),
        ApiScope(
            name="photos:delete", description="Delete your photos for ever", sensitivity=Sensitivity.SENSITIVE
        ),
    ),
    rules=(
        Rule("GET", "/photos", frozenset({"photos:read"})),
        Rule("POST", "/photos", frozenset({"photos:write"})),
        Rule("DELETE", "/photos/{id}", frozenset({"photos:delete"})),
    ),
)
CALENDAR = Api(
    identifier="https://api.example/calendar",
    name="Calendar",
    scopes=(ApiScope(name="calendar:read", description="See your appointments"),),
)


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def no_authorities() -> ssl.SSLContext:
    """Shared by all clients, who speak plain http: making one takes 23 ms."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def pkce() -> tuple[str, str]:
    """A fresh verifier and its S256 challenge."""
    verifier = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass
class Node:
    """A running node."""

    server: Server
    issuer: str
    secrets: dict[str, str] = field(default_factory=dict)  # client id → its secret
    people: dict[str, Person] = field(default_factory=dict)
    opened: list[httpx2.AsyncClient] = field(default_factory=list)  # closed with the node
    refusals: Path = Path()  # the folder of its refusals

    @property
    def store(self):
        return self.server.store

    def http(self, **options) -> httpx2.AsyncClient:
        """A plain HTTP client of this node; follows no redirects."""
        options.setdefault("verify", no_authorities())
        return httpx2.AsyncClient(base_url=self.issuer, trust_env=False, **options)

    async def put_api(self, api: Api) -> None:
        await self.server.snapshots.change([PutApi(api)], [])

    async def put_client(self, client: Client, *, secret: bool | None = None) -> Client:
        """Register a client; confidential ones get a secret, kept in `secrets`."""
        await self.server.snapshots.change([PutClient(client)], [])
        if secret if secret is not None else client.uses_secret:
            await self.add_secret(client.id)
        return client

    async def add_secret(self, client_id: str, **members) -> str:
        now = self.server.now()
        made = issue_secret(SecretKind.CLIENT_SECRET, now=now)
        row = ClientSecret(id=made.selector, client_id=client_id, hash=made.hash, created_at=now, **members)
        await self.server.snapshots.change([PutSecret(row)], [])
        self.secrets[client_id] = made.text
        return made.text

    async def change_client(self, client_id: str, **changes) -> Client:
        """Change a registered client."""
        client = replace(self.server.snapshots.current().registry.clients[client_id], **changes)
        await self.server.snapshots.change([PutClient(client)], [])
        return client

    async def add_person(self, username: str = "ada", name: str = "Ada Lovelace") -> Person:
        person = await add_person(
            self.server, PersonDraft(username=username, name=name, password=PASSWORD), actor="test"
        )
        self.people[username] = person
        return person

    def basic(self, client_id: str, secret: str | None = None) -> dict[str, str]:
        """The Basic header of a client."""
        pair = f"{client_id}:{self.secrets[client_id] if secret is None else secret}"
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    async def token(self, client_id: str, **form: str) -> httpx2.Response:
        """A token request of this client, authenticated the way it is registered."""
        return await self.post("/token", client_id, **form)

    async def post(self, path: str, client_id: str, **form: str) -> httpx2.Response:
        """A form POST of this client, authenticated the way it is registered."""
        client = self.server.snapshots.current().registry.clients[client_id]
        headers: dict[str, str] = {}
        if client.auth_method is AuthMethod.CLIENT_SECRET_BASIC:
            headers = self.basic(client_id)
        else:
            form["client_id"] = client_id
        if client.auth_method is AuthMethod.CLIENT_SECRET_POST:
            form["client_secret"] = self.secrets[client_id]
        if client.auth_method is AuthMethod.PRIVATE_KEY_JWT:
            form |= assertion(self.server.policy.issuer, client_id)
        async with self.http() as http:
            return await http.post(path, data=form, headers=headers)


def web_client(client_id: str = "printer", **members) -> Client:
    """A confidential web client with everything on."""
    return Client(
        **{
            "id": client_id,
            "name": "Photo Printer",
            "type": ClientType.WEB,
            "auth_method": AuthMethod.CLIENT_SECRET_BASIC,
            "grant_types": frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
            "redirect_uris": (CALLBACK,),
            "scope": Scope.of(["photos:read", "photos:write", "photos:delete", "offline_access"]),
            "optional_scope": Scope.of(["photos:write", "photos:delete"]),
            "created_at": 0.0,
            **members,
        }
    )


def machine_client(client_id: str, *scopes: str, **members) -> Client:
    """A confidential client that acts for itself (RFC 6749 §4.4)."""
    own = {"type": ClientType.MACHINE, "grant_types": frozenset({GrantType.CLIENT_CREDENTIALS})}
    scope = Scope.of(scopes)
    return web_client(client_id, **own, redirect_uris=(), scope=scope, optional_scope=Scope(), **members)


def asking_client(client_id: str, api: str, **members) -> Client:
    """The credentials of an API, named by its identifier, with which it asks about its tokens (RFC 7662)."""
    own = {"type": ClientType.RESOURCE_SERVER, "api": api, "grant_types": frozenset()}
    return web_client(client_id, **own, redirect_uris=(), scope=Scope(), optional_scope=Scope(), **members)


def native_client(client_id: str = "cli", **members) -> Client:
    """A public native client on loopback."""
    return web_client(
        client_id,
        **{
            "name": "Photo CLI",
            "type": ClientType.NATIVE,
            "auth_method": AuthMethod.NONE,
            "redirect_uris": ("http://127.0.0.1/cb",),
            "optional_scope": Scope(),
            **members,
        },
    )


@asynccontextmanager
async def running_node(database: str, *, port: int | None = None, **settings) -> AsyncIterator[Node]:
    """Start a node on this database, and stop it."""
    port = port or free_port()
    issuer = settings.pop("issuer", f"http://127.0.0.1:{port}")
    refusals = Path(mkdtemp(prefix="grantway-refusals-")) / "kept"
    settings = {"logging": LoggingSettings(refusals=refusals), **settings}
    chosen = Settings(
        issuer=issuer, dev=True, database=DatabaseSettings(url=database, auto_migrate=True), **settings
    )
    app = Application(chosen)
    try:
        async with listening(app, port=port, http="httptools", lifespan="on"):
            node = Node(server=app.server, issuer=issuer, refusals=refusals)
            try:
                yield node
            finally:
                for http in node.opened:
                    await http.aclose()
    finally:
        rmtree(refusals.parent)


@asynccontextmanager
async def seeded_node(database: str, **settings) -> AsyncIterator[Node]:
    """A node with two APIs, a web client `printer`, a native client `cli`, and ada."""
    async with running_node(database, **settings) as node:
        await node.put_api(PHOTOS)
        await node.put_api(CALENDAR)
        await node.put_client(web_client())
        await node.put_client(native_client())
        await node.add_person()
        yield node


def sqlite_url(folder: Path) -> str:
    """A database file of this test."""
    return f"sqlite:///{folder / 'grantway.db'}"


class _Forms(HTMLParser):
    """The forms of a page, as a browser without JavaScript would submit them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict] = []

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "form":
            self.forms.append({"action": a.get("action"), "method": a.get("method", "get"), "fields": []})
        elif tag == "input" and self.forms and a.get("name") and "disabled" not in a:
            kind = a.get("type", "text")
            if kind in {"checkbox", "radio"} and "checked" not in a:
                return
            self.forms[-1]["fields"].append((a["name"], a.get("value") or ""))


@dataclass
class Visitor:
    """A person's browser without JavaScript. `fetch=False` is a browser that sends no Sec-Fetch headers."""

    node: Node
    fetch: bool = True
    http: httpx2.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = self.node.http()
        self.node.opened.append(self.http)

    @property
    def session(self) -> str | None:
        return next((c.value for c in self.http.cookies.jar if c.name.endswith("gw_s")), None)

    def link(self, client_id: str = "printer", **parameters: str | None) -> str:
        """An authorization link; a parameter of None is left out."""
        self.verifier, challenge = pkce()
        wanted: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": CALLBACK,
            "scope": "photos:read",
            "state": "xyz",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **parameters,
        }
        return "/authorize?" + urlencode({k: v for k, v in wanted.items() if v is not None})

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        """GET, following redirects of our own server only."""
        base = {**FETCH, "sec-fetch-site": "none"} if self.fetch else {}
        return await self._follow(await self.http.get(url, headers={**base, **headers}))

    async def _follow(self, response: httpx2.Response) -> httpx2.Response:
        while response.status_code == 303:
            target = response.headers["location"]
            if not target.startswith("/") and not target.startswith(self.node.issuer):
                return response
            response = await self.http.get(
                target, headers={**FETCH, "sec-fetch-site": "same-origin"} if self.fetch else {}
            )
        return response

    async def submit(self, page: httpx2.Response, **fields: str | list[str] | None) -> httpx2.Response:
        """Submit the first form of a page with these fields set, and follow."""
        form = forms(page)[0]
        data = [(k, v) for k, v in form["fields"] if k not in fields]
        for name, value in fields.items():
            data += [
                (name, v) for v in ([] if value is None else [value] if isinstance(value, str) else value)
            ]
        response = await self.http.post(
            form["action"],
            content=urlencode(data),
            headers={
                "content-type": "application/x-www-form-urlencoded",
                **(SAME_ORIGIN if self.fetch else {}),
            },
        )
        return await self._follow(response)

    async def sign_in(
        self, page: httpx2.Response, username: str = "ada", password: str = PASSWORD
    ) -> httpx2.Response:
        return await self.submit(page, username=username, password=password, answer="login")

    async def approve(
        self, client_id: str = "printer", *, scope_ticked: list[str] | None = None, **parameters: str | None
    ) -> dict[str, str]:
        """From the link to the answer the client receives, signing in and allowing on the way."""
        page = await self.get(self.link(client_id, **parameters))
        if 'id="login-submit"' in page.text:
            page = await self.sign_in(page)
        if 'id="consent-allow"' in page.text:
            extra = {} if scope_ticked is None else {"scope": scope_ticked}
            page = await self.submit(page, answer="allow", **extra)
        return answer_of(page)

    async def code(self, client_id: str = "printer", **parameters) -> str:
        answer = await self.approve(client_id, **parameters)
        return answer["code"]

    async def tokens(self, client_id: str = "printer", **parameters) -> dict:
        """A whole flow: the token response."""
        redirect_uri = parameters.get("redirect_uri", CALLBACK)
        code = await self.code(client_id, **parameters)
        reply = await self.node.token(
            client_id,
            grant_type="authorization_code",
            code=code,
            redirect_uri=redirect_uri,
            code_verifier=self.verifier,
        )
        assert reply.status_code == 200, reply.text
        return reply.json()


def forms(page: httpx2.Response) -> list[dict]:
    parser = _Forms()
    parser.feed(page.text)
    assert parser.forms, f"no form on this page: {page.status_code} {page.text[:300]}"
    return parser.forms


def leaving_url(page: httpx2.Response) -> str | None:
    """Where the page sends the browser: by redirect, or by the meta refresh of /continue."""
    if page.status_code in {302, 303}:
        return page.headers["location"]
    found = re.search(r'http-equiv="refresh" content="0; ?url=([^"]+)"', page.text)
    return None if found is None else found[1].replace("&amp;", "&")


def answer_of(page: httpx2.Response) -> dict[str, str]:
    """What the client would receive at its redirect URI."""
    url = leaving_url(page)
    assert url is not None, f"not leaving: {page.status_code} {page.text[:500]}"
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query or parts.fragment, keep_blank_values=True)
    assert len(pairs) == len(dict(pairs)), "a parameter came twice"
    return dict(pairs)


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)
