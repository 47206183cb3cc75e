"""Addresses that somebody else chose, under attack (threats L): where clients publish their keys."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from grantway.egress import Egress
from grantway.flows.client_keys import FRESH, LOOK_EVERY, USABLE, ClientKeys
from grantway.flows.throttles import Throttles
from grantway.protocol.names import AuthMethod, GrantType
from grantway.protocol.scope import Scope
from tests.node import web_client
from tests.serving import serving
from tests.signing import Signer, assertion, new_signer

ASKED = {"grant_type": "client_credentials", "scope": "calendar:read"}


class Publisher:
    """A client's web server: publishes keys, counts who looks, and can be down."""

    def __init__(self, *signers: Signer) -> None:
        self.signers, self.looks, self.answer = list(signers), 0, None

    def application(self, _origin: str):
        async def answer(_scope, _receive, send) -> None:
            self.looks += 1
            status, headers, body = self.answer or (200, [], self.document())
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

        return answer

    def document(self) -> bytes:
        return json.dumps({"keys": [signer.jwk for signer in self.signers]}).encode()


@asynccontextmanager
async def publishing(target, publisher: Publisher, path: str = "/keys"):
    """The client `publisher`, whose keys are there."""
    async with serving(publisher.application) as origin:
        await put(target, f"{origin}{path}")
        yield origin


async def put(target, uri: str) -> None:
    await target.put_client(
        web_client(
            "publisher",
            auth_method=AuthMethod.PRIVATE_KEY_JWT,
            jwks_uri=uri,
            grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS}),
            scope=Scope.of(["calendar:read"]),
            optional_scope=Scope(),
        )
    )


async def ask(target, signer: Signer, **changes):
    form = assertion(target.issuer, "publisher", signer=signer, **changes)
    async with target.node_http() as http:
        return await http.post("/token", data={**ASKED, **form})


@pytest.fixture
def at(fresh):
    """The node, whose clock the keys go by can be moved; 503 is an answer here."""
    moment = [0.0]
    budget = Throttles(burst=1000, seconds_each=1, clock=lambda: moment[0])
    keys = ClientKeys(Egress(budget=budget, dev=True), clock=lambda: moment[0])
    object.__setattr__(fresh.server, "client_keys", keys)
    fresh.moment = moment
    fresh.node_http = lambda: fresh.http(event_hooks={})
    return fresh


async def test_published_keys_are_fetched_once_and_kept(at):
    """L1, FS31: a hundred requests, one look."""
    publisher = Publisher(new_signer())
    async with publishing(at, publisher):
        for _ in range(5):
            replies = await asyncio.gather(*(ask(at, publisher.signers[0]) for _ in range(4)))
            assert {reply.status_code for reply in replies} == {200}
        assert publisher.looks == 1
        at.moment[0] += FRESH
        assert (await ask(at, publisher.signers[0])).status_code == 200
        assert publisher.looks == 2


async def test_a_new_key_is_found_and_strangers_cause_one_look_per_interval(at):
    """L1: whatever key they name."""
    old, new = new_signer(), new_signer()
    publisher = Publisher(old)
    async with publishing(at, publisher):
        assert (await ask(at, old)).status_code == 200
        publisher.signers = [new]
        at.moment[0] += LOOK_EVERY
        assert (await ask(at, new)).status_code == 200
        assert publisher.looks == 2
        assert (await ask(at, old)).status_code == 401, "a key that is gone is good for nothing"
        for _ in range(20):
            assert (await ask(at, new_signer())).status_code in {401, 429}
        assert publisher.looks == 2
        at.moment[0] += LOOK_EVERY
        for _ in range(5):
            await ask(at, new_signer())
        assert publisher.looks == 3


async def test_an_outage_of_the_publisher_locks_nobody_out_at_once(at):
    """L1: for an hour; then the keys may have been withdrawn, and nobody could know."""
    publisher = Publisher(new_signer())
    async with publishing(at, publisher):
        assert (await ask(at, publisher.signers[0])).status_code == 200
        publisher.answer = (500, [], b"")
        at.moment[0] += FRESH + 1
        assert (await ask(at, publisher.signers[0])).status_code == 200
        at.moment[0] += USABLE
        reply = await ask(at, publisher.signers[0])
        assert (reply.status_code, reply.json()["error"]) == (503, "temporarily_unavailable")
        assert int(reply.headers["retry-after"]) >= 1
        publisher.answer = None
        at.moment[0] += LOOK_EVERY
        assert (await ask(at, publisher.signers[0])).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        (302, [(b"location", b"/keys")], b""),
        (404, [], b""),
        (200, [], b"<html>"),
        (200, [], b'{"keys":[]}'),
        (200, [], b'{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}'),
        (200, [], b'{"keys":"' + b"x" * 300_000 + b'"}'),
        (200, [(b"content-encoding", b"gzip")], b"\x1f\x8b"),
    ],
    ids=lambda answer: f"{answer[0]} {answer[2][:20]!r}",
)
async def test_what_is_no_set_of_keys_proves_nobody(at, caplog, answer):
    """L1, L2: and the operator reads why; the client hears that it may try again."""
    publisher = Publisher(new_signer())
    publisher.answer = answer
    async with publishing(at, publisher):
        reply = await ask(at, publisher.signers[0])
        assert (reply.status_code, reply.json()["error"]) == (503, "temporarily_unavailable")
        assert int(reply.headers["retry-after"]) >= 1
        assert "keys at http" in caplog.text
        assert publisher.looks == 1


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "[fd00::1]", "metadata.internal", "100.64.0.1"]
)
async def test_keys_inside_our_network_are_not_fetched(at, host):
    """L1: not even with --dev, which may call this machine alone."""
    await put(at, f"https://{host}/latest/meta-data")
    reply = await ask(at, new_signer())
    assert reply.json()["error"] == "temporarily_unavailable"


async def test_without_dev_not_even_this_machine_is_called(at):
    """L1: the listener hears nothing."""
    publisher = Publisher(new_signer())
    guard = Egress(budget=Throttles(burst=9, seconds_each=1, clock=lambda: 0.0))
    object.__setattr__(at.server, "client_keys", ClientKeys(guard, clock=lambda: 0.0))
    async with publishing(at, publisher) as origin:
        for uri in (origin, origin.replace("127.0.0.1", "localhost"), at.issuer):
            await put(at, f"{uri}/jwks".replace("http:", "https:"))
            assert (await ask(at, publisher.signers[0])).status_code in {503, 429}
        assert publisher.looks == 0


async def test_addresses_are_forgotten(at):
    """L1: as many as anybody registers."""
    from grantway.flows.client_keys import MAX_ADDRESSES

    for number in range(MAX_ADDRESSES + 50):
        at.server.client_keys._kept_of(f"https://keys.example/{number}")
    assert len(at.server.client_keys._kept) == MAX_ADDRESSES
