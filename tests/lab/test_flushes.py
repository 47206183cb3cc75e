"""Durability, as far as it can be counted without being root."""

from lab.flushes import flushes_of_postgres
from tests.lab.experiments import assert_nothing_broke, short


async def test_each_acknowledged_write_is_flushed_by_postgresql(tmp_path, postgres):
    """Twenty writes one after the other, and at least as many flushes."""
    assert_nothing_broke(await flushes_of_postgres(short(tmp_path, postgres), 20))
