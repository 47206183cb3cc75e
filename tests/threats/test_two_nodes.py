"""The same attacks on two nodes at once, which share nothing but a PostgreSQL database."""

import asyncio
import itertools

import asyncpg
import pytest

from grantway.flows.people import disable, end_sessions
from grantway.protocol.scope import Scope
from tests.clients.relying_party import accepted, relying_party
from tests.node import CALLBACK, FETCH, Visitor, answer_of, web_client
from tests.threats.attacks import Target, consent_page, login_page, post_form, seal_of
from tests.threats.ledger import Ledger, run_everything
from tests.threats.test_e_codes import assert_unusable, codes_of

WRONG, TOO_LATE = 422, 429


def in_turn(nodes, number: int) -> list[Target]:
    return list(itertools.islice(itertools.cycle(nodes), number))


async def within_a_second(ask, expected) -> None:
    """Ask until it is so; a second is what the design grants every node."""
    async with asyncio.timeout(3):
        while await ask() != expected:
            await asyncio.sleep(0.05)


async def test_a_code_is_redeemed_once_on_two_nodes(nodes):
    """E1: eight at a time, four on each."""
    for code, verifier in await codes_of(Visitor(nodes[0]), 25):
        replies = await asyncio.gather(*(node.redeem(code, verifier) for node in in_turn(nodes, 8)))
        won = [reply for reply in replies if reply.status_code == 200]
        assert len(won) == 1
        for reply in replies:
            if reply is not won[0]:
                assert_unusable(reply)
        assert not await nodes[1].is_alive(won[0].json()["access_token"])
    actions = [entry.action for entry in await nodes[0].store.read_audit(limit=200)]
    assert actions.count("code.replayed") == 25


async def test_parallel_refreshes_on_two_nodes_leave_one_successor(nodes):
    """J2: and whichever node is asked next knows it."""
    visitor = Visitor(nodes[0])
    for _ in range(15):
        tokens = await visitor.tokens()
        replies = await asyncio.gather(*(node.refresh(tokens["refresh_token"]) for node in in_turn(nodes, 8)))
        successors = {reply.json()["refresh_token"] for reply in replies if reply.status_code == 200}
        assert len(successors) == 1
        assert (await nodes[1].refresh(successors.pop())).status_code == 200


async def test_a_replay_on_one_node_ends_the_family_on_both(nodes):
    """J1, J5: an honest retry on the other node is told the same successor; a late one ends everything."""
    tokens = await Visitor(nodes[0]).tokens()
    successor = (await nodes[0].refresh(tokens["refresh_token"])).json()
    again = (await nodes[1].refresh(tokens["refresh_token"])).json()
    assert again["refresh_token"] == successor["refresh_token"]
    await nodes[0].pass_time(11)
    assert_unusable(await nodes[1].refresh(tokens["refresh_token"]))
    assert_unusable(await nodes[0].refresh(successor["refresh_token"]))
    for node, each in itertools.product(nodes, (tokens, successor, again)):
        assert not await node.is_alive(each["access_token"])


async def test_two_nodes_share_one_budget_of_guesses(nodes):
    """C13: two hundred at once, half on each; the right password among them comes too late as well."""
    visitors = [Visitor(node) for node in nodes]
    for visitor in visitors:
        visitor.page = await login_page(visitor)
    fields = {"username": "ada", "answer": "login"}
    guesses = [
        post_form(visitor, "/login", {**fields, "x": seal_of(visitor.page), "password": f"guess {number}"})
        for number in range(100)
        for visitor in visitors
    ]
    statuses = [reply.status_code for reply in await asyncio.gather(*guesses)]
    assert statuses.count(WRONG) == 5
    assert statuses.count(TOO_LATE) == 195
    last = await visitors[1].sign_in(visitors[1].page)
    assert last.status_code == TOO_LATE


async def test_two_nodes_give_one_flow_one_code(nodes):
    """D2: the same Allow on both at once."""
    for _ in range(5):
        visitor, other = Visitor(nodes[0]), Visitor(nodes[1])
        page = await consent_page(visitor)
        for cookie in visitor.http.cookies.jar:
            other.http.cookies.set(cookie.name, cookie.value, domain="127.0.0.1")
        fields = {"x": seal_of(page), "answer": "allow"}
        both = (visitor, other, visitor, other)
        replies = await asyncio.gather(*(post_form(each, "/consent", fields) for each in both))
        assert sorted(reply.status_code for reply in replies) == [200, 200, 200, 303]


async def test_a_disabled_person_is_out_on_every_node(nodes):
    """C15, C6: what was obtained on one node is dead on the other."""
    first, second = nodes
    visitor = Visitor(first)
    tokens = await visitor.tokens()
    opaque = await visitor.tokens(scope="notes:read")
    code = await visitor.code()
    await disable(first.server, first.people["ada"], actor="test")
    for node in nodes:
        assert not await node.is_alive(tokens["access_token"])
        assert not await node.is_alive(opaque["access_token"], "notes_api")
        assert_unusable(await node.refresh(tokens["refresh_token"]))
        assert_unusable(await node.redeem(code, visitor.verifier))
    other = Visitor(second)
    for cookie in visitor.http.cookies.jar:
        other.http.cookies.set(cookie.name, cookie.value, domain="127.0.0.1")
    assert answer_of(await other.get(other.link(prompt="none")))["error"] == "login_required"


