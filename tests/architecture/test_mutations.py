"""The list of guards that `make mutate` removes is one that it can use: it is run seldom, and read often."""

from pathlib import Path

from scripts.mutate import ROOT, read_list

LIST = read_list()


def test_every_mutation_can_be_applied():
    """A guard that was moved takes its entry along."""
    problems = [(one.threat, one.guard, one.problem(ROOT)) for one in LIST]
    assert [problem for problem in problems if problem[2]] == []


def test_every_test_that_must_notice_is_there():
    """By its file and its name."""

    def exists(test: str) -> bool:
        file, _, name = test.partition("::")
        path = Path(ROOT / file)
        return path.is_file() and (not name or f"def {name.partition('[')[0]}(" in path.read_text("utf-8"))

    assert [one.test for one in LIST if not exists(one.test)] == []
