"""Tokens bound to a certificate behind each family; and that a caller's word for one is never believed."""

import base64
import hashlib
from dataclasses import replace
from urllib.parse import quote

import pytest

from grantway.settings import ServerSettings
from tests.certificates import self_signed
from tests.decisions.asking import HERE, bearer, gate_on, shape
from tests.node import sqlite_url

OWN, STRANGER = self_signed("CN=own"), self_signed("CN=own")
NGINX = "X-Client-Cert"
API = "https://api.example/photos"


@pytest.fixture(scope="module")
async def bound(tmp_path_factory):
    """A gate, and a token that is bound to `OWN`."""
    server = ServerSettings(trusted_proxies=("127.0.0.1",), client_certificate_header="X-Certificate")
    gateways = replace(HERE, client_certificate_header=NGINX)
    database = sqlite_url(tmp_path_factory.mktemp("bound"))
    async with gate_on(database, server=server, gateways=gateways) as gate:
        await gate.node.change_client("robot", certificate_bound_tokens=True)
        async with gate.node.http() as http:
            reply = await http.post(
                "/token",
                data={"grant_type": "client_credentials", "scope": "photos:read"},
                headers={**gate.node.basic("robot"), "x-certificate": OWN.escaped},
            )
        gate.tokens["bound"] = bearer(reply.json()["access_token"])
        yield gate


def told(query: str = "", *lines: str) -> tuple[str, ...]:
    """What Caddy or Traefik asks, by this address."""
    method, _, *rest = shape("forward", "GET", "/v1/photos", *lines)
    return (method, f"/decision/forward?{query}" if query else "/decision/forward", *rest)


def envoy(*lines: str) -> tuple[str, ...]:
    return shape("envoy", "GET", "/v1/photos", *lines, api=API)


def xfcc(certificate, *, more: str = "") -> str:
    pem = quote(certificate.pem.decode(), safe="")
    shown = f'Hash={hash_of(certificate)};Cert="{pem}"'
    return f'x-forwarded-client-cert: {shown};Subject="CN=own, O=\\"x;y\\"";URI={more}'


def hash_of(certificate) -> str:
    return hashlib.sha256(base64.b64decode(certificate.base64)).hexdigest()


def without_cert(certificate, *, more: str) -> tuple[str, ...]:
    """As Envoy says it that is told to say the URI of a certificate, and not the certificate."""
    return (f"x-forwarded-client-cert: Hash={hash_of(certificate)};URI={more}",)


async def status(gate, asked) -> int:
    return (await gate.send(*asked, gate.tokens["bound"])).status


@pytest.mark.parametrize(("certificate", "expected"), [(OWN, 200), (STRANGER, 401)], ids=["own", "other"])
async def test_each_family_hands_over_the_certificate_in_its_own_way(bound, certificate, expected):
    """MT01, DC08: Caddy in the address, Traefik and Envoy in the header that they strip from callers."""
    caddy = told(f"api={API}&certificate={quote(certificate.base64, safe='')}")
    traefik = told("mtls=traefik", f"X-Forwarded-Tls-Client-Cert: {certificate.base64}")
    chain = told("mtls=traefik", f"X-Forwarded-Tls-Client-Cert: {certificate.base64},{STRANGER.base64}")
    says = ("x-grantway-mtls: envoy", xfcc(certificate))
    for asked in (caddy, traefik, chain, envoy(*says)):
        assert expected == await status(bound, asked)


@pytest.mark.parametrize(
    "asked",
    [
        told(f"api={API}&certificate="),
        told("certificate="),
        told("certificate=%3Cnil%3E"),
        told("mtls=traefik"),
        envoy("x-grantway-mtls: envoy"),
        envoy("x-grantway-mtls: envoy", 'x-forwarded-client-cert: Hash=ab12;Subject="CN=own"'),
    ],
    ids=range(6),
)
async def test_without_a_certificate_a_bound_token_opens_nothing(bound, asked):
    """MT01, DC08: what a gateway writes when there is none."""
    assert 401 == await status(bound, asked)


