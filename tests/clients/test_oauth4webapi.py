"""oauth4webapi under Node.js as the client: a strict library that checks `iss`, headers and every member."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from grantway.protocol.names import AuthMethod
from tests.clients.person import Person
from tests.node import CALLBACK, Node, machine_client, native_client, web_client
from tests.services.node import NODE
from tests.signing import jwks, signer_for

STORIES = Path(__file__).parent / "oauth4webapi"
ASKED = "photos:read photos:write"


async def play(story: str, node: Node, client_id: str, *, person: Person | None = None, **given) -> dict:
    """Run a story in a process of its own and click where it asks for it. What it tells at its end."""
    given = {
        "issuer": node.issuer,
        "client_id": client_id,
        "client_secret": node.secrets.get(client_id),
        "auth_method": node.server.snapshots.current().registry.clients[client_id].auth_method,
        "private_jwk": signer_for("ES256").private_jwk,
        "redirect_uri": CALLBACK,
        "scope": ASKED,
        **given,
    }
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
    command = [str(NODE), str(STORIES / story), json.dumps(given)]
    process = await asyncio.create_subprocess_exec(*command, **pipes)
    trouble = asyncio.create_task(process.stderr.read())
    facts = None
    try:
        async with asyncio.timeout(60):
            async for line in process.stdout:
                said = json.loads(line)
                if "facts" in said:
                    facts = said["facts"]
                else:
                    callback = await getattr(person, said["press"])(said["link"])
                    process.stdin.write(json.dumps({"callback": callback}).encode() + b"\n")
                    await process.stdin.drain()
            await process.wait()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        errors = (await trouble).decode()
    assert facts is not None, errors
    return facts


@pytest.mark.parametrize("method", [one for one in AuthMethod if "tls" not in one])
async def test_one_life_of_a_token(node, photos, person, method):
    """FS18, FS28, FS29, FS32, FS34, FS36, FS37, FN16: found, asked for, used, looked at, renewed, given back.

    The library checked: the metadata's issuer (RFC 8414 §3.3), `iss` and `state` of the answer (RFC 9207
    §2.4), media types, `token_type`, `expires_in`, and that a revoked token's reply is an empty 200.
    """
    kind = native_client if method is AuthMethod.NONE else web_client
    keys = jwks() if method is AuthMethod.PRIVATE_KEY_JWT else ()
    app = await node.put_client(
        kind(f"life_{method}", auth_method=method, jwks=keys, redirect_uris=(CALLBACK,))
    )
    told = await play("life.mjs", node, app.id, person=person, api=photos)

    assert told["as"]["authorization_response_iss_parameter_supported"] is True
    assert method in told["as"]["token_endpoint_auth_methods_supported"]
    assert told["first"]["token_type"] == "bearer", "as the library normalises it"
    assert (told["first"]["scope"], told["first"]["expires_in"]) == (ASKED, 600)
    assert told["photos"] == 200
    assert told["second"]["refresh_token"] != told["first"]["refresh_token"]
    assert told["second"]["scope"] == ASKED
    if method is not AuthMethod.NONE:
        assert told["looked"]["active"] is True
        assert told["looked"]["aud"] == photos
        assert told["afterwards"] == {"active": False}, "with the refresh token its whole grant is gone"
    assert (told["refused"]["error"], told["refused"]["status"]) == ("invalid_grant", 400)


async def test_who_notices_what(node, photos, person):
    """FS10, FS19, FS21, FS27, FS28, FS58: the library stops what it can see, the server the rest."""
    app = await node.put_client(web_client("refused"))
    told = await play("refusals.mjs", node, app.id, person=person)
    told.pop("token")

    assert told.pop("no")["error"] == "access_denied"
    for what in ("another verifier", "the same code"):
        refusal = told.pop(what)
        assert (refusal["error"], refusal["status"]) == ("invalid_grant", 400)
        assert refusal["description"]
    guessed = told.pop("a guessed secret")
    assert (guessed["status"], guessed["challenges"]) == (401, ["basic"]), "RFC 6749 §5.2"
    assert {what: refusal["message"] for what, refusal in told.items()} == {
        "another state": 'unexpected "state" response parameter value',
        "another issuer": 'unexpected "iss" (issuer) response parameter value',
        "no issuer": 'response parameter "iss" (issuer) missing',
        "another issuer's metadata": '"response" body "issuer" property does not match the expected value',
    }


async def test_a_machine_asks_for_itself(node, photos):
    """FN11, FN16, FS57: client credentials, introspected by the machine itself."""
    machine = await node.put_client(machine_client("machine", "photos:read"))
    told = await play("machine.mjs", node, machine.id, scope="photos:read")
    assert told["token"]["scope"] == "photos:read"
    assert "refresh_token" not in told["token"]
    assert told["looked"]["active"] is True
    assert told["looked"]["sub"] == machine.id
    assert told["too much"]["error"] == "invalid_scope"


async def test_an_api_in_another_language_judges_our_tokens(node, photos, person):
    """FN13, FS56: `typ`, signature, issuer, audience and every claim RFC 9068 §2.2 requires."""
    app = await node.put_client(web_client("guest"))
    life = await person.visitor.tokens(app.id, scope=ASKED)
    told = await play("api.mjs", node, app.id, api=photos, token=life["access_token"])
    assert (told["claims"]["client_id"], told["claims"]["scope"]) == (app.id, ASKED)
    assert told["claims"]["aud"] == photos
    assert "aud" in told["another audience"]["message"]
    assert "iss" in told["another issuer"]["message"]
    assert "signature" in told["more scope"]["message"]
