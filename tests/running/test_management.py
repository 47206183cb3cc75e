"""The management port of real processes."""

import asyncio
import json
import signal
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from grantway.protocol.scope import Scope
from tests.clients.relying_party import relying_party
from tests.node import PHOTOS, Visitor, free_port, sqlite_url, web_client
from tests.running.callers import get, post, read_answer
from tests.services.fleet import NodeProcess
from tests.services.seeds import cookie, register, seeding, stored_code, subject_of


async def ask(port, path, host="127.0.0.1:1"):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(get(host, path))
    answer = await read_answer(reader)
    writer.close()
    return answer


async def samples(port):
    """Every sample there is: (name, labels) → value."""
    status, headers, body = await ask(port, "/metrics")
    assert (200, True) == (status, headers["content-type"].startswith("text/plain"))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in text_string_to_metric_families(body.decode())
        for sample in metric.samples
    }


@pytest.mark.parametrize("workers", [1, 2])
async def test_what_is_counted_is_told_whoever_counted_it(workers, postgres_dsn, tmp_path):
    """Surfaces §4: one port for all workers; no label names a client."""
    port, managed = free_port(), free_port()
    issuer = f"http://127.0.0.1:{port}"
    async with seeding(postgres_dsn, tmp_path, issuer) as node:
        await register(node)
        for _ in range(2):
            await cookie(node)
        basic, wrong = node.basic("robot"), node.basic("robot", "wrong")
    settings = {"GRANTWAY_SERVER__MANAGEMENT_PORT": str(managed)}
    with NodeProcess(postgres_dsn, tmp_path, port=port, workers=workers, settings=settings) as process:
        granted = post(process.host, "/token", "grant_type=client_credentials&scope=photos:read", **basic)
        refused = post(process.host, "/token", "grant_type=client_credentials", **wrong)
        for request in [granted] * 12 + [refused] * 5:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            await read_answer(reader)
            writer.close()
        await ask(port, "/etc/passwd", process.host)
        found = await samples(managed)
        secret = basic["authorization"].split()[1]
    refusal = (("error", "invalid_client"), ("grant_type", "client_credentials"), ("outcome", "refused"))
    grant = (("error", ""), ("grant_type", "client_credentials"), ("outcome", "granted"))
    assert 12 == found["grantway_token_requests_total", grant]
    assert 5 == found["grantway_token_requests_total", refusal]
    assert 12 == found["grantway_tokens_issued_total", (("kind", "access_token"),)]
    answered = (("method", "POST"), ("route", "/token"), ("status", "200"))
    assert 12 == found["grantway_http_requests_total", answered]
    assert 17 == found["grantway_http_request_duration_seconds_count", (("route", "/token"),)]
    stranger = (("method", "GET"), ("route", "other"), ("status", "404"))
    assert 1 == found["grantway_http_requests_total", stranger]
    assert found["grantway_signing_key_age_seconds", (("alg", "ES256"),)] >= 0
    assert 0 == found["grantway_grants_active", ()]
    assert 2 == found["grantway_sessions_active", ()]
    held = [found["grantway_db_pool_connections", (("state", state),)] for state in ("idle", "used")]
    assert sum(held) >= 1, "of those workers that have started by now"
    assert 0 == found["grantway_password_hash_duration_seconds_count", ()]
    assert any(name == "grantway_build_info" for name, _ in found)
    assert not any("robot" in str(labels) or secret in str(labels) for _, labels in found)


async def test_apps_are_told_by_whoever_starts_next_and_it_is_counted(postgres_dsn, tmp_path):
    """LO06, LO08: a session that ended while no node ran; its message waits in the database."""
    port, managed = free_port(), free_port()
    async with relying_party() as party:
        async with seeding(postgres_dsn, tmp_path, f"http://127.0.0.1:{port}") as node:
            await register(node)
            club = web_client("club", scope=Scope.of(["openid"]), optional_scope=Scope())
            await node.put_client(replace(club, backchannel_logout_uri=party.back))
            await cookie(node)
            (session,) = await node.store.list_sessions(await subject_of(node))
            await stored_code(node, "club", session=session)
            assert ["club"] == await node.store.end_session(session.id, [])
        settings = {"GRANTWAY_SERVER__MANAGEMENT_PORT": str(managed)}
        with NodeProcess(postgres_dsn, tmp_path, port=port, settings=settings):
            await party.tokens()
            told = ("grantway_logouts_total", (("outcome", "told"),))
            async with asyncio.timeout(20):
                while (await samples(managed)).get(told) != 1:
                    await asyncio.sleep(0.05)
    assert len(party.posts) == 1


@pytest.mark.parametrize(
    ("ticked", "decision"), [(["photos:write"], "allowed"), ([], "narrowed"), (None, "denied")]
)
async def test_what_people_answered_is_counted(tmp_path, ticked, decision):
    """FU1: allowed as it was asked, narrowed, or denied."""
    port, managed = free_port(), free_port()
    url, issuer = sqlite_url(tmp_path), f"http://127.0.0.1:{port}"
    async with seeding(url, tmp_path, issuer) as node:
        await node.put_api(PHOTOS)
        await node.put_client(web_client())
        await node.add_person()
    settings = {"GRANTWAY_SERVER__MANAGEMENT_PORT": str(managed)}
    with NodeProcess(url, tmp_path, port=port, settings=settings):
        visitor = Visitor(node)
        page = await visitor.sign_in(await visitor.get(visitor.link(scope="photos:read photos:write")))
        answer = {"answer": "deny"} if ticked is None else {"answer": "allow", "scope": ticked}
        await visitor.submit(page, **answer)
        await visitor.http.aclose()
        found = await samples(managed)
    assert 1 == found["grantway_consents_total", (("decision", decision),)]


async def test_the_port_shows_the_stop_to_the_end(tmp_path):
    """RX20: probes see readiness turn red, while the other port already refuses."""
    managed = free_port()
    settings = {"GRANTWAY_SERVER__MANAGEMENT_PORT": str(managed), "GRANTWAY_SERVER__LINGER": "20s"}
    with NodeProcess(sqlite_url(tmp_path), tmp_path, settings=settings) as process:
        assert 200 == (await ask(managed, "/livez"))[0]
        assert 200 == (await ask(managed, "/readyz"))[0]
        _, held = await asyncio.open_connection("127.0.0.1", process.port)
        process.process.send_signal(signal.SIGTERM)
        while (answer := await ask(managed, "/readyz"))[0] == 200:
            await asyncio.sleep(0.02)
        failed = [check["name"] for check in json.loads(answer[2])["checks"] if check["status"] != "ok"]
        assert (503, ["serving"]) == (answer[0], failed)
        assert 200 == (await ask(managed, "/livez"))[0]
        held.close()
        assert 0 == await asyncio.to_thread(process.process.wait, 10)


async def test_the_port_answers_nobody_s_page_and_nothing_else(tmp_path):
    """W9: a name of another site leads nowhere; the public port tells no numbers."""
    managed = free_port()
    settings = {"GRANTWAY_SERVER__MANAGEMENT_PORT": str(managed)}
    with NodeProcess(sqlite_url(tmp_path), tmp_path, settings=settings) as process:
        for host, status in {
            "rebound.example": 421,
            "rebound.example:80": 421,
            "localhost": 200,
            "[::1]:9": 200,
            process.host: 200,
        }.items():
            assert status == (await ask(managed, "/metrics", host))[0], host
        assert 404 == (await ask(managed, "/token"))[0]
        assert 404 == (await ask(process.port, "/metrics", process.host))[0]
