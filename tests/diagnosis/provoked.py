"""Each diagnosis provoked over HTTP: id → what to do, and what the operator then reads.

The words are pieces of received, expected, difference and fix, in this order; an empty piece says nothing.
"""

import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import httpx2

from grantway.flows.browser import Browser
from grantway.flows.interaction import open_interaction, seal_interaction
from grantway.protocol.clients import ClientType
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from tests.checks.answers import CheckedNode, fresh_code
from tests.node import (
    CALLBACK,
    FETCH,
    PASSWORD,
    SAME_ORIGIN,
    Node,
    Visitor,
    forms,
    native_client,
    pkce,
    web_client,
)
from tests.signing import assertion, jwks

SPA_ORIGIN = "https://spa.example"
CLIENTS = (
    web_client("hasty", require_pkce=False),
    web_client(
        "spa",
        type=ClientType.SPA,
        auth_method=AuthMethod.NONE,
        redirect_uris=(f"{SPA_ORIGIN}/cb",),
        origins=(SPA_ORIGIN,),
    ),
    web_client("two", redirect_uris=("https://two.example/a", "https://two.example/b")),
    web_client("home", name="Photo House", homepage="https://printer.example/"),
    web_client("off", enabled=False),
    native_client("tool"),
    web_client(
        "machine",
        type=ClientType.MACHINE,
        redirect_uris=(),
        grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}),
        scope=Scope.of(["calendar:read"]),
        optional_scope=Scope(),
    ),
    web_client("signer", auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=jwks()),
    web_client("away", auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks_uri="http://127.0.0.1:9/keys"),
    web_client("bound", certificate_bound_tokens=True),
    web_client(
        "certified",
        auth_method=AuthMethod.SELF_SIGNED_TLS_CLIENT_AUTH,
        jwks=jwks(),
    ),
    web_client("reader", scope=Scope.of(["openid", "photos:read"]), optional_scope=Scope()),
)


@dataclass
class Scene:
    """A node, a browser signed in as ada, and one that has never been here."""

    node: CheckedNode
    member: Visitor
    stranger: Visitor

    async def authorize(self, client_id: str = "printer", **parameters) -> httpx2.Response:
        """The first answer to a link, from ada's browser."""
        return await self.member.http.get(self.member.link(client_id, **parameters), headers=FETCH)

    def http(self) -> httpx2.AsyncClient:
        """Where 500 and 503 are answers, too."""
        return Node.http(self.node, timeout=90)

    async def post(self, path: str, headers=None, **form: str) -> httpx2.Response:
        async with self.http() as http:
            return await http.post(path, data=form, headers=headers)

    async def redeem(self, client_id: str = "printer", *, made_for: str = "printer", **changes):
        code, verifier = await fresh_code(self.member, made_for)
        sent = {"code": code, "redirect_uri": CALLBACK, "code_verifier": verifier, **changes}
        form = {name: value for name, value in sent.items() if value is not None}
        return await self.node.token(client_id, grant_type="authorization_code", **form)

    async def tokens(self) -> dict:
        return (await self.redeem()).json()

    async def refresh(self, client_id: str = "printer", **form: str) -> httpx2.Response:
        return await self.node.token(client_id, grant_type="refresh_token", **form)


Act = Callable[[Scene], Awaitable[httpx2.Response]]


@dataclass(frozen=True)
class Case:
    """What to do, and what is then read."""

    act: Act
    received: str
    expected: str
    difference: str
    fix: str = ""
    name: str = ""


# --- the authorization endpoint ---------------------------------------------


async def _no_response_type(scene):
    return await scene.authorize(response_type=None)


async def _unknown_client(scene):
    return await scene.authorize("Printer ")


async def _disabled_client(scene):
    return await scene.authorize("off")


def _address(text: str) -> Act:
    async def act(scene):
        return await scene.authorize(redirect_uri=text)

    return act


def _link(client_id: str = "printer", **parameters) -> Act:
    async def act(scene):
        return await scene.authorize(client_id, **parameters)

    return act


async def _from_a_frame(scene):
    return await scene.member.http.get(scene.member.link(), headers={**FETCH, "sec-fetch-dest": "iframe"})


