"""Authlib as the client: it builds the link, reads the answer, exchanges, renews, revokes and asks."""

import asyncio
import secrets
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import httpx2
import pytest
from authlib.integrations.base_client import MismatchingStateError, OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.integrations.starlette_client import OAuth
from authlib.oauth2 import rfc8414, rfc9207
from authlib.oauth2.rfc6749.errors import MismatchingStateException
from authlib.oauth2.rfc6750.errors import InsufficientScopeError, InvalidTokenError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from grantway.protocol.names import AuthMethod, GrantType
from tests.clients.person import press, sign_in
from tests.node import (
    CALLBACK,
    asking_client,
    free_port,
    machine_client,
    native_client,
    query_of,
    running_node,
    sqlite_url,
    web_client,
)
from tests.serving import serving
from tests.signing import jwks, signer_for

ASKED = "photos:read photos:write"
LONG_AGO = 1


@asynccontextmanager
async def authlib(node, client_id, **options):
    """Authlib's async client. It finds the endpoints in the metadata (RFC 8414 §3)."""
    options = {"code_challenge_method": "S256", "scope": ASKED, "redirect_uri": CALLBACK, **options}
    async with AsyncOAuth2Client(
        client_id, node.secrets.get(client_id), trust_env=False, **options
    ) as client:
        found = await client.request(
            "GET", rfc8414.get_well_known_url(node.issuer, external=True), withhold_token=True
        )
        client.metadata.update(rfc8414.AuthorizationServerMetadata(found.json()))
        yield client


async def connect(client, person, **clicks):
    """From the link Authlib builds to the token it was given."""
    verifier = secrets.token_urlsafe(48)
    link, state = client.create_authorization_url(
        client.metadata["authorization_endpoint"], code_verifier=verifier
    )
    callback = await person.allow(link, **clicks)
    return await client.fetch_token(authorization_response=callback, state=state, code_verifier=verifier)


