"""Authlib as an OpenID Connect client: it finds the addresses, verifies a sign-in, and asks who it is."""

import pytest
from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from grantway.flows.registry import ClientDraft, add_client
from grantway.protocol.clients import ClientType
from grantway.protocol.names import SubjectType
from grantway.protocol.scope import Scope
from tests.node import query_of
from tests.serving import serving


def club(node, client_id: str):
    """A web app whose only login is the server, as Authlib's documentation writes it."""

    def made(origin: str) -> Starlette:
        oauth = OAuth()
        oauth.register(
            "grantway",
            client_id=client_id,
            client_secret=node.secrets[client_id],
            server_metadata_url=f"{node.issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
        )

        async def login(request):
            return await oauth.grantway.authorize_redirect(request, f"{origin}/callback")

        async def callback(request):
            token = await oauth.grantway.authorize_access_token(request)
            told = await oauth.grantway.userinfo(token=token)
            return JSONResponse({"id_token": token["userinfo"], "userinfo": told})

        return Starlette(
            routes=[Route("/login", login), Route("/callback", callback)],
            middleware=[Middleware(SessionMiddleware, secret_key="x" * 32)],
        )

    return made


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
@pytest.mark.parametrize("subject_type", SubjectType)
async def test_authlib_signs_somebody_in(node, person, alg, subject_type):
    """ID01, ID02, ID03, UI01: it checks signature, issuer, audience, nonce, times and at_hash by itself."""
    client_id = f"club_{alg}_{subject_type}"
    draft = ClientDraft(
        name="Club House",
        id=client_id,
        type=ClientType.WEB,
        redirect_uris=("https://club.example/callback",),
        scope=Scope.of(["openid", "profile", "email"]),
        id_token_signed_response_alg=alg,
        subject_type=subject_type,
    )
    node.secrets[client_id] = (await add_client(node.server, draft, actor="test")).secret
    async with serving(club(node, client_id)) as origin, node.http() as browser:
        await node.change_client(client_id, redirect_uris=(f"{origin}/callback",))
        link = (await browser.get(f"{origin}/login")).headers["location"]
        assert query_of(link)["nonce"]
        answer = (await browser.get(await person.allow(link))).json()
    told = answer["userinfo"]
    assert ("Ada Lovelace", "ada") == (told["name"], told["preferred_username"])
    assert answer["id_token"]["sub"] == told["sub"]
    assert (told["sub"] == node.people["ada"].subject) is (subject_type is SubjectType.PUBLIC)
