#!/usr/bin/env python3
"""Fill in which tests guard each rule of docs/specs.md.

A test names the rules it guards at the start of its docstring: `AZ02: …` or `CA03, CA04: …`. The last column
of every table in docs/specs.md is made from that; the others are written by hand.
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPECS = ROOT / "docs" / "specs.md"
TESTS = ROOT / "tests"
_ID = re.compile(r"[A-Z]{1,2}\d{1,2}\b")
_ROW = re.compile(r"\| \**(?P<id>[A-Z]{1,2}\d{1,2})\** \|.*\|")


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
        f"`{file}`" + (f" ×{count}" if count > 1 else "") for file, count in sorted(found[rule].items())
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


def main() -> int:
    """Rewrite the document; say which rules no test names."""
    found = citations()
    text = filled_in(SPECS.read_text(), found)
    SPECS.write_text(text)
    rules = [rule for line in text.split("\n") if (rule := row_id(line))]
    untested = [rule for rule in rules if rule not in found]
    print(f"{SPECS.relative_to(ROOT)}: {len(rules)} rules")
    if untested:
        print(f"named by no test: {', '.join(untested)}")
    return 1 if untested else 0


if __name__ == "__main__":
    sys.exit(main())
