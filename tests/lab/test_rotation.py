"""Keys rotated under load, in short."""

from lab.rotation import run_rx14
from tests.lab.experiments import assert_nothing_broke, short


async def test_a_rotation_by_command_fails_no_verification(tmp_path):
    """RX14, K13: real nodes with their real waits; and an emergency."""
    assert_nothing_broke(*await run_rx14(short(tmp_path)))
