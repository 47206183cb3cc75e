"""Every promise of `grantway.storage.port`, on both databases; on PostgreSQL over two nodes.

The checks themselves are shipped as `grantway.testing`. These rows of the threat model they prove:

C6   a_sign_in_begun_before_a_change_opens_nothing, a_new_password_ends_the_sign_ins_beside_it,
     a_change_begun_before_a_new_password_does_not_bring_the_old_one_back
C13  a_budget_is_not_exceeded_by_a_crowd, a_bucket_gives_its_burst_and_then_waits, all_buckets_give_or_none,
     an_honest_attempt_is_put_back_and_no_other
D13  a_withdrawal_ends_the_consent_and_all_its_grants, a_withdrawal_leaves_no_refresh_alive,
     an_approval_beside_a_withdrawal_is_whole_or_withdrawn, a_grant_needs_the_consent_it_names,
     a_dropped_client_leaves_nothing_alive, what_was_taken_back_does_not_come_back_with_an_answer
E1   one_of_many_redeems_a_code, many_codes_are_each_redeemed_once, one_allow_of_many_makes_the_code,
     a_flow_has_one_code (RX9)
E2   a_code_is_won_once_and_buys_what_is_named_with_it, a_grant_is_revoked_by_one_of_many,
     a_spent_code_is_replayed_even_when_its_grant_is_revoked
E3   an_approval_is_kept_whole
E5   a_code_is_dead_where_it_should_be, a_refresh_token_is_dead_where_it_should_be
E7   a_code_is_dead_where_it_should_be
J1   a_repetition_after_the_grace_is_a_replay, a_refresh_token_is_rotated, a_grant_is_revoked_once
J2   many_refreshes_leave_one_successor, a_repetition_whose_successor_is_spent_is_dead (RX10)
J5   an_honest_retry_gets_the_same_successor, a_repetition_after_the_grace_is_a_replay
J6   a_refresh_token_is_dead_where_it_should_be
N5   an_attempt_recognises_its_own_win, a_refresh_attempt_recognises_its_own_win,
     a_cancelled_caller_leaves_a_whole_transaction
N6   a_revocation_leaves_no_refresh_alive, a_person_is_changed_with_all_that_follows
S1   a_locked_successor_is_kept_for_the_grace_only
U5   expired_rows_leave_and_live_ones_stay, sweeping_beside_traffic_drops_nothing_alive
U6   odd_text_is_kept_exactly_or_refused_whole
"""

import re
from collections.abc import AsyncIterator

import pytest

from grantway.storage import open_store
from grantway.testing import CHECKS, Bench, Check, passing_in_postgres, passing_in_sqlite, races
from tests.services.postgres import Postgres


@pytest.fixture(scope="module")
async def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    path = tmp_path_factory.mktemp("contract") / "grantway.db"
    store = await open_store(f"sqlite:///{path}", auto_migrate=True)
    yield Bench((store,), passing_in_sqlite(path))
    await store.close()


@pytest.fixture(scope="module")
async def on_shared_sqlite(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """Two stores on one file, as a server and the commands beside it."""
    path = tmp_path_factory.mktemp("contract") / "grantway.db"
    nodes = (await open_store(f"sqlite:///{path}", auto_migrate=True), await open_store(f"sqlite:///{path}"))
    yield Bench(nodes, passing_in_sqlite(path))
    for node in nodes:
        await node.close()


@pytest.fixture(scope="module")
async def on_postgres(postgres: Postgres) -> AsyncIterator[Bench]:
    url = await postgres.fresh_database()
    nodes = (await open_store(url, auto_migrate=True), await open_store(url))
    yield Bench(nodes, passing_in_postgres(url))
    for node in nodes:
        await node.close()
    await postgres.drop_database(url)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_sqlite_keeps_the_promise_that(check: Check, on_sqlite: Bench):
    await check(on_sqlite)


@pytest.mark.parametrize("check", races.CHECKS, ids=lambda check: check.__name__)
async def test_sqlite_shared_by_two_keeps_the_promise_that(check: Check, on_shared_sqlite: Bench):
    await check(on_shared_sqlite)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_postgres_keeps_the_promise_that(check: Check, on_postgres: Bench):
    await check(on_postgres)


def test_every_check_named_above_exists():
    named = set(re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+){3,}\b", __doc__ or ""))
    assert named <= {check.__name__ for check in CHECKS}
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)
