"""What clients are told when a session ends, and by which name they know it."""

from dataclasses import replace

import pytest

from grantway.protocol.clients import client_problems
from grantway.protocol.session_clients import (
    LOGOUT_EVENT,
    SessionClient,
    logout_frames,
    logout_token_claims,
    origin_of,
    sid_of,
)
from tests.node import native_client, web_client

SSO = "x" * 43
TOLD = SessionClient(
    sso_id=SSO, client_id="printer", subject="u_ada", joined_at=1.0, expires_at=2.0, ended_at=1.5
)
CLIENT = web_client(redirect_uris=("https://club.example:8443/cb", "http://127.0.0.1/cb"))


def test_no_two_clients_know_a_session_by_the_same_name():
    """LO04: nor one client two sessions; and the name leads to neither."""
    names = {sid_of(sso_id, client) for sso_id in (SSO, "y" * 43) for client in ("printer", "club")}
    assert len(names) == 4
    assert all(len(name) == 40 and SSO not in name for name in names)
    assert sid_of(SSO, "printer") == sid_of(SSO, "printer")


def test_a_logout_token_says_who_and_which_session_and_nothing_else():
    """LO09: Back-Channel Logout §2.4; never a nonce, so that it passes for no ID token."""
    claims = logout_token_claims(TOLD, subject="p_1", issuer="https://id.example", token_id="t1", now=1000.9)
    assert {
        "iss": "https://id.example",
        "sub": "p_1",
        "aud": "printer",
        "iat": 1000,
        "exp": 1120,
        "jti": "t1",
        "events": {LOGOUT_EVENT: {}},
        "sid": sid_of(SSO, "printer"),
    } == claims


def test_a_page_is_told_the_session_where_it_asked_for_it():
    """LO10: a query that was registered is kept; who has no page is left out; the same page comes once."""
    plain = replace(CLIENT, frontchannel_logout_uri="https://club.example:8443/out")
    asks = replace(plain, id="asks", frontchannel_logout_session_required=True)
    query = replace(asks, id="query", frontchannel_logout_uri="https://club.example:8443/out?a=b")
    clients = [CLIENT, plain, plain, asks, query]
    about = "iss=https%3A%2F%2Fid.example%2Fx&sid="
    assert (
        "https://club.example:8443/out",
        f"https://club.example:8443/out?{about}{sid_of(SSO, 'asks')}",
        f"https://club.example:8443/out?a=b&{about}{sid_of(SSO, 'query')}",
    ) == logout_frames(clients, SSO, issuer="https://id.example/x")
    assert origin_of("https://club.example:8443/out?a=b") == "https://club.example:8443"
    assert origin_of("http://127.0.0.1/out") == "http://127.0.0.1"


CLUB = "https://club.example:8443"
GOOD = [
    {
        "backchannel_logout_uri": "https://any.example/out?a=b",
        "backchannel_logout_session_required": True,
    },
    {
        "frontchannel_logout_uri": "https://club.example:8443/out",
        "frontchannel_logout_session_required": True,
    },
    {"frontchannel_logout_uri": "http://127.0.0.1/out"},
    {"backchannel_logout_uri": "http://127.0.0.1:9000/out"},
]
BAD = [
    {"backchannel_logout_uri": "http://club.example/out"},
    {"backchannel_logout_uri": "https://club.example/out#"},
    {"backchannel_logout_uri": "https://user@club.example/out"},
    {"backchannel_logout_uri": "javascript:alert(1)"},
    {"backchannel_logout_uri": "/out"},
    {"backchannel_logout_session_required": True},
    {"frontchannel_logout_session_required": True},
    {"frontchannel_logout_uri": "https://club.example/out"},
    {"frontchannel_logout_uri": "https://other.example:8443/out"},
    {"frontchannel_logout_uri": "http://club.example:8443/out"},
    {"frontchannel_logout_uri": "https://club.example:8443/out; script-src *"},
    {"frontchannel_logout_uri": "https://club.example:8443/a/../out"},
]


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_where_a_client_hears_of_the_end(changes):
    """LO11: any https address by the back; by the front only where people may be sent anyway."""
    assert client_problems(replace(CLIENT, **changes)) == []


@pytest.mark.parametrize("changes", BAD, ids=str)
def test_where_a_client_may_not_hear_of_the_end(changes):
    """LO11, L1: the problem names the field."""
    (problem,) = client_problems(replace(CLIENT, **changes))
    assert "logout" in problem


def test_a_policy_can_name_every_page_that_is_loaded():
    """LO11: an IPv6 literal is nothing that a Content-Security-Policy names."""
    client = native_client(redirect_uris=("http://[::1]/cb",), frontchannel_logout_uri="http://[::1]/out")
    assert "IPv4" in client_problems(client)[0]


def test_nobody_signs_in_to_a_machine():
    """LO11"""
    machine = replace(
        web_client(redirect_uris=()),
        grant_types=frozenset(),
        backchannel_logout_uri="https://club.example/out",
    )
    assert "nobody signs in" in " ".join(client_problems(machine))