async def test_the_metadata_passes_the_judgement_of_authlib(tmp_path):
    """RFC 8414 §2, RFC 9207 §3: every member is checked; the issuer has to be https, as in production."""
    port = free_port()
    async with (
        running_node(sqlite_url(tmp_path), port=port, issuer="https://id.example"),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as proxy,
    ):
        path = rfc8414.get_well_known_url("https://id.example")
        found = await proxy.get(path, headers={"host": "id.example"})
    metadata = rfc8414.AuthorizationServerMetadata(found.json())
    metadata.validate(metadata_classes=[rfc9207.AuthorizationServerMetadata])
    assert metadata.issuer == "https://id.example"
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata.code_challenge_methods_supported == ["S256"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_one_life_of_a_token(node, photos, person, method):
    """FS18, FS28, FS29, FS32, FS34, FS36, FS37: asked for, used, looked at, renewed, given back.

    Authlib checks `state`, that a code is there, and the shape of every reply.
    """
    kind = native_client if method == "none" else web_client
    app = await node.put_client(
        kind(f"life_{method}", auth_method=AuthMethod(method), redirect_uris=(CALLBACK,))
    )
    async with authlib(
        node, app.id, token_endpoint_auth_method=method, revocation_endpoint_auth_method=method
    ) as client:
        token = await connect(client, person)
        assert token["token_type"] == "Bearer"
        assert token["scope"] == ASKED
        assert token["expires_in"] == 600
        assert (await client.get(f"{photos}/photos")).status_code == 200

        renewed = await client.refresh_token()
        assert renewed["access_token"] != token["access_token"]
        assert renewed["refresh_token"] != token["refresh_token"]
        assert renewed["scope"] == ASKED
        assert (await client.get(f"{photos}/photos")).status_code == 200

        reply = await client.revoke_token(
            client.metadata["revocation_endpoint"], token_type_hint="refresh_token"
        )
        assert reply.status_code == 200
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.refresh_token()


async def test_the_blocking_client_lives_the_same_life(node, photos, person):
    """FS28, FS34, FS36: Authlib over requests, where most web apps of today are."""
    app = await node.put_client(web_client("blocking"))
    client = OAuth2Session(
        app.id, node.secrets[app.id], scope=ASKED, redirect_uri=CALLBACK, code_challenge_method="S256"
    )
    client.trust_env = False
    token_url, verifier = f"{node.issuer}/token", secrets.token_urlsafe(48)
    with client:
        link, state = client.create_authorization_url(f"{node.issuer}/authorize", code_verifier=verifier)
        callback = await person.allow(link)

        def rest_of_the_life():
            token = client.fetch_token(
                token_url, authorization_response=callback, state=state, code_verifier=verifier
            )
            assert client.get(f"{photos}/photos").status_code == 200
            assert client.refresh_token(token_url)["refresh_token"] != token["refresh_token"]
            assert client.introspect_token(f"{node.issuer}/introspect").json()["active"] is True
            assert client.revoke_token(f"{node.issuer}/revoke").status_code == 200
            assert client.introspect_token(f"{node.issuer}/introspect").json() == {"active": False}

        await asyncio.to_thread(rest_of_the_life)


async def test_an_expired_token_is_renewed_without_anybody_asking(node, photos, person):
    """FS36, FN4: the person clicks once; later Authlib renews on its own before it calls the API."""
    app = await node.put_client(web_client("renewing"))
    kept = []

    async def keep(token, refresh_token=None, access_token=None):
        kept.append(token)

    async with authlib(node, app.id, update_token=keep) as client:
        token = await connect(client, person)
        client.token = {**token, "expires_at": LONG_AGO}
        replies = await asyncio.gather(*(client.get(f"{photos}/photos") for _ in range(5)))
    assert [reply.status_code for reply in replies] == [200] * 5
    assert [one["access_token"] != token["access_token"] for one in kept] == [True], "renewed once"


async def test_two_processes_renew_at_the_same_time_and_both_go_on(node, person):
    """FC4, FU3: Authlib's lock guards one process; the second one gets the same successor."""
    app = await node.put_client(web_client("twins"))
    async with authlib(node, app.id) as first, authlib(node, app.id) as second:
        second.token = await connect(first, person)
        renewed = await asyncio.gather(first.refresh_token(), second.refresh_token())
        assert renewed[0]["refresh_token"] == renewed[1]["refresh_token"]
        assert (await first.refresh_token())["refresh_token"] != renewed[0]["refresh_token"]


async def test_the_person_gives_less_than_was_asked_for(node, photos, person):
    """FS9, FN7: the reply names what was given; Authlib repeats its own scope at renewal and is told so.

    RFC 6749 §6 forbids more than was granted. The refusal costs nothing: asked rightly, the token renews.
    """
    app = await node.put_client(web_client("modest"))
    async with authlib(node, app.id) as client:
        token = await connect(client, person, only=[])
        assert token["scope"] == "photos:read"
        assert (await client.get(f"{photos}/photos")).status_code == 200
        assert (await client.post(f"{photos}/photos", json={"title": "x"})).status_code == 403

        with pytest.raises(OAuthError, match="invalid_scope"):
            await client.refresh_token()
        client.scope = token["scope"]
        assert (await client.refresh_token())["scope"] == "photos:read"


async def test_what_the_owner_of_a_token_and_its_api_may_learn_about_it(node, photos, person):
    """FN16: RFC 7662 by Authlib, as the client and as the API; anybody else learns nothing."""
    app = await node.put_client(web_client("curious"))
    for name, audience in (("photos_api", photos), ("other_api", "https://api.example/other")):
        await node.put_client(asking_client(name, audience))
    async with authlib(node, app.id) as client:
        token = await connect(client, person)

    async def told(client_id, **options):
        async with authlib(node, client_id, **options) as caller:
            url = caller.metadata["introspection_endpoint"]
            reply = await caller.introspect_token(
                url, token=token["access_token"], token_type_hint="access_token"
            )
            return reply.json()

    for knowing in (app.id, "photos_api"):
        answer = await told(knowing)
        assert answer["active"] is True
        assert (answer["client_id"], answer["scope"], answer["aud"]) == (app.id, ASKED, photos)
        assert answer["username"] == "ada"
    assert await told("other_api") == {"active": False}


async def test_a_machine_asks_for_itself(node, photos):
    """FN11, FS57: client credentials; renewed by asking again, nobody signs in."""
    machine = await node.put_client(machine_client("machine", "photos:read"))
    async with authlib(node, machine.id, scope="photos:read", grant_type="client_credentials") as client:
        token = await client.fetch_token()
        assert "refresh_token" not in token
        assert (await client.get(f"{photos}/photos")).status_code == 200
        client.token = {**token, "expires_at": LONG_AGO}
        assert (await client.get(f"{photos}/photos")).status_code == 200
        assert client.token["access_token"] != token["access_token"]

        client.client_secret = "not_" + node.secrets[machine.id]
        with pytest.raises(OAuthError, match="invalid_client"):
            await client.fetch_token()


async def test_authlib_guards_an_api_with_our_tokens(node, photos, person):
    """FN13, FS56: RFC 9068 §4 as Authlib reads it, with the keys we publish."""
    app = await node.put_client(web_client("guarded"))
    async with authlib(node, app.id) as client:
        token = await connect(client, person)
        keys = (await client.request("GET", client.metadata["jwks_uri"], withhold_token=True)).json()

    class Validator(JWTBearerTokenValidator):
        def get_jwks(self):
            return KeySet.import_key_set(keys)

    ours = Validator(issuer=node.issuer, resource_server=photos)
    claims = ours.authenticate_token(token["access_token"])
    ours.validate_token(claims, ["photos:read photos:write"], None)
    assert claims["client_id"] == app.id
    with pytest.raises(InsufficientScopeError):
        ours.validate_token(claims, ["photos:delete"], None)
    for stranger in (
        Validator(issuer=node.issuer, resource_server="https://api.example/other"),
        Validator(issuer="https://id.example", resource_server=photos),
    ):
        with pytest.raises(InvalidTokenError):
            stranger.validate_token(stranger.authenticate_token(token["access_token"]), ["photos:read"], None)


async def test_a_wrong_answer_is_caught_by_the_library_or_by_the_server(node, photos, person):
    """FS10, FS27, FS58: another state, another verifier, a code used twice."""
    app = await node.put_client(web_client("careful"))
    verifier = secrets.token_urlsafe(48)
    async with authlib(node, app.id) as client:
        url = client.metadata["authorization_endpoint"]
        link, state = client.create_authorization_url(url, code_verifier=verifier)
        callback = await person.allow(link)
        assert query_of(callback)["state"] == [state]
        assert query_of(callback)["iss"] == [node.issuer]
        with pytest.raises(MismatchingStateException):
            await client.fetch_token(authorization_response=callback, state="another", code_verifier=verifier)
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.fetch_token(
                authorization_response=callback, state=state, code_verifier=secrets.token_urlsafe(48)
            )
        once = {"authorization_response": callback, "state": state, "code_verifier": verifier}
        token = await client.fetch_token(**once)
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.fetch_token(**once)
        client.token = token
        with pytest.raises(OAuthError, match="invalid_grant"):
            await client.refresh_token()


async def test_a_client_signs_instead_of_knowing_a_secret(node, photos, person):
    """CA09, FS31: Authlib names the token endpoint as audience, which the owner has to allow."""
    app = await node.put_client(
        web_client(
            "signing",
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            jwks=jwks(),
            grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS}),
        )
    )
    key = ECKey.import_key(signer_for("ES256").private_jwk)
    async with authlib(node, app.id, token_endpoint_auth_method="private_key_jwt") as client:
        endpoint = client.metadata["token_endpoint"]
        client.client_secret = key
        client.register_client_auth_method(PrivateKeyJWT(endpoint, alg="ES256", headers={"kid": "ec"}))
        with pytest.raises(OAuthError, match="invalid_client"):
            await client.fetch_token(grant_type="client_credentials", scope=ASKED)
        await node.change_client(app.id, legacy_audience=True)
        token = await client.fetch_token(grant_type="client_credentials", scope=ASKED)
        assert token["scope"] == ASKED
        again = await client.fetch_token(grant_type="client_credentials", scope=ASKED)
        assert again["access_token"] != token["access_token"]


