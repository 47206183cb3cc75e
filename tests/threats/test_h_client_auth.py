"""Client authentication under attack (threats H)."""

import asyncio
import base64
import itertools

import pytest

from grantway.protocol.clients import ClientType, client_problems
from grantway.protocol.names import AuthMethod
from tests.node import CALLBACK, Visitor, native_client, web_client
from tests.threats.attacks import EVERY_SCOPE, FORM, OTHER_CALLBACK, Target, target_on

ENDPOINTS = {
    "code": ("/token", {"grant_type": "authorization_code"}),
    "refresh": ("/token", {"grant_type": "refresh_token"}),
    "client credentials": ("/token", {"grant_type": "client_credentials", "scope": "calendar:read"}),
    "introspection": ("/introspect", {}),
    "revocation": ("/revoke", {}),
}


async def ask(target: Target, path: str, form: dict, headers: dict | None = None):
    async with target.http() as http:
        return await http.post(path, data=form, headers=headers or {})


def basic(*parts: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(":".join(parts).encode()).decode()}


@pytest.fixture(scope="module")
async def held(tmp_path_factory):
    """A node whose clients hold live codes and tokens, so that only authentication stands in the way."""
    async with target_on(f"sqlite:///{tmp_path_factory.mktemp('held')}/a.db") as target:
        visitor = Visitor(target)
        await target.change_client("other", scope=EVERY_SCOPE)
        forms = {}
        for client_id, uri in (("printer", CALLBACK), ("other", OTHER_CALLBACK)):
            tokens = await visitor.tokens(client_id, redirect_uri=uri)
            code = await visitor.code(client_id, redirect_uri=uri)
            forms[client_id] = {
                "token": tokens["refresh_token"],
                "refresh_token": tokens["refresh_token"],
                "code": code,
                "redirect_uri": uri,
                "code_verifier": visitor.verifier,
            }
        yield target, forms


def wrong_proofs(client_id: str, secret: str) -> list[tuple[str, dict, dict]]:
    """What a caller may send in place of the registered credential: name, form, headers."""
    other_secret = secret[::-1]
    return [
        ("nothing", {}, {}),
        ("only the id", {"client_id": client_id}, {}),
        ("an empty secret", {"client_id": client_id, "client_secret": ""}, {}),
        ("a wrong secret", {"client_id": client_id, "client_secret": other_secret}, {}),
        ("an empty secret in the header", {}, basic(client_id, "")),
        ("a wrong secret in the header", {}, basic(client_id, other_secret)),
        ("no colon", {}, basic(client_id)),
        ("the id twice", {}, basic(client_id, client_id)),
        ("null", {"client_id": client_id, "client_secret": "null"}, {}),
        ("an unsigned assertion", {"client_id": client_id, **_assertion("e30.e30.")}, {}),
        ("an assertion type alone", {"client_id": client_id, "client_assertion_type": "x"}, {}),
        ("a bearer", {"client_id": client_id}, {"authorization": f"Bearer {secret}"}),
        ("half a header", {"client_id": client_id}, {"authorization": "Basic"}),
        ("a broken header", {"client_id": client_id}, {"authorization": "Basic !!!"}),
        ("another scheme", {"client_id": client_id}, {"authorization": "Digest x"}),
    ]


def _assertion(text: str) -> dict[str, str]:
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return {"client_assertion": text, "client_assertion_type": kind}


