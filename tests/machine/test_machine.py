"""Anything in any order, over HTTP: a hypothesis state machine plays clients, people, thieves and operators.

`steps.py` holds what they may do, `model.py` what must come of it, `example.py` what every answer must
satisfy. After each step tokens are introspected: a code buys once, a dead grant never revives, a token never
changes whom or what it is for, and every refusal is a registered one, never a 5xx.

The gate plays the same few games every time. To play many, other ones, and have a failure made short:

    make test T=tests/machine ARGS="--hypothesis-profile=deep"

With `--hypothesis-seed=7` besides, such a run can be repeated.
"""

from hypothesis import settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from grantway.testing.passing_time import PassTime, passing_in_postgres, passing_in_sqlite
from tests.machine.fleet import fleet_on
from tests.machine.steps import Steps
from tests.node import sqlite_url


def test_whatever_happens_on_two_nodes_with_postgresql(postgres_dsn):
    """E1, E2, E3, J2, J5, J6, C6, C15, D4, D7, D13, G3, G4, N1, N4, N6, FC4, FU3: whichever is asked."""
    play(postgres_dsn, passing_in_postgres(postgres_dsn), nodes=2)


def test_whatever_happens_on_one_node_with_sqlite(tmp_path):
    """CR03, CR05, CR06, CR07, CR11, RT03, RT06, RT07, RV01, IN04, FS21: in any order."""
    play(sqlite_url(tmp_path), passing_in_sqlite(tmp_path / "grantway.db"), nodes=1)


def play(database: str, pass_time: PassTime, *, nodes: int) -> None:
    deep = settings.get_current_profile_name() == "deep"
    chosen = settings.get_profile("deep" if deep else "machine")
    with fleet_on(database, pass_time, nodes=nodes) as fleet:
        try:
            run_state_machine_as_test(lambda: Steps(fleet), settings=chosen)
        except Flaky as flaky:  # a race was lost once, and not again when hypothesis tried
            if not fleet.failures:
                raise
            failure, journal = fleet.failures[0]
            failure.add_note("The steps before it:\n" + "\n".join(journal))
            raise failure from flaky
