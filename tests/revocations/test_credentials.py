"""Credentials that the feed is refused with: at the start, later, and unusable ones of the API's own."""

import asyncio
import logging
import re

import pytest

from grantway.sdk import ClientCertificate, ClientSecret, PrivateKey, Protection, RevocationFeed
from tests.node import PHOTOS, Visitor
from tests.revocations.conftest import PATIENCE, becomes, listening, status


def heard_by(node, secret, **options):
    feed = RevocationFeed(node.issuer, PHOTOS.identifier, secret, **options)
    return feed, Protection(api=PHOTOS, issuer=node.issuer, revocations=feed)


def errors(caplog):
    return [one.message for one in caplog.records if one.name == "grantway.sdk" and one.levelname == "ERROR"]


@pytest.mark.parametrize("who", ["wrong secret", "nobody", "an app"])
async def test_credentials_refused_at_the_start_let_nothing_pass(node, caplog, who):
    """O8, N1: a mistake in the set-up, found with the first request; the log says what to do."""
    token = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    secret = {
        "wrong secret": ClientSecret("photos_api", "gwcs_wrong"),
        "nobody": ClientSecret("nobody", node.secrets["photos_api"]),
        "an app": ClientSecret("printer", node.secrets["printer"]),
    }[who]
    feed, protection = heard_by(node, secret)
    try:
        assert 503 == await status(protection, token)
        assert (False, None) == (feed.health.connected, feed.health.age)
        (told,) = errors(caplog)
        assert re.search(
            r"credentials are refused: http://\S+/revocations/stream answered 40[01]; why: grantway logs "
            r"show [0-9A-F]{4}-[0-9A-F]{2}; until that is mended, every token is refused; check the client",
            told,
        )
        assert secret.secret not in caplog.text
    finally:
        feed.close()


@pytest.mark.parametrize(
    "unusable",
    [
        PrivateKey(client_id="photos_api", key=b"no key"),
        ClientCertificate(client_id="photos_api", certificate_file="gone.pem", key_file="gone.key"),
    ],
    ids=["key", "certificate"],
)
async def test_credentials_that_cannot_be_used_let_nothing_pass_either(node, caplog, unusable):
    """O8: the same mistake, noticed here."""
    token = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    feed, protection = heard_by(node, unusable)
    try:
        assert 503 == await status(protection, token)
        assert "every token is refused" in errors(caplog)[0]
    finally:
        feed.close()


async def test_what_was_mended_at_the_server_is_noticed_without_a_restart(node):
    """O9: the API goes on by itself."""
    token = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    await node.change_client("photos_api", enabled=False)
    with listening(node) as protection:
        assert 503 == await status(protection, token)
        await node.change_client("photos_api", enabled=True)
        await becomes(200, lambda: status(protection, token))
        assert (True, None) == (protection.feed.health.connected, protection.feed.health.problem)


async def test_credentials_refused_later_are_told_loudly_and_what_is_known_counts(node, caplog):
    """O8, O9: a secret that was replaced makes no outage; `must_be_fresh` is for whom that is too little."""
    token = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    with listening(node) as protection:
        assert 200 == await status(protection, token)
        await node.change_client("photos_api", enabled=False)
        async with asyncio.timeout(PATIENCE):
            while not errors(caplog):
                await asyncio.sleep(0.05)
        assert "nothing new is heard of" in errors(caplog)[0]
        assert 200 == await status(protection, token)
    with listening(node, must_be_fresh=5) as protection:
        assert 503 == await status(protection, token)


async def test_a_server_that_is_away_at_the_start_is_no_mistake_of_the_set_up(node, caplog):
    """O9: tokens live on, as the lenient feed has it; that is a warning."""
    token = (await Visitor(node).tokens(scope="photos:read"))["access_token"]
    caplog.set_level(logging.WARNING, "grantway.sdk")
    with listening(node, stream="http://127.0.0.1:9/revocations/stream") as protection:
        assert 200 == await status(protection, token)
        assert [] == errors(caplog)
        assert "revocations: ConnectError" in caplog.text
