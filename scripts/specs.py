#!/usr/bin/env python3
"""Fill in which tests guard each rule of docs/specs.md.

A test names the rules it guards at the start of its docstring: `AZ02: …` or `CA03, CA04: …`. The last column
of every table in docs/specs.md is made from that; the others are written by hand.

What is owed stands in tests/rows.toml. A row that is owed and has no rule or no test is a failure, and so is
one that has a test and is still said to be waited for.
"""

import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "docs" / "specs.md"
TESTS = ROOT / "tests"
OWED = TESTS / "rows.toml"
_ID = re.compile(r"[A-Z]{1,2}\d{1,2}\b|GW-\d{3}\b")
_ROW = re.compile(r"\| \**(?P<id>[A-Z]{1,2}\d{1,2}|GW-\d{3})\** \|.*\|")


def row_id(line: str) -> str | None:
    """The id of a row of a table, or None for any other line."""
    found = _ROW.fullmatch(line)
    return None if found is None else found["id"]


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def ids_at_the_start(docstring: str) -> Iterator[str]:
    """`AZ02, AZ03: …` names two rules; what comes later in the sentence names none."""
    rest = docstring
    while found := _ID.match(rest):
        yield found.group()
        rest = rest[found.end() :]
        if not rest.startswith(", "):
            return
        rest = rest[2:]


def citations() -> dict[str, Counter[str]]:
    """Id → how many tests of which file name it."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for file in sorted(TESTS.rglob("test_*.py")):
        if "node_modules" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for rule in set(ids_at_the_start(ast.get_docstring(node) or "")):
                    found[rule][file.relative_to(TESTS).as_posix()] += 1
    return found


def tests_of(rule: str, found: dict[str, Counter[str]]) -> str:
    """The cell that says where a rule is tested, such as `checks/test_prompts.py` ×3."""
    return ", ".join(
        f"`{file}`" + (f" ×{count}" if count > 1 else "")
        for file, count in sorted(found.get(rule, Counter()).items())
    )


def filled_in(text: str, found: dict[str, Counter[str]]) -> str:
    """The document with the last column as it should be."""
    lines = []
    for line in text.split("\n"):
        rule = row_id(line)
        if rule is not None:
            *kept, _ = cells_of(line)
            line = f"| {' | '.join(kept)} | {tests_of(rule, found)} |"  # noqa: PLW2901 - the same line, mended
        lines.append(line)
    return "\n".join(lines)


def owed(text: str) -> tuple[set[str], dict[str, str]]:
    """The ids that are owed, and those that are waited for with what they wait for."""
    told = tomllib.loads(text)
    waiting = {
        row: f"{one['until']}, {one['since']}" for one in told["waiting"] for row in one["rows"].split()
    }
    return {row for rows in told["owed"].values() for row in rows.split()}, waiting


def complaints(text: str, rows: str, found: Collection[str]) -> list[str]:
    """What is wrong between the document, the rows that are owed, and the tests."""
    rules = [rule for line in text.split("\n") if (rule := row_id(line))]
    wanted, waiting = owed(rows)
    return [
        *(f"{rule}: named by no test" for rule in rules if rule not in found),
        *(f"{row}: owed, and has no rule in {SPECS.name}" for row in sorted(wanted - set(rules))),
        *(f"{row}: owed, and named by no test" for row in sorted(wanted - set(found) - set(rules))),
        *(f"{row}: owed and waited for at once" for row in sorted(wanted & waiting.keys())),
        *(
            f"{row}: is there, and no longer to be waited for ({why}): move it in {OWED.name}"
            for row, why in sorted(waiting.items())
            if row in found or row in rules
        ),
    ]


def main() -> int:
    """Rewrite the document; say what is missing."""
    found = citations()
    text = filled_in(SPECS.read_text(), found)
    SPECS.write_text(text)
    wrong = complaints(text, OWED.read_text(), found)
    wanted, waiting = owed(OWED.read_text())
    rules = sum(row_id(line) is not None for line in text.split("\n"))
    print(f"{SPECS.relative_to(ROOT)}: {rules} rules; {len(wanted)} rows owed, {len(waiting)} waited for")
    for complaint in wrong:
        print(complaint)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
