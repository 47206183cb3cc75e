"""What apps do that is refused, at the authorization endpoint and at the token endpoint."""

import sqlite3

from tests.checks.answers import fresh_code
from tests.diagnosis.scene import Act
from tests.node import (
    CALLBACK,
    FETCH,
    PASSWORD,
    SAME_ORIGIN,
    forms,
    pkce,
)
from tests.signing import assertion

# --- the authorization endpoint ---------------------------------------------


async def no_response_type(scene):
    return await scene.authorize(response_type=None)


async def unknown_client(scene):
    return await scene.authorize("Printer ")


async def disabled_client(scene):
    return await scene.authorize("off")


def address(text: str) -> Act:
    async def act(scene):
        return await scene.authorize(redirect_uri=text)

    return act


def link(client_id: str = "printer", **parameters) -> Act:
    async def act(scene):
        return await scene.authorize(client_id, **parameters)

    return act


async def from_a_frame(scene):
    return await scene.member.http.get(scene.member.link(), headers={**FETCH, "sec-fetch-dest": "iframe"})


async def silent_stranger(scene):
    return await scene.stranger.http.get(scene.stranger.link(prompt="none"), headers=FETCH)


async def declined(scene):
    page = await scene.stranger.get(scene.stranger.link())
    form = forms(page)[0]
    fields = dict(form["fields"]) | {"answer": "cancel"}
    return await scene.stranger.http.post(form["action"], data=fields, headers=SAME_ORIGIN)


async def another_person(scene):
    subject = '{"id_token": {"sub": {"value": "u_00000000000000000000"}}}'
    scope = "openid photos:read"
    return await scene.authorize("reader", claims=subject, scope=scope, prompt="none")


# --- the token endpoint ------------------------------------------------------


async def expired_code(scene):
    code, verifier = await fresh_code(scene.member)
    with sqlite3.connect(scene.node.database.removeprefix("sqlite:///"), isolation_level=None) as db:
        db.execute("UPDATE codes SET issued_at = issued_at - 75, expires_at = expires_at - 75")
    db.close()
    return await scene.node.redeem(code, verifier)


async def code_twice(scene):
    code, verifier = await fresh_code(scene.member)
    await scene.node.redeem(code, verifier)
    return await scene.node.redeem(code, verifier)


async def address_differs(scene):
    return await scene.redeem(redirect_uri=CALLBACK + "/")


async def code_of_another(scene):
    return await scene.redeem("hasty")


async def cut_code(scene):
    code, verifier = await fresh_code(scene.member)
    return await scene.node.redeem(code[:-1], verifier)


async def wrong_verifier(scene):
    return await scene.redeem(code_verifier=pkce()[0])


async def challenge_as_verifier(scene):
    challenge = pkce()[1]
    code, _ = await fresh_code(scene.member, code_challenge=challenge)
    return await scene.node.redeem(code, challenge)


async def no_verifier(scene):
    return await scene.redeem(code_verifier=None)


async def withdrawn(scene):
    tokens = await scene.tokens()
    await scene.node.post("/revoke", "printer", token=tokens["refresh_token"])
    return await scene.refresh(refresh_token=tokens["refresh_token"])


async def secret_in_the_body(scene):
    secret = scene.node.secrets["printer"]
    form = {"client_id": "printer", "client_secret": secret}
    return await scene.post("/token", grant_type="client_credentials", **form)


async def two_proofs(scene):
    secret = scene.node.secrets["printer"]
    return await scene.post("/token", scene.node.basic("printer"), client_secret=secret, grant_type="x")


async def public_introspection(scene):
    return await scene.post("/introspect", client_id="tool", token="x")


def secret(text: str) -> Act:
    async def act(scene):
        headers = scene.node.basic("printer", text)
        return await scene.post("/token", headers, grant_type="client_credentials")

    return act


async def secret_with_a_line_break(scene):
    headers = scene.node.basic("printer", scene.node.secrets["printer"] + "\n")
    return await scene.post("/token", headers, grant_type="client_credentials")


async def expired_secret(scene):
    secret = await scene.node.add_secret("hasty", label="old one", expires_at=scene.node.server.now() - 60)
    return await scene.post("/token", scene.node.basic("hasty", secret), grant_type="client_credentials")


async def unknown_caller(scene):
    return await scene.post("/token", scene.node.basic("nobody", "x"), grant_type="client_credentials")


def asserting(**claims) -> Act:
    async def act(scene):
        form = assertion(scene.node.issuer, "signer", **claims)
        return await scene.post("/token", grant_type="client_credentials", **form)

    return act


async def same_assertion(scene):
    form = assertion(scene.node.issuer, "signer")
    await scene.post("/token", grant_type="client_credentials", **form)
    return await scene.post("/token", grant_type="client_credentials", **form)


async def keys_away(scene):
    form = assertion(scene.node.issuer, "away")
    return await scene.post("/token", grant_type="client_credentials", **form)


async def no_certificate(scene):
    return await scene.post("/token", grant_type="client_credentials", client_id="certified")


async def token_unbound(scene):
    return await scene.post(
        "/token", scene.node.basic("bound"), grant_type="refresh_token", refresh_token="x"
    )


async def too_many_failures(scene):
    headers = scene.node.basic("printer", "wrong")
    async with scene.http() as http:
        for _ in range(150):
            reply = await http.post("/token", data={"grant_type": "x"}, headers=headers)
            if reply.status_code == 429:
                return reply
    raise AssertionError("never throttled")


async def machine_scope(scene):
    return await scene.node.token("machine", grant_type="client_credentials", scope="calendar:raed openid")


async def wider_refresh(scene):
    tokens = await scene.tokens()
    wider = "photos:read photos:write"
    return await scene.refresh(refresh_token=tokens["refresh_token"], scope=wider)


async def userinfo_without_openid(scene):
    token = (await scene.tokens())["access_token"]
    async with scene.node.http() as http:
        return await http.get("/userinfo", headers={"authorization": f"Bearer {token}"})


async def dead_token(scene):
    async with scene.node.http() as http:
        return await http.get("/userinfo", headers={"authorization": "Bearer e30.e30.e30"})


async def no_token(scene):
    async with scene.node.http() as http:
        return await http.get("/userinfo")


async def password_grant(scene):
    return await scene.node.token("printer", grant_type="password", username="ada", password=PASSWORD)


async def machine_with_code(scene):
    return await scene.node.token("machine", grant_type="authorization_code", code="x")


async def resource_elsewhere(scene):
    return await scene.redeem(resource="https://api.example/photo")


async def refresh_twice(scene):
    first = (await scene.tokens())["refresh_token"]
    await scene.refresh(refresh_token=first)
    await scene.node.pass_time(30)
    return await scene.refresh(refresh_token=first)


async def unknown_refresh_token(scene):
    return await scene.refresh(refresh_token="gwrt_none")
