"""The short versions of the races for single-use credentials."""

from lab.experiment import Lab
from lab.races import run_rx9, run_rx10
from tests.lab.counting import wrong_counts


async def test_of_eight_redeemers_of_a_code_one_wins_and_then_nobody_has_anything(tmp_path):
    """RX9, E1, E2: on both databases; on PostgreSQL over two nodes of two workers."""
    assert [] == wrong_counts(await run_rx9(Lab(size="short", seed=9, folder=tmp_path)))


async def test_an_honest_client_keeps_its_session_and_a_thief_ends_it_on_every_node(tmp_path):
    """RX10, J1, J2, J5, FU3: tabs, answers that nobody read, a restart, and a token sent again too late."""
    assert [] == wrong_counts(await run_rx10(Lab(size="short", seed=10, folder=tmp_path)))
