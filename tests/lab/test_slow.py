"""Slow callers beside honest ones, in short."""

from lab.slow import run_rx11
from tests.lab.experiments import assert_nothing_broke, short


async def test_slow_callers_are_sent_away_and_nobody_else_is(tmp_path):
    """RX11, U3: half heads, slow bodies and the deaf are replaced as they go; customers keep everything."""
    assert_nothing_broke(*await run_rx11(short(tmp_path)))
