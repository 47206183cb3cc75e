"""Dead dependencies, in short."""

from lab.dependencies import run_rx18
from tests.lab.experiments import assert_nothing_broke, short


async def test_what_is_gone_silent_or_slow_costs_an_answer_and_nothing_else(tmp_path):
    """RX18: 503 while it lasts, no restart afterwards, nothing lost; keys that are away hurt one client."""
    assert_nothing_broke(*await run_rx18(short(tmp_path)))
