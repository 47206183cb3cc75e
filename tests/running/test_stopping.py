"""A node that is told to stop, under load."""

import asyncio
import json
import signal
import time

import pytest

from tests.node import free_port
from tests.running.callers import Tally, call_until_refused, get, post, read_answer
from tests.services.fleet import NodeProcess
from tests.services.seeds import register, seeding


async def machine_request(database, folder, issuer):
    """Make a registry; a token request of its machine client, as it goes over the wire."""
    async with seeding(database, folder, issuer) as node:
        await register(node)
        form = "grant_type=client_credentials&scope=photos:read"
        return post(issuer.rpartition("/")[2], "/token", form, **node.basic("robot"))


async def stopped(process):
    """Tell it to stop; its exit code and the seconds that took."""
    began = time.monotonic()
    code = await asyncio.to_thread(process.terminate)
    return code, time.monotonic() - began


@pytest.mark.parametrize("times", [3])
async def test_a_stop_under_load_cuts_no_request(database, tmp_path, times):
    """RX20: kept and fresh connections, token requests and keys, until the port refuses."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    request = await machine_request(database, tmp_path, issuer)
    process = NodeProcess(database, tmp_path, port=port)
    for _ in range(times):
        process.start()
        tally = Tally()
        requests = (request, get(process.host, "/jwks"))
        callers = [
            asyncio.create_task(call_until_refused(port, requests[number % 2], tally, each=each))
            for number, each in enumerate([10_000] * 12 + [3] * 4)
        ]
        await asyncio.sleep(0.6)
        code, seconds = await stopped(process)
        await asyncio.gather(*callers)
        assert [] == tally.cut
        assert {200} == tally.statuses
        assert tally.answered > 50
        assert (0, True) == (code, seconds < 15)


async def test_several_workers_stop_together_and_cut_no_request(postgres_dsn, tmp_path):
    """RX20: the port is let go by the parent first, and by the last worker last."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    request = await machine_request(postgres_dsn, tmp_path, issuer)
    with NodeProcess(postgres_dsn, tmp_path, port=port, workers=2) as process:
        tally = Tally()
        callers = [
            asyncio.create_task(call_until_refused(port, request, tally, each=each))
            for each in [10_000] * 12 + [3] * 4
        ]
        await asyncio.sleep(0.6)
        code, seconds = await stopped(process)
        await asyncio.gather(*callers)
    assert [] == tally.cut
    assert {200} == tally.statuses
    assert (0, True) == (code, seconds < 15)


async def test_an_idle_connection_may_bring_one_last_request(database, tmp_path):
    """RX20: readiness is red in that answer, the connection ends with it, and nothing new is taken."""
    with NodeProcess(database, tmp_path, settings={"GRANTWAY_SERVER__LINGER": "20s"}) as process:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        writer.write(get(process.host, "/readyz"))
        assert 200 == (await read_answer(reader))[0]
        process.process.send_signal(signal.SIGTERM)
        while True:
            try:
                _, other = await asyncio.open_connection("127.0.0.1", process.port)
            except ConnectionRefusedError:
                break
            other.close()
            await asyncio.sleep(0.02)
        writer.write(get(process.host, "/readyz"))
        status, headers, body = await read_answer(reader)
        assert (503, "close") == (status, headers["connection"])
        failed = [check["name"] for check in json.loads(body)["checks"] if check["status"] != "ok"]
        assert ["serving"] == failed
        assert b"" == await reader.read()
        writer.close()
        code, seconds = await stopped(process)
        assert (0, True) == (code, seconds < 12)  # nothing is open: it does not wait


@pytest.mark.parametrize(("how", "linger"), [(signal.SIGTERM, "0.2"), (signal.SIGINT, "20s")])
async def test_who_says_nothing_more_is_not_waited_for(database, tmp_path, how, linger):
    """RX20: the time is a setting, and Ctrl-C knows none."""
    with NodeProcess(database, tmp_path, settings={"GRANTWAY_SERVER__LINGER": linger}) as process:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        process.process.send_signal(how)
        assert b"" == await asyncio.wait_for(reader.read(), 15)
        writer.close()
        assert 0 == await asyncio.to_thread(process.process.wait, 19)


async def test_half_a_request_does_not_hold_up_a_stop(database, tmp_path):
    """RX20, RX11: however long a body may take else, the rest of it comes soon now, or is refused."""
    with NodeProcess(database, tmp_path, settings={"GRANTWAY_SERVER__BODY_TIMEOUT": "60s"}) as process:
        reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
        writer.write(get(process.host, "/livez"))
        assert 200 == (await read_answer(reader))[0]
        writer.write(post(process.host, "/token", "grant_type=client_credentials")[:-9])
        await asyncio.sleep(0.2)
        process.process.send_signal(signal.SIGTERM)
        assert 408 == (await asyncio.wait_for(read_answer(reader), 60))[0]
        writer.close()
        assert 0 == await asyncio.to_thread(process.process.wait, 19)
