"""Asking about tokens: a live server, real tokens, and a counter in between."""

import asyncio
import json
import time
from dataclasses import replace

import pytest

from grantway.crypto.jose import SigningKey
from grantway.flows.registry_apis import add_api
from grantway.protocol.apis import TokenFormat
from grantway.protocol.names import AuthMethod
from grantway.protocol.scope import Scope
from grantway.sdk import (
    BadToken,
    ClientSecret,
    Guard,
    Introspection,
    PrivateKey,
    Protection,
    PublishedApi,
    Unavailable,
)
from tests.node import CALENDAR, PHOTOS, Visitor, seeded_node, sqlite_url, web_client
from tests.sdk.callers import Caller, bearer
from tests.sdk.servers import Clock, running


@pytest.fixture(scope="module")
async def node(tmp_path_factory):
    """A server whose photos API has opaque tokens and credentials of its own."""
    async with seeded_node(sqlite_url(tmp_path_factory.mktemp("node"))) as node:
        await node.put_api(replace(PHOTOS, token_format=TokenFormat.OPAQUE))
        yield node


@pytest.fixture(scope="module")
async def credentials(node):
    """Those of the photos API."""
    await node.put_client(
        web_client(
            "photos_api",
            name="Photos API",
            type="resource_server",
            api=PHOTOS.identifier,
            grant_types=frozenset(),
            redirect_uris=(),
            scope=Scope(),
            optional_scope=Scope(),
        )
    )
    return ClientSecret("photos_api", node.secrets["photos_api"])


class Between:
    """Stands before the server and counts the questions that go through."""

    def __init__(self, node):
        self.node, self.questions = node, 0

    async def __call__(self, scope, receive, send):
        self.questions += 1
        body = (await receive())["body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name != b"host"}
        async with self.node.http() as http:
            reply = await http.request(scope["method"], scope["path"], content=body, headers=headers)
        kept = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": reply.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": reply.content})


async def test_a_living_token_passes_and_a_revoked_one_for_seconds_only(node, credentials):
    """FN16, O9: the bound is `keep`; the guard before an application, with opaque tokens."""

    async def application(scope, _receive, send):
        body = scope["grantway.token"].subject.encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    ticks = Clock()
    asks = Introspection(node.issuer, PHOTOS.identifier, credentials, ticks=ticks)
    opaque = replace(PHOTOS, token_format=TokenFormat.OPAQUE)
    text = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    assert text.startswith("gwat_")
    guard = Guard(application, Protection(api=opaque, issuer=node.issuer, verifier=asks))
    async with running(guard) as port:
        call = Caller(port)
        assert (200, node.people["ada"].subject.encode()) == (
            (reply := await call(b"/photos", bearer(text))).status,
            reply.body,
        )
        assert 403 == (await call(b"/photos", bearer(text), method=b"POST")).status
        assert 401 == (await call(b"/photos", bearer("gwat_" + "0" * 65))).status
        assert 200 == (await node.post("/revoke", "printer", token=text)).status_code
        assert 200 == (await call(b"/photos", bearer(text))).status  # remembered
        ticks.now += 5
        assert 401 == (await call(b"/photos", bearer(text))).status
    await asks.aclose()


async def test_answers_are_remembered_the_dead_ones_too_and_asked_for_once(node, credentials):
    """N3, U1: by the digest of the whole token; many requests at once are one question."""
    between, ticks = Between(node), Clock()
    async with running(between) as port:
        asks = Introspection(
            node.issuer,
            PHOTOS.identifier,
            credentials,
            endpoint=f"http://127.0.0.1:{port}/introspect",
            ticks=ticks,
        )
        text = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
        found = await asyncio.gather(*(asks.verify(text) for _ in range(5)))
        assert (1, {"photos:read"}) == (between.questions, {str(one.scope) for one in found})
        for _ in range(3):
            with pytest.raises(BadToken):
                await asks.verify("gwat_" + "1" * 65)
        assert 2 == between.questions
        ticks.now += 5
        await asks.verify(text)
        assert 3 == between.questions
        with pytest.raises(BadToken, match="no longer in force"):
            await asks.verify("x" * 9000)
        assert 3 == between.questions
        await asks.aclose()


async def test_nothing_is_remembered_beyond_the_end_of_the_token(node, credentials):
    """N3: the clock of the API decides, not the memory."""
    now = [time.time()]
    asks = Introspection(node.issuer, PHOTOS.identifier, credentials, clock=lambda: now[0], keep=10**9)
    text = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    found = await asks.verify(text)
    now[0] = found.expires_at
    with pytest.raises(BadToken, match="expired"):
        asks.at_hand(text)
    await asks.aclose()


@pytest.mark.parametrize("wrong", ["secret", "address"])
async def test_o8_when_the_server_does_not_answer_nothing_passes(node, credentials, wrong):
    """O8: our own credentials refused, or nobody there, is a failure of ours."""
    given = ClientSecret("photos_api", "wrong") if wrong == "secret" else credentials
    endpoint = None if wrong == "secret" else "http://127.0.0.1:9/introspect"
    asks = Introspection(node.issuer, PHOTOS.identifier, given, endpoint=endpoint)
    with pytest.raises(Unavailable):
        await asks.verify("gwat_" + "2" * 65)
    await asks.aclose()