# --- a web app with a session, by Authlib's integration for Starlette -----------------------------


def photo_printer(node, client_id, origin):
    """An app as Authlib's manual writes it: two routes and a session."""
    oauth = OAuth()
    grantway = oauth.register(
        "grantway",
        client_id=client_id,
        client_secret=node.secrets[client_id],
        server_metadata_url=f"{node.issuer}/.well-known/oauth-authorization-server",
        client_kwargs={"scope": ASKED, "code_challenge_method": "S256", "trust_env": False},
    )

    async def login(request):
        return await grantway.authorize_redirect(request, f"{origin}/callback")

    async def callback(request):
        try:
            request.session["token"] = dict(await grantway.authorize_access_token(request))
        except (OAuthError, MismatchingStateError) as refused:
            return JSONResponse({"refused": refused.error}, status_code=400)
        return JSONResponse({"given": request.session["token"]["scope"]})

    async def titles(request):
        token = request.session["token"]
        reply = await grantway.get(request.query_params["from"], token=token)
        return JSONResponse([photo["title"] for photo in reply.json()["photos"]])

    return Starlette(
        routes=[Route("/login", login), Route("/callback", callback), Route("/titles", titles)],
        middleware=[
            Middleware(SessionMiddleware, secret_key=secrets.token_hex(), session_cookie="photo_printer")
        ],
    )