@pytest.mark.parametrize("client_id", ["printer", "other"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_no_endpoint_forgets_to_ask_for_the_secret(held, endpoint, client_id):
    """H1: none, wrong or empty is invalid_client on every grant and endpoint, beside live credentials."""
    target, forms = held
    path, form = ENDPOINTS[endpoint]
    for name, extra, headers in wrong_proofs(client_id, target.secrets[client_id]):
        reply = await ask(target, path, {**forms[client_id], **form, **extra}, headers)
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client"), name
        assert reply.json()["error_description"] == "client authentication failed"
        assert reply.headers["www-authenticate"].startswith("Basic ")
        assert set(reply.json()) == {"error", "error_description", "error_uri"}
        page, _, reference = reply.json()["error_uri"].partition("?ref=")
        assert (page.rpartition("/")[2], reference) == ("invalid_client", reply.headers["grantway-flow"])


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_exactly_the_registered_method_counts(held, endpoint):
    """H4: the right secret by another way, by two ways, or for another id is no proof."""
    target, forms = held
    path, form = ENDPOINTS[endpoint]
    right = target.secrets
    cases = [
        ({"client_id": "printer", "client_secret": right["printer"]}, {}, "invalid_client"),
        ({}, target.basic("other"), "invalid_client"),
        ({"client_secret": right["printer"]}, target.basic("printer"), "invalid_request"),
        ({"client_id": "other"}, target.basic("printer"), "invalid_request"),
        ({"client_id": "printer"}, basic("printer", right["other"]), "invalid_client"),
        ({"client_id": "cli", "client_secret": right["printer"]}, {}, "invalid_client"),
        ({}, basic("cli", ""), "invalid_client"),
        ({}, basic("cli", right["printer"]), "invalid_client"),
        ({"client_id": "printer", **_assertion("x")}, target.basic("printer"), "invalid_request"),
    ]
    for extra, headers, error in cases:
        reply = await ask(target, path, {**forms["printer"], **form, **extra}, headers)
        assert reply.json()["error"] == error, (extra, headers)
        assert "access_token" not in reply.text


async def test_two_authorization_headers_are_refused(target):
    """H4: no question which of them counts."""
    headers = [*FORM.items(), *target.basic("machine").items(), *target.basic("printer").items()]
    async with target.http() as http:
        reply = await http.post("/token", content="grant_type=client_credentials", headers=headers)
    assert reply.json()["error"] == "invalid_request"


async def test_a_confidential_client_without_any_secret_gets_in_nowhere(target):
    """H2: the type follows the method; none live means none right."""
    await target.put_client(web_client("bare"), secret=False)
    for (path, form), proof in itertools.product(
        ENDPOINTS.values(), ({}, {"client_secret": ""}, {"client_secret": "x"})
    ):
        reply = await ask(target, path, {"client_id": "bare", "token": "x", **form, **proof})
        assert reply.json()["error"] == "invalid_client"
    assert (await ask(target, *ENDPOINTS["code"], basic("bare", ""))).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "members",
    [
        {"type": ClientType.WEB, "auth_method": AuthMethod.NONE},
        {"type": ClientType.SPA, "auth_method": AuthMethod.CLIENT_SECRET_POST},
        {"require_pkce": False, "type": ClientType.SPA, "auth_method": AuthMethod.NONE},
        {"id": "u_" + "0" * 20},
        {"id": ""},
        {"id": "a b"},
        {"id": "a:b"},
        {"id": "x" * 129},
        {"name": "\u202eevil"},
        {"origins": ("*",)},
        {"origins": ("null",)},
        {"origins": ("https://a.example/",)},
    ],
)
def test_contradicting_registrations_are_refused(members):
    """H2, D15: a client is what its method makes it, and its id is nobody's subject."""
    assert client_problems(web_client(**members))


def test_the_clients_of_these_tests_may_be_registered():
    """H2: the counter-example."""
    assert client_problems(web_client()) == []
    assert client_problems(native_client()) == []


async def test_an_expired_or_dropped_secret_is_wrong(fresh):
    """H1: at once; the others of the client go on."""
    from grantway.storage.changes import DropSecret

    first = fresh.secrets["machine"]
    await fresh.add_secret("machine", expires_at=fresh.server.now() - 1)
    expired = fresh.secrets["machine"]
    second = await fresh.add_secret("machine")
    form = {"grant_type": "client_credentials", "scope": "calendar:read"}
    statuses = [
        (await ask(fresh, "/token", form, fresh.basic("machine", secret))).status_code
        for secret in (first, expired, second)
    ]
    assert statuses == [200, 401, 200]
    await fresh.server.snapshots.change([DropSecret("machine", first[5:21])], [])
    assert (await ask(fresh, "/token", form, fresh.basic("machine", first))).status_code == 401
    assert (await ask(fresh, "/token", form, fresh.basic("machine", second))).status_code == 200


async def test_a_flood_of_wrong_secrets_locks_nobody_out(fresh):
    """H6: it is told to slow down, and whoever is right passes, also from behind the same proxy."""
    form = {"grant_type": "client_credentials", "scope": "calendar:read"}
    wrong = fresh.basic("machine", "gwcs_" + "0" * 65)
    async with fresh.http() as http:
        for _ in range(4):
            flood = await asyncio.gather(*(http.post("/token", data=form, headers=wrong) for _ in range(100)))
        statuses = {reply.status_code for reply in flood}
        assert statuses <= {401, 429}
        assert 429 in statuses
        assert all("retry-after" in reply.headers for reply in flood if reply.status_code == 429)
        for client_id in ("machine", "printer"):
            data = form if client_id == "machine" else {"grant_type": "refresh_token", "refresh_token": "x"}
            reply = await http.post("/token", data=data, headers=fresh.basic(client_id))
            assert reply.status_code == (200 if client_id == "machine" else 400)


async def test_many_networks_cost_no_memory_without_end(fresh):
    """H6: the throttle forgets the least recently seen."""
    from grantway.flows.throttles import MAX_KEYS

    for number in range(MAX_KEYS + 1000):
        fresh.server.failures.take(f"2001:db8::{number:x}/64")
    assert len(fresh.server.failures._full_until) == MAX_KEYS


@pytest.mark.parametrize("client_id", ["printer", "nobody", "photos_api", "", "u_00000000000000000000"])
async def test_a_stranger_cannot_tell_which_clients_exist(target, client_id):
    """H1, C9: the same words, whether the client is unknown, disabled or confidential."""
    reply = await ask(target, "/token", {"grant_type": "refresh_token"}, basic(client_id or "x", "wrong"))
    assert reply.status_code in {401, 429}
    if reply.status_code == 401:
        assert reply.json()["error_description"] == "client authentication failed"
