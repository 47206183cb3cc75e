"""What every storage must do, as a list of checks that anyone can run against their own.

    from grantway.testing import CHECKS, Bench

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_storage(check, bench):
        await check(bench)

A check raises AssertionError. It makes the rows it needs under new ids and leaves them behind, so all checks
may run one after the other on one database; while one runs, nobody else may write there.
"""

from grantway.testing import (
    assertions,
    codes,
    crowds,
    logouts,
    narrowing,
    people,
    races,
    refreshing,
    registry,
    revocations,
    tokens,
    upkeep,
)
from grantway.testing.bench import Bench, Check
from grantway.testing.passing_time import passing_in_postgres, passing_in_sqlite

CHECKS: tuple[Check, ...] = (
    *registry.CHECKS,
    *people.CHECKS,
    *codes.CHECKS,
    *narrowing.CHECKS,
    *refreshing.CHECKS,
    *tokens.CHECKS,
    *revocations.CHECKS,
    *logouts.CHECKS,
    *assertions.CHECKS,
    *upkeep.CHECKS,
    *races.CHECKS,
    *crowds.CHECKS,
)

__all__ = ["CHECKS", "Bench", "Check", "passing_in_postgres", "passing_in_sqlite"]
