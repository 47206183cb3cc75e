"""A database that crashes under load, in short."""

from lab.restarts import run_rx4
from tests.lab.experiments import assert_nothing_broke, short


async def test_while_the_database_is_away_there_is_nothing_but_503_and_afterwards_nothing_is_lost(tmp_path):
    """RX4: no 500, no broken connection, no process of the server ends."""
    [report] = await run_rx4(short(tmp_path))
    assert_nothing_broke(report)
