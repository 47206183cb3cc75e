"""How late a decision may be, and what becomes of it when nothing is sure (threats N3, N6, O8, O9)."""

import asyncio
from dataclasses import replace

import pytest

from grantway.crypto.envelope import MasterKey
from grantway.flows.decision import RULES_TOO_OLD
from grantway.flows.people import disable, enable
from grantway.protocol.apis import Access, Rule
from grantway.settings import GatewaySettings, SecretsSettings
from grantway.storage.changes import PutApi, PutClient
from tests.decisions.asking import FAMILIES, HERE, NOTES, NOTES_HOST, PHOTOS, Gate, bearer, gate_on
from tests.node import Visitor, free_port, sqlite_url

BOUND = 5.0  # seconds, as promised
PLACES = {"photos:read": ("api.example", "/v1/photos"), "notes:read": (NOTES_HOST, "/photos")}


@pytest.fixture(scope="module")
async def two(postgres) -> tuple[Gate, Gate]:
    """Two nodes on one PostgreSQL database: things are changed on one, the other is asked."""
    dsn = await postgres.fresh_database()
    shared = {
        "issuer": f"http://127.0.0.1:{(port := free_port())}",
        "secrets": SecretsSettings(key=MasterKey.generate().to_text()),
    }
    other = free_port()
    async with (
        gate_on(dsn, port=port, **shared) as first,
        gate_on(dsn, port=other, seed=False, **shared) as asked,
    ):
        asked.at = f"http://127.0.0.1:{other}"
        yield first, asked
    await postgres.drop_database(dsn)


async def status(gate: Gate, token: str, scope: str = "photos:read", method: str = "GET") -> int:
    host, path = PLACES[scope]
    return (await gate.ask("forward", method, path, bearer(token), host=host)).status


async def becomes(gate: Gate, token: str, expected: int, scope: str = "photos:read") -> None:
    """The answer changes, and it stays so."""
    async with asyncio.timeout(BOUND + 10):  # and some more for a machine that does other things
        while await status(gate, token, scope) != expected:
            await asyncio.sleep(0.05)
    assert expected == await status(gate, token, scope)


async def withdraw(first, tokens):
    await first.node.post("/revoke", "printer", token=tokens["refresh_token"])


async def revoke_itself(first, tokens):
    await first.node.post("/revoke", "printer", token=tokens["access_token"])


async def disable_client(first, _tokens):
    await first.node.change_client("printer", enabled=False)


async def cut_off_client(first, _tokens):
    await first.node.change_client("printer", tokens_valid_from=first.node.server.now() + 2)


async def disable_person(first, _tokens):
    person = await first.node.store.find_person("ada")
    await disable(first.node.server, person, actor="test")


@pytest.mark.parametrize("scope", PLACES, ids=["JWT", "opaque"])
@pytest.mark.parametrize("end", [withdraw, revoke_itself, disable_client, cut_off_client, disable_person])
async def test_what_ends_on_one_node_is_refused_on_the_other_within_the_bound(two, end, scope):
    """O9, N6, N3: a JWT as well as an opaque token, though it was let through a moment ago."""
    first, asked = two
    await first.node.change_client("printer", enabled=True, tokens_valid_from=0.0)
    await enable(first.node.server, await first.node.store.find_person("ada"), actor="test")
    offline = {"scope": f"{scope} offline_access"}
    tokens = await Visitor(first.node).tokens(**offline)
    token = tokens["access_token"]
    await becomes(asked, token, 200, scope)
    await end(first, tokens)
    await becomes(asked, token, 401, scope)
    await first.node.change_client("printer", enabled=True, tokens_valid_from=0.0)


async def test_a_changed_row_is_obeyed_within_the_bound(two):
    """O9: needing more, saying deny, going away; and back again."""
    first, asked = two
    await enable(first.node.server, await first.node.store.find_person("ada"), actor="test")
    token = await first.token("photos:read", client_id="other")
    await becomes(asked, token, 200)
    rest = [rule for rule in PHOTOS.rules if str(rule) != "GET /photos"]
    for changed in (
        (Rule("GET", "/photos", frozenset({"photos:delete"})), *rest),
        (Rule("GET", "/photos", access=Access.DENY), *rest),
        tuple(rest),
    ):
        await first.node.put_api(replace(PHOTOS, rules=changed))
        await becomes(asked, token, 403)
        await first.node.put_api(PHOTOS)
        await becomes(asked, token, 200)