async def _silent_stranger(scene):
    return await scene.stranger.http.get(scene.stranger.link(prompt="none"), headers=FETCH)


async def _declined(scene):
    page = await scene.stranger.get(scene.stranger.link())
    form = forms(page)[0]
    fields = dict(form["fields"]) | {"answer": "cancel"}
    return await scene.stranger.http.post(form["action"], data=fields, headers=SAME_ORIGIN)


async def _another_person(scene):
    subject = '{"id_token": {"sub": {"value": "u_00000000000000000000"}}}'
    scope = "openid photos:read"
    return await scene.authorize("reader", claims=subject, scope=scope, prompt="none")


# --- the token endpoint ------------------------------------------------------


async def _expired_code(scene):
    code, verifier = await fresh_code(scene.member)
    with sqlite3.connect(scene.node.database.removeprefix("sqlite:///"), isolation_level=None) as db:
        db.execute("UPDATE codes SET issued_at = issued_at - 75, expires_at = expires_at - 75")
    db.close()
    return await scene.node.redeem(code, verifier)


async def _code_twice(scene):
    code, verifier = await fresh_code(scene.member)
    await scene.node.redeem(code, verifier)
    return await scene.node.redeem(code, verifier)


async def _address_differs(scene):
    return await scene.redeem(redirect_uri=CALLBACK + "/")


async def _code_of_another(scene):
    return await scene.redeem("hasty")


async def _cut_code(scene):
    code, verifier = await fresh_code(scene.member)
    return await scene.node.redeem(code[:-1], verifier)


async def _wrong_verifier(scene):
    return await scene.redeem(code_verifier=pkce()[0])


async def _challenge_as_verifier(scene):
    challenge = pkce()[1]
    code, _ = await fresh_code(scene.member, code_challenge=challenge)
    return await scene.node.redeem(code, challenge)


async def _no_verifier(scene):
    return await scene.redeem(code_verifier=None)


async def _withdrawn(scene):
    tokens = await scene.tokens()
    await scene.node.post("/revoke", "printer", token=tokens["refresh_token"])
    return await scene.refresh(refresh_token=tokens["refresh_token"])


async def _secret_in_the_body(scene):
    secret = scene.node.secrets["printer"]
    form = {"client_id": "printer", "client_secret": secret}
    return await scene.post("/token", grant_type="client_credentials", **form)


async def _two_proofs(scene):
    secret = scene.node.secrets["printer"]
    return await scene.post("/token", scene.node.basic("printer"), client_secret=secret, grant_type="x")


async def _public_introspection(scene):
    return await scene.post("/introspect", client_id="tool", token="x")


def _secret(text: str) -> Act:
    async def act(scene):
        headers = scene.node.basic("printer", text)
        return await scene.post("/token", headers, grant_type="client_credentials")

    return act


async def _secret_with_a_line_break(scene):
    headers = scene.node.basic("printer", scene.node.secrets["printer"] + "\n")
    return await scene.post("/token", headers, grant_type="client_credentials")


async def _expired_secret(scene):
    secret = await scene.node.add_secret("hasty", label="old one", expires_at=scene.node.server.now() - 60)
    return await scene.post("/token", scene.node.basic("hasty", secret), grant_type="client_credentials")


async def _unknown_caller(scene):
    return await scene.post("/token", scene.node.basic("nobody", "x"), grant_type="client_credentials")


def _asserting(**claims) -> Act:
    async def act(scene):
        form = assertion(scene.node.issuer, "signer", **claims)
        return await scene.post("/token", grant_type="client_credentials", **form)

    return act


async def _same_assertion(scene):
    form = assertion(scene.node.issuer, "signer")
    await scene.post("/token", grant_type="client_credentials", **form)
    return await scene.post("/token", grant_type="client_credentials", **form)


async def _keys_away(scene):
    form = assertion(scene.node.issuer, "away")
    return await scene.post("/token", grant_type="client_credentials", **form)


async def _no_certificate(scene):
    return await scene.post("/token", grant_type="client_credentials", client_id="certified")


async def _token_unbound(scene):
    return await scene.post(
        "/token", scene.node.basic("bound"), grant_type="refresh_token", refresh_token="x"
    )


