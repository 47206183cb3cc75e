"""Logout tokens over https, to an app under a name of its own with a certificate for it."""

import time

import pytest

from grantway.app import open_server
from grantway.egress import Egress
from grantway.flows.logout_delivery import LogoutDelivery
from grantway.flows.throttles import Throttles
from grantway.protocol.session_clients import SessionClient
from grantway.settings import DatabaseSettings, Settings
from grantway.storage.changes import PutClient
from tests.node import sqlite_url, web_client


@pytest.fixture
async def server(tmp_path):
    """The parts of a node, without its own work."""
    database = DatabaseSettings(url=sqlite_url(tmp_path), auto_migrate=True)
    async with open_server(Settings(issuer="http://127.0.0.1:8600", dev=True, database=database)) as server:
        yield server


async def told(server, elsewhere, *, address: str, dev: bool = True, trusted: bool = True) -> list[str]:
    """Tell the app at this address, whose name is known to be here. What became of it."""
    client = web_client(backchannel_logout_uri=address)
    await server.snapshots.change([PutClient(client)], [])

    async def resolve(_host, _port):
        return ["127.0.0.1"]

    outcomes = []
    egress = Egress(
        budget=Throttles(burst=9, seconds_each=1, clock=time.monotonic),
        dev=dev,
        resolve=resolve,
        trust=(lambda: elsewhere.trust) if trusted else None,
    )
    about = SessionClient(
        sso_id="s" * 43,
        client_id=client.id,
        subject="u_ada",
        joined_at=0.0,
        expires_at=0.0,
        ended_at=server.now(),
        due_at=0.0,
        tries=1,
    )
    await LogoutDelivery(server, egress, outcome=outcomes.append).tell(about)
    return outcomes


async def test_an_app_is_told_over_https(server, elsewhere):
    """LO06, L2: at the address of the name, with the name in the handshake and the request."""
    address = f"https://keys.example:{elsewhere.port}/out?a=b"
    assert await told(server, elsewhere, address=address) == ["told"]
    (asked,) = elsewhere.asked
    assert ("POST", "/out", b"a=b") == (asked["method"], asked["path"], asked["query"])
    assert asked["host"] == f"keys.example:{elsewhere.port}"
    assert asked["content-type"] == "application/x-www-form-urlencoded"
    assert asked["body"].startswith(b"logout_token=ey")


async def test_a_certificate_that_nobody_vouches_for_is_told_nothing(server, elsewhere):
    """L2"""
    address = f"https://keys.example:{elsewhere.port}/out"
    assert await told(server, elsewhere, address=address, trusted=False) == ["failed"]
    assert elsewhere.asked == []


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_nothing_inside_our_network_is_called(server, elsewhere, scheme):
    """L1: a public name that leads here; without --dev not even this machine hears a word."""
    address = f"{scheme}://keys.example:{elsewhere.port}/out"
    assert await told(server, elsewhere, address=address, dev=False) == ["failed"]
    assert elsewhere.asked == []
