"""How long the machine runs: `machine` in the gate, `deep` when somebody asks for it."""

import pytest
from hypothesis import HealthCheck, Phase, settings

for module in ("example", "redeeming", "refreshing", "steps"):  # their assertions speak like a test's
    pytest.register_assert_rewrite(f"tests.machine.{module}")

ALWAYS = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True, "database": None}

# The same examples every time; and a failure is told as it came, since making it shorter takes minutes.
settings.register_profile(
    "machine", max_examples=10, stateful_step_count=40, derandomize=True, phases=[Phase.generate], **ALWAYS
)
settings.register_profile("deep", max_examples=200, stateful_step_count=60, **ALWAYS)