async def _too_many_failures(scene):
    headers = scene.node.basic("printer", "wrong")
    async with scene.http() as http:
        for _ in range(150):
            reply = await http.post("/token", data={"grant_type": "x"}, headers=headers)
            if reply.status_code == 429:
                return reply
    raise AssertionError("never throttled")


async def _machine_scope(scene):
    return await scene.node.token("machine", grant_type="client_credentials", scope="calendar:raed openid")


async def _wider_refresh(scene):
    tokens = await scene.tokens()
    wider = "photos:read photos:write"
    return await scene.refresh(refresh_token=tokens["refresh_token"], scope=wider)


async def _userinfo_without_openid(scene):
    token = (await scene.tokens())["access_token"]
    async with scene.node.http() as http:
        return await http.get("/userinfo", headers={"authorization": f"Bearer {token}"})


async def _dead_token(scene):
    async with scene.node.http() as http:
        return await http.get("/userinfo", headers={"authorization": "Bearer e30.e30.e30"})


async def _no_token(scene):
    async with scene.node.http() as http:
        return await http.get("/userinfo")


async def _password_grant(scene):
    return await scene.node.token("printer", grant_type="password", username="ada", password=PASSWORD)


async def _machine_with_code(scene):
    return await scene.node.token("machine", grant_type="authorization_code", code="x")


async def _resource_elsewhere(scene):
    return await scene.redeem(resource="https://api.example/photo")


async def _refresh_twice(scene):
    first = (await scene.tokens())["refresh_token"]
    await scene.refresh(refresh_token=first)
    await scene.node.pass_time(30)
    return await scene.refresh(refresh_token=first)


async def _unknown_refresh_token(scene):
    return await scene.refresh(refresh_token="gwrt_none")


# --- browsers and proxies -----------------------------------------------------


async def _unregistered_origin(scene):
    headers = {"origin": SPA_ORIGIN + ":8443"}
    return await scene.post("/token", headers, client_id="spa", grant_type="refresh_token", refresh_token="x")


async def _preflight(scene):
    async with scene.node.http() as http:
        headers = {"origin": "http://spa.example", "access-control-request-method": "POST"}
        return await http.request("OPTIONS", "/token", headers=headers)


async def _another_host(scene):
    host = scene.node.issuer.removeprefix("http://")
    async with scene.node.http() as http:
        return await http.get("/authorize", headers={"host": "backend:8600", "x-forwarded-host": host})


# --- people ---------------------------------------------------------------------


async def _bad_return(scene):
    async with scene.node.http() as http:
        there = "https://printer.example/bye"
        return await http.get(
            "/end-session", params={"client_id": "printer", "post_logout_redirect_uri": there}
        )


async def _posted_login(scene, *, visitor=None, password="wrong", headers=SAME_ORIGIN, **more):
    visitor = visitor or Visitor(scene.node)
    page = await visitor.get(visitor.link())
    form = forms(page)[0]
    fields = dict(form["fields"]) | {"username": "ada", "password": password, "answer": "login", **more}
    return await visitor.http.post(form["action"], data=fields, headers=headers)


async def _wrong_password(scene):
    return await _posted_login(scene)


async def _too_many_tries(scene):
    for _ in range(12):
        reply = await _posted_login(scene, username="grace")
        if reply.status_code == 429:
            return reply
    raise AssertionError("never throttled")


async def _from_elsewhere(scene):
    return await _posted_login(scene, headers={**FETCH, "sec-fetch-site": "cross-site"})


async def _page_of_another(scene):
    page = await scene.member.get(scene.member.link(prompt="login"))
    return await scene.stranger.http.get(f"/login?x={dict(forms(page)[0]['fields'])['x']}", headers=FETCH)


async def _old_page(scene):
    visitor = Visitor(scene.node)
    page = await visitor.get(visitor.link("home"))
    cookies = {name.rpartition("_")[2]: value for name, value in visitor.http.cookies.items()}
    browser = Browser(
        session_cookie=None,
        flow_cookies=cookies,
        device_cookie=None,
        network="127.0.0.1",
        user_agent=None,
        sends_fetch_metadata=True,
        framed=False,
    )
    server = scene.node.server
    flow = open_interaction(server, browser, dict(forms(page)[0]["fields"])["x"])
    old = seal_interaction(server, replace(flow, started_at=server.now() - 3600))
    return await visitor.http.get(f"/login?x={old}", headers=FETCH)


