"""The short version of the cleanup under load."""

from lab.experiment import Lab
from lab.million import run
from tests.lab.counting import wrong_counts


async def test_what_has_expired_goes_in_small_batches_and_nothing_else_goes(tmp_path):
    """RX13: while tokens are refreshed, on both databases."""
    assert [] == wrong_counts(await run(Lab(size="short", seed=13, folder=tmp_path)))
