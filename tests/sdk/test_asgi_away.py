"""The guard when something fails, below a root path, and where it was told nonsense (threats O2, O8)."""

import asyncio

import pytest

from grantway.crypto.jose import SigningKey
from grantway.sdk import Api, Guard, Jwks, Protection
from tests.sdk.callers import Caller, bearer
from tests.sdk.guarded import API, KEY, STRANGER, application, assert_refused, guarded
from tests.sdk.servers import AUDIENCE, ISSUER, KeyServer, running, token


@pytest.fixture(scope="module")
async def keys():
    async with KeyServer(KEY) as server:
        yield server


# ------------------------------------------------------------------------------------ failures of ours


async def test_without_keys_nothing_passes(keys):
    """A failure of ours is 503 with Retry-After, never a pass and never the client's fault."""
    async with guarded(keys, jwks=Jwks("http://127.0.0.1:9/jwks")) as call:
        reply = await call(b"/photos", bearer(token(KEY)))
        assert_refused(
            reply,
            503,
            None,
            {
                "error": "temporarily_unavailable",
                "error_description": "The token cannot be checked at the moment. Please try again.",
            },
        )
        assert "5" == reply.headers["retry-after"]
        assert 200 == (await call(b"/docs")).status


async def test_a_verifier_that_breaks_lets_nothing_pass(keys):
    class Broken:
        async def verify(self, text):
            raise ZeroDivisionError(text)

    async with guarded(keys, verifier=Broken()) as call:
        assert 503 == (await call(b"/photos", bearer(token(KEY)))).status


async def test_the_api_goes_on_while_the_server_is_away():
    async with KeyServer(KEY) as server, guarded(server) as call:
        assert 200 == (await call(b"/photos", bearer(token(KEY)))).status
        await server.leave()
        assert 200 == (await call(b"/photos", bearer(token(KEY)))).status
        assert 403 == (await call(b"/admin", bearer(token(KEY)))).status


async def test_a_flood_of_unknown_keys_makes_few_fetches():
    """Threat K4: a hundred tokens under invented names."""
    async with KeyServer(KEY) as server, guarded(server) as call:
        forged = [SigningKey.from_private_bytes(STRANGER.private_bytes(), kid=f"k{n}") for n in range(100)]
        replies = await asyncio.gather(*(call(b"/photos", bearer(token(key))) for key in forged))
        assert {401} == {reply.status for reply in replies}
        assert server.fetches <= 2


async def test_a_fault_of_the_application_stays_its_own(keys):
    async with guarded(keys, public=("/broken",)) as call:
        assert 500 == (await call(b"/broken")).status


# ---------------------------------------------------------------------------------------- below a root


async def test_rules_start_at_the_root_path(keys):
    """Behind a proxy that strips a prefix, or mounted: the rules are the API's own paths."""
    guard = Guard(application, Protection(api=API, issuer=ISSUER, jwks=Jwks(keys.uri)), public=("/docs",))
    async with running(guard, root_path="/v1") as port:
        call = Caller(port)
        assert "/v1/photos" == (await call(b"/photos", bearer(token(KEY)))).json["path"]
        assert 200 == (await call(b"/docs")).status
        assert 403 == (await call(b"/v1/photos", bearer(token(KEY)))).status
        assert 401 == (await call(b"/admin")).status


async def ask(guard, **scope):
    """One connection without a server, for what a server would not send."""
    sent = []

    async def send(message):
        sent.append(message)

    await guard({"type": "http", "method": "GET", "headers": [], "query_string": b"", **scope}, None, send)
    return sent


async def test_a_path_that_was_rewritten_on_the_way_is_refused():
    """Two readings again: what we judge is not what the application will see."""
    guard = Guard(application, Protection(api=API, issuer=ISSUER), public=("/docs",))
    assert 200 == (await ask(guard, path="/docs", raw_path=b"/docs"))[0]["status"]
    assert 200 == (await ask(guard, path="/docs"))[0]["status"]
    assert 400 == (await ask(guard, path="/admin", raw_path=b"/docs"))[0]["status"]
    assert 400 == (await ask(guard, path="/docs;x"))[0]["status"]


async def test_start_and_stop_of_the_application_pass_through():
    seen = []

    async def remember(scope, _receive, _send):
        seen.append(scope["type"])

    await Guard(remember, Protection(api=API, issuer=ISSUER))({"type": "lifespan"}, None, None)
    assert ["lifespan"] == seen


# ------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    "public", ["/photos", "/photos/7", "/photos/*", "/*", "/admin", "//x", "/a/../b", "/a;b", "photos", ""]
)
def test_a_public_path_that_some_rule_judges_or_that_is_not_canonical(public):
    with pytest.raises(ValueError, match=r"public path|is public"):
        Guard(application, Protection(api=API, issuer=ISSUER), public=[public])


def test_an_api_with_opaque_tokens_needs_another_verifier():
    api = Api(identifier=AUDIENCE, name="photos", token_format="opaque")
    with pytest.raises(ValueError, match="opaque"):
        Protection(api=api, issuer=ISSUER)
