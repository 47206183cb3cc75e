"""Graceful stops under load, in short."""

from lab.stops import run_rx20
from tests.lab.experiments import assert_nothing_broke, short


async def test_a_server_that_is_asked_to_stop_answers_whole_what_it_took_on(tmp_path, postgres):
    """RX20: on SQLite, and with two workers on PostgreSQL."""
    assert_nothing_broke(*await run_rx20(short(tmp_path, postgres)))
