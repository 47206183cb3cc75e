"""A plain API behind a real nginx and a real Caddy, configured as the how-to pages print it."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from grantway.protocol.apis import Access, Rule
from grantway.settings import ServerSettings
from tests.certificates import Authority, self_signed
from tests.decisions.asking import HERE, PHOTOS, Answer, Gate, bearer, gate_on, read
from tests.decisions.test_forwarding import TRICKS
from tests.node import sqlite_url
from tests.services.caddy import caddy_before_an_api
from tests.services.nginx import nginx_before_an_api
from tests.serving import PATIENCE, serving

PAGES = Path(__file__).parents[2] / "docs" / "howto" / "guard-with-a-gateway"
AUTHORITY = Authority("CN=Here")
GATEWAYS = ("nginx", "caddy")
FORGED = (
    "X-Grantway-Subject",
    "x-grantway-subject",
    "X_Grantway_Subject",
    "x_grantway_subject",
    "X-Grantway_Subject",
    "X_Grantway-Subject",
)


def block(page: str, kind: str) -> str:
    """The configuration that the page prints."""
    found = re.search(rf"^```{kind}\n(.*?)^```", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no {kind} block"
    return found[1]


@dataclass
class PlainApi:
    """Knows nothing of tokens, and tells what reached it."""

    seen: list[dict] = field(default_factory=list)

    async def __call__(self, scope, receive, send) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        told = {"method": scope["method"], "path": scope["raw_path"].decode("latin-1"), "headers": headers}
        self.seen.append(told)
        body = b"" if scope["method"] == "HEAD" else json.dumps(told).encode()
        length = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Front:
    """The API as the world sees it."""

    gate: Gate
    api: PlainApi
    port: int
    tls: ssl.SSLContext | None = None

    async def ask(
        self, method: str, target: str, *lines: str, host="api.example", body="", tls=None
    ) -> Answer:
        """One request as it stands. What reached the API is in `api.seen`."""
        self.api.seen.clear()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self.port,
            ssl=tls or self.tls,
            server_hostname="api.example" if self.tls else None,
        )
        length = [f"Content-Length: {len(body)}"] if body else []
        head = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *length, *lines]
        writer.write(("\r\n".join([*head, "", ""]) + body).encode("latin-1"))
        async with asyncio.timeout(PATIENCE):
            raw = await reader.read()
        writer.close()
        return read(raw)


def trusting(certificate=None, folder: Path | None = None) -> ssl.SSLContext:
    """What a caller believes, and the certificate that it shows."""
    context = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
    if certificate is not None:
        context.load_cert_chain(*certificate.write(folder, f"caller-{certificate.thumbprint}"))
    return context


@pytest.fixture(scope="module")
async def fronts(tmp_path_factory) -> AsyncIterator[dict[str, Front]]:
    """Both gateways before one API, asking one server."""
    folder = tmp_path_factory.mktemp("gateways")
    server = ServerSettings(trusted_proxies=("127.0.0.1",), client_certificate_header="X-Certificate")
    gateways = replace(HERE, client_certificate_header="X-Client-Cert")
    api = PlainApi()
    async with (
        gate_on(sqlite_url(folder), gateways=gateways, server=server) as gate,
        serving(lambda _origin: api) as origin,
    ):
        where = {"server": gate.node.issuer, "api": origin}
        certificate = AUTHORITY.issue("CN=api.example", dns=["api.example"])
        page = block("nginx.md", "nginx")
        with (
            nginx_before_an_api(folder / "nginx", page, certificate=certificate, **where) as nginx,
            caddy_before_an_api(folder / "caddy", block("caddy.md", "caddyfile"), **where) as caddy,
        ):
            yield {
                "nginx": Front(gate, api, nginx, trusting()),
                "caddy": Front(gate, api, caddy),
            }


@pytest.fixture(params=GATEWAYS)
def front(request, fronts) -> Front:
    return fronts[request.param]


@pytest.fixture(scope="module")
async def reader(fronts) -> str:
    return await fronts["nginx"].gate.token("photos:read")


def reached(front: Front) -> list[tuple[str, str]]:
    return [(one["method"], one["path"]) for one in front.api.seen]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v1/photos", 200),
        ("GET", "/v1/photos/7", 200),
        ("HEAD", "/v1/photos/7", 200),
        ("POST", "/v1/photos", 403),
        ("PUT", "/v1/photos/7", 403),
        ("PATCH", "/v1/photos/7", 403),
        ("DELETE", "/v1/photos/7", 403),
        ("OPTIONS", "/v1/photos", 200),
        ("GET", "/v1/admin", 403),
        ("GET", "/v1/internal", 403),
        ("GET", "/v1/albums", 403),
        ("GET", "/", 403),
    ],
)
async def test_what_reaches_the_api_is_what_its_rows_allow(front, reader, method, target, status):
    """DC01, FC2, O7: each method, with a token that may read."""
    answer = await front.ask(method, target, bearer(reader), body="x=1" if method == "POST" else "")
    assert status == answer.status
    assert reached(front) == ([(method, target)] if status == 200 else [])


async def test_a_body_reaches_the_api_with_the_request(front):
    """DC01."""
    token = await front.gate.token("photos:write")
    assert 200 == (await front.ask("POST", "/v1/photos", bearer(token), body="a photo")).status
    assert reached(front) == [("POST", "/v1/photos")]


async def test_a_refusal_arrives_with_its_challenge(front, reader):
    """DC02: the exact words of RFC 6750 §3.1 come through the gateway, one challenge at a time."""
    lacking = await front.ask("POST", "/v1/photos", bearer(reader))
    assert 403 == lacking.status
    assert 'error="insufficient_scope"' in lacking["www-authenticate"]
    assert 'scope="photos:write"' in lacking["www-authenticate"]
    none = await front.ask("GET", "/v1/photos")
    assert 401 == none.status
    assert "error" not in none["www-authenticate"]
    for words in ("nonsense", await front.gate.token("notes:read")):
        bad = await front.ask("GET", "/v1/photos", bearer(words))
        assert 401 == bad.status
        assert 'error="invalid_token"' in bad["www-authenticate"]
    assert front.api.seen == []


async def test_a_request_of_two_readings_is_a_bad_one(front, reader):
    """DC03: nginx, too, says 400."""
    answer = await front.ask("GET", "/v1/photos", bearer(reader), "X-HTTP-Method-Override: DELETE")
    assert (400, []) == (answer.status, reached(front))


async def test_a_revoked_and_an_expired_token_open_nothing(front):
    """O9."""
    node = front.gate.node
    token = await front.gate.token("photos:read")
    assert 200 == (await front.ask("GET", "/v1/photos", bearer(token))).status
    assert 200 == (await node.post("/revoke", "printer", token=token)).status_code
    async with asyncio.timeout(20):
        while (await front.ask("GET", "/v1/photos", bearer(token))).status == 200:
            await asyncio.sleep(0.1)
    assert 401 == (await front.ask("GET", "/v1/photos", bearer(token))).status
    await node.put_api(replace(PHOTOS, token_lifetime=1))
    short = await front.gate.token("photos:read")
    await node.put_api(PHOTOS)
    await asyncio.sleep(1.1)
    assert 401 == (await front.ask("GET", "/v1/photos", bearer(short))).status
    assert front.api.seen == []


@pytest.mark.parametrize("target", TRICKS, ids=range(len(TRICKS)))
async def test_no_spelling_of_a_path_reaches_what_it_should_not(front, reader, target):
    """O2: the gateway passes on the very path that was judged, or nothing."""
    answer = await front.ask("GET", target, bearer(reader))
    assert answer.status in {400, 403}
    assert front.api.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "http://other.example/v1/photos",
        "/v1/phot%6Fs",
        "/v1/photos?next=/v1/../admin",
        "/v1/photos?a=%2e%2e;b",
    ],
    ids=range(4),
)
async def test_what_is_judged_is_what_is_passed_on(front, reader, target):
    """O2, O3: an encoded letter, a query, a host in the request line: nothing of it leads elsewhere."""
    answer = await front.ask("GET", target, bearer(reader))
    assert answer.status in {200, 400, 403, 404, 421}
    for _, path in reached(front):
        assert path in {"/v1/photos", "/v1/phot%6Fs"}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.parametrize("target", ["/v1/photos", "/v1/health"])
async def test_a_forged_identity_never_reaches_the_api(front, reader, name, target):
    """O3: under no spelling that an API could take for ours, with a token or without one."""
    lines = [
        f"{name}: mallory",
        f"{name.replace('ubject', 'copes')}: photos:delete",
        "X-Grantway-Groups: admins",
    ]
    ours = [bearer(reader)] if target == "/v1/photos" else []
    assert 200 == (await front.ask("GET", target, *ours, *lines)).status
    (request,) = front.api.seen
    told = [(header.lower().replace("_", "-"), value) for header, value in request["headers"]]
    assert [value for header, value in told if header == "x-grantway-subject"] == [
        front.gate.node.people["ada"].subject if ours else "-"
    ]
    assert [value for header, value in told if header == "x-grantway-scopes"] == [
        "photos:read" if ours else "-"
    ]
    assert "mallory" not in json.dumps(request)
    assert "photos:delete" not in json.dumps(request)


@pytest.mark.parametrize(
    "line",
    [
        "X-Original-Method: GET",
        "X-Original-URL: https://api.example/v1/health",
        "X-Forwarded-Method: GET",
        "X-Forwarded-Uri: /v1/health",
        "X-Forwarded-Host: other.example",
        "X-Grantway-Api: https://notes.example",
    ],
)
async def test_a_caller_cannot_speak_for_the_gateway(front, reader, line):
    """O3: what it forges changes no decision."""
    assert 403 == (await front.ask("DELETE", "/v1/photos/7", bearer(reader), line)).status
    assert 401 == (await front.ask("GET", "/v1/photos", line)).status
    assert front.api.seen == []


@pytest.mark.parametrize("name", ["X-Original-URL", "x-original-uri", "X-Rewrite-URL", "X_Rewrite_URL"])
async def test_no_header_names_the_api_another_path(front, reader, name):
    """O2, O7: some frameworks route by these; the API sees the path that was judged and no other."""
    answer = await front.ask("GET", "/v1/photos", bearer(reader), f"{name}: /v1/admin")
    assert 200 == answer.status
    (request,) = front.api.seen
    assert "/v1/admin" not in json.dumps(request)


@pytest.mark.parametrize("host", ["notes.example", "other.example"])
async def test_another_host_gives_no_other_rules(front, host):
    """O3: a token for another API, and its name in the Host, open nothing here."""
    notes = await front.gate.token("notes:read")
    answer = await front.ask("GET", "/photos", bearer(notes), host=host)
    assert front.api.seen == []
    assert answer.status in {200, 401, 403, 404, 421}  # Caddy answers 200 and nothing where no site is


async def bound_token(node, certificate):
    """The header with an access token that is good beside this certificate alone."""
    await node.change_client("robot", certificate_bound_tokens=True)
    async with node.http() as http:
        reply = await http.post(
            "/token",
            data={"grant_type": "client_credentials", "scope": "photos:read"},
            headers={**node.basic("robot"), "x-certificate": certificate.escaped},
        )
    return bearer(reply.json()["access_token"])


async def test_a_bound_token_is_good_beside_its_certificate_alone(fronts, tmp_path):
    """MT01, FC2: nginx asks for certificates and hands them over, whatever the caller writes."""
    front, own, stranger = fronts["nginx"], self_signed("CN=own"), self_signed("CN=own")
    token = await bound_token(front.gate.node, own)
    shown = f"X-Client-Cert: {own.escaped}"
    assert 200 == (await front.ask("GET", "/v1/photos", token, tls=trusting(own, tmp_path))).status
    assert 401 == (await front.ask("GET", "/v1/photos", token, tls=trusting(stranger, tmp_path))).status
    assert 401 == (await front.ask("GET", "/v1/photos", token, shown)).status
    assert (
        401 == (await front.ask("GET", "/v1/photos", token, shown, tls=trusting(stranger, tmp_path))).status
    )


async def test_a_bound_token_behind_caddy_needs_its_certificate_whatever_headers_say(fronts, tmp_path):
    """DC08, MT01, O3: Caddy writes it into its own address; no header of a caller is one."""
    front, own, stranger = fronts["nginx"], self_signed("CN=own"), self_signed("CN=own")
    token = await bound_token(front.gate.node, own)
    page, (opening, uri) = block("caddy.md", "caddyfile"), lines_for_certificates()
    asked = next(line for line in page.splitlines() if line.strip().startswith("uri "))
    site = page.replace(asked + "\n", uri)
    tls = opening.partition("tls {\n")[2].rpartition("\t}")[0]
    certificate = AUTHORITY.issue("CN=api.example", dns=["api.example"])
    async with serving(lambda _origin: front.api) as origin:
        where = {"server": front.gate.node.issuer, "api": origin, "certificate": certificate, "tls": tls}
        with caddy_before_an_api(tmp_path, site, **where) as port:
            caddy = Front(front.gate, front.api, port, trusting())
            ours, others = trusting(own, tmp_path), trusting(stranger, tmp_path)
            assert 200 == (await caddy.ask("GET", "/v1/photos", token, tls=ours)).status
            assert 401 == (await caddy.ask("GET", "/v1/photos", token, tls=others)).status
            assert 401 == (await caddy.ask("GET", "/v1/photos", token)).status
            for line in (
                f"X-Client-Cert: {own.escaped}",
                f"Client-Cert: {own.rfc9440}",
                f"X-Forwarded-Tls-Client-Cert: {own.base64}",
                f'X-Forwarded-Client-Cert: Cert="{own.escaped}"',
            ):
                for context in (None, others):
                    assert 401 == (await caddy.ask("GET", "/v1/photos", token, line, tls=context)).status
            target = f"/v1/photos?certificate={quote(own.base64, safe='')}"
            assert 401 == (await caddy.ask("GET", target, token)).status


async def test_behind_caddy_the_caller_does_not_name_the_api(fronts, tmp_path):
    """O3: an address without a query gets the caller's; with a question mark, as the page says, none."""
    front, asking = fronts["caddy"], f"?api={PHOTOS.identifier}"
    node, rules = front.gate.node, (Rule("*", "/v1/photos", access=Access.PUBLIC),)
    other = replace(
        PHOTOS, identifier="https://open.example", name="Open", servers=(), scopes=(), rules=rules
    )
    await node.put_api(other)
    page = block("caddy.md", "caddyfile")
    async with serving(lambda _origin: front.api) as origin:
        where = {"server": node.issuer, "api": origin}
        for query, status in (("?", 401), ("", 400)):
            folder = tmp_path / str(status)
            with caddy_before_an_api(folder, page.replace(asking, query), **where) as port:
                caddy = Front(front.gate, front.api, port)
                assert status == (await caddy.ask("GET", f"/v1/photos?api={other.identifier}")).status
                assert 401 == (await caddy.ask("GET", "/v1/photos")).status


def lines_for_certificates() -> list[str]:
    """The blocks below the first one of Caddy's page."""
    found = re.findall(
        r"^```caddyfile\n(.*?)^```", (PAGES / "caddy.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return found[1:]


async def test_the_description_of_the_api_is_at_its_own_host(front):
    """DC05: RFC 9728 §3, without a token; where the challenge says."""
    answer = await front.ask("GET", "/.well-known/oauth-protected-resource/photos")
    assert 200 == answer.status
    assert PHOTOS.identifier == answer.json["resource"]
    assert [front.gate.node.issuer] == answer.json["authorization_servers"]
    assert ["photos:read", "photos:write", "photos:delete"] == answer.json["scopes_supported"]
    assert front.api.seen == []
