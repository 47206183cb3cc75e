"""docs/specs.md and the tests speak of the same rules."""

import re
from pathlib import Path

import pytest

from scripts.specs import OWED, SPECS, cells_of, citations, complaints, filled_in, ids_at_the_start, row_id

SOURCE = Path(__file__).parents[2] / "src" / "grantway"
NEXT = "next: .venv/bin/python scripts/specs.py"
TEXT = SPECS.read_text()
ROWS = {rule: line for line in TEXT.split("\n") if (rule := row_id(line))}
FOUND = citations()


def family(rule):
    return re.match("[A-Z]+", rule).group()


def test_every_row_that_is_owed_has_a_rule_and_a_test():
    """And what is waited for is not there yet: tests/rows.toml says which is which."""
    assert complaints(TEXT, OWED.read_text(), FOUND) == []


OWES = """
owed.all = "{owed}"
[[waiting]]
rows = "{waiting}"
until = "later"
since = 2026-11-21
"""


@pytest.mark.parametrize(
    ("owed", "waiting", "tested", "complaint"),
    [
        ("A1", "A2", ["A1"], None),
        ("A1", "A2", [], "A1: named by no test"),
        ("A1 B1", "A2", ["A1", "B1"], "B1: owed, and has no rule"),
        ("A1", "A2", ["A1", "A2"], "A2: is there, and no longer to be waited for"),
        ("A1", "A1", ["A1"], "A1: owed and waited for at once"),
    ],
)
def test_what_is_missing_is_found(owed, waiting, tested, complaint):
    """The guard itself: a row without a test, without a rule, and one that came while it was waited for."""
    told = complaints("| A1 | x | y | z |", OWES.format(owed=owed, waiting=waiting), tested)
    assert any(complaint in one for one in told) if complaint else told == []


def test_every_rule_has_one_row():
    ids = [rule for line in TEXT.split("\n") if (rule := row_id(line))]
    assert [rule for rule in ROWS if ids.count(rule) > 1] == []


def test_the_column_of_tests_is_as_it_was_made():
    assert filled_in(TEXT, FOUND) == TEXT, NEXT


def test_no_test_names_a_rule_that_is_not_written_down():
    """Families of rules that have no table yet may be named already."""
    families = {family(rule) for rule in ROWS}
    unknown = {
        rule: sorted(files) for rule, files in FOUND.items() if family(rule) in families and rule not in ROWS
    }
    assert unknown == {}


def test_every_module_named_exists():
    modules = {
        module for line in ROWS.values() for module in re.findall(r"`([\w/]+\.py)`", cells_of(line)[-2])
    }
    assert [
        module
        for module in sorted(modules)
        if not any((folder / module).is_file() for folder in (SOURCE, SPECS.parent.parent))
    ] == []


@pytest.mark.parametrize(
    ("docstring", "ids"),
    [
        ("AZ02", ["AZ02"]),
        ("AZ02: the state comes back.", ["AZ02"]),
        ("AZ02, E5: both.", ["AZ02", "E5"]),
        ("C16, ASVS 6.2: no rules about kinds.", ["C16"]),
        ("C1; as C2 is.", ["C1"]),
        ("S256 alone.", []),
        ("As AZ02 says.", []),
        ("", []),
    ],
)
def test_a_test_names_its_rules_at_the_start(docstring, ids):
    assert ids == list(ids_at_the_start(docstring))