async def test_a_change_of_a_client_holds_on_every_node_within_a_second(nodes):
    """C15, B1: disabled there is disabled here; an address taken away is refused."""
    first, second = nodes
    visitor = Visitor(second)
    await visitor.approve()

    async def status() -> int:
        return (await visitor.http.get(visitor.link(), headers=FETCH)).status_code

    assert await status() == 303
    await first.change_client("printer", redirect_uris=("https://printer.example/moved",))
    await within_a_second(status, 400)
    await first.change_client("printer", redirect_uris=(CALLBACK,))
    await within_a_second(status, 303)
    await first.change_client("printer", enabled=False)
    await within_a_second(status, 400)


async def test_a_revocation_on_one_node_is_known_on_the_other_at_once(nodes):
    """N4, D13: JWT, opaque token, refresh token, consent."""
    first, second = nodes
    visitor = Visitor(first)
    for scope, api in (("photos:read", "photos_api"), ("notes:read", "notes_api")):
        tokens = await visitor.tokens(scope=scope)
        await first.post("/revoke", "printer", token=tokens["access_token"])
        assert not await second.is_alive(tokens["access_token"], api)
        fresh = (await second.refresh(tokens["refresh_token"])).json()
        await second.post("/revoke", "printer", token=fresh["refresh_token"])
        assert not await first.is_alive(fresh["access_token"], api)
    tokens = await visitor.tokens()
    await first.store.revoke_consent(first.people["ada"].subject, "printer", [])
    assert not await second.is_alive(tokens["access_token"])
    assert_unusable(await second.refresh(tokens["refresh_token"]))


async def test_a_stolen_postgresql_database_opens_nothing(nodes):
    """S1: every row of every table, as text and as octets."""
    ledger = Ledger()
    await run_everything(nodes[0], ledger)
    connection = await asyncpg.connect(nodes[0].database)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        dump = b""
        for (table,) in tables:
            for row in await connection.fetch(f'SELECT * FROM "{table}"'):  # noqa: S608
                dump += b"".join(
                    value if isinstance(value, bytes) else repr(value).encode() for value in row.values()
                )
    finally:
        await connection.close()
    assert len(dump) > 5_000
    assert ledger.found_in(dump) == []


@pytest.mark.parametrize(
    "text", ["\x00", "\ud800", "\uffff", "9" * 5000, "'; DROP TABLE codes;--", "\\x00", "{}"]
)
async def test_bad_text_does_not_reach_postgresql(nodes, text):
    """U6: the same fields as on SQLite, where another database would stumble."""
    node = nodes[0]
    raw = text.encode("utf-8", "surrogatepass")
    quoted = "".join(f"%{octet:02X}" for octet in raw)
    visitor = Visitor(node)
    page = await login_page(visitor)
    async with node.http() as http:
        for path in ("/token", "/introspect", "/revoke"):
            for name in ("code", "refresh_token", "token", "client_id", "scope", "grant_type"):
                body = f"grant_type=refresh_token&{name}={quoted}"
                headers = {"content-type": "application/x-www-form-urlencoded", **node.basic("printer")}
                assert (await http.post(path, content=body, headers=headers)).status_code < 500
    for name in ("username", "password", "answer"):
        body = f"x={seal_of(page)}&answer=login&{name}={quoted}"
        headers = {"content-type": "application/x-www-form-urlencoded", **FETCH, "sec-fetch-site": "none"}
        assert (await visitor.http.post("/login", content=body, headers=headers)).status_code < 500


async def test_two_nodes_tell_each_app_once(nodes):
    """LO07: forty sessions end at once; whoever tells, nobody is told twice, and nobody is left out."""
    first, second = nodes
    async with relying_party() as party:
        await first.put_client(
            web_client(
                "club",
                redirect_uris=(f"{party.origin}/callback",),
                scope=Scope.of(["openid"]),
                optional_scope=Scope(),
                first_party=True,
                backchannel_logout_uri=party.back,
            )
        )
        await second.server.snapshots.refresh()
        for number in range(40):
            visitor = Visitor(nodes[number % 2])
            answer = await visitor.approve("club", scope="openid", redirect_uri=f"{party.origin}/callback")
            assert "code" in answer
        await end_sessions(first.server, first.people["ada"], None, actor="test")
        async with first.http() as http:
            claims = [await accepted(token, http, "club") for token in await party.tokens(40)]
        async with asyncio.timeout(20):
            while await first.store.list_logouts():
                await asyncio.sleep(0.05)
        assert len({one["sid"] for one in claims}) == len(party.posts) == 40
