"""One node for each module of decisions, on each database; `decisions-deep` asks it ten thousand times."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from tests.decisions.asking import Gate, gate_on

ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
settings.register_profile("decisions", max_examples=150, derandomize=True, **ALWAYS)
settings.register_profile("decisions-deep", max_examples=10_000, **ALWAYS)


@pytest.fixture(scope="module")
async def gate(database: str) -> AsyncIterator[Gate]:
    """Both APIs behind gateways on this machine. Tests that change it use what is theirs alone."""
    async with gate_on(database) as gate:
        yield gate


@pytest.fixture(scope="module")
async def reader(gate: Gate) -> str:
    """A token that may read photos, and nothing else."""
    return await gate.token("photos:read")
