"""Who may say which request it has received, and what is refused because it could be read in two ways."""

from dataclasses import replace

import pytest

from grantway.settings import GatewaySettings, ServerSettings
from tests.certificates import self_signed
from tests.checks.answers import FORM
from tests.decisions.asking import FAMILIES, HERE, IDENTITY, MALFORMED, NOTES, PHOTOS, bearer, gate_on, shape
from tests.node import free_port, sqlite_url

every_family = pytest.mark.parametrize("family", FAMILIES)
ELSEWHERE = [(), ("192.0.2.0/24",), ("::2",)]


@pytest.mark.parametrize("trusted", ELSEWHERE, ids=["nobody", "another network", "another address"])
async def test_nobody_but_a_trusted_gateway_is_answered(tmp_path, trusted):
    """O3: the default trusts nobody; who imitates a gateway is told nothing, token or not."""
    async with gate_on(sqlite_url(tmp_path), gateways=GatewaySettings(trusted=trusted)) as gate:
        token = await gate.token("photos:read")
        for family in FAMILIES:
            for lines in ([bearer(token)], [bearer(token), "X-Forwarded-For: 192.0.2.7"], []):
                for path in ("/v1/photos", "/v1/health"):
                    answer = await gate.ask(family, "GET", path, *lines)
                    assert (403, "access_denied") == (answer.status, answer.json["error"])
                    assert [name for name in IDENTITY if answer.every(name)] == []


@pytest.mark.parametrize(
    ("family", "header", "other"),
    [
        ("nginx", "X-Original-Method", "GET"),
        ("nginx", "X-Original-URL", "https://api.example/v1/photos"),
        ("forward", "X-Forwarded-Method", "GET"),
        ("forward", "X-Forwarded-Uri", "/v1/photos"),
        ("forward", "X-Forwarded-Host", "api.example"),
        ("envoy", "x-grantway-api", PHOTOS.identifier),
    ],
)
async def test_what_the_gateway_says_comes_once(gate, reader, family, header, other):
    """O3: of two values the API might be shown the other; none is none."""
    pinned = {"api": PHOTOS.identifier} if family == "envoy" else {}
    method, target, *lines = shape(family, "GET", "/v1/photos", bearer(reader), **pinned)
    assert 200 == (await gate.send(method, target, *lines)).status
    for twice in (f"{header}: {other}", f"{header.lower()}: /other"):
        answer = await gate.send(method, target, *lines, twice)
        assert (MALFORMED, "invalid_request") == (answer.meant, answer.json["error"])
    less = [line for line in lines if not line.startswith(header)]
    if family != "envoy":
        assert MALFORMED == (await gate.send(method, target, *less)).meant


@pytest.mark.parametrize("family", ["nginx", "forward"])
@pytest.mark.parametrize(
    "query",
    [f"api={NOTES.identifier}", "login=1", "mtls=traefik", "certificate=AA==", f"api={NOTES.identifier}#x"],
)
async def test_what_the_caller_writes_is_not_the_gateways_own_query(gate, family, query):
    """O3: Caddy, told an address without a query, asks with that of the caller."""
    path = "/health"  # public, with the API that the caller would name
    method, target, *lines = shape(family, "GET", f"{path}?{query}")
    answer = await gate.send(method, f"{target}?{query}", *lines)
    assert (MALFORMED, "invalid_request") == (answer.meant, answer.json["error"])
    assert 200 == (await gate.ask(family, "GET", f"{path}?x=1&{query}", api=NOTES.identifier)).meant


@pytest.mark.parametrize("family", FAMILIES)
async def test_headers_of_other_families_say_nothing(gate, reader, family):
    """O3: a caller's own X-Forwarded-Uri or X-Original-URL is not the gateway's word."""
    forged = {
        "nginx": ["X-Forwarded-Method: GET", "X-Forwarded-Uri: /v1/health", "X-Forwarded-Host: api.example"],
        "forward": ["X-Original-Method: GET", "X-Original-URL: https://api.example/v1/health"],
        "envoy": ["X-Original-URL: https://api.example/v1/health", "X-Forwarded-Uri: /v1/health"],
    }
    lines = [*forged[family], "X-Rewrite-Url: /v1/health", "X-Original-Uri: /v1/health"]
    assert 403 == (await gate.ask(family, "DELETE", "/v1/photos/7", bearer(reader), *lines)).status
    assert 401 == (await gate.ask(family, "DELETE", "/v1/photos/7", *lines)).status


TRICKS = [
    "/v1/admin/",
    "/v1/admin;x",
    "/v1//admin",
    "//v1/admin",
    "/v1/photos/../admin",
    "/v1/./admin",
    "/v1/%61dmin",
    "/v1/admin%00",
    "/v1/ADMIN",
    "/v1/photos/%2e%2e/admin",
    "/v1/photos%2f..%2fadmin",
    "/v1/photos\\..\\admin",
    "/v1/admin%20",
    "/v1/admin#x",
    "/v1/admin%23x",
    "/v1/admin%3Fx",
    "/v1/admin%",
    "/v1/admin%c0%ae",
    "/v1/admin\xe9",
    "/V1/admin",
    "/v1/health/../admin",
    "/v1/health;/../admin",
    "/health/../v1/admin",
]