EVERY_HEADER = (
    f"{NGINX}: {OWN.escaped}",
    f"X-Certificate: {OWN.escaped}",
    f"Client-Cert: {OWN.rfc9440}",
    f"X-Forwarded-Tls-Client-Cert: {OWN.base64}",
    xfcc(OWN),
)


@pytest.mark.parametrize("line", EVERY_HEADER, ids=range(len(EVERY_HEADER)))
@pytest.mark.parametrize(
    "asked",
    [told(), told(f"api={API}"), told(f"api={API}&certificate="), told("login=1"), envoy()],
    ids=["plain", "pinned", "caddy", "login", "envoy"],
)
async def test_a_header_of_the_caller_is_never_a_certificate(bound, asked, line):
    """O3, MT01: under no name, unless the gateway says that it has written that very header."""
    assert 401 == await status(bound, (*asked, line))


@pytest.mark.parametrize("line", [EVERY_HEADER[0], EVERY_HEADER[2], EVERY_HEADER[4]], ids=range(3))
async def test_a_gateway_that_writes_one_header_vouches_for_no_other(bound, line):
    """O3, MT01: Traefik for its own alone, and nothing of a caller's is one for Envoy's neighbour."""
    assert 401 == await status(bound, told("mtls=traefik", line))


@pytest.mark.parametrize(
    "asked",
    [
        told("certificate=%00"),
        told("certificate=%7Bhttp.request.tls.client.certificate_der_base64%7D"),
        told(f"certificate={quote(OWN.base64, safe='')}&certificate={quote(OWN.base64, safe='')}"),
        told(f"certificate={quote(OWN.base64, safe='')}&mtls=traefik"),
        told("mtls=1"),
        told("mtls=traefik", "X-Forwarded-Tls-Client-Cert: a", "X-Forwarded-Tls-Client-Cert: b"),
        told("mtls=traefik", "X-Forwarded-Tls-Client-Cert: {}"),
        told("mtls=traefik", "X-Forwarded-Tls-Client-Cert: " + "A" * 16_385),
        envoy("x-grantway-mtls: traefik"),
        envoy("x-grantway-mtls: envoy", "x-grantway-mtls: envoy"),
        envoy("x-grantway-mtls: envoy", xfcc(STRANGER) + "," + xfcc(OWN).partition(": ")[2]),
        envoy("x-grantway-mtls: envoy", xfcc(STRANGER, more=f';Cert="{quote(OWN.pem.decode(), safe="")}"')),
        envoy("x-grantway-mtls: envoy", xfcc(STRANGER), xfcc(OWN)),
        envoy("x-grantway-mtls: envoy", "x-forwarded-client-cert: Cert=x"),
        envoy("x-grantway-mtls: envoy", *without_cert(STRANGER, more=f"x;Cert={OWN.escaped}")),
        envoy(
            "x-grantway-mtls: envoy",
            *without_cert(STRANGER, more=f'x;Cert="{OWN.escaped}";Hash={hash_of(OWN)}'),
        ),
        envoy("x-grantway-mtls: envoy", f"x-forwarded-client-cert: Cert={OWN.escaped}"),
    ],
    ids=range(17),
)
async def test_what_cannot_be_read_in_one_way_is_refused(bound, asked):
    """DC08, O3: 400, so that a gateway that is set up wrongly is found at once."""
    assert 400 == await status(bound, asked)


async def test_the_operator_reads_that_the_gateway_handed_over_none(bound, caplog):
    """DC08, FU2: the difference between no certificate and another one."""
    caplog.set_level("INFO", "grantway.refusals")
    await status(bound, told())
    assert "the gateway has handed over none" in caplog.text
    await status(bound, told("mtls=traefik", f"X-Forwarded-Tls-Client-Cert: {STRANGER.base64}"))
    assert "another came" in caplog.text
