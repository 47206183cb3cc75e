"""The issuer's keys: rotation, a server that is away, floods of unknown key ids (threats K4, K13, RX14)."""

import asyncio
import json
import logging

import pytest

from grantway.crypto.jose import SigningKey
from grantway.sdk import Jwks, KeysUnavailable
from grantway.sdk.jwks import read_jwks
from tests.sdk.servers import Clock, KeyServer

OLD, NEW = SigningKey.generate("ES256"), SigningKey.generate("EdDSA")


async def settled(jwks):
    if jwks._fetching is not None:
        await jwks._fetching


async def test_keys_are_fetched_once_and_kept():
    async with KeyServer(OLD) as server:
        jwks = Jwks(server.uri)
        for _ in range(5):
            assert {OLD.kid} == (await jwks.keys()).keys()
        assert 1 == server.fetches


async def test_many_first_requests_make_one_fetch():
    """Single flight."""
    async with KeyServer(OLD) as server:
        server.delay = 0.05
        jwks = Jwks(server.uri)
        answers = await asyncio.gather(*(jwks.keys() for _ in range(50)))
        assert 1 == server.fetches
        assert all({OLD.kid} == keys.keys() for keys in answers)


async def test_a_cancelled_request_does_not_cancel_the_fetch_of_the_others():
    async with KeyServer(OLD) as server:
        server.delay = 0.1
        jwks = Jwks(server.uri)
        first, second = asyncio.create_task(jwks.keys()), asyncio.create_task(jwks.keys())
        await asyncio.sleep(0.02)
        first.cancel()
        assert {OLD.kid} == (await second).keys()
        assert 1 == server.fetches


async def test_keys_are_refreshed_in_the_background_before_they_are_old():
    """A key published ahead of its first use is there when it is used: nobody waits (threat K13)."""
    async with KeyServer(OLD) as server:
        clock = Clock()
        jwks = Jwks(server.uri, refresh_after=240, lifetime=600, clock=clock)
        await jwks.keys()
        server.keys.append(NEW)
        server.delay = 0.05
        clock.now += 241
        assert {OLD.kid} == (await jwks.keys()).keys()
        await settled(jwks)
        assert {OLD.kid, NEW.kid} == (await jwks.keys()).keys()
        assert 2 == server.fetches


async def test_a_withdrawn_key_is_forgotten():
    async with KeyServer(OLD, NEW) as server:
        clock = Clock()
        jwks = Jwks(server.uri, lifetime=600, clock=clock)
        await jwks.keys()
        server.keys.remove(OLD)
        clock.now += 601
        assert {NEW.kid} == (await jwks.keys()).keys()


async def test_an_unknown_key_is_fetched_at_once():
    """An emergency rotation signs with a key nobody has seen."""
    async with KeyServer(OLD) as server:
        clock = Clock()
        jwks = Jwks(server.uri, pause=10, clock=clock)
        await jwks.keys()
        server.keys = [NEW]
        clock.now += 10
        assert {NEW.kid} == (await jwks.keys_with(NEW.kid)).keys()


async def test_a_flood_of_unknown_keys_makes_one_fetch_in_ten_seconds():
    """Threat K4: 500 invented names in 50 seconds."""
    async with KeyServer(OLD) as server:
        clock = Clock()
        jwks = Jwks(server.uri, pause=10, clock=clock)
        await jwks.keys()
        for number in range(500):
            clock.now += 0.1
            assert {OLD.kid} == (await jwks.keys_with(f"invented-{number}")).keys()
        assert server.fetches in (5, 6)
        await asyncio.gather(*(jwks.keys_with(f"at-once-{number}") for number in range(200)))
        assert server.fetches in (5, 6)


