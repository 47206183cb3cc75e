"""`kill -9` under load, in short."""

from lab.kills import run_rx1, run_rx2
from tests.lab.experiments import assert_nothing_broke, short


async def test_a_killed_server_loses_nothing_it_acknowledged_and_doubles_nothing(tmp_path):
    """RX1: SQLite, with commands that write the same file."""
    [report] = await run_rx1(short(tmp_path))
    assert_nothing_broke(report)


async def test_killed_nodes_and_workers_lose_nothing_and_the_others_go_on(tmp_path, postgres):
    """RX2: two nodes of two workers on PostgreSQL."""
    [report] = await run_rx2(short(tmp_path, postgres))
    assert_nothing_broke(report)
