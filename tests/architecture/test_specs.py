"""docs/specs.md and the tests speak of the same rules."""

import re
from pathlib import Path

import pytest

from scripts.specs import SPECS, cells_of, citations, filled_in, ids_at_the_start, row_id

SOURCE = Path(__file__).parents[2] / "src" / "grantway"
NEXT = "next: .venv/bin/python scripts/specs.py"
TEXT = SPECS.read_text()
ROWS = {rule: line for line in TEXT.split("\n") if (rule := row_id(line))}
FOUND = citations()


def family(rule):
    return re.match("[A-Z]+", rule).group()


def test_every_rule_is_named_by_a_test():
    assert [rule for rule in ROWS if rule not in FOUND] == []


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
    assert [module for module in sorted(modules) if not (SOURCE / module).is_file()] == []


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
