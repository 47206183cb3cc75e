"""Certificate-bound tokens before every framework, behind a proxy that hands certificates over (RFC 8705)."""

import base64

import pytest

from grantway.sdk import Protection, certificate_header
from tests.certificates import self_signed
from tests.frameworks.conftest import FRAMEWORKS
from tests.frameworks.definition import API, IDENTIFIER
from tests.sdk.callers import Caller, bearer
from tests.sdk.servers import token as forged_token

OWN, OTHER = self_signed("CN=own"), self_signed("CN=other")


def header(certificate, form="escaped", name="X-Client-Cert"):
    """What a proxy says: percent-encoded PEM as nginx, or `:base64:` (RFC 9440 §2.1)."""
    value = certificate.escaped if form == "escaped" else f":{base64.b64encode(certificate.der).decode()}:"
    return f"{name}: {value}".encode()


@pytest.fixture(scope="module")
def bound(node):
    """A token for the holder of OWN alone."""
    signing = next(iter(node.server.snapshots.newest.signing_keys.values()))
    confirmation = {"x5t#S256": OWN.thumbprint}
    return bearer(forged_token(signing, iss=node.issuer, aud=IDENTIFIER, cnf=confirmation))


def served(framework, node, *, proxies=("127.0.0.1",)):
    """The application, believing this header of these proxies; of none, no header at all."""
    source = certificate_header("X-Client-Cert", proxies=proxies) if proxies else None
    return FRAMEWORKS[framework](Protection(api=API, issuer=node.issuer, certificate=source))


@pytest.mark.parametrize("form", ["escaped", "rfc9440"])
async def test_a_bound_token_passes_beside_its_certificate_alone(framework, node, bound, tokens, form):
    """MT01, I10, FS30: in either form; a token that is bound to nothing needs none."""
    async with served(framework, node) as port:
        call = Caller(port)
        assert 200 == (await call(b"/photos", bound, header(OWN, form))).status
        for headers in ([], [header(OTHER, form)]):
            reply = await call(b"/photos", bound, *headers)
            assert (401, "invalid_token") == (reply.status, reply.json["error"])
        assert 200 == (await call(b"/photos", bearer(tokens["read"]))).status


@pytest.mark.parametrize("form", ["escaped", "rfc9440"])
async def test_a_header_that_came_twice_is_not_believed(framework, node, bound, form):
    """MT01, O3: which one the proxy has set cannot be told, also where WSGI has joined both by a comma."""
    async with served(framework, node) as port:
        for first, second in ((OWN, OTHER), (OTHER, OWN), (OWN, OWN)):
            reply = await Caller(port)(b"/photos", bound, header(first, form), header(second, form))
            assert (503, None) == (reply.status, reply.challenge)
        name = "X-Client-Cert"
        joined = header(OWN, form) + b"," + header(OTHER, form).removeprefix(f"{name}: ".encode())
        assert 503 == (await Caller(port)(b"/photos", bound, joined)).status


@pytest.mark.parametrize("proxies", [(), ("192.0.2.0/24",)], ids=["not configured", "of somebody else"])
async def test_a_header_counts_only_where_it_was_configured(framework, node, bound, proxies):
    """MT01, O3: a caller that sets it by itself gains nothing, and breaks nothing."""
    async with served(framework, node, proxies=proxies) as port:
        assert 401 == (await Caller(port)(b"/photos", bound, header(OWN))).status
        assert 200 == (await Caller(port)(b"/health", header(OWN), header(OTHER))).status


async def test_a_peer_without_an_address_is_no_proxy():
    """O3: a Unix socket says nothing about who is at its other end."""
    source = certificate_header("X-Client-Cert", proxies=["127.0.0.1", "::1"])
    headers = [(b"x-client-cert", OWN.escaped.encode())]
    for client in (None, ("", 0), (None, 0), ("unix:", 0), ("10.0.0.1", 5)):
        assert source({"headers": headers, "client": client}) is None
    for client in (("127.0.0.1", 5), ("::1", 5), ("::ffff:127.0.0.1", 5)):
        assert OWN.der == source({"headers": headers, "client": client})
