"""The services are real: a query is answered, a page is drawn, and what is committed survives a power cut."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from tests.services.node import run_script

ROOT = Path(__file__).parents[2]


async def query(dsn, sql):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_query_is_answered_by_a_durable_server(postgres_dsn):
    assert await query(postgres_dsn, "SELECT 6 * 7") == 42
    assert await query(postgres_dsn, "SHOW fsync") == "on"
    assert await query(postgres_dsn, "SHOW synchronous_commit") == "on"


async def test_a_fresh_database_can_be_copied_from_another(postgres, postgres_dsn):
    await query(postgres_dsn, "CREATE TABLE kept AS SELECT 7 AS number")
    copy = await postgres.fresh_database(template=postgres_dsn)
    assert await query(copy, "SELECT number FROM kept") == 7
    await postgres.drop_database(copy)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_what_was_committed_survives_a_restart(postgres, postgres_dsn, mode):
    await query(postgres_dsn, "CREATE TABLE kept AS SELECT 7 AS number")
    before = postgres.pid
    postgres.restart(mode)
    assert postgres.pid != before
    assert await query(postgres_dsn, "SELECT number FROM kept") == 7


def test_the_server_does_not_outlive_a_killed_test_run():
    script = (
        "from tests.services.postgres import Postgres; import time\n"
        "with Postgres() as p: print(p.pid, p.home, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        pid, home = run.stdout.readline().split()
        run.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(pid))
    subprocess.run(
        [sys.executable, "-c", "import tests.services.postgres as p; p.remove_what_killed_runs_left()"],
        cwd=ROOT,
        check=True,
    )
    assert not Path(home).exists()


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def test_a_real_browser_draws_a_page(page):
    await page.goto(
        "data:text/html,<title>Grantway</title><button onclick='document.title=`Allowed`'>Allow</button>"
    )
    assert await page.title() == "Grantway"
    await page.get_by_role("button", name="Allow").click()
    assert await page.title() == "Allowed"


async def test_two_contexts_share_no_cookies(browser, context):
    await context.add_cookies([{"name": "a", "value": "b", "url": "http://127.0.0.1"}])
    other = await browser.new_context()
    assert await other.cookies() == []
    await other.close()


@pytest.mark.parametrize("name", ["axe-core", "oauth4webapi"])
def test_the_npm_packages_are_the_pinned_ones(name):
    npm = ROOT / "tests" / "npm"
    wanted = json.loads((npm / "package.json").read_text())["dependencies"][name]
    assert json.loads((npm / "node_modules" / name / "package.json").read_text())["version"] == wanted


async def test_a_script_of_ours_runs_with_the_npm_packages():
    script = """
        import * as oauth from "oauth4webapi"
        console.log(typeof oauth.discoveryRequest, process.argv.at(-1))
    """
    assert await run_script(script, "given") == "function given\n"


async def test_a_script_that_fails_shows_why():
    with pytest.raises(AssertionError, match="no such luck"):
        await run_script("throw new Error('no such luck')")