async def _no_such_app(scene):
    return await scene.member.http.get("/account/apps/remove?client_id=nobody", headers=FETCH)


# --- our side -------------------------------------------------------------------


async def _database_held(scene):
    code, verifier = await fresh_code(scene.member)
    with sqlite3.connect(scene.node.database.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        reply = await scene.post("/token", scene.node.basic("printer"), **form)
        other.execute("ROLLBACK")
    other.close()
    return reply


async def _broken_row(scene):
    code, verifier = await fresh_code(scene.member)
    with sqlite3.connect(scene.node.database.removeprefix("sqlite:///"), isolation_level=None) as db:
        db.execute(
            "UPDATE grants SET resources = '{' WHERE id = (SELECT grant_id FROM codes WHERE id = ?)",
            (code[5:21],),
        )
    db.close()
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return await scene.post("/token", scene.node.basic("printer"), **form)


async def _get_token(scene):
    async with scene.node.http() as http:
        return await http.get("/token")


async def _large(scene) -> httpx2.Response:
    return await scene.post("/token", client_id="x" * 70_000)


def _now_off(seconds: float) -> float:
    return time.time() + seconds


CASES: dict[str, tuple[Case, ...]] = {
    "GW-100": (Case(_no_response_type, "client_id", "response_type", "is missing"),),
    "GW-101": (
        Case(_unknown_client, "client_id=Printer ", "registered", "white space", "grantway app list"),
        Case(_disabled_client, "off", "enabled", "disabled", "grantway app edit off --enable"),
        Case(_unknown_caller, "client_id=nobody", "registered", "no app has this id", "app list"),
    ),
    "GW-102": (
        Case(
            _address(CALLBACK + "/"),
            CALLBACK + "/",
            CALLBACK,
            "a trailing slash: from character 33: '/' instead of the end",
            f"grantway app edit printer --add-redirect-uri {CALLBACK}/",
        ),
        Case(
            _address(CALLBACK.replace("https", "http")),
            "http://printer",
            CALLBACK,
            "http instead of https: from character 5",
            "plain http is for",
        ),
        Case(_address(CALLBACK + "?x=1"), "?x=1", CALLBACK, "the query", "--add-redirect-uri 'https://"),
        Case(_address(CALLBACK.upper()), "CALLBACK", CALLBACK, "upper and lower case", "lower case"),
        Case(_address(CALLBACK + "#x"), "#x", CALLBACK, "a fragment", "must not have a fragment"),
        Case(
            _address("https://printer.example:444/callback"),
            ":444",
            CALLBACK,
            "port 444 instead of left out",
            "add it",
        ),
        Case(
            _link("tool", redirect_uri="http://localhost/cb"),
            "localhost",
            "http://127.0.0.1/cb",
            "localhost instead of 127.0.0.1, which are two hosts",
            "grantway app edit tool --add-redirect-uri http://localhost/cb",
        ),
    ),
    "GW-103": (
        Case(
            _link("two", redirect_uri=None),
            "no redirect_uri",
            "https://two.example/a or https://two.example/b",
            "2 registered",
            "send redirect_uri",
        ),
    ),
    "GW-104": (
        Case(_link(response_mode="jwt"), "response_mode=jwt", "form_post", "not supported"),
        Case(_link(prompt="nose"), "prompt=nose", "select_account", "unknown value"),
        Case(_link(max_age="soon"), "max_age=soon", "max_age=3600", "whole number"),
    ),
    "GW-105": (Case(_link(request="e30."), "a parameter request", "plain parameters", "not supported"),),
    "GW-106": (Case(_link(state="x" * 2049), "state of 2049", "at most 2048", "longer"),),
    "GW-107": (Case(_get_token, "GET /token", "POST", "use"),),
    "GW-108": (Case(_large, "a longer body", "65536", "64 kB"),),
    "GW-109": (Case(_link(id_token_hint="e30.e30."), "an id_token_hint", "an ID token of this server", ""),),
    "GW-110": (
        Case(
            _link(code_challenge=None, code_challenge_method=None),
            "no parameter of PKCE",
            "code_challenge_method=S256",
            "does not use PKCE",
        ),
    ),
    "GW-111": (
        Case(_wrong_verifier, "whose S256 begins", "one whose S256 begins", "another flow, another tab"),
        Case(_challenge_as_verifier, "whose S256 begins", "begins", "the challenge itself was sent"),
        Case(_no_verifier, "no code_verifier", "behind the code_challenge", "missing"),
    ),
    "GW-112": (
        Case(_link(code_challenge_method="plain"), "method=plain", "method=S256", "shows the verifier"),
        Case(_link(code_challenge_method="s256"), "method=s256", "method=S256", "the case of its letters"),
        Case(_link(code_challenge="x" * 43 + "="), "44 characters", "43 characters", "padded"),
        Case(_link(code_challenge="a+" + "x" * 41), "43 characters", "43 characters", "base64 instead"),
        Case(_link(code_challenge="0f" * 32), "64 characters", "43 characters", "hexadecimal"),
    ),
    "GW-120": (Case(_expired_code, "a code 7", "at most 60 s", "s too late"),),
    "GW-121": (Case(_code_twice, "used already", "each code once", "first used", "runs twice"),),
    "GW-122": (
        Case(_address_differs, CALLBACK + "/", CALLBACK, "a trailing slash", f"redirect_uri={CALLBACK},"),
        Case(_code_of_another, "a code from hasty", "printer", "the client_id", "Authenticate as printer"),
    ),
    "GW-124": (Case(_cut_code, "no living code", "byte for byte", "cut"),),
    "GW-125": (Case(_withdrawn, "a grant that is over", "a living grant", "was revoked"),),
    "GW-130": (
        Case(
            _secret_in_the_body,
            "client_secret_post: the secret in the body",
            "client_secret_basic: the secret in the Authorization header",
            "client_secret_post instead of client_secret_basic",
            "grantway app edit printer --auth-method client_secret_post",
        ),
        Case(_two_proofs, "more than one proof", "exactly one", "only one way"),
        Case(_public_introspection, "which is public", "proves itself", "none", "--credentials"),
    ),
    "GW-131": (
        Case(_secret("wrong"), "a secret of 5 characters", "live secrets", "no secret that", "secret add"),
        Case(_secret("printer"), "7 characters", "live secrets", "it is the client_id", "secret list"),
        Case(_secret(" gwcs_x"), "7 characters", "live secrets", "white space around it", "secret add"),
        Case(_secret_with_a_line_break, "at the end", "nothing after it", "the line break of a file"),
        Case(_expired_secret, "old one", "live", "expired 6", "grantway app secret add hasty"),
    ),
    "GW-132": (Case(_secret("50%"), "cannot be read", "form-encoded", "hexadecimal"),),
    "GW-133": (
        Case(
            _asserting(aud="https://other.example"),
            "aud 'https://other.example'",
            "as one string",
            "aud",
            "one string",
        ),
        Case(_asserting(exp=_now_off(-75)), "exp ", "now", "is the app's clock behind"),
        Case(_asserting(iat=_now_off(86_400)), "iat ", "now", "10 s are forgiven: is the app's clock ahead"),
        Case(_same_assertion, "a jti that was used", "a new jti", "used before"),
    ),
    "GW-134": (Case(_no_certificate, "no certificate", "a trusted proxy", "client_certificate_header"),),
    "GW-136": (
        Case(
            _token_unbound,
            "no client certificate",
            "the client certificate",
            "the app sent none",
            "grantway app edit bound --no-certificate-bound-tokens",
        ),
    ),
    "GW-137": (Case(_keys_away, "no key set", "over https", "http://127.0.0.1:9/keys"),),
    "GW-140": (
        Case(
            _link(scope="photos:raed photos:read"),
            "photos:raed",
            "photos:read",
            "photos:raed is defined by no API (near: photos:read)",
            "grantway api list",
        ),
        Case(
            _link(scope="calendar:read"),
            "calendar:read",
            "photos:read",
            "calendar:read is not registered for printer",
            "grantway app edit printer --add-scope calendar:read",
        ),
        Case(_machine_scope, "calendar:raed", "calendar:read", "near: calendar:read", "--add-scope openid"),
    ),
    "GW-141": (
        Case(_wider_refresh, "photos:write", "photos:read", "missing: photos:write"),
        Case(_userinfo_without_openid, "scope=photos:read", "scope openid", "missing: openid"),
    ),
    "GW-150": (
        Case(_link(response_type="token"), "response_type=token", "response_type=code", "implicit", "PKCE"),
        Case(_password_grant, "grant_type=password", "authorization_code", "shows people's passwords", "Use"),
        Case(
            _machine_with_code,
            "authorization_code",
            "client_credentials",
            "a machine app signs nobody in",
            "grantway app edit machine --grant-type client_credentials --grant-type authorization_code",
        ),
    ),
    "GW-160": (
        Case(
            _link(resource="https://api.example/Photos"),
            "resource=https://api.example/Photos",
            "https://api.example/photos",
            "from character 21: 'Photos' instead of 'photos'",
            "grantway api list",
        ),
        Case(_resource_elsewhere, "/photo", "https://api.example/photos", "the end instead of 's'", "byte"),
        Case(
            _link(resource="https://api.example/calendar"),
            "calendar",
            "api.example",
            "printer has no scope of it",
            "--add-scope",
        ),
    ),
    "GW-170": (Case(_refresh_twice, "replaced", "the newest one", "first used 3", "in one place"),),
    "GW-171": (Case(_unknown_refresh_token, "no living refresh token", "byte for byte", "cut"),),
    "GW-190": (
        Case(
            _another_host,
            "Host: backend:8600; X-Forwarded-Host: 127.0.0.1",
            "Host: 127.0.0.1",
            "in X-Forwarded-Host, but not in Host",
            "proxy_set_header Host $host;",
        ),
    ),
    "GW-180": (
        Case(
            _preflight,
            "Origin: http://spa.example",
            SPA_ORIGIN,
            "from character 5: '://spa.examp'... instead of 's://spa.exam'...",
            "--origin",
        ),
    ),
    "GW-201": (
        Case(_dead_token, "an access token", "a living one", "not an access token of ours"),
        Case(_no_token, "no Authorization header", "Bearer", "in the query"),
    ),
    "GW-221": (Case(_declined, "Cancel", "Allow", "did not allow"),),
    "GW-222": (
        Case(_silent_stranger, "prompt=none", "nothing left to ask", "nobody is signed in"),
        Case(_from_a_frame, "a frame", "a window", "window of its own"),
    ),
    "GW-223": (Case(_another_person, "another person", "who was named", "another person"),),
    "GW-224": (
        Case(
            _link(
                "reader",
                scope="openid",
                claims='{"id_token": {"acr": {"essential": true, "value": "gold"}}}',
            ),
            "an essential acr of: gold",
            "one of:",
            "no sign-in here",
        ),
    ),
    "GW-230": (
        Case(
            _bad_return,
            "https://printer.example/bye",
            "registered",
            "no registered address",
            "--post-logout-redirect-uri https://printer.example/bye",
        ),
    ),
    "GW-300": (Case(_wrong_password, "a name and a password", "a pair that fits", "'s password"),),
    "GW-301": (Case(_too_many_tries, "one try more", "another try in", "too many tries"),),
    "GW-310": (Case(_from_elsewhere, "cross-site", "same-origin", "cross-site"),),
    "GW-311": (Case(_page_of_another, "without the cookie", "it was made for", "no cookie"),),
    "GW-312": (Case(_old_page, "no longer good", "within 30 minutes", "open too long"),),
    "GW-313": (Case(_no_such_app, "its name", "one of their own", "not connected"),),
    "GW-900": (Case(_database_held, "needs the database", "answers in time", "", "grantway doctor"),),
    "GW-901": (Case(_broken_row, "maybe in order", "an answer", "ValidationError"),),
    "GW-135": (Case(_too_many_failures, "one more failure from 127.0.0.1", "ten a second", "a retry loop"),),
}
