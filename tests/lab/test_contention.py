"""The short version of the crowd before SQLite's one writer."""

from lab.contention import run
from lab.experiment import Lab
from tests.lab.counting import wrong_counts


async def test_a_crowd_of_writers_loses_nothing_on_sqlite(tmp_path):
    """RX22: beside cleanup, backups and commands, at the rated load and at twice as much."""
    assert [] == wrong_counts(await run(Lab(size="short", seed=22, folder=tmp_path)))
