"""Traefik and Envoy, which Debian does not have: their requests as documented, by the settings of our pages.

Traefik (forwardAuth): a GET of `address` with X-Forwarded-Method, -Proto, -Host, -Uri and -For over whatever
the caller sent under those names; of the answer, 2xx passes. Before it copies what matches
`authResponseHeadersRegex`, it strips what matches from the caller's request.
Envoy (ext_authz, http_service): the method and the Host as they came, `path_prefix` before the path,
Authorization, `allowed_headers`, and `headers_to_add` over the caller's own.
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.decisions.asking import IDENTITY, PHOTOS, Answer, Gate, bearer

PAGES = Path(__file__).parents[2] / "docs" / "howto" / "guard-with-a-gateway"


def settings_of(page: str) -> dict:
    """The first block of the page, read as the gateway reads it."""
    found = re.search(r"^```yaml\n(.*?)^```", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return yaml.safe_load(found[1])


TRAEFIK = settings_of("traefik.md")["http"]["middlewares"]["grantway"]["forwardAuth"]
ENVOY = settings_of("envoy.md")[0]["typed_config"]
CALLER = {
    "User-Agent": "curl/8.5.0",
    "Accept": "*/*",
    "X-Forwarded-Uri": "/v1/health",
    "X-Forwarded-Method": "GET",
    "X-Grantway-Api": "https://notes.example",
    "x_grantway_subject": "mallory",
}


async def traefik(gate: Gate, method: str, target: str, caller: dict[str, str]) -> Answer:
    """What Traefik asks about a caller's request with these headers."""
    address = urlsplit(TRAEFIK["address"])
    kept = {name: value for name, value in caller.items() if not name.lower().startswith("x-forwarded-")}
    assert TRAEFIK["trustForwardHeader"] is False
    assert "authRequestHeaders" not in TRAEFIK  # so all of them are shown
    told = {
        "Host": address.netloc,
        **kept,
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Host": "api.example",
        "X-Forwarded-Method": method,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Uri": target,
        "Accept-Encoding": "gzip",
    }
    lines = [f"{name}: {value}" for name, value in told.items()]
    return await gate.send("GET", f"{address.path}?{address.query}", *lines)


async def envoy(gate: Gate, method: str, target: str, caller: dict[str, str]) -> Answer:
    """What Envoy asks about a caller's request with these headers."""
    service = ENVOY["http_service"]
    asked = service["authorization_request"]
    allowed = {pattern["exact"] for pattern in asked["allowed_headers"]["patterns"]} | {"authorization"}
    told = {name.lower(): value for name, value in caller.items() if name.lower() in allowed}
    told |= {added["key"]: added["value"] for added in asked["headers_to_add"]}
    lines = [f"{name}: {value}" for name, value in {**told, "x-envoy-internal": "true"}.items()]
    path = service["path_prefix"] + target
    return await gate.send(method, path, "host: api.example", "content-length: 0", *lines)


gateways = pytest.mark.parametrize("ask", [traefik, envoy], ids=["traefik", "envoy"])


@gateways
@pytest.mark.parametrize(
    "row",
    [
        ("GET", "/v1/photos?size=9&from=/v1/health", 200),
        ("HEAD", "/v1/photos/7", 200),
        ("POST", "/v1/photos", 403),
        ("DELETE", "/v1/photos/7", 403),
        ("OPTIONS", "/v1/photos", 200),
        ("GET", "/v1/admin", 403),
        ("GET", "/v1//admin", 400),
        ("GET", "/v1/photos/..%2fadmin", 400),
    ],
)
async def test_their_requests_are_understood(gate, reader, ask, row):
    """DC01, FC2, O3: whatever the caller sends under the names by which its gateway speaks."""
    method, target, status = row
    answer = await ask(gate, method, target, {**CALLER, "Authorization": f"Bearer {reader}"})
    assert status == answer.status
    if status == 200:
        assert PHOTOS.identifier == answer.identity["x-grantway-api"]


@gateways
async def test_a_caller_without_a_token_gets_its_challenge_and_a_method_in_a_header_nothing(
    gate, reader, ask
):
    """DC02, O7: both show the three headers that name another method."""
    answer = await ask(gate, "GET", "/v1/photos", CALLER)
    assert (401, True) == (answer.status, answer["www-authenticate"].startswith('Bearer realm="Photos"'))
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        caller = {**CALLER, "Authorization": f"Bearer {reader}", name: "DELETE"}
        assert 400 == (await ask(gate, "GET", "/v1/photos", caller)).status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/photos%23", 400),  # what Envoy 1.18 makes of a `#`
        ("/v1/photos%23/../admin", 400),
        ("/v1/admin#/../photos", 403),  # as older ones leave it: cut here, refused whole by `grantway serve`
    ],
)
async def test_a_fragment_that_an_old_envoy_passes_on_opens_nothing(gate, reader, target, status):
    """O2: CVE-2021-32779. What stands behind it is never what is judged."""
    assert status == (await envoy(gate, "GET", target, {"Authorization": f"Bearer {reader}"})).status


@pytest.mark.parametrize(
    "spelling", ["X-Grantway-Subject", "x-grantway-subject", "X_Grantway_Subject", "x-Grantway_x"]
)
def test_what_traefik_strips_and_copies_is_ours_in_every_spelling(spelling):
    """O3: a forged identity is gone before ours is copied, and ours is copied."""
    pattern = re.compile(TRAEFIK["authResponseHeadersRegex"])
    assert pattern.search(spelling)
    assert all(pattern.search(name) for name in IDENTITY)
    assert not pattern.search("Authorization")


async def test_envoy_copies_all_of_it_and_fails_closed(gate, reader):
    """O3, O8: only what the answer has replaces what a caller sent; so the answer has everything."""
    prefixes = ENVOY["http_service"]["authorization_response"]["allowed_upstream_headers"]["patterns"]
    answer = await gate.ask("envoy", "GET", "/v1/health", bearer(reader))
    assert all(name.startswith(prefixes[0]["prefix"]) for name in answer.identity)
    assert ENVOY["failure_mode_allow"] is False


async def test_their_pages_say_how_certificates_are_handed_over(gate):
    """DC08: each names the header as its own, and nothing lets a caller do so."""
    pages = {name: (PAGES / f"{name}.md").read_text() for name in ("traefik", "envoy")}
    blocks = {
        name: [
            yaml.safe_load(one) for one in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        ]
        for name, text in pages.items()
    }
    bound = blocks["traefik"][1]["http"]
    assert bound["middlewares"]["certificate"]["passTLSClientCert"] == {"pem": True}
    assert ["certificate", "grantway"] == bound["routers"]["photos"]["middlewares"]
    assert urlsplit(bound["middlewares"]["grantway"]["forwardAuth"]["address"]).query.endswith(
        "&mtls=traefik"
    )
    manager, asking = blocks["envoy"][-2:]
    assert "SANITIZE_SET" == manager["forward_client_cert_details"]
    assert {"cert": True} == manager["set_current_client_cert_details"]
    assert [{"key": "x-grantway-mtls", "value": "envoy"}] == asking["headers_to_add"]
    allowed = [one["exact"] for one in asking["allowed_headers"]["patterns"]]
    assert ["x-forwarded-client-cert"] == allowed