@pytest.mark.parametrize(
    "change",
    [
        {"active": 1},
        {"iss": "https://other.example"},
        {"aud": "https://api.example/other"},
        {"token_type": "refresh_token"},
        {"token_type": None},
        {"exp": 1},
        {"exp": None},
        {"exp": True},
    ],
    ids=range(8),
)
async def test_an_answer_that_vouches_for_something_else_is_no_token(change):
    """RFC 7662 §4: what the caller is about to rely on has to be said."""
    good = {
        "active": True, "iss": "https://id.example", "aud": PHOTOS.identifier, "token_type": "Bearer",
        "exp": int(time.time()) + 60, "iat": 1, "sub": "ada", "client_id": "a", "jti": "j", "scope": "x",
    }  # fmt: skip
    told = [good]

    async def server(_scope, _receive, send):
        body = json.dumps({name: value for name, value in told[0].items() if value is not None}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async with running(server) as port:
        asks = Introspection(
            "https://id.example",
            PHOTOS.identifier,
            ClientSecret("a", "b"),
            endpoint=f"http://127.0.0.1:{port}/introspect",
        )
        assert "ada" == (await asks.verify("one")).subject
        told[0] = good | change
        with pytest.raises(BadToken):
            await asks.verify("two")
        await asks.aclose()


# ------------------------------------------------------------------------------ the API's own definition


async def test_an_api_reads_its_definition_and_sees_its_changes(node, credentials, tmp_path):
    """FS48, O9: by its own credentials, with a conditional request; in force within `lifetime`."""
    ticks, kept = Clock(), tmp_path / "photos.json"
    api = PublishedApi(node.issuer, PHOTOS.identifier, credentials, keep_in=kept, clock=ticks)
    opaque = replace(PHOTOS, token_format=TokenFormat.OPAQUE)
    assert opaque == await api.get()
    assert api.at_hand() is await api.get()
    changed = replace(opaque, rules=opaque.rules[:1])
    await node.put_api(changed)
    ticks.now += 6
    assert changed == await api.get()
    await node.put_api(opaque)
    later = PublishedApi("http://127.0.0.1:9", PHOTOS.identifier, credentials, keep_in=kept)
    assert changed == await later.get()
    below = PublishedApi("http://127.0.0.1:9", PHOTOS.identifier, credentials, keep_in=kept, below="/v2")
    assert [f"/v2{rule.path}" for rule in changed.rules] == [rule.path for rule in (await below.get()).rules]
    with pytest.raises(Unavailable):
        await PublishedApi("http://127.0.0.1:9", PHOTOS.identifier, credentials).get()


async def test_the_definition_is_sent_again_only_when_it_changed(node, credentials):
    """FS48: RFC 9110 §13.1.2."""
    headers = dict(credentials.for_request(node.issuer).headers)
    async with node.http() as http:
        first = await http.get("/api-definition", headers=headers)
        assert (200, "private, no-cache") == (first.status_code, first.headers["cache-control"])
        again = await http.get("/api-definition", headers=headers | {"if-none-match": first.headers["etag"]})
        assert (304, b"", first.headers["etag"]) == (again.status_code, again.content, again.headers["etag"])
        other = await http.get("/api-definition", headers=headers | {"if-none-match": '"other"'})
        assert first.content == other.content


async def test_n1_nobody_reads_the_definition_of_another(node, credentials):
    """N1: no credentials, an app's credentials, the credentials of another API."""
    async with node.http() as http:
        assert 401 == (await http.get("/api-definition")).status_code
        assert 401 == (await http.get("/api-definition?client_id=cli")).status_code
        app = await http.get("/api-definition", headers=node.basic("printer"))
        assert (400, "unauthorized_client") == (app.status_code, app.json()["error"])
    other = await add_api(node.server, replace(CALENDAR, identifier="https://api.example/c2", name="C2",
                                               scopes=()), actor="test", credentials=True)  # fmt: skip
    theirs = ClientSecret(other.client.id, other.secret)
    with pytest.raises(Unavailable):
        await PublishedApi(node.issuer, PHOTOS.identifier, theirs).get()
    assert other.api == await PublishedApi(node.issuer, other.api.identifier, theirs).get()


async def test_the_api_proves_itself_by_a_key(node):
    """FS31: private_key_jwt, for both questions."""
    key = SigningKey.generate("ES256")
    await node.put_client(
        web_client(
            "photos_key",
            name="Photos API",
            type="resource_server",
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            api=PHOTOS.identifier,
            grant_types=frozenset(),
            redirect_uris=(),
            scope=Scope(),
            optional_scope=Scope(),
            jwks=(json.dumps(key.public_jwk()),),
        )
    )
    credentials = PrivateKey(client_id="photos_key", key=key.private_bytes())
    assert (
        PHOTOS.identifier
        == (await PublishedApi(node.issuer, PHOTOS.identifier, credentials).get()).identifier
    )
    asks = Introspection(node.issuer, PHOTOS.identifier, credentials)
    text = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    assert node.people["ada"].subject == (await asks.verify(text)).subject
    await asks.aclose()
