"""Tokens bound to a client certificate, before a real application (RFC 8705 §3; threat U16)."""

import httpx2
import pytest

from grantway.crypto.jose import SigningKey
from grantway.sdk import (
    Api,
    ApiScope,
    BadToken,
    Guard,
    Jwks,
    Protection,
    Rule,
    TokenVerifier,
    certificate_header,
)
from grantway.sdk.verify import check_confirmation
from tests.certificates import self_signed
from tests.sdk.servers import AUDIENCE, ISSUER, KeyServer, running, token

KEY = SigningKey.generate("ES256")
OWN, OTHER = self_signed("CN=own"), self_signed("CN=other")
API = Api(
    identifier=AUDIENCE,
    name="photos",
    scopes=(ApiScope(name="photos:read", description="See your photos"),),
    rules=(Rule("GET", "/photos", frozenset({"photos:read"})),),
)
BOUND = {"cnf": {"x5t#S256": OWN.thumbprint}, "scope": "photos:read"}


async def application(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def keys():
    async with KeyServer(KEY) as server:
        yield Jwks(server.uri)


async def ask(guard, claims, certificate=None, **headers) -> httpx2.Response:
    shown = {} if certificate is None else {"x-client-cert": certificate.escaped}
    bearer = {"authorization": f"Bearer {token(KEY, **claims)}"}
    async with running(guard) as port, httpx2.AsyncClient(trust_env=False) as http:
        return await http.get(f"http://127.0.0.1:{port}/photos", headers={**bearer, **shown, **headers})


def guard(keys, *, proxies=("127.0.0.1",)):
    source = certificate_header("X-Client-Cert", proxies=proxies)
    return Guard(application, Protection(api=API, issuer=ISSUER, jwks=keys, certificate=source))


@pytest.mark.parametrize(
    ("certificate", "status"), [(OWN, 200), (OTHER, 401), (None, 401)], ids=["own", "another", "none"]
)
async def test_a_bound_token_passes_beside_its_certificate_alone(keys, certificate, status):
    """MT01, I10, FS30"""
    reply = await ask(guard(keys), BOUND, certificate)
    assert reply.status_code == status
    if status == 401:
        assert 'error="invalid_token"' in reply.headers["www-authenticate"]
        assert "bound to" in reply.json()["error_description"]


async def test_a_token_that_is_bound_to_nothing_needs_no_certificate(keys):
    """MT01: and is not hindered by one."""
    for certificate in (None, OTHER):
        assert (await ask(guard(keys), {"scope": "photos:read"}, certificate)).status_code == 200


async def test_the_header_of_anybody_but_the_proxy_counts_for_nothing(keys):
    """MT01, O3"""
    assert (await ask(guard(keys, proxies=("192.0.2.0/24",)), BOUND, OWN)).status_code == 401
    with pytest.raises(ValueError, match="name the proxies"):
        certificate_header("X-Client-Cert", proxies=())


async def test_a_guard_that_knows_no_certificates_refuses_bound_tokens(keys):
    """MT01, I10: a bound token is no bearer token."""
    bare = Guard(application, Protection(api=API, issuer=ISSUER, jwks=keys))
    assert (await ask(bare, BOUND, OWN)).status_code == 401


async def test_a_header_that_cannot_be_read_is_a_failure_of_ours(keys):
    """MT01: the proxy is set up wrongly; nobody passes, and nobody is blamed."""
    reply = await ask(guard(keys), BOUND, **{"x-client-cert": "junk"})
    assert reply.status_code == 503


@pytest.mark.parametrize(
    "cnf",
    [
        {},
        [],
        None,
        "x5t#S256",
        {"x5t#S256": None},
        {"x5t#S256": ""},
        {"x5t#S256": [OWN.thumbprint]},
        {"x5t#S256": OWN.thumbprint + "="},
        {"x5t#S256": OWN.thumbprint.swapcase()},
        {"x5t": OWN.thumbprint},
        {"jkt": OWN.thumbprint},
        {"x5t#S256": OWN.thumbprint, "jkt": "x"},
        {"kid": "1"},
    ],
    ids=map(str, range(13)),
)
def test_what_is_not_exactly_this_certificate_is_refused(cnf):
    """MT01: also for what introspection tells; a second binding is one that nobody checks."""
    with pytest.raises(BadToken, match="bound to"):
        check_confirmation({"cnf": cnf}, certificate=OWN.der)


async def test_the_verifier_alone_asks_for_the_certificate_too(keys):
    """MT01: for those who use no guard."""
    verifier = TokenVerifier(ISSUER, AUDIENCE, keys)
    bound = token(KEY, **BOUND)
    with pytest.raises(BadToken, match="none"):
        await verifier.verify(bound)
    with pytest.raises(BadToken, match="another"):
        await verifier.verify(bound, certificate=OTHER.der)
    assert (await verifier.verify(bound, certificate=OWN.der)).client_id == "printer"