@every_family
@pytest.mark.parametrize("target", TRICKS, ids=range(len(TRICKS)))
async def test_no_spelling_of_a_path_is_worth_more_than_the_path(gate, reader, family, target):
    """O2: `/admin` needs more than this token has, and so does whatever might be taken for it."""
    assert 403 == (await gate.ask(family, "GET", "/v1/admin", bearer(reader))).status
    answer = await gate.ask(family, "GET", target, bearer(reader))
    assert answer.meant in {400, 403}
    assert answer.every("x-grantway-subject") == []


@every_family
async def test_an_encoded_letter_is_the_letter(gate, reader, family):
    """O2: and nothing that the API would read otherwise."""
    assert 200 == (await gate.ask(family, "GET", "/v1/phot%6Fs", bearer(reader))).status


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/v1/photos",
        "api.example/v1/photos",
        "ftp://api.example/v1/photos",
        "https:///v1/photos",
        "https://ada@api.example/v1/photos",
        "https://api.example/v1/photos, https://api.example/v1/health",
        "https://api.example /v1/photos",
    ],
    ids=range(8),
)
async def test_nginx_tells_one_whole_address(gate, reader, url):
    """O2, O3: anything else is a mistake of the configuration, found at once."""
    lines = ("X-Original-Method: GET", f"X-Original-URL: {url}", bearer(reader))
    assert MALFORMED == (await gate.send("GET", "/decision/nginx", *lines)).meant


@pytest.mark.parametrize(
    "query", ["?api=", "?api=a&api=b", "?login=2", "?login=1&api=", "?scope=photos:read", "?api=%zz", "?%E9"]
)
async def test_the_address_of_the_decision_has_no_other_parameters(gate, reader, query):
    """DC04: a misspelt one is found at once."""
    for family in ("nginx", "forward"):
        method, target, *lines = shape(family, "GET", "/v1/photos", bearer(reader))
        assert MALFORMED == (await gate.send(method, target + query, *lines)).meant


@pytest.mark.parametrize(
    "path", ["/decision", "/decision/", "/decision/other", "/decision/nginx/", "/decision/envoyx"]
)
async def test_there_are_three_addresses(gate, reader, path):
    answer = await gate.send("GET", path, *shape("forward", "GET", "/v1/photos", bearer(reader))[2:])
    assert 404 == answer.status


async def test_a_server_with_a_path_is_asked_below_it(tmp_path):
    """DC03, O2: Envoy's path begins behind ours, wherever that is."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}/id"
    async with gate_on(sqlite_url(tmp_path), issuer=issuer, port=port) as gate:
        reply = await gate.node.token("robot", grant_type="client_credentials", scope="photos:read")
        token = bearer(reply.json()["access_token"])
        for family in FAMILIES:
            method, target, *lines = shape(family, "GET", "/v1/photos", token)
            assert 200 == (await gate.send(method, "/id" + target, *lines)).status
            assert 200 != (await gate.send(method, target, *lines)).status
        envoy = "/id/decision%2Fenvoy/v1/photos"
        assert MALFORMED == (await gate.send("GET", envoy, "Host: api.example", token)).status


async def test_a_bound_token_is_good_beside_its_certificate_alone(tmp_path):
    """MT01, O3: handed over by the gateway, in the header that is set for gateways and in no other."""
    own, stranger = self_signed(), self_signed()
    server = ServerSettings(trusted_proxies=("127.0.0.1",), client_certificate_header="X-Client-Cert")
    for header, good in (("X-Shown", 200), (None, 401)):
        folder = tmp_path / str(good)
        folder.mkdir()
        gateways = replace(HERE, client_certificate_header=header)
        async with gate_on(sqlite_url(folder), gateways=gateways, server=server) as gate:
            await gate.node.change_client("robot", certificate_bound_tokens=True)
            form = "grant_type=client_credentials&scope=photos:read"
            basic = gate.node.basic("robot")["authorization"]
            async with gate.node.http() as http:
                headers = {"authorization": basic, "x-client-cert": own.escaped, **FORM}
                reply = await http.post("/token", content=form, headers=headers)
            token = bearer(reply.json()["access_token"])
            for line, status in (
                (f"X-Shown: {own.escaped}", good),
                (f"X-Shown: {own.rfc9440}", good),
                (f"X-Shown: {stranger.escaped}", 401),
                (f"X-Client-Cert: {own.escaped}", 401),
                ("X-Other: x", 401),
                ("X-Shown: nonsense", MALFORMED if header else 401),
            ):
                assert status == (await gate.ask("nginx", "GET", "/v1/photos", token, line)).meant
            for family in ("forward", "envoy"):  # they pass the caller's own header on: it proves nothing
                line = f"X-Shown: {own.escaped}"
                assert 401 == (await gate.ask(family, "GET", "/v1/photos", token, line)).meant
