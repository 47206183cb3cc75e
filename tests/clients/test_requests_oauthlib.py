"""requests-oauthlib and oauthlib as the client: blocking, in a thread, as in a classic web app."""

from asyncio import to_thread

import pytest
from oauthlib.oauth2 import (
    AccessDeniedError,
    BackendApplicationClient,
    InvalidClientError,
    InvalidGrantError,
    InvalidScopeError,
    MismatchingStateError,
    UnauthorizedClientError,
    WebApplicationClient,
)
from requests import Session
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session, TokenUpdated

from grantway.protocol.clients import RefreshPolicy
from grantway.protocol.names import AuthMethod
from tests.node import CALLBACK, machine_client, native_client, query_of, web_client

ASKED = ["photos:read", "photos:write"]
LONG_AGO = 1


@pytest.fixture(autouse=True)
def plain_http(monkeypatch):
    """The server is on loopback; oauthlib insists on https unless told so."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def session_of(client_id, **options):
    session = OAuth2Session(
        client_id, **{"scope": ASKED, "redirect_uri": CALLBACK, "pkce": "S256", **options}
    )
    session.trust_env = False
    return session


async def connect(session, node, person, **clicks):
    """From the link the library builds to the token it was given."""
    link, _state = session.authorization_url(f"{node.issuer}/authorize")
    callback = await person.allow(link, **clicks)
    return await to_thread(
        session.fetch_token, f"{node.issuer}/token", authorization_response=callback, **proof(session, node)
    )


def proof(session, node):
    """How the client proves itself: by Basic, unless it has no secret."""
    secret = node.secrets.get(session.client_id)
    return {"include_client_id": True} if secret is None else {"client_secret": secret}


@pytest.mark.parametrize(
    "method", [AuthMethod.NONE, AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST]
)
async def test_one_life_of_a_token(node, photos, person, method):
    """FS18, FS28, FS29, FS32, FS34, FS36, FS37: asked for, used, renewed. oauthlib checks state and scope."""
    kind = native_client if method is AuthMethod.NONE else web_client
    app = await node.put_client(kind(f"life_{method}", auth_method=method, redirect_uris=(CALLBACK,)))
    token_url, secret = f"{node.issuer}/token", node.secrets.get(app.id)
    by_basic = method is AuthMethod.CLIENT_SECRET_BASIC
    with session_of(app.id) as session:
        link, state = session.authorization_url(f"{node.issuer}/authorize")
        assert f"state={state}" in link
        callback = await person.allow(link)
        token = await to_thread(
            session.fetch_token,
            token_url,
            authorization_response=callback,
            client_secret=secret,
            include_client_id=not by_basic,
        )
        assert token.scopes == token.old_scopes
        assert sorted(token.scopes) == ASKED
        assert (token["token_type"], token["expires_in"]) == ("Bearer", 600)
        assert session.authorized
        assert (await to_thread(session.get, f"{photos}/photos")).status_code == 200

        by_body = {"client_id": app.id} | ({"client_secret": secret} if secret else {})
        renewed = await to_thread(
            session.refresh_token,
            token_url,
            auth=HTTPBasicAuth(app.id, secret) if by_basic else None,
            **({} if by_basic else by_body),
        )
        assert renewed["refresh_token"] != token["refresh_token"]
        assert (await to_thread(session.get, f"{photos}/photos")).status_code == 200


async def test_the_bare_library_prepares_every_request_itself(node, photos, person):
    """FS34, FS36, FS55: oauthlib without its session: link, exchange, renewal and revocation (RFC 7009)."""
    app = await node.put_client(web_client("bare"))
    client = WebApplicationClient(app.id, scope=ASKED, redirect_url=CALLBACK)
    verifier = client.create_code_verifier(64)
    client.create_code_challenge(verifier, "S256")
    link, _, _ = client.prepare_authorization_request(
        f"{node.issuer}/authorize",
        redirect_url=CALLBACK,
        code_challenge=client.code_challenge,
        code_challenge_method="S256",
    )
    callback = await person.allow(link)
    with Session() as http:
        http.trust_env = False
        http.auth = (app.id, node.secrets[app.id])

        def send(prepared):
            url, headers, body = prepared
            return http.post(url, headers=headers, data=body)

        prepared = client.prepare_token_request(
            f"{node.issuer}/token",
            authorization_response=callback,
            redirect_url=CALLBACK,
            code_verifier=verifier,
            include_client_id=False,
        )
        token = client.parse_request_body_response((await to_thread(send, prepared)).text)
        assert (client.access_token, client.refresh_token) == (token["access_token"], token["refresh_token"])
        uri, headers, _ = client.add_token(f"{photos}/photos")
        http.auth = None
        assert (await to_thread(http.get, uri, headers=headers)).status_code == 200

        http.auth = (app.id, node.secrets[app.id])
        prepared = client.prepare_refresh_token_request(f"{node.issuer}/token")
        client.parse_request_body_response((await to_thread(send, prepared)).text)
        assert client.refresh_token != token["refresh_token"]

        prepared = client.prepare_token_revocation_request(
            f"{node.issuer}/revoke", client.refresh_token, token_type_hint="refresh_token"
        )
        assert (await to_thread(send, prepared)).status_code == 200
        refused = await to_thread(send, client.prepare_refresh_token_request(f"{node.issuer}/token"))
        with pytest.raises(InvalidGrantError):
            client.parse_request_body_response(refused.text)


async def test_an_expired_token_is_renewed_on_the_way_to_the_api(node, photos, person):
    """FS36, FN4: `auto_refresh_url`; the app is handed the new token to keep."""
    app = await node.put_client(web_client("renewing"))
    kept = []
    with session_of(app.id, auto_refresh_url=f"{node.issuer}/token", token_updater=kept.append) as session:
        token = await connect(session, node, person)
        session.token = {**token, "expires_at": LONG_AGO}
        reply = await to_thread(
            session.get, f"{photos}/photos", client_id=app.id, client_secret=node.secrets[app.id]
        )
        assert reply.status_code == 200
        assert [one["access_token"] for one in kept] == [session.token["access_token"]]
        assert kept[0]["refresh_token"] != token["refresh_token"]


async def test_a_public_app_renews_by_its_name_alone(node, photos, person):
    """FS32, FS37: without `token_updater` the library hands the token over as a warning."""
    app = await node.put_client(native_client("public", redirect_uris=(CALLBACK,)))
    with session_of(
        app.id, auto_refresh_url=f"{node.issuer}/token", auto_refresh_kwargs={"client_id": app.id}
    ) as session:
        token = await connect(session, node, person)
        session.token = {**token, "expires_at": LONG_AGO}
        with pytest.raises(TokenUpdated) as updated:
            await to_thread(session.get, f"{photos}/photos")
        assert updated.value.token["access_token"] != token["access_token"]
        assert (await to_thread(session.get, f"{photos}/photos")).status_code == 200


async def test_the_person_gives_less_and_the_library_notices(node, photos, person):
    """FS9, FS34, FN7: the reply names the narrowed scope, so oauthlib can warn (RFC 6749 §3.3).

    The warning carries a good token. Renewal asks for the session's scope: more than was given is refused.
    """
    app = await node.put_client(web_client("modest"))
    with session_of(app.id) as session:
        with pytest.raises(Warning, match="Scope has changed") as changed:
            await connect(session, node, person, only=[])
        token = changed.value.token
        assert changed.value.new_scope == ["photos:read"]
        assert token.missing_scopes == ["photos:write"]
        session.token = token
        assert (await to_thread(session.get, f"{photos}/photos")).status_code == 200

        basic = HTTPBasicAuth(app.id, node.secrets[app.id])
        with pytest.raises(InvalidScopeError):
            await to_thread(session.refresh_token, f"{node.issuer}/token", auth=basic)
        session.scope = token.scopes
        session.token = token
        renewed = await to_thread(session.refresh_token, f"{node.issuer}/token", auth=basic)
        assert renewed.scopes == ["photos:read"]


async def test_an_app_that_expects_to_be_given_less_goes_straight_on(node, photos, person, monkeypatch):
    """FS9: with OAUTHLIB_RELAX_TOKEN_SCOPE there is no warning; the token knows what is missing."""
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
    app = await node.put_client(web_client("relaxed"))
    with session_of(app.id) as session:
        token = await connect(session, node, person, only=[])
        assert (token.scopes, token.missing_scopes) == (["photos:read"], ["photos:write"])
        assert (await to_thread(session.get, f"{photos}/photos")).status_code == 200


async def test_an_app_may_be_given_no_refresh_token(node, photos, person):
    """FS35: by policy of the client; the library takes the reply as complete."""
    app = await node.put_client(web_client("brief", refresh=RefreshPolicy.NEVER))
    with session_of(app.id) as session:
        token = await connect(session, node, person)
        assert "refresh_token" not in token
        assert (await to_thread(session.get, f"{photos}/photos")).status_code == 200


async def test_a_machine_asks_for_itself(node, photos):
    """FN11, FS57: BackendApplicationClient."""
    machine = await node.put_client(machine_client("machine", "photos:read"))
    with session_of(
        None, client=BackendApplicationClient(machine.id), scope=["photos:read"], pkce=None
    ) as session:
        token = await to_thread(
            session.fetch_token, f"{node.issuer}/token", client_secret=node.secrets[machine.id]
        )
        assert token.scopes == ["photos:read"]
        assert (await to_thread(session.get, f"{photos}/photos")).status_code == 200


# --- refusals are exceptions of the library ------------------------------------------------------


async def test_no_is_access_denied(node, photos, person):
    """FS10, FS19, FN1: state comes back with the refusal, so the library can check it first."""
    app = await node.put_client(web_client("denied"))
    with session_of(app.id) as session:
        link, state = session.authorization_url(f"{node.issuer}/authorize")
        callback = await person.deny(link)
        with pytest.raises(AccessDeniedError) as denied:
            await to_thread(session.fetch_token, f"{node.issuer}/token", authorization_response=callback)
    assert denied.value.state == state
    assert denied.value.description


async def test_a_scope_nobody_defined_is_invalid_scope(node, photos, person):
    """FS9, FN1: answered at once, before anybody signs in."""
    app = await node.put_client(web_client("dreamer"))
    with session_of(app.id, scope=["photos:burn"]) as session:
        link, _ = session.authorization_url(f"{node.issuer}/authorize")
        callback = await person.follow(link)
        with pytest.raises(InvalidScopeError):
            await to_thread(session.fetch_token, f"{node.issuer}/token", authorization_response=callback)


async def test_an_answer_to_another_question_is_a_mismatch(node, photos, person):
    """FS10, FS40: the library finds the state of an earlier link."""
    app = await node.put_client(web_client("forgetful"))
    with session_of(app.id) as session:
        link, _ = session.authorization_url(f"{node.issuer}/authorize")
        callback = await person.allow(link)
        session.authorization_url(f"{node.issuer}/authorize")
        with pytest.raises(MismatchingStateError):
            await to_thread(session.fetch_token, f"{node.issuer}/token", authorization_response=callback)


async def test_a_code_buys_once_and_only_for_its_verifier_and_client(node, photos, person):
    """FS21, FS27, FS28, FS58, FN1: `invalid_client` and `invalid_grant`, in words for the developer."""
    app = await node.put_client(web_client("thief"))
    token_url, secret = f"{node.issuer}/token", node.secrets[app.id]
    with session_of(app.id) as session, session_of(app.id) as thief:
        link, state = session.authorization_url(f"{node.issuer}/authorize")
        callback = await person.allow(link)
        with pytest.raises(InvalidClientError) as guessed:
            await to_thread(
                session.fetch_token, token_url, authorization_response=callback, client_secret="guessed"
            )
        assert guessed.value.description

        thief.authorization_url(f"{node.issuer}/authorize", state=state)
        once = {"authorization_response": callback, "client_secret": secret}
        with pytest.raises(InvalidGrantError):
            await to_thread(
                thief.fetch_token, token_url, code=query_of(callback)["code"][0], client_secret=secret
            )

        await to_thread(session.fetch_token, token_url, **once)
        with pytest.raises(InvalidGrantError):
            await to_thread(session.fetch_token, token_url, **once)


async def test_a_grant_that_was_not_registered_is_unauthorized_client(node, photos):
    """FN1: the app is known, the way it asks is not for it."""
    app = await node.put_client(web_client("overreaching"))
    machine = BackendApplicationClient(app.id)
    with session_of(None, client=machine, pkce=None) as session, pytest.raises(UnauthorizedClientError):
        await to_thread(session.fetch_token, f"{node.issuer}/token", client_secret=node.secrets[app.id])
