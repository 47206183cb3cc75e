"""An app that never exchanges its code is refused nothing; it is told of all the same."""

import asyncio
from dataclasses import replace

import pytest

from grantway.flows.sent_codes import LATE, MAX_WATCHED, SentCodes, tell_of_codes
from grantway.protocol.code_grant import never_exchanged
from grantway.protocol.grants import Code
from grantway.settings import TokenSettings
from tests.checks.answers import CheckedNode, fresh_code, signed_in_visitor, tokens_of
from tests.diagnosis.looked_up import kept
from tests.node import Visitor, seeded_node, sqlite_url

CODE = Code(
    id="c-1",
    hash=b"h",
    grant_id="g",
    flow_id="f",
    client_id="printer",
    redirect_uri="https://printer.example/callback",
    redirect_uri_sent=True,
    code_challenge="c",
    nonce=None,
    issued_at=1000.0,
    expires_at=1060.0,
)


async def newly_signed_in(node: CheckedNode) -> Visitor:
    """Somebody whose sign-in left no code behind that is waited for."""
    member = await signed_in_visitor(node)
    node.server.sent_codes.overdue(node.server.now() + 1000.0)
    return member


async def test_a_code_that_nobody_exchanged_is_told_of_once(tmp_path):
    """FU1: GW-123, with the app and the address; codes that were exchanged or refused are not told of."""
    database = sqlite_url(tmp_path)
    async with seeded_node(database, tokens=TokenSettings(code_lifetime=1.0)) as started:
        node = CheckedNode(**vars(started), database=database)
        member = await newly_signed_in(node)
        code, verifier = await fresh_code(member)
        tokens_of(await node.redeem(code, verifier))
        code, verifier = await fresh_code(member)
        assert (await node.redeem(code, "x" * 43)).json()["error"] == "invalid_grant"
        await fresh_code(member)
        async with asyncio.timeout(60.0):
            while not (told := [one for one in kept(node.refusals) if one["diagnosis"] == "GW-123"]):
                await asyncio.sleep(0.1)
        assert not node.server.sent_codes.overdue(node.server.now() + 1000.0)
    (record,) = told
    assert record["client_id"] == "printer"
    assert "https://printer.example" in record["message"]
    assert "404" in record["fix"]
    assert record["expected"] == "one at the token endpoint within 1 s"
    assert "path" not in record


async def test_another_node_may_have_exchanged_it(tmp_path):
    """FU1: the database knows what this node's memory does not."""
    database = sqlite_url(tmp_path)
    async with seeded_node(database) as started:
        node = CheckedNode(**vars(started), database=database)
        watched, member = node.server.sent_codes, await newly_signed_in(node)
        code, verifier = await fresh_code(member)
        watched.came(code)  # a text that is no id changes nothing
        (mine,) = watched.overdue(node.server.now() + 100.0)
        tokens_of(await node.redeem(code, verifier))

        def tell(*told: object) -> None:
            raise AssertionError(told)

        assert await tell_of_codes([mine], node.server.store, tell, now=node.server.now()) == 0


def test_no_code_is_overdue_before_its_exchange_can_have_ended():
    """FU1: the oldest first, and each once."""
    codes = SentCodes()
    codes.sent(CODE)
    codes.sent(replace(CODE, id="c-2", expires_at=1070.0))
    assert codes.overdue(CODE.expires_at + LATE - 0.1) == []
    assert [code.id for code in codes.overdue(CODE.expires_at + LATE)] == ["c-1"]
    codes.came("c-2")
    assert codes.overdue(2000.0) == []


def test_a_flood_of_codes_fills_no_memory():
    """U5: beyond the limit a code is sent without being watched."""
    codes = SentCodes()
    for number in range(MAX_WATCHED + 10):
        codes.sent(replace(CODE, id=f"c-{number}"))
    assert len(codes.overdue(2000.0)) == MAX_WATCHED


@pytest.mark.parametrize(
    ("redirect_uri", "asked"),
    [
        ("https://printer.example:8443/cb?x=1", "the log of https://printer.example:8443 for"),
        ("http://127.0.0.1:49152/cb", "listening at http://127.0.0.1:49152"),
        ("http://[::1]:5000/cb", "listening at http://[::1]:5000"),
        ("com.example.app:/cb", "is com.example.app: registered with the system"),
    ],
)
def test_the_way_out_depends_on_where_the_code_was_sent(redirect_uri, asked):
    """FU1: a site, a program on the person's machine, an app on a device."""
    assert asked in never_exchanged(replace(CODE, redirect_uri=redirect_uri), now=1066.0).fix
