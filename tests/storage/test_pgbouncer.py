"""PgBouncer between a node and PostgreSQL, in transaction mode, as run-it.md says."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from grantway.storage import open_store
from grantway.storage.port import Replayed, Won
from grantway.testing import Bench, passing_in_postgres
from grantway.testing.bench import issued, redeem, spend_code
from tests.node import Visitor, free_port, seeded_node

CONFIG = """
[databases]
* = host=127.0.0.1 port={behind} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = transaction
{prepared}
max_client_conn = 200
default_pool_size = 3
unix_socket_dir =
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


@pytest.fixture
def bouncer(postgres, postgres_dsn):
    """A DSN through PgBouncer, which has three connections for everybody.

    Before 1.21 it does not follow prepared statements: then none are kept, as the documentation says.
    """
    program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    assert program, "pgbouncer not found: run scripts/test_services.py"
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="grantway-pgbouncer-"))  # where another user may write
    folder.chmod(0o777)
    config = folder / "pgbouncer.ini"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    knows = tuple(map(int, re.findall(r"\d+", said)[:2])) >= (1, 21)
    prepared = "max_prepared_statements = 200" if knows else ""
    config.write_text(CONFIG.format(behind=postgres.port, port=port, folder=folder, prepared=prepared))
    user = ["-u", "postgres"] if os.geteuid() == 0 else []
    with subprocess.Popen([program, *user, str(config)], stderr=subprocess.DEVNULL) as process:
        wait_for(port)
        plain = postgres_dsn.replace(f":{postgres.port}/", f":{port}/")
        yield plain if knows else f"{plain}?statement_cache_size=0"
        process.terminate()
    shutil.rmtree(folder)


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("PgBouncer does not listen")


async def test_a_whole_flow_runs_through_a_transaction_pooler(bouncer):
    """Design 21: no session state, so any connection will do for any statement."""
    async with seeded_node(bouncer) as node:
        visitors = [Visitor(node) for _ in range(8)]
        for visitor in visitors:  # one after the other: strangers who sign in together are slowed down
            await visitor.tokens()
        for _ in range(3):
            done = await asyncio.gather(*(visitor.tokens() for visitor in visitors))
            assert len({tokens["refresh_token"] for tokens in done}) == 8
            replies = await asyncio.gather(
                *(
                    node.token("printer", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
                    for tokens in done
                )
            )
            assert {200} == {reply.status_code for reply in replies}


async def test_a_code_is_spent_once_through_it(bouncer, postgres_dsn):
    """Design 17, 21: forty at once over three connections; one wins."""
    store = await open_store(bouncer, auto_migrate=True)
    bench = Bench((store,), passing_in_postgres(postgres_dsn))
    for _ in range(5):
        given = await issued(bench)
        ends = await asyncio.gather(*(redeem(store, spend_code(given.code)) for _ in range(40)))
        assert (1, 39) == (ends.count(Won()), ends.count(Replayed()))
    await store.close()