async def test_the_bounds_add_up(two):
    """O9: whatever is kept is kept for less than is promised."""
    assert max(RULES_TOO_OLD, GatewaySettings(trusted=("::1",), tokens_kept=3).tokens_kept) < BOUND


async def test_one_token_is_judged_by_each_row_anew(gate):
    """N3: what was allowed for one row says nothing about another, nor about another API."""
    token, writer = await gate.token("photos:read"), await gate.token("photos:write")
    for _ in range(3):
        assert (200, 403) == (await status(gate, token), await status(gate, writer))
        assert 403 == await status(gate, token, method="POST")
        assert 200 == await status(gate, writer, method="POST")
        assert 401 == await status(gate, token, "notes:read")


async def test_nothing_is_read_twice_within_the_time_that_is_set_and_everything_without(
    tmp_path, monkeypatch
):
    """O9: `gateways.tokens_kept`; 0 asks the database each time."""
    for kept, reads in ((3.0, 1), (0.0, 4)):
        gateways = GatewaySettings(trusted=HERE.trusted, tokens_kept=kept)
        folder = tmp_path / str(reads)
        folder.mkdir()
        async with gate_on(sqlite_url(folder), gateways=gateways) as gate:
            token = await gate.token("notes:read")
            store, count = gate.node.store, 0
            original = store.token_facts

            async def counted(original=original, **named):
                nonlocal count
                count += 1
                return await original(**named)

            monkeypatch.setattr(store, "token_facts", counted)
            for _ in range(4):
                assert 200 == await status(gate, token, "notes:read")
            assert reads == count


async def test_a_token_dies_at_its_hour_however_it_is_kept(tmp_path, monkeypatch):
    """O9: the end of a token is looked at each time."""
    async with gate_on(sqlite_url(tmp_path)) as gate:
        await gate.node.put_api(replace(PHOTOS, token_lifetime=60))
        token = await gate.token("photos:read")
        assert 200 == await status(gate, token)
        snapshots = gate.node.server.snapshots
        later = snapshots._offset + 61
        monkeypatch.setattr(type(snapshots), "now", lambda self: self._clock() + later)
        assert 401 == await status(gate, token)


@pytest.mark.parametrize("family", FAMILIES)
async def test_without_a_database_nothing_passes(tmp_path, postgres, family):
    """O8: neither a JWT that was never seen nor, once the rules are too old, one that just passed."""
    dsn = await postgres.fresh_database()
    async with gate_on(dsn) as gate:
        seen, fresh = await gate.token("photos:read"), await gate.token("photos:read")
        host, path = PLACES["photos:read"]
        assert 200 == (await gate.ask(family, "GET", path, bearer(seen), host=host)).status
        await gate.node.store.close()
        for token in (fresh, "nonsense"):
            answer = await gate.ask(family, "GET", path, bearer(token), host=host)
            assert answer.status in {401, 403, 503}
            assert answer.every("x-grantway-subject") == []
        await asyncio.sleep(RULES_TOO_OLD + 1)
        for target in (path, "/v1/health"):
            answer = await gate.ask(family, "GET", target, bearer(seen), host=host)
            assert (403 if family == "nginx" else 503, 503) == (answer.status, answer.meant)
    await postgres.drop_database(dsn)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_fault_of_ours_is_a_refusal(tmp_path, monkeypatch, family):
    """O8: never a pass, never a 500; the log has the whole of it."""

    def broken(*_args, **_named):
        raise RuntimeError("a fault")

    async with gate_on(sqlite_url(tmp_path)) as gate:
        token = await gate.token("photos:read")
        monkeypatch.setattr("grantway.flows.decision.is_enough", broken)
        answer = await gate.ask(family, "GET", "/v1/photos", bearer(token))
        assert (403 if family == "nginx" else 503, 503) == (answer.status, answer.meant)


async def test_a_client_that_is_gone_takes_its_tokens_along(gate):
    """O9, N6."""
    made = replace(gate.node.server.snapshots.newest.registry.clients["other"], id="passing")
    await gate.node.server.snapshots.change([PutClient(made)], [])
    await gate.node.add_secret("passing")
    token = await gate.token("photos:read", client_id="passing")
    assert 200 == await status(gate, token)
    await gate.node.change_client("passing", enabled=False)
    assert 401 == await status(gate, token)
    await gate.node.server.snapshots.change([PutApi(NOTES)], [])