async def test_the_api_goes_on_while_the_server_is_away(caplog):
    """Known keys count for a day; requests wait for one failed fetch at most, and the log says it."""
    async with KeyServer(OLD) as server:
        clock = Clock()
        jwks = Jwks(server.uri, lifetime=600, keep_for=86_400, clock=clock)
        await jwks.keys()
        await server.leave()
        with caplog.at_level(logging.WARNING, "grantway.sdk"):
            for _ in range(20):
                clock.now += 4000
                assert {OLD.kid} == (await jwks.keys()).keys()
        assert "not refreshed" in caplog.text
        clock.now += 86_400
        with pytest.raises(KeysUnavailable):
            await jwks.keys()
        await server.come()
        clock.now += 2
        assert {OLD.kid} == (await jwks.keys()).keys()


async def test_an_unknown_key_cannot_be_judged_while_the_server_is_away():
    """The key may exist: that is our failure, not the client's."""
    async with KeyServer(OLD) as server:
        clock = Clock()
        jwks = Jwks(server.uri, clock=clock)
        await jwks.keys()
        await server.leave()
        clock.now += 10
        with pytest.raises(KeysUnavailable):
            await jwks.keys_with(NEW.kid)
        assert {OLD.kid} == (await jwks.keys_with(OLD.kid)).keys()
        server.keys = [NEW]
        await server.come()
        with pytest.raises(KeysUnavailable):
            await jwks.keys_with(NEW.kid)  # less than two seconds after the failure: not tried
        clock.now += 2
        assert {NEW.kid} == (await jwks.keys_with(NEW.kid)).keys()


async def test_no_keys_at_all_and_the_server_away():
    jwks = Jwks("http://127.0.0.1:9/jwks")
    with pytest.raises(KeysUnavailable):
        await jwks.keys()


async def test_a_server_that_answers_too_slowly_is_away():
    async with KeyServer(OLD) as server:
        server.delay = 0.3
        jwks = Jwks(server.uri, timeout=0.05)
        with pytest.raises(KeysUnavailable):
            await jwks.keys()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, None),
        (302, None),
        (404, b"{}"),
        (200, b""),
        (200, b"[]"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": {}}'),
        (200, b'{"keys": [1]}'),
        (200, b"<html>"),
        (200, b'{"keys": [' + b" " * 300_000 + b"]}"),
    ],
    ids=range(10),
)
async def test_an_answer_that_is_no_key_set_leaves_the_keys_as_they_are(status, body):
    async with KeyServer(OLD) as server:
        clock = Clock()
        jwks = Jwks(server.uri, clock=clock)
        await jwks.keys()
        server.status, server.body = status, body
        clock.now += 601
        assert {OLD.kid} == (await jwks.keys()).keys()
        assert 2 == server.fetches


async def test_one_cache_serves_one_event_loop_after_another():
    """A test client may run every request in a loop of its own."""
    async with KeyServer(OLD) as server:
        jwks = Jwks(server.uri, refresh_after=-1, lifetime=-1, pause=0)

        def ask():
            return asyncio.run(jwks.keys())

        for _ in range(3):
            assert {OLD.kid} == (await asyncio.to_thread(ask)).keys()


def test_keys_of_other_kinds_are_passed_over():
    """RFC 7517 §5."""
    others = [
        {"kty": "oct", "k": "AAAA", "kid": "a", "alg": "HS256"},
        {"kty": "EC", "crv": "P-521", "kid": "b", "alg": "ES512"},
        {"kty": "later"},
        {},
    ]
    assert {OLD.kid} == read_jwks(
        json.dumps({"keys": [*others, OLD.public_jwk()], "more": 1}).encode()
    ).keys()


@pytest.mark.parametrize("keys", [[], [{"kty": "oct"}], [OLD.public_jwk()] * 2, [{}] * 101], ids=range(4))
def test_key_sets_that_are_refused_whole(keys):
    with pytest.raises(ValueError, match="JWK Set"):
        read_jwks(json.dumps({"keys": keys}).encode())


@pytest.mark.parametrize(
    "uri", ["http://id.example/jwks", "ftp://127.0.0.1/jwks", "/jwks", "http://127.0.0.1.example/jwks", ""]
)
def test_keys_are_fetched_over_https_or_on_loopback_only(uri):
    with pytest.raises(ValueError, match="https"):
        Jwks(uri)
