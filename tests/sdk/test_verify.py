"""Access tokens as an API reads them (RFC 9068 §4; threats G4, K8, K13)."""

import time

import pytest

from grantway.crypto.jose import SigningKey
from grantway.protocol.names import ACCESS_TOKEN_TYPE, GRANT_CLAIM
from grantway.sdk import BadToken, Jwks, KeysUnavailable, Scope, TokenVerifier
from grantway.sdk import verify as reading
from tests.sdk.servers import AUDIENCE, ISSUER, Clock, KeyServer, claims, token

KEY, NEXT, STRANGER = (SigningKey.generate("ES256") for _ in range(3))


@pytest.fixture
async def server():
    async with KeyServer(KEY) as server:
        yield server


@pytest.fixture
def verifier(server):
    return TokenVerifier(ISSUER, AUDIENCE, Jwks(server.uri))


def test_the_api_and_the_server_use_the_same_words():
    assert (ACCESS_TOKEN_TYPE, GRANT_CLAIM) == (reading.ACCESS_TOKEN_TYPE, reading.GRANT_CLAIM)


async def test_a_good_token_says_who_for_whom_and_what(verifier):
    """RFC 9068 §2.2."""
    read = await verifier.verify(token(KEY, scope="photos:read photos:write"))
    assert ("gwp_ada", "printer", "gwj_1", "gwg_1") == (
        read.subject,
        read.client_id,
        read.token_id,
        read.grant_id,
    )
    assert Scope.of(["photos:read", "photos:write"]) == read.scope
    assert frozenset({AUDIENCE}) == read.audience
    assert time.time() + 250 < read.expires_at
    assert ISSUER == read.claims["iss"]
    assert "claims" not in repr(read)


async def test_a_token_of_a_client_alone_has_no_grant_and_may_have_no_scope(verifier):
    read = await verifier.verify(token(KEY, grant_id=None, scope=None, sub="printer"))
    assert (None, Scope(), "printer") == (read.grant_id, read.scope, read.subject)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"iss": "https://id.example/"}, "issued by another server"),
        ({"aud": "https://api.example/orders"}, "meant for another audience"),
        ({"aud": ["https://api.example/orders"]}, "meant for another audience"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp is not a number"),
        ({"iat": None}, "exp or iat is missing"),
        ({"sub": None}, "sub is missing or not a text"),
        ({"sub": 1}, "sub is missing or not a text"),
        ({"client_id": None}, "client_id is missing or not a text"),
        ({"jti": None}, "jti is missing or not a text"),
        ({"scope": ["photos:read"]}, "scope is missing or not a text"),
        ({"scope": 'photos"read'}, "scope is malformed"),
        ({"grant_id": 7}, "grant_id is not a text"),
        ({"cnf": {"jkt": "x"}}, "bound to a key, which this API does not check"),
        ({"cnf": {}}, "bound to a key, which this API does not check"),
    ],
)
async def test_claims_that_are_refused(verifier, change, reason):
    """RFC 9068 §4; G4: a token for another API is no token here; RFC 7800: a bound one is no bearer token."""
    with pytest.raises(BadToken) as refused:
        await verifier.verify(token(KEY, **change))
    assert reason == refused.value.reason


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", "id+jwt"])
async def test_k8_an_id_token_is_no_access_token(verifier, typ):
    """Threat K8."""
    with pytest.raises(BadToken, match="not a token of type at"):
        await verifier.verify(token(KEY, typ))


async def test_a_stranger_s_signature_is_refused_under_either_name(verifier):
    with pytest.raises(BadToken, match="not published"):
        await verifier.verify(token(STRANGER))
    imitation = SigningKey.from_private_bytes(STRANGER.private_bytes(), kid=KEY.kid)
    with pytest.raises(BadToken, match="signature is wrong"):
        await verifier.verify(token(imitation))


async def test_rotation_without_a_failed_request(server):
    """RX14: publish, sign with the new key, withdraw the old one, ten times over; an emergency one too."""
    clock = Clock()
    verifier = TokenVerifier(ISSUER, AUDIENCE, Jwks(server.uri, clock=clock))
    current = KEY
    for _ in range(10):
        upcoming = SigningKey.generate("ES256")
        server.keys = [current, upcoming]
        for second in range(0, 700, 50):
            clock.now += 50
            await verifier.verify(token(upcoming if second > 600 else current))
            await verifier.verify(token(current))
        current = upcoming
    server.keys = [NEXT]
    clock.now += 11
    await verifier.verify(token(NEXT))
    with pytest.raises(BadToken, match="not published"):
        await verifier.verify(token(current))


async def test_a_token_cannot_be_judged_without_keys(server, verifier):
    await server.leave()
    with pytest.raises(KeysUnavailable):
        await verifier.verify(KEY.sign(claims(), typ="at+jwt"))