@asynccontextmanager
async def printer_shop(node, client_id):
    """The app, served, and registered under the address it is served at."""
    await node.put_client(web_client(client_id))
    async with serving(lambda origin: photo_printer(node, client_id, origin)) as origin:
        await node.change_client(client_id, redirect_uris=(f"{origin}/callback",))
        yield origin


async def test_a_web_app_keeps_its_state_in_a_session(node, photos, page):
    """FS39, FS40, FS42, FN21: login button, consent, callback, API: in a real browser."""
    async with printer_shop(node, "shop") as shop:
        await page.goto(f"{shop}/login")
        await sign_in(page)
        await press(page, "Allow")
        await page.wait_for_url(f"{shop}/callback?*")
        assert await page.evaluate("JSON.parse(document.body.innerText)") == {"given": ASKED}
        await page.goto(f"{shop}/titles?" + urlencode({"from": f"{photos}/photos"}))
        assert "The cat, offended" in await page.inner_text("body")


async def test_the_person_says_no_and_the_app_hears_it(node, photos, page):
    """FS19: Authlib raises the error of the redirect (RFC 6749 §4.1.2.1)."""
    async with printer_shop(node, "rejected_shop") as shop:
        await page.goto(f"{shop}/login")
        await sign_in(page)
        await press(page, "Don’t allow")
        await page.wait_for_url(f"{shop}/callback?*")
        assert await page.evaluate("JSON.parse(document.body.innerText)") == {"refused": "access_denied"}


async def test_an_answer_to_somebody_elses_question_is_refused(node, photos, person, page):
    """FS40: the browser that brings the code did not start the flow (RFC 6749 §10.12)."""
    async with printer_shop(node, "forged_shop") as shop:
        async with httpx2.AsyncClient(trust_env=False) as mallory:
            link = (await mallory.get(f"{shop}/login")).headers["location"]
        callback = await person.allow(link)
        await page.goto(callback)
        assert await page.evaluate("JSON.parse(document.body.innerText)") == {"refused": "mismatching_state"}
