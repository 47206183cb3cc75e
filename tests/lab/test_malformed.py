"""The short version of the malformed requests."""

from lab.experiment import Lab
from lab.malformed import run
from tests.lab.counting import wrong_counts


async def test_no_malformed_request_is_our_fault(tmp_path):
    """RX12, U6: to every endpoint and below HTTP, on both databases."""
    assert [] == wrong_counts(await run(Lab(size="short", seed=12, folder=tmp_path)))
